"""Reads every field of CamOverlayMeta from a painted photo: read_metadata.py PHOTO."""

import array
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401

Gst.init(None)
pipeline = Gst.parse_launch(
    f'filesrc location="{sys.argv[1]}" ! decodebin ! videoconvert ! '
    "camoverlay attach-map=true ! appsink name=sink"
)
pipeline.set_state(Gst.State.PLAYING)
buffer = pipeline.get_by_name("sink").emit("pull-sample").get_buffer()
fields = buffer.get_custom_meta("CamOverlayMeta").get_structure()
for name in ("top-ids", "top-labels", "top-scores"):
    assert len(fields[name]) == 3, name
assert abs(fields["top-scores"][0] - fields["target-score"]) < 1e-9
values = array.array("f", fields["map"].get_data())
assert len(values) == fields["map-width"] * fields["map-height"]
assert fields["inference-pts"] == buffer.pts
print(fields["net"], fields["target-id"], fields["target-label"], max(values))
pipeline.set_state(Gst.State.NULL)
