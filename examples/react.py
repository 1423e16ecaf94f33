"""Watches for a class and records the explained picture while it is there.

eval "$(make -s env)"
/usr/bin/python3 examples/react.py "Egyptian cat"                      # the first camera
/usr/bin/python3 examples/react.py espresso --input out/clip.mp4       # a file, at its own pace
"""

import argparse
import pathlib
import signal

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

ENCODER = (
    "queue ! videoconvert ! x264enc tune=zerolatency ! mp4mux ! filesink name=file async=false"
)


class Watch:
    def __init__(self, options):
        self.options, self.recording, self.last_seen, self.count = options, None, 0, 0
        self.loop, self.error = GLib.MainLoop(), None
        uri = options.input
        if "://" not in uri:
            uri = pathlib.Path(uri).resolve().as_uri()
        self.pipeline = Gst.parse_launch(
            f'uridecodebin uri="{uri}" ! queue ! videoconvert ! camoverlay post-messages=all '
            "! tee name=frames allow-not-linked=true ! queue ! fakesink sync=true"
        )
        # Tells of the end of a recording although the pipeline goes on.
        self.pipeline.set_property("message-forward", True)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::element", self.on_element)
        bus.connect("message::error", self.on_error)
        bus.connect("message::eos", lambda *_: self.loop.quit())

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, self.end)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return self.error

    def end(self):
        """Lets every file be finished: the end of the stream comes back as a message."""
        self.pipeline.send_event(Gst.Event.new_eos())

    def on_error(self, _bus, message):
        self.error = message.parse_error().gerror.message
        self.loop.quit()

    def on_element(self, _bus, message):
        fields = message.get_structure()
        if fields.get_name() == "GstBinForwarded":
            return self.on_forwarded(fields["message"])
        if fields.get_name() != "camoverlay":
            return
        now = fields["running-time"]
        for label, score in zip(fields["top-labels"], fields["top-scores"]):
            names = [name.strip().lower() for name in label.split(",")]
            if self.options.label.lower() in names and score >= self.options.score:
                self.last_seen = now
                if self.recording is None:
                    self.start(now, label, score)
        if self.recording and now - self.last_seen > self.options.linger * Gst.SECOND:
            self.stop(now)

    def start(self, now, label, score):
        self.count += 1
        path = self.options.folder / f"{self.options.label.replace(' ', '-')}-{self.count:03d}.mp4"
        print(f"{now / Gst.SECOND:.1f} s: {label} ({score:.2f}), recording {path}", flush=True)
        self.recording = Gst.parse_bin_from_description(ENCODER, True)
        self.recording.get_by_name("file").set_property("location", str(path))
        self.pipeline.add(self.recording)
        self.recording.sync_state_with_parent()
        self.branch = self.pipeline.get_by_name("frames").request_pad_simple("src_%u")
        self.branch.link(self.recording.get_static_pad("sink"))

    def stop(self, now):
        print(f"{now / Gst.SECOND:.1f} s: gone", flush=True)
        branch, recording = self.branch, self.recording
        self.recording = None

        def unlink(pad, _info):
            sink = recording.get_static_pad("sink")
            pad.unlink(sink)
            sink.send_event(Gst.Event.new_eos())
            pad.get_parent_element().release_request_pad(pad)
            return Gst.PadProbeReturn.REMOVE

        branch.add_probe(Gst.PadProbeType.IDLE, unlink)

    def on_forwarded(self, message):
        """A sink has got its last frame: what is no longer recording can go."""
        ended = message.src.get_parent()
        if message.type == Gst.MessageType.EOS and ended not in (self.pipeline, self.recording):
            ended.set_state(Gst.State.NULL)
            self.pipeline.remove(ended)


Gst.init(None)
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("label", help="class to watch for, one of the names of a label")
parser.add_argument("--input", default="v4l2:///dev/video0", help="file or URI (%(default)s)")
parser.add_argument("--score", type=float, default=0.3, help="least score, 0..1 (%(default)s)")
parser.add_argument("--linger", type=float, default=2, help="seconds to go on (%(default)s)")
parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("out"))
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
raise SystemExit(Watch(options).run())
