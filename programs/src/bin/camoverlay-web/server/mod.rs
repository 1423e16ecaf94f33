//! The small HTTP server: one page, what it asks, and what it is told. Nothing else is there to be had.

mod answers;
mod connection;
mod door;
mod events;
mod origin;
mod pages;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use camoverlay_programs::Failure;
use camoverlay_programs::access::{self, Admission, Certificate, Limits, Login};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::browsers::Browsers;
use super::controls::Controls;
use super::picture::Shown;
use super::seen::Seen;
use door::Door;

/// Largest body of a request, in bytes: an answer's SDP is a tenth of it.
const LARGEST: usize = 64 << 10;
/// Connections that a browser opens at most.
const PER_BROWSER: usize = 8;
/// How long the server waits when the system has no more connections to give.
const BREATH: Duration = Duration::from_millis(50);

/// Who may come in, and how.
pub struct Setup {
    pub address: SocketAddr,
    pub login: Option<Login>,
    /// Files of the certificate and of its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The most browsers.
    pub browsers: usize,
}

/// A set-up whose files have been read.
pub struct Rules {
    address: SocketAddr,
    door: Option<Door>,
    certificate: Option<Certificate>,
    browsers: usize,
}

/// What the server serves.
pub struct Served {
    pub browsers: Browsers,
    pub controls: Controls,
    pub shown: Shown,
    pub seen: Seen,
    /// What the element has to say.
    pub notices: watch::Receiver<String>,
    pub overlay: gst::Element,
}

/// What all requests have in common.
struct Shared {
    served: Served,
    door: Option<Door>,
    is_encrypted: bool,
    /// Served to this machine alone.
    is_local: bool,
}

/// A server that listens for as long as this lives.
pub struct Listening {
    runtime: Option<Runtime>,
    /// The address for browsers.
    pub url: String,
}

impl Setup {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence on what is wrong with the certificate or the users, or missing for other machines.
    pub fn read(&self) -> Result<Rules, Failure> {
        let is_local = self.address.ip().is_loopback();
        if !is_local && (self.login.is_none() || self.certificate.is_none()) {
            return Err(Failure::usage(format!(
                "Whoever reaches {} could watch and read along. Give --users or --user, and --tls-cert and --tls-key.",
                self.address.ip()
            )));
        }
        let certificate = self
            .certificate
            .clone()
            .map(|(certificate, key)| access::certificate(certificate, key))
            .transpose()?;
        let users = self.login.as_ref().map(Login::users).transpose()?;
        Ok(Rules {
            address: self.address,
            door: users.map(Door::new),
            certificate,
            browsers: self.browsers,
        })
    }
}

impl Listening {
    /// Starts to serve what is to be `served` to whom `rules` let in.
    ///
    /// # Errors
    /// A sentence on what is wrong with the address.
    pub fn start(rules: Rules, served: Served) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // Which look at passwords, open networks, make and end connections for video.
            .max_blocking_threads(4)
            .thread_name("server")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            access::listen(rules.address)?
        };
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            served,
            door: rules.door,
            is_encrypted: rules.certificate.is_some(),
            is_local: address.ip().is_loopback(),
        });
        let scheme = shared.scheme();
        let most = PER_BROWSER * rules.browsers;
        let admission = Admission::new(Limits {
            in_all: most,
            per_address: most,
        });
        let certificate = rules.certificate.map(Arc::new);
        runtime.spawn(take(listener, router(shared), certificate, admission));
        Ok(Self {
            runtime: Some(runtime),
            url: format!("{scheme}://{address}/"),
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Shared {
    fn scheme(&self) -> &'static str {
        match self.is_encrypted {
            true => "https",
            false => "http",
        }
    }
}

/// All that can be asked for.
fn router(shared: Arc<Shared>) -> Router {
    pages::router()
        .route("/labels", get(answers::labels))
        .route("/picture.png", get(answers::picture))
        .route("/events", get(events::events))
        .route("/answer", post(events::answer))
        .route("/settings", post(answers::settings))
        .route("/at", post(answers::at))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn_with_state(shared.clone(), door::ask))
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            origin::check,
        ))
        .layer(middleware::map_response(pages::with_headers))
        .with_state(shared)
}

async fn take(
    listener: TcpListener,
    router: Router,
    certificate: Option<Arc<Certificate>>,
    admission: Arc<Admission>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Here, since tasks begin in any order, and the oldest has to go first.
                if let Some(place) = admission.enter(address.ip()) {
                    let (router, certificate) = (router.clone(), certificate.clone());
                    tokio::spawn(connection::serve(
                        stream,
                        address.ip(),
                        place,
                        certificate,
                        router,
                    ));
                }
            }
            // Most of all: too many open files. Whoever goes makes room.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}
