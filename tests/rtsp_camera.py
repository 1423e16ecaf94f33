"""A camera by RTSP: rtsp_camera.py PORT SOUND

Serves rtsp://127.0.0.1:PORT/cam, a moving picture of 160 x 120 at 10 frames a second with a SOUND of 440 Hz, for everyone who
comes, and prints the port once it listens; 0 is any free one. SOUND is none, pcmu (8 kHz, mono), opus or aac (48 kHz, stereo);
with a number behind it, as in pcmu-3, it falls silent after so many seconds: nothing more is sent of it.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURE = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=10/1 ! "
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96"
)
TONE = "audiotestsrc is-live=true freq=440 ! audio/x-raw,rate={},channels={} ! valve name=valve ! "
SOUNDS = {
    "none": "",
    "pcmu": TONE.format(8000, 1) + "mulawenc ! rtppcmupay name=pay1 pt=0",
    "opus": TONE.format(48000, 2) + "opusenc ! rtpopuspay name=pay1 pt=97",
    "aac": TONE.format(48000, 2) + "avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
}

port, (sound, *seconds) = sys.argv[1], sys.argv[2].split("-")


def silence(media: GstRtspServer.RTSPMedia) -> bool:
    valve = media.get_element().get_by_name("valve")
    valve.set_property("drop", True)
    return GLib.SOURCE_REMOVE


def configured(_factory: GstRtspServer.RTSPMediaFactory, media: GstRtspServer.RTSPMedia) -> None:
    if seconds:
        GLib.timeout_add(1000 * int(seconds[0]), silence, media)


Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f"( {PICTURE} {SOUNDS[sound]} )")
factory.set_shared(True)
factory.connect("media-configure", configured)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
