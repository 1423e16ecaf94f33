//! What stands between the network and GStreamer's RTSP server, which reads whatever it is sent, waits for whoever says
//! nothing, and lets one who does not read keep the others waiting. The gate takes the connections, encrypts, asks for the
//! login, and hands on what is in order, over a connection of its own to the server for each client that is let in. It
//! always reads what the server sends, whether the client does or not.

mod access_log;
mod client;
mod login;
mod message;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use camoverlay_programs::Failure;
use camoverlay_programs::access::{self, Admission, Certificate, Limits, Login};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use access_log::AccessLog;
use login::Door;

/// Between two looks for clients over UDP that vanished without a word.
const CLEANUP: Duration = Duration::from_secs(5);
/// How long the gate waits when the system has no more connections to give.
const BREATH: Duration = Duration::from_millis(50);
/// Open files that a client takes: its connection, and both ends of the one to the server.
const FILES_PER_CLIENT: u64 = 3;

/// Who may come in, and how.
pub struct Setup {
    pub address: SocketAddr,
    pub login: Option<Login>,
    /// Files of the certificate and of its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub limits: Limits,
    pub access_log: Option<PathBuf>,
}

/// Takes over a connection whose other end is a client at the given address.
pub type HandOver = dyn Fn(std::net::TcpStream, SocketAddr) -> Result<(), Failure> + Send + Sync;

/// Whether there is still a session of one of these names.
pub type HasSession = dyn Fn(&[String]) -> bool + Send + Sync;

/// What is behind the gate.
pub struct Server {
    pub hand_over: Box<HandOver>,
    /// Ends what has lasted too long; called every few seconds.
    pub cleanup: Box<dyn Fn() + Send + Sync>,
    pub has_session: Box<HasSession>,
}

/// A set-up whose files have been read.
pub struct Rules {
    address: SocketAddr,
    door: Option<Door>,
    certificate: Option<Certificate>,
    limits: Limits,
    log: AccessLog,
}

/// A gate that is open for as long as this lives.
pub struct Gate {
    runtime: Option<Runtime>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What all clients' tasks have in common.
struct Shared {
    door: Option<Door>,
    certificate: Option<Certificate>,
    log: AccessLog,
    server: Server,
}

impl Setup {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence on what is wrong with the certificate, the users or the access log, or with the whole.
    pub fn read(&self) -> Result<Rules, Failure> {
        let certificate = self
            .certificate
            .clone()
            .map(|(certificate, key)| access::certificate(certificate, key))
            .transpose()?;
        let door = self
            .login
            .as_ref()
            .map(Login::users)
            .transpose()?
            .map(Door::new);
        let open = !self.address.ip().is_loopback();
        if open && certificate.is_none() && door.as_ref().is_some_and(Door::asks_for_passwords) {
            return Err(
                "Passwords would cross the network for everybody to read, since such hashes can only be compared \
                 with the passwords themselves. Give --tls-cert and --tls-key, or a file of users by `htdigest`."
                    .into(),
            );
        }
        let log = match &self.access_log {
            Some(file) => AccessLog::open(file)?,
            None => AccessLog::default(),
        };
        Ok(Rules {
            address: self.address,
            door,
            certificate,
            limits: limits(self.limits),
            log,
        })
    }
}

impl Rules {
    /// Whether clients come by rtsps://.
    pub fn is_encrypted(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether anybody may watch who reaches this machine, from another one.
    pub fn is_open_to_all(&self) -> bool {
        self.door.is_none() && !self.address.ip().is_loopback()
    }
}

impl Gate {
    /// Lets clients in to `server` by `rules`.
    ///
    /// # Errors
    /// A sentence on what is wrong with the address.
    pub fn open(rules: Rules, server: Server) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            door: rules.door,
            certificate: rules.certificate,
            log: rules.log,
            server,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // One looks at passwords, so that guesses take one core at most.
            .max_blocking_threads(1)
            .thread_name("gate")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            access::listen(rules.address)?
        };
        let address = listener.local_addr()?;
        runtime.spawn(clean_up(shared.clone()));
        runtime.spawn(take_clients(listener, shared, Admission::new(rules.limits)));
        Ok(Self {
            runtime: Some(runtime),
            address,
        })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

async fn take_clients(listener: TcpListener, shared: Arc<Shared>, admission: Arc<Admission>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Here, since tasks begin in any order, and the oldest has to go first.
                let place = admission.enter(address.ip());
                tokio::spawn(client::serve(stream, address, place, shared.clone()));
            }
            // Most of all: too many open files. Whoever goes makes room.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn clean_up(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(CLEANUP);
    loop {
        ticks.tick().await;
        (shared.server.cleanup)();
    }
}

/// The limits as far as the open files that the process may have go.
fn limits(wanted: Limits) -> Limits {
    let in_all = access::clients_by_files(wanted.in_all, FILES_PER_CLIENT);
    Limits { in_all, ..wanted }
}
