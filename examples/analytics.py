"""Prints classes and boxes as any program reads them that knows GStreamer's analytics, and nothing of camoverlay.

Needs GStreamer 1.24 or newer with its Python bindings and GstAnalytics (Debian 13: python3-gst-1.0 and
gir1.2-gst-plugins-bad-1.0).

eval "$(make -s env)"
/usr/bin/python3 examples/analytics.py photo.jpg                       # any file or URI that GStreamer plays
/usr/bin/python3 examples/analytics.py photo.jpg "target=top-2"        # and properties of camoverlay
"""

import pathlib
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstAnalytics", "1.0")
from gi.repository import GLib, Gst, GstAnalytics  # noqa: E402


def print_frame(pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
    """Prints what a buffer's relation metadata says."""
    buffer = info.get_buffer()
    relations = GstAnalytics.buffer_get_analytics_relation_meta(buffer)
    if not relations:
        return Gst.PadProbeReturn.OK
    for number in range(GstAnalytics.relation_get_length(relations)):
        found, classes = relations.get_cls_mtd(number)
        if found:
            for rank in range(classes.get_length()):
                label = GLib.quark_to_string(classes.get_quark(rank))
                print(f"class {label}: {classes.get_level(rank):.4f}")
        found, box = relations.get_od_mtd(number)
        if found:
            _, x, y, width, height, score = box.get_location()
            label = GLib.quark_to_string(box.get_obj_type())
            print(f"box {label}: {width} x {height} at {x}, {y}, {score:.4f}")
    return Gst.PadProbeReturn.OK


Gst.init(None)
if len(sys.argv) < 2:
    sys.exit(__doc__)
uri = sys.argv[1] if "://" in sys.argv[1] else pathlib.Path(sys.argv[1]).resolve().as_uri()
pipeline = Gst.parse_launch(
    f'uridecodebin uri="{uri}" ! videoconvert ! camoverlay regions=true {" ".join(sys.argv[2:])} '
    "! objectdetectionoverlay name=boxes ! fakesink sync=false"
)
pipeline.get_by_name("boxes").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, print_frame)
pipeline.set_state(Gst.State.PLAYING)
ending = Gst.MessageType.EOS | Gst.MessageType.ERROR
message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, ending)
pipeline.set_state(Gst.State.NULL)
if message.type == Gst.MessageType.ERROR:
    sys.exit(message.parse_error().gerror.message)
