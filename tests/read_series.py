"""Prints what three elements in series said of a frame, the last one first."""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401

Gst.init(None)
pipeline = Gst.parse_launch(
    "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=64,height=48 ! "
    "camoverlay target=967 ! camoverlay net=efficientnet-lite0 target=7 ! "
    "camoverlay target=281 ! appsink name=sink"
)
pipeline.set_state(Gst.State.PLAYING)
buffer = pipeline.get_by_name("sink").emit("pull-sample").get_buffer()
fields = buffer.get_custom_meta("CamOverlayMeta").get_structure()
while fields is not None:
    print(fields["net"], fields["target-id"])
    # PyGObject frees what a field holds with the structure it came from: copy() keeps it.
    fields = fields["previous"].copy() if fields.has_field("previous") else None
pipeline.set_state(Gst.State.NULL)
