"""Boxes what made the network decide: the element inside an application's own pipeline.

eval "$(make -s env)"
/usr/bin/python3 examples/embed.py examples/media/chelsea.png out/box-%03d.png
"""
import os, sys
import gi, numpy as np
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # GstApp has the methods of appsink and appsrc

os.makedirs(os.path.dirname(sys.argv[2]) or ".", exist_ok=True)
Gst.init(None)
pipeline = Gst.parse_launch(  # The element paints in place: the tee keeps the untouched frames for us.
    f'filesrc location="{sys.argv[1]}" ! decodebin ! videoconvert ! video/x-raw,format=RGB ! tee name=frames '
    "frames. ! queue ! appsink name=originals sync=false max-buffers=2 "
    "frames. ! queue ! camoverlay attach-map=true ! appsink name=explained sync=false max-buffers=2 "
    f'appsrc name=boxes format=time block=true ! pngenc ! multifilesink location="{sys.argv[2]}" async=false')
originals, explained, boxes = map(pipeline.get_by_name, ("originals", "explained", "boxes"))
bus, error, end = pipeline.get_bus(), Gst.MessageType.ERROR, Gst.MessageType.EOS
pipeline.set_state(Gst.State.PLAYING)
while not (message := bus.pop_filtered(error)) and not explained.is_eos():
    if (sample := explained.try_pull_sample(Gst.SECOND // 10)) is None:
        continue
    fields = sample.get_buffer().get_custom_meta("CamOverlayMeta").get_structure()
    heat = np.frombuffer(fields["map"].get_data(), np.float32).reshape(fields["map-height"], fields["map-width"])
    original = originals.pull_sample()
    caps, buffer = original.get_caps(), original.get_buffer()
    height, width = caps[0]["height"], caps[0]["width"]
    frame = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).copy()
    picture = frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)  # a view of frame
    rows, columns = np.nonzero(heat >= heat.max() - 0.5 * abs(heat.max()))
    top, bottom = np.array([rows.min(), rows.max() + 1]) * height // heat.shape[0]
    left, right = np.array([columns.min(), columns.max() + 1]) * width // heat.shape[1]
    picture[[top, bottom - 1], left:right] = picture[top:bottom, [left, right - 1]] = (255, 220, 0)
    print(f"{fields['target-label']} ({fields['target-score']:.2f}), map {heat.shape}, "
          f"from ({left}, {top}) to ({right}, {bottom})")
    boxed = Gst.Buffer.new_wrapped(frame.tobytes())
    boxed.pts, boxed.duration = buffer.pts, buffer.duration
    boxes.push_sample(Gst.Sample.new(boxed, caps, None, None))
boxes.end_of_stream()
message = message or bus.timed_pop_filtered(Gst.CLOCK_TIME_NONE, error | end)
pipeline.set_state(Gst.State.NULL)
sys.exit(message.parse_error().gerror.message if message.type == error else 0)
