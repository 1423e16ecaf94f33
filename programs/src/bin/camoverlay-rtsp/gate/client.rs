//! One client, from its connection to its going.

mod passage;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use camoverlay_programs::Failure;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::access_log::quoted;
use super::login::Verdict;
use super::message::{self, Received, Request};
use camoverlay_programs::access::Place;
use passage::{Asked, STOPPED};

/// How long the TLS handshake may take, and each request before the login.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what waits for it.
const STALLED: Duration = Duration::from_secs(5);
/// Milliseconds after which the system gives up what a client does not take.
const GIVEN_UP: u32 = 20_000;
/// How many bytes the system holds for a client that is slower than the picture.
const SEND_BUFFER: usize = 256 << 10;
/// Requests that wait for their answers.
const AT_ONCE: usize = 16;
/// How many requests are answered before the login.
const QUESTIONS: usize = 16;
/// Wrong passwords on one connection.
const WRONG: usize = 3;
/// A client, as its line in the log tells.
struct Client {
    shared: Arc<Shared>,
    place: Arc<Place>,
    address: SocketAddr,
    since: Instant,
    user: Option<String>,
    received: AtomicU64,
    sent: AtomicU64,
    /// Whether the picture runs.
    plays: AtomicBool,
    asked: Mutex<Asked>,
}

/// Why a client goes.
type Reason = &'static str;

const CLOSED: Reason = "the client closed the connection";

/// Serves who has connected by `stream` from `address` to `place`, if there is one, and comes back when it has gone.
pub async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    place: Option<Place>,
    shared: Arc<Shared>,
) {
    match place {
        Some(place) => Client::serve(stream, address, place, shared).await,
        None => {
            let reason = "refused reason=\"there are too many connections\"";
            shared.log.write(address, reason);
            refuse(stream, shared.certificate.is_none()).await;
        }
    }
}

impl Client {
    async fn serve(stream: TcpStream, address: SocketAddr, place: Place, shared: Arc<Shared>) {
        let log = shared.log.clone();
        log.write(address, "connected");
        // Packets are not held back for others; those who vanish are noticed; for who does not read little waits, and not
        // for long after the connection has been closed. Whatever of this the system refuses, it serves.
        let _ = stream.set_nodelay(true);
        let _ = sockopt::set_socket_keepalive(&stream, true);
        let _ = sockopt::set_tcp_keepidle(&stream, STOPPED);
        let _ = sockopt::set_tcp_user_timeout(&stream, GIVEN_UP);
        let _ = sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
        let place = Arc::new(place);
        let mut client = Self {
            shared,
            place: place.clone(),
            address,
            since: Instant::now(),
            user: None,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            plays: AtomicBool::new(false),
            asked: Mutex::default(),
        };
        let reason = tokio::select! {
            reason = client.encrypted(stream) => reason,
            () = place.is_lost() => "others wait, and it had not got in",
        };
        let asked = client.asked();
        log.write(
            address,
            &format!(
                "left user={} path={} seconds={:.1} received={} sent={} reason=\"{reason}\"",
                quoted(client.user.as_deref().unwrap_or_default()),
                quoted(&asked.path),
                client.since.elapsed().as_secs_f64(),
                client.received.load(Ordering::Relaxed),
                client.sent.load(Ordering::Relaxed),
            ),
        );
    }

    async fn encrypted(&mut self, stream: TcpStream) -> Reason {
        let Some(certificate) = &self.shared.certificate else {
            return self.talk(stream).await;
        };
        let acceptor = certificate.current();
        match timeout(PATIENCE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.talk(stream).await,
            Ok(Err(_)) => "the TLS handshake failed",
            Err(_) => "it was silent during the TLS handshake",
        }
    }

    async fn talk(&mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Reason {
        let mut inbox = BytesMut::new();
        let request = match self.let_in(&mut stream, &mut inbox).await {
            Ok(request) => request,
            Err(reason) => return self.bye(&mut stream, reason).await,
        };
        // Where everybody may watch, whoever watches has got in.
        if self.user.is_some() {
            self.place.settle();
        }
        let server = match server_connection(self.address, &*self.shared.server.hand_over).await {
            Ok(server) => server,
            Err(_) => return "the server cannot be reached",
        };
        let (from_server, to_server) = server.into_split();
        let (from_client, mut to_client) = split(stream);
        let (answers, own_answers) = mpsc::channel(AT_ONCE);
        let reason = tokio::select! {
            reason = self.up(from_client, inbox, request, to_server, answers) => reason,
            reason = self.down(from_server, &mut to_client, own_answers) => reason,
        };
        self.bye(&mut to_client, reason).await
    }

    /// Closes `stream`, with TLS's own end.
    async fn bye(&self, stream: &mut (impl AsyncWrite + Unpin), reason: Reason) -> Reason {
        // Who has gone, or does not read, need not hear of it.
        let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
        reason
    }

    /// The first request that may be passed on.
    async fn let_in(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        inbox: &mut BytesMut,
    ) -> Result<Request, Reason> {
        let nonce = self.shared.door.as_ref().map(|door| door.nonce());
        let mut wrong = 0;
        let mut last_wrong = None;
        for _ in 0..QUESTIONS {
            let received = timeout(PATIENCE, self.receive(stream, inbox)).await;
            let request = match received.map_err(|_| "it was silent before the login")? {
                Ok(Received::Request(request)) => request,
                Ok(Received::Packet(_)) => return Err("it sent packets before the login"),
                Err(Ended::Bad(bad)) => {
                    self.send(stream, &bad.answer()).await?;
                    return Err("it sent no RTSP");
                }
                Err(Ended::Closed) => return Err(CLOSED),
            };
            let (Some(door), Some(nonce)) = (&self.shared.door, &nonce) else {
                return Ok(request);
            };
            if request.method == "OPTIONS" {
                // The same for whatever path: players take a 401 here for the end.
                let public = format!("Public: {}\r\n", passage::METHODS.join(", "));
                self.send(stream, &request.answer("200 OK", &public))
                    .await?;
                continue;
            }
            let login = request.header("authorization").map(str::to_owned);
            if login.is_some() && login == last_wrong {
                // GStreamer's client says the same eight times before it gives up; it is one guess.
                let answer = request.answer("401 Unauthorized", &door.question(nonce));
                self.send(stream, &answer).await?;
                continue;
            }
            match door.look_at(&request, self.address.ip(), nonce).await {
                Verdict::In(user) => {
                    self.user = Some(user);
                    return Ok(request);
                }
                Verdict::Ask => {
                    let answer = request.answer("401 Unauthorized", &door.question(nonce));
                    self.send(stream, &answer).await?;
                }
                Verdict::Wrong(user, pause) => {
                    let line = format!(
                        "wrong-password user={} pause={:.1}",
                        quoted(&user),
                        pause.as_secs_f64()
                    );
                    self.shared.log.write(self.address, &line);
                    last_wrong = login;
                    tokio::time::sleep(pause).await;
                    let answer = request.answer("401 Unauthorized", &door.question(nonce));
                    self.send(stream, &answer).await?;
                    wrong += 1;
                    if wrong == WRONG {
                        return Err("its passwords were wrong");
                    }
                }
                Verdict::Never(user) => {
                    let line = format!("unheard user={}", quoted(&user));
                    self.shared.log.write(self.address, &line);
                    let answer = request.answer(
                        "503 Service Unavailable",
                        "Retry-After: 30\r\nConnection: close\r\n",
                    );
                    self.send(stream, &answer).await?;
                    return Err("too many passwords from its address were wrong");
                }
            }
        }
        Err("it did not log in")
    }

    /// The next whole thing that the client sends.
    async fn receive(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        inbox: &mut BytesMut,
    ) -> Result<Received, Ended> {
        loop {
            if let Some(received) = message::take(inbox).map_err(Ended::Bad)? {
                return Ok(received);
            }
            inbox.reserve(1024);
            match stream.read_buf(inbox).await {
                Ok(read @ 1..) => self.received.fetch_add(read as u64, Ordering::Relaxed),
                Ok(0) | Err(_) => return Err(Ended::Closed),
            };
        }
    }

    async fn send(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        answer: &[u8],
    ) -> Result<(), Reason> {
        let sent = timeout(STALLED, async {
            stream.write_all(answer).await?;
            stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => {
                self.sent.fetch_add(answer.len() as u64, Ordering::Relaxed);
                Ok(())
            }
            Ok(Err(_)) => Err(CLOSED),
            Err(_) => Err("it did not read"),
        }
    }
}

/// Why nothing more comes from a client.
enum Ended {
    Closed,
    Bad(message::Bad),
}

/// Tells who has come one too many, in plain text where that is understood.
async fn refuse(mut stream: TcpStream, plain: bool) {
    if plain {
        let answer =
            b"RTSP/1.0 503 Service Unavailable\r\nRetry-After: 30\r\nConnection: close\r\n\r\n";
        let _ = stream.try_write(answer);
        let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
    }
}

/// The near end of a connection whose far end is handed to the server as that of the client at `address`.
///
/// It is of the client's family: the server sends UDP by the family that it sees here.
async fn server_connection(
    address: SocketAddr,
    hand_over: &super::HandOver,
) -> Result<TcpStream, Failure> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let host = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let listener = TcpListener::bind(SocketAddr::new(host, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let far = loop {
        let (far, from) = listener.accept().await?;
        // Another program may be as quick.
        if from == near.local_addr()? {
            break far;
        }
    };
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    hand_over(far.into_std()?, address)?;
    Ok(near)
}
