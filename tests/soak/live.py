"""A live pipeline that counts: live.py INFERENCE SECONDS. A line of JSON every few seconds, and one at the end."""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

LINE = """
    videotestsrc name=source is-live=true pattern=ball num-buffers={frames} !
    video/x-raw,format={format},width=320,height=240,framerate={rate}/1 !
    identity name=before ! camoverlay name=cam inference={inference} input-size=160 threads=1 post-messages=all !
    identity name=after ! fakesink name=sink sync=true qos=true
"""
RATE = 10
PAUSE_S = 5


def main(inference: str, seconds: int) -> None:
    Gst.init(None)
    kind = "I420" if inference == "latest" else "RGB"
    line = LINE.format(frames=RATE * seconds, rate=RATE, format=kind, inference=inference)
    pipeline = Gst.parse_launch(line)
    counts = {"in": 0, "out": 0, "latency_messages": 0, "warnings": 0}

    def count(name: str, key: str) -> None:
        def seen(_pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
            counts[key] += 1
            return Gst.PadProbeReturn.OK

        pad = pipeline.get_by_name(name).get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BUFFER, seen)

    count("before", "in")
    count("after", "out")
    loop = GLib.MainLoop()

    def report() -> bool:
        stats = pipeline.get_by_name("cam").get_property("stats")
        rest = {name: stats.get_value(name) for name in ("frames", "inferences", "skipped", "failed")}
        print(json.dumps(counts | rest), flush=True)
        return True

    def on_message(_bus: Gst.Bus, message: Gst.Message) -> None:
        if message.type == Gst.MessageType.LATENCY:
            counts["latency_messages"] += 1
            pipeline.recalculate_latency()
        elif message.type == Gst.MessageType.WARNING:
            counts["warnings"] += 1
        elif message.type == Gst.MessageType.ERROR:
            print(json.dumps({"error": message.parse_error()[0].message}), flush=True)
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            loop.quit()

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    GLib.timeout_add_seconds(PAUSE_S, report)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    report()
    pipeline.set_state(Gst.State.NULL)


main(sys.argv[1], int(sys.argv[2]))
