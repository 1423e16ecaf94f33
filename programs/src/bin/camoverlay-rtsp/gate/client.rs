//! One client, from its connection to its going.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use camoverlay_programs::Failure;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::Shared;
use super::access_log::quoted;
use super::admission::Place;
use super::login::Verdict;
use super::message::{self, Received, Request};

/// How long the TLS handshake may take, and each request before the login.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long who has been let in may take to ask for the picture.
const UNTIL_PLAY: Duration = Duration::from_secs(30);
/// How long a stopped picture is kept without a request; as long as the server keeps a session.
const STOPPED: Duration = Duration::from_secs(60);
/// How long a client may take nothing of what waits for it.
const STALLED: Duration = Duration::from_secs(5);
/// How long a client has to read the last answer before the connection ends.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Milliseconds after which the system gives up what a client does not take.
const GIVEN_UP: u32 = 20_000;
/// How many bytes wait for a client that is slower than the picture; packets beyond them are lost to it.
const WAITING: usize = 256 << 10;
/// The same in the system's hands.
const SEND_BUFFER: usize = 256 << 10;
/// How many requests are answered before the login.
const QUESTIONS: usize = 10;
/// Wrong passwords on one connection.
const WRONG: usize = 3;
/// Requests that wait for their answers.
const AT_ONCE: usize = 16;
/// Sessions that one connection may have; one that is torn down counts on.
const SESSIONS: usize = 4;
/// How many requests come as they like; further ones, which players spread over hours, are held back each for a moment.
const AT_WILL: u32 = 100;
const PACE: Duration = Duration::from_millis(100);
/// What the gate lets through: watching, and nothing else.
const METHODS: [&str; 8] = [
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
];

/// A client, as its line in the log tells.
struct Client {
    shared: Arc<Shared>,
    address: SocketAddr,
    since: Instant,
    user: Option<String>,
    received: AtomicU64,
    sent: AtomicU64,
    /// Whether the picture runs.
    plays: AtomicBool,
    asked: Mutex<Asked>,
}

/// What a client has asked the server for.
#[derive(Default)]
struct Asked {
    /// The requests that have not been answered yet.
    open: VecDeque<Request>,
    /// The sessions that the server has given it: others' are not its to end.
    sessions: Vec<String>,
    transport: &'static str,
    path: String,
}

/// Why a client goes.
type Reason = &'static str;

const CLOSED: Reason = "the client closed the connection";
const ENDED: Reason = "the server ended the session";

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
        let mut client = Self {
            shared,
            address,
            since: Instant::now(),
            user: None,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            plays: AtomicBool::new(false),
            asked: Mutex::default(),
        };
        let reason = tokio::select! {
            reason = client.encrypted(stream, || place.settle()) => reason,
            () = place.is_lost() => "others wait, and it had not logged in",
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

    async fn encrypted(&mut self, stream: TcpStream, settle: impl Fn()) -> Reason {
        let Some(certificate) = &self.shared.certificate else {
            return self.talk(stream, settle).await;
        };
        let acceptor = certificate.current();
        match timeout(PATIENCE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.talk(stream, settle).await,
            Ok(Err(_)) => "the TLS handshake failed",
            Err(_) => "it was silent during the TLS handshake",
        }
    }

    async fn talk(
        &mut self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        settle: impl Fn(),
    ) -> Reason {
        let mut inbox = BytesMut::new();
        let request = match self.let_in(&mut stream, &mut inbox).await {
            Ok(request) => request,
            Err(reason) => return self.bye(&mut stream, reason).await,
        };
        settle();
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

    /// From the client to the server, beginning with `request`.
    async fn up(
        &self,
        mut stream: impl AsyncRead + Unpin,
        mut inbox: BytesMut,
        request: Request,
        mut server: OwnedWriteHalf,
        answers: mpsc::Sender<Vec<u8>>,
    ) -> Reason {
        let mut received = Received::Request(request);
        let mut last = Instant::now();
        let mut requests = 0;
        loop {
            let bytes = match received {
                Received::Packet(packet) => packet.to_vec(),
                Received::Request(request) => {
                    last = Instant::now();
                    requests += 1;
                    if requests > AT_WILL {
                        tokio::time::sleep(PACE).await;
                    }
                    if let Some(status) = self.refusal(&request) {
                        let answer = request.answer(status, "");
                        // Whoever does not read its answers is not read either.
                        if answers.send(answer).await.is_err() {
                            return CLOSED;
                        }
                        Vec::new()
                    } else {
                        let bytes = request.to_server();
                        if let Err(reason) = self.note(request) {
                            return reason;
                        }
                        bytes
                    }
                }
            };
            if server.write_all(&bytes).await.is_err() {
                return ENDED;
            }
            received = loop {
                let deadline = match self.asked().path.is_empty() {
                    true => self.since + UNTIL_PLAY,
                    false => last + STOPPED,
                };
                match timeout_at(deadline, self.receive(&mut stream, &mut inbox)).await {
                    Ok(Ok(received)) => break received,
                    Ok(Err(Ended::Closed)) => return CLOSED,
                    Ok(Err(Ended::Bad(bad))) => {
                        let in_order = async {
                            while !self.asked().open.is_empty() {
                                tokio::time::sleep(LAST_WORD).await;
                            }
                        };
                        // What it asked before is answered before, if it is soon.
                        let _ = timeout(10 * LAST_WORD, in_order).await;
                        let _ = answers.send(bad.answer()).await;
                        tokio::time::sleep(LAST_WORD).await;
                        return "it sent no RTSP";
                    }
                    Err(_) if self.plays.load(Ordering::Relaxed) => last = Instant::now(),
                    Err(_) if self.asked().path.is_empty() => {
                        return "it did not ask for the picture";
                    }
                    Err(_) => return "its picture stood still",
                }
            };
        }
    }

    /// The answer to what is not let through, if it is not.
    fn refusal(&self, request: &Request) -> Option<&'static str> {
        let asked = self.asked();
        if !METHODS.contains(&&*request.method) {
            return Some("501 Not Implemented");
        }
        match request.header("session") {
            Some(session) if !asked.sessions.iter().any(|own| own == session_id(session)) => {
                Some("454 Session Not Found")
            }
            None if request.method == "SETUP" && asked.sessions.len() >= SESSIONS => {
                Some("453 Not Enough Bandwidth")
            }
            Some(_) | None => None,
        }
    }

    /// Keeps in mind what is asked of the server.
    fn note(&self, request: Request) -> Result<(), Reason> {
        let mut asked = self.asked();
        asked.open.push_back(request);
        if asked.open.len() > AT_ONCE {
            return Err("it asked for too much at once");
        }
        Ok(())
    }

    /// From the server to the client. What the server sends is always read: packets that find too much waiting are lost.
    async fn down(
        &self,
        mut server: OwnedReadHalf,
        stream: &mut (impl AsyncWrite + Unpin),
        mut own_answers: mpsc::Receiver<Vec<u8>>,
    ) -> Reason {
        let mut inbox = BytesMut::new();
        let mut outbox = BytesMut::new();
        let mut unflushed = false;
        let mut progress = Instant::now();
        loop {
            tokio::select! {
                read = server.read_buf(&mut inbox) => {
                    if !matches!(read, Ok(1..)) {
                        return ENDED;
                    }
                    while let Some(bytes) = message::take_answer(&mut inbox) {
                        let is_packet = bytes.first() == Some(&b'$');
                        if !is_packet {
                            self.answered(&bytes);
                        } else if outbox.len() + bytes.len() > WAITING {
                            continue;
                        }
                        if outbox.is_empty() {
                            progress = Instant::now();
                        }
                        outbox.extend_from_slice(&bytes);
                    }
                }
                Some(answer) = own_answers.recv() => outbox.extend_from_slice(&answer),
                written = push(stream, &outbox), if unflushed || !outbox.is_empty() => {
                    let Ok(written) = written else {
                        return CLOSED;
                    };
                    // Nothing written: all has been, and has left TLS's own buffers too.
                    unflushed = written > 0;
                    self.sent.fetch_add(written as u64, Ordering::Relaxed);
                    outbox.advance(written);
                    progress = Instant::now();
                }
                () = tokio::time::sleep_until(progress + STALLED), if unflushed || !outbox.is_empty() => {
                    return "it did not read";
                }
            }
            if outbox.len() > 2 * WAITING {
                return "it did not read its answers";
            }
        }
    }

    /// Takes note of the server's answer to the oldest open request.
    fn answered(&self, answer: &[u8]) {
        let mut asked = self.asked();
        let Some(request) = asked.open.pop_front() else {
            return;
        };
        if !answer.starts_with(b"RTSP/1.0 200 ") {
            return;
        }
        match &*request.method {
            "SETUP" => {
                let head = String::from_utf8_lossy(answer);
                let session = head.lines().find_map(|line| line.strip_prefix("Session:"));
                asked
                    .sessions
                    .extend(session.map(|id| session_id(id).to_owned()));
                asked.sessions.dedup();
                asked.transport = match head.contains("RTP/AVP/TCP") {
                    true => "tcp",
                    false => "udp",
                };
            }
            "PLAY" => {
                asked.path = path(&request.uri);
                self.plays.store(true, Ordering::Relaxed);
                let line = format!(
                    "plays user={} path={} transport={}",
                    quoted(self.user.as_deref().unwrap_or_default()),
                    quoted(&asked.path),
                    asked.transport
                );
                self.shared.log.write(self.address, &line);
            }
            "PAUSE" | "TEARDOWN" => self.plays.store(false, Ordering::Relaxed),
            _ => {}
        }
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

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nothing more comes from a client.
enum Ended {
    Closed,
    Bad(message::Bad),
}

/// Writes some of `bytes`, or, where there are none, lets go what is held back. It can be given up at any time.
async fn push(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        stream.flush().await?;
        return Ok(0);
    }
    match stream.write(bytes).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
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

/// A session's name, without what is said about it.
fn session_id(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

/// The path of an address.
fn path(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.trim_end_matches('/').to_owned()
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
