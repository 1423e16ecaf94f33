"""Numbers and pictures next to those of the GStreamer element on the same pixels, to the last bit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels, graph, missing, network

from camoverlay import Box, Class, Explainer
from camoverlay.errors import LibraryError
from camoverlay.explainer import onnxruntime_library
from camoverlay.plugin import plugin_file


@pytest.fixture(scope="module")
def gst() -> Iterator[Any]:
    """GStreamer with the plugin of the package."""
    try:
        file = plugin_file()
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401
    except (LibraryError, ImportError, ValueError) as error:
        missing("numbers next to the element's", str(error))
    Gst.init(None)
    Gst.Plugin.load_file(str(file))
    yield Gst


class Shown:
    """A frame as the element painted it, and what it attached."""

    def __init__(self, gst: Any, picture: Pixels, properties: str, **names: str) -> None:
        height, width, channels = picture.shape
        pipeline = gst.parse_launch(
            "appsrc name=source format=time ! camoverlay name=element draw-labels=false attach-map=true regions=true "
            f"threads=1 {properties} ! appsink name=sink sync=false"
        )
        for name, value in names.items():
            pipeline.get_by_name("element").set_property(name.replace("_", "-"), value)
        source = pipeline.get_by_name("source")
        pixel = {3: "RGB", 4: "RGBA"}[channels]
        caps = f"video/x-raw,format={pixel},width={width},height={height},framerate=25/1"
        source.set_property("caps", gst.Caps.from_string(caps))
        # GStreamer's rows of RGB are whole words.
        stride = -(-width * channels // 4) * 4
        rows = np.zeros((height, stride), np.uint8)
        rows[:, : width * channels] = picture.reshape(height, -1)
        buffer = gst.Buffer.new_wrapped(rows.tobytes())
        buffer.pts = 0
        pipeline.set_state(gst.State.PLAYING)
        source.emit("push-buffer", buffer)
        source.emit("end-of-stream")
        try:
            sample = pipeline.get_by_name("sink").emit("pull-sample")
            if sample is None:
                error = pipeline.get_bus().pop_filtered(gst.MessageType.ERROR)
                raise AssertionError(error.parse_error()[0].message)
            buffer = sample.get_buffer()
            painted = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
            painted = painted.reshape(height, stride)[:, : width * channels]
            self.painted = painted.reshape(height, width, channels)
            fields = buffer.get_custom_meta("CamOverlayMeta").get_structure()
            self.top = [Class(*one) for one in zip(fields["top-ids"], fields["top-labels"], fields["top-scores"], strict=True)]
            several = fields["targets"] if fields.has_field("targets") else [fields]
            self.maps = np.stack(
                [
                    np.frombuffer(one["map"].get_data(), np.float32).reshape(one["map-height"], one["map-width"])
                    for one in several
                ]
            )
            self.target = Class(fields["target-id"], fields["target-label"], fields["target-score"])
            self.boxes = [
                (region["id"], (region["x"], region["y"], region["width"], region["height"])) for region in fields["regions"]
            ]
        finally:
            pipeline.set_state(gst.State.NULL)


def place(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.width, box.height


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("squeezenet", "auto"),
        ("squeezenet", "gradcam++"),
        ("squeezenet", "finercam"),
        ("squeezenet", "eigencam"),
        ("efficientnet-lite0", "auto"),
        ("efficientnet-lite0", "layercam"),
        ("keras-mobilenet", "auto"),
        ("keras-vgg", "hirescam"),
        ("torch-dynamo-convnext", "gradcam"),
        ("torch-dynamo-mobilenet-v3", "auto"),
    ],
)
def test_the_numbers_are_the_elements(gst: Any, cat: Pixels, name: str, method: str) -> None:
    file = graph(name) if graph(name).exists() else network(name)
    explainer = Explainer(file, method=method, threads=1)
    library = str(onnxruntime_library())
    for picture in (cat, np.ascontiguousarray(cat[:171, 40:]), np.dstack([cat, cat[..., 0]])):
        shown = Shown(gst, picture, f"method={method}", model=str(file), ort_library=library)
        explanation = explainer.explain(picture)
        assert list(explanation.top) == shown.top
        assert explanation.target == shown.target
        assert np.array_equal(explanation.maps, shown.maps)
        assert np.array_equal(explanation.overlay(picture), shown.painted)
        assert [(explanation.target.id, place(box)) for box in explanation.boxes(0.5)] == shown.boxes


@pytest.mark.parametrize(
    ("properties", "overlay"),
    [
        ("threshold=0.5 colormap=viridis", {"threshold": 0.5, "colormap": "viridis"}),
        ("blend=colour opacity=0.7 colormap=turbo", {"blend": "colour", "opacity": 0.7, "colormap": "turbo"}),
        ("blend=contour colormap=inferno", {"blend": "contour", "colormap": "inferno"}),
        ("blend=mask colormap=gray", {"blend": "mask", "colormap": "gray"}),
        ("blend=darkened colormap=cividis", {"blend": "darkened", "colormap": "cividis"}),
    ],
)
def test_the_looks_are_the_elements(gst: Any, coffee: Pixels, properties: str, overlay: dict[str, Any]) -> None:
    file = network("squeezenet")
    shown = Shown(gst, coffee, properties, model=str(file), ort_library=str(onnxruntime_library()))
    explanation = Explainer(file, threads=1).explain(coffee)
    assert np.array_equal(explanation.overlay(coffee, **overlay), shown.painted)


@pytest.mark.parametrize("name", ["squeezenet", "keras-vgg"])
def test_several_targets_are_the_elements(gst: Any, cat: Pixels, name: str) -> None:
    file = graph(name) if graph(name).exists() else network(name)
    shown = Shown(gst, cat, 'target="top-1;#1;top-3"', model=str(file), ort_library=str(onnxruntime_library()))
    explanation = Explainer(file, threads=1).explain(cat, ["top-1", 1, "top-3"])
    assert np.array_equal(explanation.maps, shown.maps)
    of_each = [
        (one.id, place(box)) for number, one in enumerate(explanation.targets) for box in explanation.boxes(target=number)
    ]
    assert of_each == shown.boxes


def test_the_package_finds_its_plugin(gst: Any, cat: Pixels) -> None:
    """With nothing said: SqueezeNet of the package, and ONNX Runtime beside it."""
    shown = Shown(gst, cat, "")
    assert shown.top[0].id == 285
    site = Path(sys.prefix)
    assert site in plugin_file().parents
