//! One browser's WebRTC connection, in a pipeline of its own: whatever becomes of it, the others and the picture go on.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use camoverlay_programs::{self, Failure, KeyFrames, is_key_frame, restamped};
use gst::glib;
use gst::prelude::*;
use gst_webrtc::{
    WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCRTPTransceiver,
    WebRTCRTPTransceiverDirection, WebRTCSDPType, WebRTCSessionDescription,
};

/// What the packets are; one payload type will do.
const VIDEO: &str = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000";

/// How long this machine's addresses may take to be found.
const GATHERING: Duration = Duration::from_secs(5);

/// An address that no machine has (RFC 5737): where packets to anywhere leave this machine by.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// A connection, for as long as this lives.
pub struct Peer {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    entrance: gst_app::AppSrc,
    /// Packets arrive.
    is_connected: Arc<AtomicBool>,
    /// Whether a key frame went in: nothing can be made of what comes before one.
    has_begun: AtomicBool,
}

impl Peer {
    /// A connection to a browser that came to this machine's address `here`, and what to offer it, as SDP. It has
    /// `key_frames` made as it needs them.
    ///
    /// # Errors
    /// GStreamer lacks something.
    pub fn new(here: IpAddr, key_frames: &KeyFrames) -> Result<(Self, String), Failure> {
        // A browser that takes nothing for a second begins anew.
        let pipeline = camoverlay_programs::launch(&format!(
            "appsrc name=entrance format=time is-live=true leaky-type=downstream max-time=1000000000 max-bytes=0 ! \
             rtpvp8pay pt=96 mtu=1200 picture-id-mode=15-bit ! {VIDEO} ! webrtcbin name=webrtc bundle-policy=max-bundle"
        ))?;
        let webrtc: gst::Element = camoverlay_programs::find(&pipeline, "webrtc")?;
        let entrance: gst_app::AppSrc = camoverlay_programs::find(&pipeline, "entrance")?;
        // Nobody reads the bus, which would keep every message.
        let bus = pipeline.bus().ok_or("A pipeline has no bus.")?;
        bus.set_sync_handler(|_, _| gst::BusSyncReply::Drop);
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        offer_addresses(&webrtc, here);
        let (gathered, is_gathered) = mpsc::channel();
        webrtc.connect_notify(Some("ice-gathering-state"), move |webrtc, _| {
            let state: WebRTCICEGatheringState = webrtc.property("ice-gathering-state");
            if state == WebRTCICEGatheringState::Complete {
                // Once is enough.
                let _ = gathered.send(());
            }
        });
        let is_connected = Arc::new(AtomicBool::new(false));
        let (connected, wanted) = (Arc::clone(&is_connected), key_frames.clone());
        webrtc.connect_notify(Some("connection-state"), move |webrtc, _| {
            let state: WebRTCPeerConnectionState = webrtc.property("connection-state");
            connected.store(
                state == WebRTCPeerConnectionState::Connected,
                Ordering::SeqCst,
            );
            if state == WebRTCPeerConnectionState::Connected {
                wanted.want();
            }
        });
        let wanted = key_frames.clone();
        let pad = entrance.static_pad("src").ok_or("An appsrc has no pad.")?;
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            let event = info.event().and_then(|event| event.structure());
            if event.is_some_and(|event| event.name() == "GstForceKeyUnit") {
                wanted.want();
            }
            gst::PadProbeReturn::Ok
        });
        let peer = Self {
            pipeline,
            webrtc,
            entrance,
            is_connected,
            has_begun: AtomicBool::new(false),
        };
        peer.pipeline.set_state(gst::State::Playing)?;
        peer.send_only()?;
        let offer: WebRTCSessionDescription = peer
            .ask("create-offer", &None::<gst::Structure>)?
            .get("offer")
            .map_err(|_| "WebRTC makes no offer.")?;
        peer.tell("set-local-description", &offer)?;
        // What was found by then is offered.
        let _ = is_gathered.recv_timeout(GATHERING);
        let offer: WebRTCSessionDescription = peer.webrtc.property("local-description");
        let offer = offer.sdp().as_text()?;
        Ok((peer, offer))
    }

    /// Notes what the browser answered, as SDP.
    ///
    /// # Errors
    /// It is no answer.
    pub fn answer(&self, text: &str) -> Result<(), Failure> {
        let lines = text
            .split_inclusive('\n')
            .filter(|line| !names_a_host(line));
        let text: String = lines.collect();
        let sdp = gst_sdp::SDPMessage::parse_buffer(text.as_bytes())
            .map_err(|_| "The answer is no SDP.")?;
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        self.tell("set-remote-description", &answer)
    }

    /// Hands on a frame of a pipeline whose running time began at `base` of the clock.
    pub fn take(&self, sample: &gst::Sample, base: gst::ClockTime) {
        if !self.is_connected.load(Ordering::SeqCst) {
            return;
        }
        if !is_key_frame(sample) && !self.has_begun.load(Ordering::SeqCst) {
            return;
        }
        let Some(stamped) = restamped(sample, base, &self.entrance) else {
            return;
        };
        self.has_begun.store(true, Ordering::SeqCst);
        // A connection that is being taken down takes none any more.
        let _ = self.entrance.push_sample(&stamped);
    }

    /// Ends it, by whom the connection is held no matter.
    pub fn close(&self) {
        // Nothing is left to report.
        let _ = self.pipeline.set_state(gst::State::Null);
    }

    /// Has the one stream go to the browser, in VP8, with lost packets sent again.
    fn send_only(&self) -> Result<(), Failure> {
        let transceiver = self
            .webrtc
            .emit_by_name::<Option<WebRTCRTPTransceiver>>("get-transceiver", &[&0_i32]);
        let transceiver = transceiver.ok_or("WebRTC has no stream.")?;
        transceiver.set_property("direction", WebRTCRTPTransceiverDirection::Sendonly);
        transceiver.set_property("codec-preferences", VIDEO.parse::<gst::Caps>()?);
        transceiver.set_property("do-nack", true);
        Ok(())
    }

    /// Waits for one of webrtcbin's actions; its reply.
    fn ask(&self, action: &str, argument: &dyn ToValue) -> Result<gst::Structure, Failure> {
        let promise = gst::Promise::new();
        self.emit(action, argument, &promise);
        let reply = match promise.wait() {
            gst::PromiseResult::Replied => promise.get_reply(),
            _ => None,
        };
        let reply = reply.ok_or_else(|| format!("WebRTC does not {action}."))?;
        match error_in(Some(reply)) {
            Some(error) => Err(error),
            None => Ok(reply.to_owned()),
        }
    }

    /// Waits for one of webrtcbin's actions that reply nothing but errors.
    fn tell(&self, action: &str, argument: &dyn ToValue) -> Result<(), Failure> {
        let promise = gst::Promise::new();
        self.emit(action, argument, &promise);
        promise.wait();
        error_in(promise.get_reply()).map_or(Ok(()), Err)
    }

    fn emit(&self, action: &str, argument: &dyn ToValue, promise: &gst::Promise) {
        let arguments = [argument.to_value(), promise.to_value()];
        self.webrtc.emit_by_name_with_values(action, &arguments);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a reply of webrtcbin says is wrong.
fn error_in(reply: Option<&gst::StructureRef>) -> Option<Failure> {
    let error = reply?.get::<glib::Error>("error").ok()?;
    Some(format!("{}.", error.message().trim_end_matches('.')).into())
}

/// Whether a line of SDP is a candidate with a name for an address, as browsers give that hide theirs. Nobody but they could
/// resolve it, webrtcbin of GStreamer 1.22 loses itself in trying, and such browsers are found by what they send.
fn names_a_host(line: &str) -> bool {
    let candidate = line.strip_prefix("a=candidate:");
    let address = candidate.and_then(|candidate| candidate.split(' ').nth(4));
    address.is_some_and(|address| address.parse::<IpAddr>().is_err())
}

/// Has the address `here`, by which the browser came, offered for the video too, and no other one; but if it is the
/// machine's own to itself, which Firefox does not take for video, that by which the machine is reached from elsewhere too.
/// Nobody is answered there who was not told the connection's secrets by the page.
fn offer_addresses(webrtc: &gst::Element, here: IpAddr) {
    let Some(agent) = webrtc.property::<Option<glib::Object>>("ice-agent") else {
        return;
    };
    // Ports are opened in no router, nor by TCP.
    let inner = agent.has_property("agent");
    let inner = inner.then(|| agent.property::<Option<glib::Object>>("agent"));
    for name in ["upnp", "ice-tcp"] {
        if let Some(Some(inner)) = &inner
            && inner.has_property(name)
        {
            inner.set_property(name, false);
        }
    }
    let outward = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        // Sends nothing.
        socket.connect(ANYWHERE).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let outward = here.is_loopback().then(outward).flatten();
    for address in std::iter::once(here).chain(outward) {
        agent.emit_by_name::<bool>("add-local-ip-address", &[&address.to_string()]);
    }
}

#[cfg(test)]
mod tests {
    use super::names_a_host;

    #[test]
    fn hidden_addresses_are_names() {
        let candidate =
            |address| format!("a=candidate:1 1 udp 2113937151 {address} 46154 typ host\r\n");
        assert!(names_a_host(&candidate(
            "01234567-89ab-cdef-0123-456789abcdef.local"
        )));
        assert!(!names_a_host(&candidate("192.0.2.2")));
        assert!(!names_a_host(&candidate("2001:db8::1")));
        assert!(!names_a_host("a=mid:video0\r\n"));
    }
}
