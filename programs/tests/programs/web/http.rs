//! Requests as anybody can write them, byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::PATIENCE;

pub struct Request {
    head: String,
    headers: Vec<(String, String)>,
    body: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\n"),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// As the page sends it.
    pub fn post(path: &str, body: &Value) -> Self {
        let request = Self::new("POST", path).with("Content-Type", "application/json");
        request.with_body(&body.to_string())
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// Sends it to this machine; the connection, on which the answer comes.
    pub fn begin(self, port: u16) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = self.head;
        let has_host = self.headers.iter().any(|(name, _)| name == "Host");
        if !has_host {
            text += &format!("Host: 127.0.0.1:{port}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        stream.write_all(text.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Sends it where somebody listens, and waits for an answer, whatever it is.
    pub fn try_send(self, port: u16) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            let mut line = String::new();
            let _ = self.begin(port).read_line(&mut line);
        }
    }

    /// Sends it, and waits for the whole answer.
    pub fn send(self, port: u16) -> Answer {
        let mut stream = self.with("Connection", "close").begin(port);
        let (status, headers) = head(&mut stream);
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .map(|(_, length)| length.parse().unwrap());
        let mut body = Vec::new();
        match length {
            Some(length) => stream.take(length).read_to_end(&mut body).unwrap(),
            None => stream.read_to_end(&mut body).unwrap(),
        };
        Answer {
            status,
            headers,
            body,
        }
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, wanted: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }
}

/// The status and the headers of an answer, their names in small letters.
fn head(stream: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.split_once(':') else {
            return (status, headers);
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// What the server tells a page, until this is dropped.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub fn of(port: u16) -> Self {
        let mut stream = Request::get("/events").begin(port);
        let (status, headers) = head(&mut stream);
        assert_eq!(status, 200, "{headers:?}");
        Self(stream)
    }

    /// The next event called `name`.
    pub fn next(&mut self, name: &str) -> Value {
        let wanted = format!("event: {name}");
        let mut is_it = false;
        for line in self.0.by_ref().lines() {
            let line = line.expect("an event within a minute");
            if line.starts_with("event: ") {
                is_it = line == wanted;
            } else if let Some(data) = line.strip_prefix("data: ")
                && is_it
            {
                return serde_json::from_str(data).unwrap();
            }
        }
        panic!("the server tells no {name} any more");
    }

    /// The first event called `name` of which `is_right` is true.
    pub fn when(&mut self, name: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let start = std::time::Instant::now();
        loop {
            let event = self.next(name);
            if is_right(&event) {
                return event;
            }
            assert!(start.elapsed() < PATIENCE, "{event}");
        }
    }
}
