//! GStreamer's RTSP server, behind the [gate]: what it serves, and at which path.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use camoverlay_programs::Failure;
use gst::glib;
use gst_rtsp_server::gst_rtsp::{self, RTSPLowerTrans};
use gst_rtsp_server::{
    RTSPClient, RTSPFilterResult, RTSPMediaFactory, RTSPServer, RTSPSession, RTSPSessionPool, gio,
    prelude::*,
};

use super::gate::{self, Gate, Rules};
use super::relay::{ENTRANCE, Relay};

/// A server that listens for as long as this lives.
pub struct Listening {
    /// Dropped first: nobody comes in any more.
    gate: Option<Gate>,
    server: RTSPServer,
    /// The address for clients.
    pub url: String,
}

impl Listening {
    /// Starts to serve what `relay` hands on, at `path`, which starts with a slash, to whom `rules` let in.
    ///
    /// # Errors
    /// A sentence on what is wrong with the address.
    pub fn start(rules: Rules, path: &str, relay: &Relay) -> Result<Self, Failure> {
        let server = RTSPServer::new();
        let encrypted = rules.is_encrypted();
        let mounts = server
            .mount_points()
            .ok_or("The RTSP server has no mount points.")?;
        mounts.add_factory(path, factory(relay, encrypted));
        let watcher = relay.clone();
        server.connect_client_connected(move |_, client| {
            let relay = watcher.clone();
            client.connect_play_request(move |_, _| relay.want_key_frame());
        });
        let pool = server
            .session_pool()
            .ok_or("The RTSP server has no sessions.")?;
        let (sessions, receiver) = (pool.clone(), server.clone());
        let gate = Gate::open(
            rules,
            gate::Server {
                hand_over: Box::new(move |far, client| hand_over(&receiver, far, client)),
                cleanup: Box::new(move || {
                    pool.cleanup();
                }),
                has_session: Box::new(move |names| has_session(&sessions, names)),
            },
        )?;
        let scheme = if encrypted { "rtsps" } else { "rtsp" };
        Ok(Self {
            url: format!("{scheme}://{}{path}", gate.address),
            gate: Some(gate),
            server,
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.gate.take();
        self.server
            .client_filter(Some(&mut |_: &RTSPServer, _: &RTSPClient| {
                RTSPFilterResult::Remove
            }));
    }
}

/// Gives `server` a connection to the gate, as that of the client at `address`.
fn hand_over(server: &RTSPServer, far: TcpStream, address: SocketAddr) -> Result<(), Failure> {
    let socket = gio::Socket::from_fd(OwnedFd::from(far))?;
    let (host, port) = (address.ip().to_string(), i32::from(address.port()));
    Ok(server.transfer_connection(socket, &host, port, None)?)
}

/// Whether one of these sessions is there; that it is looked for does not prolong it.
fn has_session(pool: &RTSPSessionPool, names: &[String]) -> bool {
    let mut found = false;
    pool.filter(Some(&mut |_: &RTSPSessionPool, session: &RTSPSession| {
        found |= session
            .sessionid()
            .is_some_and(|name| names.iter().any(|wanted| *wanted == *name));
        RTSPFilterResult::Keep
    }));
    found
}

/// One media for all clients, fed by `relay`.
fn factory(relay: &Relay, encrypted: bool) -> RTSPMediaFactory {
    let factory = glib::Object::new::<one_media::Factory>().upcast::<RTSPMediaFactory>();
    // A media that is paused keeps a second.
    factory.set_launch(&format!(
        "( appsrc name={ENTRANCE} format=time is-live=true leaky-type=downstream max-time=1000000000 max-bytes=0 ! \
         rtph264pay name=pay0 pt=96 )"
    ));
    factory.set_shared(true);
    // What goes by UDP goes past the encryption.
    factory.set_protocols(match encrypted {
        true => RTSPLowerTrans::TCP,
        false => RTSPLowerTrans::TCP | RTSPLowerTrans::UDP,
    });
    factory.set_clock(Some(&gst::SystemClock::obtain()));
    let relay = relay.clone();
    factory.connect_media_configure(move |_, media| relay.attach(media));
    factory
}

/// GStreamer's factory shares a media among those who ask by the same address, to the letter: another port, a query or a
/// slash behind make another one, and the relay feeds one.
mod one_media {
    use super::{RTSPMediaFactory, glib, gst_rtsp};
    use gst_rtsp_server::subclass::prelude::*;

    #[derive(Default)]
    pub struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "CamOverlayMediaFactory";
        type Type = Factory;
        type ParentType = RTSPMediaFactory;
    }

    impl ObjectImpl for Imp {}

    impl RTSPMediaFactoryImpl for Imp {
        fn gen_key(&self, _: &gst_rtsp::RTSPUrl) -> Option<glib::GString> {
            Some("one".into())
        }
    }

    glib::wrapper! {
        pub struct Factory(ObjectSubclass<Imp>) @extends RTSPMediaFactory;
    }
}
