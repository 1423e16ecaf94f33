"""The files of a report: a page that reads its data from scripts beside it, since browsers read no JSON from file://."""

from __future__ import annotations

import base64
import importlib.resources
import json
import math
import pathlib
import shutil
from typing import Any

from ..errors import AuditError
from ..listing import replaced
from .content import Json

TEMPLATES = ("index.html", "report.css", "report.js")


class Page:
    """A report in the folder `out`, or, as a single file, in that file."""

    def __init__(self, out: pathlib.Path, single_file: bool) -> None:
        self.out, self.single_file = out, single_file
        self.data: dict[str, str] = {}
        self.html, self.css, self.script = (
            (importlib.resources.files(__package__) / name).read_text("utf-8") for name in TEMPLATES
        )
        try:
            if single_file:
                out.parent.mkdir(parents=True, exist_ok=True)
            else:
                for name in ("data", "pictures"):
                    shutil.rmtree(out / name, ignore_errors=True)
                    (out / name).mkdir(parents=True)
        except OSError as error:
            raise AuditError(f"{out} cannot be written: {error.strerror}. Give another place with --out.") from None

    def add_picture(self, row: int, jpeg: bytes) -> str:
        """What the page calls the picture."""
        if self.single_file:
            return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
        name = f"pictures/{row:08}.jpg"
        (self.out / name).write_bytes(jpeg)
        return name

    def add(self, name: str, told: Json) -> None:
        """Data that the page asks for by name."""
        # Within a script element nothing may look like its end.
        text = json.dumps(_finite(told), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        self.data[name] = f"auditData({json.dumps(name)},{text});\n"

    def write(self) -> None:
        """All of it; the page itself last.

        Raises:
            AuditError: where it cannot be written.
        """
        try:
            if self.single_file:
                scripts = "".join(f"<script>{script}</script>\n" for script in (self.script, *self.data.values()))
                page = self.html.replace("<!-- style -->", f"<style>{self.css}</style>").replace("<!-- scripts -->", scripts)
                target = self.out
            else:
                for name, script in self.data.items():
                    (self.out / "data" / f"{name}.js").write_text(script, "utf-8")
                (self.out / "report.css").write_text(self.css, "utf-8")
                (self.out / "report.js").write_text(self.script, "utf-8")
                page = self.html.replace("<!-- style -->", '<link rel="stylesheet" href="report.css">')
                page = page.replace(
                    "<!-- scripts -->", '<script src="report.js"></script>\n<script src="data/summary.js"></script>'
                )
                target = self.out / "index.html"
            with replaced(target) as part:
                part.write_text(page, "utf-8")
        except OSError as error:
            raise AuditError(f"{self.out} cannot be written: {error.strerror}. Give another place with --out.") from None


def _finite(told: Any) -> Any:
    """The same with nothing for what is no finite number, which JSON has not."""
    if isinstance(told, dict):
        return {key: _finite(value) for key, value in told.items()}
    if isinstance(told, (list, tuple)):
        return [_finite(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told
