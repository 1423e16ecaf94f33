//! Clients of `camoverlay-rtsp` that do just what they are told, and how soon one of them sees a picture.

use super::{PATIENCE, Server, run};

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How soon a good client sees a picture, whatever the others do.
pub const PROMPT: Duration = Duration::from_secs(1);
/// How much more memory the others may cost.
pub const MEMORY: u64 = 50 << 20;

/// A client that says just what it is told.
pub struct Client {
    pub stream: TcpStream,
    pub url: String,
    pub inbox: Vec<u8>,
    pub requests: u32,
    pub session: String,
    /// Header lines of every request.
    pub headers: String,
}

impl Client {
    pub fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self {
            stream,
            url: server.url.clone(),
            inbox: Vec::new(),
            requests: 0,
            session: String::new(),
            headers: String::new(),
        }
    }

    /// A request for the stream; the head of the answer.
    pub fn ask(&mut self, method: &str, headers: &str) -> String {
        let url = self.url.clone();
        self.ask_for(method, &url, headers)
    }

    pub fn ask_for(&mut self, method: &str, url: &str, headers: &str) -> String {
        self.requests += 1;
        let number = self.requests;
        let request = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {number}\r\n{}{headers}\r\n",
            self.headers
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        self.answer()
    }

    /// The head of the next answer; empty at the end.
    pub fn answer(&mut self) -> String {
        loop {
            if self.inbox.first() == Some(&b'$') {
                self.packet();
            } else if let Some(end) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.inbox.drain(..end + 4).collect();
                let head = String::from_utf8(head).unwrap();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("Content-Length: "))
                    .map_or(0, |length| length.parse().unwrap());
                while self.inbox.len() < length {
                    assert!(self.fill(), "an answer is cut off");
                }
                self.inbox.drain(..length);
                return head;
            } else if !self.fill() {
                return String::new();
            }
        }
    }

    /// Waits for more; false at the end.
    pub fn fill(&mut self) -> bool {
        let mut bytes = [0; 65536];
        let Ok(read @ 1..) = self.stream.read(&mut bytes) else {
            return false;
        };
        self.inbox.extend_from_slice(&bytes[..read]);
        true
    }

    /// Takes the next packet, of which there is a beginning; its channel.
    pub fn packet(&mut self) -> u8 {
        let size = loop {
            if let [b'$', _, high, low, ..] = self.inbox[..] {
                let size = 4 + usize::from(u16::from_be_bytes([high, low]));
                if self.inbox.len() >= size {
                    break size;
                }
            }
            assert!(self.fill(), "a packet is cut off");
        };
        let channel = self.inbox[1];
        self.inbox.drain(..size);
        channel
    }

    /// Asks for the picture, over TCP.
    pub fn play(&mut self) {
        let answers = [
            self.ask("DESCRIBE", "Accept: application/sdp\r\n"),
            self.set_up("RTP/AVP/TCP;unicast;interleaved=0-1"),
        ];
        for answer in &answers {
            assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
        }
        let session = answers[1]
            .lines()
            .find_map(|line| line.strip_prefix("Session: "))
            .unwrap();
        self.session = session.split(';').next().unwrap().to_owned();
        let headers = format!("Session: {}\r\nRange: npt=0-\r\n", self.session);
        let answer = self.ask("PLAY", &headers);
        assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
    }

    pub fn set_up(&mut self, transport: &str) -> String {
        let url = format!("{}/stream=0", self.url);
        self.ask_for("SETUP", &url, &format!("Transport: {transport}\r\n"))
    }

    /// Waits for a packet of the picture.
    pub fn see(&mut self) {
        loop {
            if self.inbox.is_empty() {
                assert!(self.fill(), "the picture ends");
            }
            if self.packet() == 0 {
                return;
            }
        }
    }
}

/// How long it takes to see a picture.
pub fn time_to_picture(server: &Server, headers: &str) -> Duration {
    let start = Instant::now();
    let mut client = Client::connect(server);
    client.headers = headers.to_owned();
    client.play();
    client.see();
    start.elapsed()
}

/// Lets `attack` go on while good clients come, one after the other, until it ends; each sees a picture soon, and memory
/// stays what it was.
pub fn good_clients_are_served_during(
    server: &Server,
    headers: &str,
    attack: impl FnOnce() + Send,
) {
    time_to_picture(server, headers);
    let before = memory(server, "VmRSS");
    let done = AtomicBool::new(false);
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            attack();
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) || times.len() < 3 {
            times.push(time_to_picture(server, headers));
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let after = memory(server, "VmHWM");
    eprintln!("{times:?}, {before} to {after} bytes");
    times.sort_unstable();
    // One may be late for the machine's own reasons.
    assert!(times[times.len() / 2] < PROMPT, "{times:?}");
    assert!(times[times.len() - 1] < 3 * PROMPT, "{times:?}");
    assert!(after < before + MEMORY, "{before} bytes, then {after}");
}

/// Bytes of the server's memory, now (VmRSS) or at most (VmHWM).
pub fn memory(server: &Server, which: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

pub fn basic(user: &str, password: &str) -> String {
    let login = run(
        "sh",
        &["-c", &format!("printf %s '{user}:{password}' | base64 -w0")],
    );
    let login = String::from_utf8(login.stdout).unwrap();
    format!("Authorization: Basic {login}\r\n")
}

/// A file of users, nobody else's to read.
pub fn users(folder: &Path, lines: &str) -> String {
    let file = folder.join("users");
    fs::write(&file, lines).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.to_string_lossy().into_owned()
}

/// What `openssl` makes of a password.
pub fn openssl_passwd(kind: &str, password: &str) -> String {
    let output = run("openssl", &["passwd", kind, password]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A certificate for `name` and its key, in files of `folder`.
pub fn certify(folder: &Path, name: &str) -> [String; 2] {
    let files = ["certificate.pem", "key.pem"].map(|file| folder.join(file));
    let [certificate, key] = files.map(|path| path.to_string_lossy().into_owned());
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";
    let subject = format!("/CN={name}");
    let mut all: Vec<&str> = words.split(' ').collect();
    all.extend(["-subj", &subject, "-out", &certificate, "-keyout", &key]);
    let output = run("openssl", &all);
    assert!(output.status.success(), "{output:?}");
    [certificate, key]
}

/// What `openssl s_client` is told by the server when it sends `request`, certificate and answer.
pub fn s_client(server: &Server, request: &str) -> String {
    let mut child = Command::new("timeout")
        .args([
            "20", "openssl", "s_client", "-quiet", "-ign_eof", "-nameopt", "RFC2253", "-connect",
        ])
        .arg(format!("127.0.0.1:{}", server.port()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The server ends the connection after what is no RTSP.
    let words = format!("{request}nonsense\r\n\r\n");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(words.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let both = [output.stderr, output.stdout].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The lines of a log as soon as `count` of them have `words`.
pub fn lines(log: &Path, words: &str, count: usize) -> Vec<String> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let found: Vec<String> = text
            .lines()
            .filter(|line| line.contains(words))
            .map(str::to_owned)
            .collect();
        if found.len() >= count {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{words}: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
