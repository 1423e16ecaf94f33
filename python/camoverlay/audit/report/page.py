"""The files of a report: a page that reads its data from scripts beside it, since browsers read no JSON from file://."""

from __future__ import annotations

import base64
import importlib.resources
import json
import math
import os
import pathlib
import re
from typing import Any

from ..errors import AuditError
from ..listing import replaced
from .content import Json

TEMPLATES = ("index.html", "report.css", "report.js")

MADE = {"data": r"(summary|classes-\d{4,})\.js", "pictures": r"\d{8,}\.jpg"}
"""The folders of a report, and what it writes into them."""

UNFINISHED = "<p>This report is not complete. Make it again with camoverlay-audit report.</p>\n"


class Page:
    """A report in the folder `out`, or, as a single file, in that file. It takes the place of an earlier report and of nothing
    else: of that it removes what reports write, and what is not a report's stays."""

    def __init__(self, out: pathlib.Path, single_file: bool) -> None:
        """Raises:
        AuditError: where something that is no report is in the way, or nothing can be written.
        """
        self.out, self.single_file = out, single_file
        self.data: dict[str, str] = {}
        self.html, self.css, self.script = (
            (importlib.resources.files(__package__) / name).read_text("utf-8") for name in TEMPLATES
        )
        self.head = self.html.partition("<!-- style -->")[0]
        try:
            if single_file:
                self._make_way_for_file()
            else:
                self._make_way_for_folder()
        except OSError as error:
            raise self._cannot(error) from None

    def _make_way_for_file(self) -> None:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if self.out.is_dir():
            raise AuditError(f"{self.out} is a folder. With --single-file give --out the name of a file.")
        if os.path.lexists(self.out) and not self._is_ours(self.out):
            raise AuditError(f"{self.out} is there and is no report. Give another place with --out, or remove it first.")

    def _make_way_for_folder(self) -> None:
        out = self.out
        if os.path.lexists(out) and not out.is_dir():
            raise AuditError(f"{out} is there and is no folder. Give a folder with --out.")
        in_the_way = [name for name in (*TEMPLATES, *MADE) if os.path.lexists(out / name)]
        if in_the_way and not self._is_ours(out / "index.html"):
            raise AuditError(
                f"{out} has {' and '.join(in_the_way)}, and is no report. Give another folder with --out, such as "
                f"{out / 'report'}."
            )
        for name in MADE:
            if os.path.lexists(out / name) and ((out / name).is_symlink() or not (out / name).is_dir()):
                raise AuditError(f"{out / name} is no folder of a report. Remove it, or give another folder with --out.")
        out.mkdir(parents=True, exist_ok=True)
        # First the page, by which the folder is known for a report's, whenever the making of it ends.
        with replaced(out / "index.html") as part:
            part.write_text(f"{self.head}</head>\n<body>\n{UNFINISHED}</body>\n</html>\n", "utf-8")
        for name, written in MADE.items():
            (out / name).mkdir(exist_ok=True)
            for path in (out / name).iterdir():
                if re.fullmatch(written, path.name) and not path.is_dir():
                    path.unlink()

    def _is_ours(self, page: pathlib.Path) -> bool:
        """Whether a file begins as pages of reports do."""
        if not page.is_file():
            return False
        with page.open("rb") as file:
            return file.read(len(self.head.encode())) == self.head.encode()

    def _cannot(self, error: OSError) -> AuditError:
        return AuditError(f"{self.out} cannot be written: {error.strerror}. Give another place with --out.")

    def add_picture(self, row: int, jpeg: bytes) -> str:
        """What the page calls the picture.

        Raises:
            AuditError: where it cannot be written.
        """
        if self.single_file:
            return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
        name = f"pictures/{row:08}.jpg"
        try:
            (self.out / name).write_bytes(jpeg)
        except OSError as error:
            raise self._cannot(error) from None
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
            raise self._cannot(error) from None


def _finite(told: Any) -> Any:
    """The same with nothing for what is no finite number, which JSON has not."""
    if isinstance(told, dict):
        return {key: _finite(value) for key, value in told.items()}
    if isinstance(told, (list, tuple)):
        return [_finite(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told
