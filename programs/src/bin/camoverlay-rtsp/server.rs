//! The RTSP server: where it listens, who may watch, and over what.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use camoverlay_programs::Failure;
use gst::glib::{self, gstr};
use gst_rtsp_server::gst_rtsp::RTSPAuthMethod;
use gst_rtsp_server::{
    RTSPAuth, RTSPClient, RTSPFilterResult, RTSPMediaFactory, RTSPServer, RTSPToken, gio,
    prelude::*,
};

use super::relay::{ENTRANCE, Relay};

/// Seconds between two looks for clients that vanished without a word.
const CLEANUP: u32 = 5;

/// Whoever knows the password, or everybody where there is none.
const ROLE: &str = "viewer";

/// Where the server listens, and what it asks of its clients.
pub struct Setup {
    pub address: IpAddr,
    /// 0 for any that is free.
    pub port: u16,
    /// Starts with a slash.
    pub path: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Files of the certificate and of its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A server that listens for as long as this lives.
pub struct Listening {
    server: RTSPServer,
    context: glib::MainContext,
    sources: [glib::Source; 2],
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The address for clients.
    pub url: String,
}

impl Listening {
    /// Starts to serve what `relay` hands on.
    ///
    /// # Errors
    /// A sentence on what is wrong with the port, the address or the certificate.
    pub fn start(setup: &Setup, relay: &Relay) -> Result<Self, Failure> {
        let server = RTSPServer::new();
        server.set_address(&setup.address.to_string());
        server.set_service(&setup.port.to_string());
        let factory = factory(relay);
        if let Some(auth) = auth(setup)? {
            server.set_auth(Some(&auth));
            factory.add_role_from_structure(
                &gst::Structure::builder(ROLE)
                    .field("media.factory.access", true)
                    .field("media.factory.construct", true)
                    .build(),
            );
        }
        let mounts = server
            .mount_points()
            .ok_or("The RTSP server has no mount points.")?;
        mounts.add_factory(&setup.path, factory);
        let watcher = relay.clone();
        server.connect_client_connected(move |_, client| {
            let relay = watcher.clone();
            client.connect_play_request(move |_, _| relay.want_key_frame());
        });
        let clients = server
            .create_source(gio::Cancellable::NONE)
            .map_err(|error| {
                let place = format!("port {} of {}", setup.port, setup.address);
                format!(
                    "The server cannot listen on {place}: {}. Choose with --port and --listen.",
                    error.message()
                )
            })?;
        let pool = server.session_pool();
        let cleanup =
            glib::timeout_source_new_seconds(CLEANUP, None, glib::Priority::DEFAULT, move || {
                if let Some(pool) = &pool {
                    pool.cleanup();
                }
                glib::ControlFlow::Continue
            });
        let context = glib::MainContext::new();
        let sources = [clients, cleanup];
        for source in &sources {
            source.attach(Some(&context));
        }
        let stopped = Arc::new(AtomicBool::new(false));
        let (loop_context, loop_stopped) = (context.clone(), stopped.clone());
        let serve = move || {
            while !loop_stopped.load(Ordering::Acquire) {
                loop_context.iteration(true);
            }
        };
        let thread = std::thread::Builder::new()
            .name("rtsp".to_owned())
            .spawn(serve)?;
        let port = u16::try_from(server.bound_port()).unwrap_or(setup.port);
        Ok(Self {
            server,
            context,
            sources,
            stopped,
            thread: Some(thread),
            url: setup.url(port),
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        for source in &self.sources {
            source.destroy();
        }
        self.stopped.store(true, Ordering::Release);
        self.context.wakeup();
        if let Some(thread) = self.thread.take() {
            // It has nothing left to say.
            let _ = thread.join();
        }
        self.server
            .client_filter(Some(&mut |_: &RTSPServer, _: &RTSPClient| {
                RTSPFilterResult::Remove
            }));
    }
}

impl Setup {
    /// Where clients find the stream when the server listens on `port`.
    fn url(&self, port: u16) -> String {
        let scheme = if self.certificate.is_some() {
            "rtsps"
        } else {
            "rtsp"
        };
        format!(
            "{scheme}://{}{}",
            SocketAddr::new(self.address, port),
            self.path
        )
    }
}

/// One media for all clients, fed by `relay`.
fn factory(relay: &Relay) -> RTSPMediaFactory {
    let factory = RTSPMediaFactory::new();
    // A media that is paused keeps a second.
    factory.set_launch(&format!(
        "( appsrc name={ENTRANCE} format=time is-live=true leaky-type=downstream max-time=1000000000 max-bytes=0 ! \
         rtph264pay name=pay0 pt=96 )"
    ));
    factory.set_shared(true);
    factory.set_clock(Some(&gst::SystemClock::obtain()));
    let relay = relay.clone();
    factory.connect_media_configure(move |_, media| relay.attach(media));
    factory
}

/// What clients must show, if anything.
fn auth(setup: &Setup) -> Result<Option<RTSPAuth>, Failure> {
    if setup.login.is_none() && setup.certificate.is_none() {
        return Ok(None);
    }
    let auth = RTSPAuth::new();
    let mut token = RTSPToken::builder()
        .field(gstr!("media.factory.role"), ROLE)
        .build();
    match &setup.login {
        Some((user, password)) => {
            auth.set_supported_methods(RTSPAuthMethod::Digest);
            auth.set_realm(Some("camoverlay"));
            auth.add_digest(user, password, &token);
        }
        None => auth.set_default_token(Some(&mut token)),
    }
    if let Some((certificate, key)) = &setup.certificate {
        let certificate = gio::TlsCertificate::from_files(certificate, key).map_err(|error| {
            format!(
                "The certificate {} with the key {} cannot be used: {}.",
                certificate.display(),
                key.display(),
                error.message().trim_end_matches('.')
            )
        })?;
        auth.set_tls_certificate(Some(&certificate));
    }
    Ok(Some(auth))
}
