"""What a browser does with examples/webrtc.py's page, by webrtcbin: webrtc_viewer.py URL FRAMES

Prints the size of the picture once it has decoded so many frames; says why and fails if that takes a minute, or if
frames were missing between them.
"""

import sys
import threading
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

PATIENCE = 60  # seconds
JOINED = 2  # frames after which none may be missing: those that come while the connection is made are lost
url, frames = sys.argv[1].rstrip("/"), int(sys.argv[2])
sizes, timestamps, seen = [], [], threading.Event()


def post(path, text=""):
    request = urllib.request.Request(url + path, data=text.encode(), method="POST")
    return urllib.request.urlopen(request, timeout=PATIENCE)


def ask(action, argument, field=None):
    promise = Gst.Promise.new()
    webrtc.emit(action, argument, promise)
    promise.wait()
    reply = promise.get_reply()
    described = reply[field] if field else None
    return described and described.sdp.as_text()


def description(kind, text):
    _, sdp = GstSdp.SDPMessage.new_from_text(text)
    return GstWebRTC.WebRTCSessionDescription.new(kind, sdp)


def watch(_webrtc, pad):
    decoder = Gst.parse_bin_from_description("rtpvp8depay ! vp8dec ! fakesink name=sink sync=false", True)
    pad.add_probe(Gst.PadProbeType.BUFFER, note_timestamp)
    decoder.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, count)
    pipeline.add(decoder)
    decoder.sync_state_with_parent()
    pad.link(decoder.get_static_pad("sink"))


def note_timestamp(_pad, info):
    """The sender's clock (RFC 3550, section 5.1), the same in all packets of a frame: the receiver's is its guess."""
    timestamp = int.from_bytes(info.get_buffer().extract_dup(4, 4), "big")
    if timestamp not in timestamps:
        timestamps.append(timestamp)
    return Gst.PadProbeReturn.OK


def count(pad, info):
    caps = pad.get_current_caps()[0]
    sizes.append(f"{caps['width']}x{caps['height']}")
    if len(sizes) == JOINED:
        del timestamps[:-1]
    if len(sizes) == JOINED + frames:
        seen.set()
    return Gst.PadProbeReturn.OK


Gst.init(None)
assert b"RTCPeerConnection" in urllib.request.urlopen(url + "/", timeout=PATIENCE).read()
pipeline, webrtc, gathered = Gst.Pipeline(), Gst.ElementFactory.make("webrtcbin"), threading.Event()
webrtc.set_property("bundle-policy", "max-bundle")
pipeline.add(webrtc)
complete = GstWebRTC.WebRTCICEGatheringState.COMPLETE
webrtc.connect(
    "notify::ice-gathering-state",
    lambda *_: webrtc.get_property("ice-gathering-state") == complete and gathered.set(),
)
webrtc.connect("pad-added", watch)
pipeline.set_state(Gst.State.PLAYING)
offer = post("/offer")
kinds = GstWebRTC.WebRTCSDPType
ask("set-remote-description", description(kinds.OFFER, offer.read().decode()))
answer = ask("create-answer", None, "answer")
ask("set-local-description", description(kinds.ANSWER, answer))
assert gathered.wait(PATIENCE), "no network addresses were found"
watching = post(offer.headers["Location"], webrtc.get_property("local-description").sdp.as_text())
assert seen.wait(PATIENCE), f"only {len(sizes)} frames came"
gaps = [(after - before) % 2**32 for before, after in zip(timestamps, timestamps[1:])]
assert len(gaps) >= frames and max(gaps) < 1.5 * min(gaps), f"frames are missing: {gaps}"
print(sizes[-1])
pipeline.set_state(Gst.State.NULL)
