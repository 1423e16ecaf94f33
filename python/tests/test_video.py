"""Frames of a video by the plugin, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Pixels, missing

import camoverlay
import camoverlay.plugin
import camoverlay.video
from camoverlay import Explainer


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, cat: Pixels) -> Path:
    """A second of the cat, without loss, as GStreamer itself writes it; the last frames lie on their head."""
    path = tmp_path_factory.mktemp("clip") / "a name, and a space.mkv"
    height, width = 200, 300
    frames = [np.ascontiguousarray(cat[:height, :width][:: 1 if number < 8 else -1]) for number in range(10)]
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
    launch = ["gst-launch-1.0", "-q", "filesrc", f"location={raw}", "!", "rawvideoparse", "format=rgb"]
    launch += [f"width={width}", f"height={height}", "framerate=10/1", "!", "videoconvert", "!", "avenc_ffv1", "!"]
    launch += ["matroskamux", "!", "filesink", f"location={path}"]
    try:
        subprocess.run(launch, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        missing("frames of a video", str(error))
    return path


def test_frames_come_explained(clip: Path) -> None:
    frames = list(camoverlay.video.frames(clip, threads=1))
    assert len(frames) == 10
    assert [frame.time for frame in frames] == pytest.approx([number / 10 for number in range(10)], abs=1e-3)
    explainer = Explainer(threads=1)
    for frame in (frames[0], frames[9]):
        explanation = explainer.explain(frame.pixels)
        assert frame.pixels.shape == (200, 300, 3)
        assert frame.explanation.top == explanation.top
        assert np.array_equal(frame.explanation.maps, explanation.maps)
        assert np.array_equal(frame.explanation.overlay(frame.pixels), explanation.overlay(frame.pixels))
        assert frame.explanation.boxes() == explanation.boxes()
    assert not np.array_equal(frames[0].explanation.map, frames[9].explanation.map)


def test_properties_of_the_element(clip: Path) -> None:
    source = clip.as_uri()
    frame = next(camoverlay.video.frames(source, target="top-1;espresso", top_k=5, inference_interval=3, method="gradcam"))
    assert len(frame.explanation.top) == 5
    assert [one.label for one in frame.explanation.targets][1] == "espresso"
    assert frame.explanation.maps.shape[0] == 2
    # The rest of the video is left alone when nobody asks for it.
    frames = camoverlay.video.frames(clip)
    next(frames)
    frames.close()  # type: ignore[attr-defined]


def test_what_is_wrong_is_told(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(camoverlay.SettingsError, match="no property brightness"):
        camoverlay.video.frames(clip, brightness=3)
    with pytest.raises(camoverlay.RunError, match=r"No such file|not found"):
        next(camoverlay.video.frames(tmp_path / "missing.mp4"))
    with pytest.raises(camoverlay.RunError, match="names none"):
        next(camoverlay.video.frames(clip, target="no such thing"))
    with pytest.raises(camoverlay.RunError, match=r"missing\.onnx"):
        next(camoverlay.video.frames(clip, model=tmp_path / "missing.onnx"))
    text = tmp_path / "text.mp4"
    text.write_text("this is no video\n" * 100)
    with pytest.raises(camoverlay.RunError):
        next(camoverlay.video.frames(text))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    # Not in the tree, whose package has no extension.
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env={**os.environ, **environment})


def test_the_plugins_folder() -> None:
    result = run("-m", "camoverlay", "plugin-path")
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip())
    assert (folder / "libgstcamoverlay.so").is_file()
    inspect = subprocess.run(
        ["gst-inspect-1.0", "camoverlay"], capture_output=True, text=True, env={**os.environ, "GST_PLUGIN_PATH": str(folder)}
    )
    assert str(folder) in inspect.stdout


def test_a_gstreamer_that_is_missing_or_old_is_told(tmp_path: Path) -> None:
    """A library of that name that says it is 1.20, in front of the system's; and none at all."""
    source = tmp_path / "old.c"
    source.write_text(
        "void gst_version(unsigned *a, unsigned *b, unsigned *c, unsigned *d) { *a = 1; *b = 20; *c = 3; *d = 0; }\n"
    )
    library = tmp_path / "libgstreamer-1.0.so.0"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    result = run("-m", "camoverlay", "plugin-path", LD_LIBRARY_PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "GStreamer is 1.20, and the plugin needs 1.22 or newer: update it with your distribution.\n"
    library.write_bytes(b"")
    result = run("-m", "camoverlay", "plugin-path", LD_LIBRARY_PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("GStreamer is not installed, and the plugin needs 1.22 or newer: ")
    assert result.stderr.count("\n") == 1


def test_a_binding_that_is_missing_is_told(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(camoverlay.LibraryError, match="--system-site-packages"):
        camoverlay.video.frames(clip)
