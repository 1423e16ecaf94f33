"""maturin, with what the package brings beside the extension put in place first: SqueezeNet, the licences and, as far as they
were built, the GStreamer plugin and the program that tries execution providers.

`pip install ./python` and `make wheel` come through here. CAMOVERLAY_BUILT names the folder of cargo that plugin and program
are taken from (the default: target/release).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import maturin

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
MODELS = TREE / ".deps" / "share" / "camoverlay" / "models"
NETWORK = "squeezenet.onnx"
PACKAGE = HERE / "camoverlay"
BUILT = Path(os.environ.get("CAMOVERLAY_BUILT") or TREE / "target" / "release")

Settings = dict[str, Any] | None


def digest_of(name: str) -> str:
    """The checksum that the catalogue pins for a network's file, read without a TOML parser, which Python 3.10 has not."""
    catalogue = (TREE / "models" / "catalogue.toml").read_text(encoding="utf-8")
    found = re.search(rf'^file = "{re.escape(name)}"\nsha256 = "([0-9a-f]+)"$', catalogue, re.MULTILINE)
    if found is None:
        raise SystemExit(f"models/catalogue.toml has no checksum of {name}.\nGive the network its key sha256.")
    return found[1]


def is_made() -> bool:
    network = MODELS / NETWORK
    return network.is_file() and hashlib.sha256(network.read_bytes()).hexdigest() == digest_of(NETWORK)


def requirements() -> list[str]:
    """What makes SqueezeNet's file of its authors' weights, where that was not done yet."""
    if is_made():
        return []
    lines = (TREE / "models" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.removesuffix("\\").strip() for line in lines if "==" in line]


def stage() -> None:
    """Put in place what the package brings."""
    if not is_made():
        fetch = [sys.executable, str(TREE / "models" / "fetch.py"), str(TREE / ".deps"), "network", "squeezenet"]
        subprocess.run(fetch, check=True)
    for name in ("lib", "share"):
        shutil.rmtree(PACKAGE / name, ignore_errors=True)
    models = PACKAGE / "share" / "camoverlay" / "models"
    models.mkdir(parents=True)
    for name in (NETWORK, f"{NETWORK}.licence.txt"):
        shutil.copy2(MODELS / name, models / name)
    (models / f"{NETWORK}.sha256").write_text(f"{digest_of(NETWORK)}  {NETWORK}\n", encoding="utf-8")
    for licence in TREE.glob("LICENSE-*"):
        shutil.copy2(licence, HERE / licence.name)
    for source, folder in (
        (BUILT / "libgstcamoverlay.so", PACKAGE / "lib" / "gstreamer-1.0"),
        (BUILT / "camoverlay-provider-check", PACKAGE / "lib" / "camoverlay"),
    ):
        if source.is_file():
            folder.mkdir(parents=True)
            shutil.copy2(source, folder / source.name)
            if shutil.which("strip"):
                subprocess.run(["strip", "--strip-unneeded", str(folder / source.name)], check=True)
        else:
            print(f"The package comes without {source.name}, which was not built: make wheel does.", file=sys.stderr)


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    return [*maturin.get_requires_for_build_wheel(config_settings), *requirements()]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    return [*maturin.get_requires_for_build_editable(config_settings), *requirements()]


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    stage()
    return str(maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings))


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    stage()
    wheel = str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))
    # It is in the wheel now. Where the plugin was built, GStreamer would take it for one, too, and warn.
    (BUILT / "lib_core.so").unlink(missing_ok=True)
    return wheel


def build_editable(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    stage()
    return str(maturin.build_editable(wheel_directory, config_settings, metadata_directory))
