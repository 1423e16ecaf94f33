"""The frames of a video, explained by the GStreamer plugin, where GStreamer 1.22 or newer and its Python binding are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import LibraryError, RunError, SettingsError
from .explainer import onnxruntime_library
from .explanation import Class, Explanation
from .plugin import plugin_file

#: How long nothing may come before it is looked whether something is wrong, in nanoseconds.
_PATIENCE = 100_000_000


class Frame(NamedTuple):
    """One frame of a video."""

    pixels: NDArray[np.uint8]
    """Height x width x 3, red, green and blue: as it was, without heat."""
    time: float
    """Seconds from the beginning."""
    explanation: Explanation
    """Why the network decides as it does. It has neither logits nor features."""


def frames(
    source: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    net: str = "squeezenet",
    target: str = "top-1",
    method: str = "auto",
    **properties: str | float | bool,
) -> Iterator[Frame]:
    """Explains every frame of a video, upright, one after the other.

        for frame in camoverlay.video.frames("in.mp4"):
            print(f"{frame.time:.2f}", frame.explanation.top[0].label)

    Args:
        source: a file, or an address that GStreamer knows.
        model: see `camoverlay.Explainer`.
        net: see there.
        target: as the element's property; several classes are joined by ";".
        method: see `camoverlay.Explainer`.
        properties: further ones of the element, with underscores for hyphens: `inference_interval=5`.

    Raises:
        LibraryError: where GStreamer, its Python binding or the plugin is missing.
        SettingsError: for a property that the element has not.
        RunError: of the video, or the network, in the words of the element on which it failed.
    """
    gst, video = _gstreamer()
    path = Path(source)
    uri = str(source) if "://" in str(source) else path.absolute().as_uri()
    pipeline = gst.parse_launch(
        "uridecodebin name=source caps=video/x-raw(ANY) expose-all-streams=false ! videoconvert "
        "! videoflip video-direction=auto ! video/x-raw,format=RGB "
        "! camoverlay name=element paint=false attach-map=true ! appsink name=sink sync=false max-buffers=4"
    )
    element = pipeline.get_by_name("element")
    pipeline.get_by_name("source").set_property("uri", uri)
    library = onnxruntime_library()
    asked: dict[str, str | float | bool] = {"target": target, "method": method, "net": net, **properties}
    if model is not None:
        asked["model"] = os.fspath(model)
    if library is not None and "ORT_DYLIB_PATH" not in os.environ:
        asked.setdefault("ort-library", str(library))
    for name, value in asked.items():
        _set(gst, element, name.replace("_", "-"), value)
    # What is wrong so far is told before the first frame is asked for.
    return _frames(gst, video, pipeline, method)


def _frames(gst: Any, video: Any, pipeline: Any, method: str) -> Iterator[Frame]:
    bus, sink = pipeline.get_bus(), pipeline.get_by_name("sink")
    try:
        pipeline.set_state(gst.State.PLAYING)
        while True:
            sample = sink.emit("try-pull-sample", _PATIENCE)
            error = bus.pop_filtered(gst.MessageType.ERROR)
            if error is not None:
                fault, _ = error.parse_error()
                raise RunError(fault.message)
            if sample is not None:
                yield _frame(video, sample, method)
            elif sink.get_property("eos"):
                return
    finally:
        pipeline.set_state(gst.State.NULL)


def _frame(video: Any, sample: Any, method: str) -> Frame:
    buffer, info = sample.get_buffer(), video.VideoInfo.new_from_caps(sample.get_caps())
    data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
    rows = np.lib.stride_tricks.as_strided(data, (info.height, 3 * info.width), (info.stride[0], 1))
    pixels = np.ascontiguousarray(rows).reshape(info.height, info.width, 3)
    fields = buffer.get_custom_meta("CamOverlayMeta").get_structure()
    top = zip(fields["top-ids"], fields["top-labels"], fields["top-scores"], strict=True)
    several = fields["targets"] if fields.has_field("targets") else None
    if several is None:
        targets = [Class(fields["target-id"], fields["target-label"], fields["target-score"])]
        maps = [_map(fields)]
    else:
        targets = [Class(one["id"], one["label"], one["score"]) for one in several]
        maps = [_map(one) for one in several]
    explanation = Explanation(
        maps=np.stack(maps),
        targets=tuple(targets),
        top=tuple(Class(*one) for one in top),
        size=(info.height, info.width),
        method=method,
    )
    return Frame(pixels, buffer.pts / 1e9, explanation)


def _map(fields: Any) -> NDArray[np.float32]:
    values = np.frombuffer(fields["map"].get_data(), np.float32)
    return values.reshape(fields["map-height"], fields["map-width"])


def _set(gst: Any, element: Any, name: str, value: str | float | bool) -> None:
    if element.find_property(name) is None:
        raise SettingsError(f"The element has no property {name}. Run gst-inspect-1.0 camoverlay for those that it has.")
    # As gst-launch-1.0 takes them: names of enums too.
    gst.util_set_object_arg(element, name, str(value))


def _gstreamer() -> tuple[Any, Any]:
    """GStreamer and its part for video, with the plugin loaded."""
    file = plugin_file()
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        gi.require_version("GstVideo", "1.0")
        from gi.repository import Gst, GstApp, GstVideo  # noqa: F401
    except (ImportError, ValueError) as error:
        raise LibraryError(
            f"Python has no binding of GStreamer ({error}): install it from your distribution (Debian: python3-gst-1.0 "
            "gir1.2-gst-plugins-base-1.0), and make the virtual environment with --system-site-packages."
        ) from None
    if not Gst.is_initialized():
        Gst.init(None)
    loaded = Gst.Registry.get().find_plugin("camoverlay")
    if loaded is None or not loaded.is_loaded():
        Gst.Plugin.load_file(str(file))
    return Gst, GstVideo
