"""The lines of Python in the READMEs, as a newcomer runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MEDIA, TREE, read
from PIL import Image


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "python/README.md"])
def test_the_lines_run(name: str, tmp_path: Path) -> None:
    found = blocks(TREE / name)
    assert found
    Image.open(MEDIA / "chelsea.png").convert("RGB").save(tmp_path / "cat.jpg", quality=95)
    photos = tmp_path / "photos"
    photos.mkdir()
    for photo in ("chelsea.png", "coffee.png"):
        shutil.copy(MEDIA / photo, photos)
    for block in found:
        if "camoverlay.video" in block:
            make_clip(tmp_path / "in.mp4")
        result = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, f"{block}\n{result.stderr}"
        assert "Egyptian cat" in result.stdout, block
    first = found[0].rstrip().splitlines()
    assert len(first) <= 10
    with Image.open(tmp_path / "why.png") as painted:
        assert painted.size == read("chelsea.png").shape[1::-1]


def make_clip(path: Path) -> None:
    launch = f"filesrc location={MEDIA / 'chelsea.png'} ! pngdec ! imagefreeze num-buffers=5 ! videoconvert ! videoscale"
    launch += f" ! video/x-raw,width=450,height=300,framerate=5/1 ! x264enc ! mp4mux ! filesink location={path}"
    subprocess.run(["gst-launch-1.0", "-q", *launch.split()], check=True)
