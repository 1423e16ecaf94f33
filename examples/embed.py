"""Boxes what made the network decide: the element inside an application's own pipeline.

eval "$(make -s env)"
/usr/bin/python3 examples/embed.py examples/media/chelsea.png out/box-%03d.png
"""

import pathlib
import signal
import sys

import gi
import numpy as np

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401 (GstApp: the appsinks' methods)


def on_explained(sink):
    """Draws into the untouched frame what the metadata of the explained one says."""
    fields = sink.pull_sample().get_buffer().get_custom_meta("CamOverlayMeta").get_structure()
    heat = np.frombuffer(fields["map"].get_data(), np.float32)
    heat = heat.reshape(fields["map-height"], fields["map-width"])
    original = originals.pull_sample()
    caps, buffer = original.get_caps(), original.get_buffer()
    height, width = caps[0]["height"], caps[0]["width"]
    frame = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).copy()
    picture = frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)  # a view of frame

    rows, columns = np.nonzero(heat >= heat.max() - 0.5 * abs(heat.max()))
    top, bottom = np.array([rows.min(), rows.max() + 1]) * height // heat.shape[0]
    left, right = np.array([columns.min(), columns.max() + 1]) * width // heat.shape[1]
    picture[[top, bottom - 1], left:right] = picture[top:bottom, [left, right - 1]] = (255, 220, 0)
    label, score = fields["target-label"], fields["target-score"]
    print(f"{label} ({score:.2f}), map {heat.shape}, from ({left}, {top}) to ({right}, {bottom})")
    boxed = Gst.Buffer.new_wrapped(frame.tobytes())
    boxed.pts, boxed.duration = buffer.pts, buffer.duration
    return boxes.push_sample(Gst.Sample.new(boxed, caps, None, None))


signal.signal(signal.SIGINT, signal.SIG_DFL)
pathlib.Path(sys.argv[2]).parent.mkdir(parents=True, exist_ok=True)
Gst.init(None)
pipeline = Gst.parse_launch(
    # The element paints in place: the tee keeps the untouched frames for us.
    f'filesrc location="{sys.argv[1]}" ! decodebin ! videoconvert ! video/x-raw,format=RGB '
    "! tee name=frames frames. ! queue ! appsink name=originals sync=false max-buffers=2 "
    "frames. ! queue ! camoverlay attach-map=true ! appsink name=explained sync=false "
    "emit-signals=true appsrc name=boxes format=time block=true max-buffers=2 "
    f'! pngenc ! multifilesink location="{sys.argv[2]}" async=false'
)
originals, explained, boxes = map(pipeline.get_by_name, ("originals", "explained", "boxes"))
explained.connect("new-sample", on_explained)
explained.connect("eos", lambda sink: boxes.end_of_stream())
pipeline.set_state(Gst.State.PLAYING)
kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR
message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, kinds)
pipeline.set_state(Gst.State.NULL)
if message.type == Gst.MessageType.ERROR:
    sys.exit(message.parse_error().gerror.message)
