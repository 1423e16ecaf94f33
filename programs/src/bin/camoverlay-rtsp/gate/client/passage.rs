//! What goes between a client that has been let in and the server.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::access_log::quoted;
use super::super::message::{self, Received, Request};
use super::{AT_ONCE, CLOSED, Client, Ended, Reason, STALLED};

/// How long who has been let in may take to ask for the picture.
const UNTIL_PLAY: Duration = Duration::from_secs(30);
/// How long a stopped picture is kept without a request; as long as the server keeps a session.
pub const STOPPED: Duration = Duration::from_secs(60);
/// How many bytes wait for a client that is slower than the picture; packets beyond them are lost to it.
const WAITING: usize = 128 << 10;
/// How long a client has to read the last answer before the connection ends.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Sessions that one connection may have.
const SESSIONS: usize = 4;
/// How many requests come as they like; further ones, which players spread over hours, are held back each for a moment.
const AT_WILL: u32 = 100;
const PACE: Duration = Duration::from_millis(100);
/// What the gate lets through: watching, and nothing else.
pub const METHODS: [&str; 8] = [
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
];

const ENDED: Reason = "the server ended the session";

/// What a client has asked the server for.
#[derive(Default)]
pub struct Asked {
    /// The requests that have not been answered yet.
    open: VecDeque<Request>,
    /// The sessions that the server has given it: others' are not its to end.
    sessions: Vec<String>,
    transport: &'static str,
    /// The path that was played last; empty before.
    pub path: String,
}

impl Client {
    /// From the client to the server, beginning with `request`.
    pub(super) async fn up(
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
                    Err(_) if self.plays.load(Ordering::Relaxed) => {
                        // One that is sent UDP and has not said for a while that it receives it has none any more.
                        let sessions = self.asked().sessions.clone();
                        if !(self.shared.server.has_session)(&sessions) {
                            return "its session has expired";
                        }
                        last = Instant::now();
                    }
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
    pub(super) async fn down(
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
                self.place.settle();
                self.plays.store(true, Ordering::Relaxed);
                let line = format!(
                    "plays user={} path={} transport={}",
                    quoted(self.user.as_deref().unwrap_or_default()),
                    quoted(&asked.path),
                    asked.transport
                );
                self.shared.log.write(self.address, &line);
            }
            "PAUSE" => self.plays.store(false, Ordering::Relaxed),
            "TEARDOWN" => {
                self.plays.store(false, Ordering::Relaxed);
                let ended = request.header("session").map(session_id);
                asked.sessions.retain(|own| Some(&**own) != ended);
            }
            _ => {}
        }
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
