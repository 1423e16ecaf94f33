"""Shows the explained picture in web browsers, by WebRTC: open the address that it prints.

eval "$(make -s env)"
/usr/bin/python3 examples/webrtc.py                                    # the first camera
/usr/bin/python3 examples/webrtc.py --input in.mp4 --port 8081         # a file, at its own pace

All browsers get the same stream; it reaches those that can reach this machine directly (for others, webrtcbin takes
STUN and TURN servers). Offer and answer go by plain HTTP, a request each; the second lasts as long as the viewer stays.
"""

import argparse
import http.server
import pathlib
import signal
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PAGE = b"""<!doctype html><title>camoverlay</title><video autoplay muted playsinline></video><script>(async () => {
const peer = new RTCPeerConnection();
peer.ontrack = event => { document.querySelector("video").srcObject = new MediaStream([event.track]); };
const offer = await fetch("/offer", {method: "POST"});
await peer.setRemoteDescription({type: "offer", sdp: await offer.text()});
await peer.setLocalDescription(await peer.createAnswer());
while (peer.iceGatheringState != "complete") await new Promise(done => setTimeout(done, 50));
window.watching = await fetch(offer.headers.get("Location"), {method: "POST", body: peer.localDescription.sdp});
})()</script>"""
VIDEO = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
GATHERING = 5  # seconds for a viewer's network addresses


def ask(webrtc, action, argument, field=None):
    """Waits for one of webrtcbin's actions; the SDP in the field of its reply that is asked for."""
    promise = Gst.Promise.new()
    webrtc.emit(action, argument, promise)
    promise.wait()
    reply = promise.get_reply()
    described = reply[field] if field else None  # lives only as long as the reply
    return described and described.sdp.as_text()


def description(kind, text):
    """What webrtcbin takes for an SDP."""
    _, sdp = GstSdp.SDPMessage.new_from_text(text)
    return GstWebRTC.WebRTCSessionDescription.new(kind, sdp)


class Viewers:
    """A webrtcbin for each browser, all behind the same encoder.

    Packets leave the encoder when they are due: those of a file would run ahead and flood the browsers' queues.
    """

    def __init__(self, uri):
        self.pipeline = Gst.parse_launch(
            f'uridecodebin uri="{uri}" ! queue ! videoconvert ! camoverlay ! videoconvert ! '
            "vp8enc deadline=1 keyframe-max-dist=60 ! rtpvp8pay pt=96 mtu=1200 picture-id-mode=15-bit ! "
            f"{VIDEO} ! clocksync ! tee name=encoded allow-not-linked=true ! queue ! fakesink sync=false"
        )
        self.encoded, self.bins = self.pipeline.get_by_name("encoded"), {}
        self.lock = threading.Lock()  # one comes or goes at a time

    def offer(self, name):
        """Takes a viewer in; what to offer it, as SDP."""
        with self.lock:
            return self.take_in(name)

    def take_in(self, name):
        viewer = Gst.parse_bin_from_description(
            "queue leaky=downstream name=in ! webrtcbin name=webrtc bundle-policy=max-bundle", False
        )
        viewer.add_pad(Gst.GhostPad.new("sink", viewer.get_by_name("in").get_static_pad("sink")))
        webrtc, gathered = viewer.get_by_name("webrtc"), threading.Event()
        webrtc.connect("notify::ice-gathering-state", lambda *_: self.gathered(webrtc) and gathered.set())
        self.bins[name] = viewer
        self.pipeline.add(viewer)
        viewer.sync_state_with_parent()
        self.encoded.request_pad_simple("src_%u").link(viewer.get_static_pad("sink"))
        transceiver = webrtc.emit("get-transceiver", 0)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        transceiver.set_property("codec-preferences", Gst.Caps.from_string(VIDEO))
        offer = ask(webrtc, "create-offer", None, "offer")
        ask(webrtc, "set-local-description", description(GstWebRTC.WebRTCSDPType.OFFER, offer))
        gathered.wait(GATHERING)
        return webrtc.get_property("local-description").sdp.as_text()

    def answer(self, name, text):
        """Notes what the viewer answered."""
        answer = description(GstWebRTC.WebRTCSDPType.ANSWER, text)
        ask(self.bins[name].get_by_name("webrtc"), "set-remote-description", answer)

    def gathered(self, webrtc):
        state = webrtc.get_property("ice-gathering-state")
        return state == GstWebRTC.WebRTCICEGatheringState.COMPLETE

    def remove(self, name):
        """Lets a viewer go."""
        with self.lock:
            self.let_go(name)

    def let_go(self, name):
        viewer, unlinked = self.bins.pop(name), threading.Event()
        sink = viewer.get_static_pad("sink")
        pad = sink.get_peer()

        def unlink(pad, _info):
            pad.unlink(sink)
            unlinked.set()
            return Gst.PadProbeReturn.REMOVE

        pad.add_probe(Gst.PadProbeType.IDLE, unlink)
        unlinked.wait()
        self.encoded.release_request_pad(pad)
        viewer.set_state(Gst.State.NULL)
        self.pipeline.remove(viewer)


class Handler(http.server.BaseHTTPRequestHandler):
    viewers, count = None, 0

    def do_GET(self):
        self.reply(PAGE, "text/html") if self.path == "/" else self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if self.path == "/offer":
            Handler.count += 1
            place = f"/answer/{Handler.count}"
            self.reply(self.viewers.offer(place).encode(), "application/sdp", place)
        elif self.path in self.viewers.bins:
            self.viewers.answer(self.path, body)
            self.send_response(200)
            self.end_headers()
            # The request stays open, so that its end tells that the viewer has gone.
            self.wfile.flush()
            self.rfile.read(1)
            self.viewers.remove(self.path)
        else:
            self.send_error(404)

    def reply(self, body, kind, place=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if place:
            self.send_header("Location", place)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


Gst.init(None)
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--input", default="v4l2:///dev/video0", help="file or URI (%(default)s)")
parser.add_argument("--listen", default="127.0.0.1", help="address to listen on (%(default)s)")
parser.add_argument("--port", type=int, default=8080, help="port to listen on (%(default)s)")
options = parser.parse_args()
uri = options.input
if "://" not in uri:
    uri = pathlib.Path(uri).resolve().as_uri()
Handler.viewers = viewers = Viewers(uri)
server = http.server.ThreadingHTTPServer((options.listen, options.port), Handler)
server.daemon_threads = True
loop, errors = GLib.MainLoop(), []
bus = viewers.pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message::error", lambda _, message: (errors.append(message.parse_error().gerror.message), loop.quit()))
bus.connect("message::eos", lambda *_: loop.quit())
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, loop.quit)
viewers.pipeline.set_state(Gst.State.PLAYING)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://{options.listen}:{server.server_port}/", flush=True)
loop.run()
viewers.lock.acquire()  # to the end: nobody comes or goes any more
viewers.pipeline.set_state(Gst.State.NULL)
raise SystemExit(errors[0] if errors else None)
