//! RTSP as it comes over a connection (RFC 2326): requests, answers, and RTP in between.

use bytes::{Buf, BytesMut};

/// The most bytes of a request's first line and headers.
pub const MAX_HEAD: usize = 8 << 10;
/// The most bytes of a request's body: players send a few parameters at most.
pub const MAX_BODY: usize = 16 << 10;

/// The headers that go on to the server. Those that are left out are a login, which is no business of its log's, and what
/// one client could change the picture of all with: its speed, the size of its packets.
const HEADERS: [&str; 11] = [
    "accept",
    "content-length",
    "content-type",
    "cseq",
    "proxy-require",
    "range",
    "require",
    "session",
    "timestamp",
    "transport",
    "user-agent",
];

/// What a client sends.
pub enum Received {
    Request(Request),
    /// An interleaved packet, its four bytes of header included.
    Packet(BytesMut),
}

/// A request, which has no control characters in its lines.
pub struct Request {
    pub method: String,
    pub uri: String,
    headers: Vec<(String, String)>,
    body: BytesMut,
}

/// Why a request is none: the status of the answer, after which the connection ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad(pub &'static str);

const BAD_REQUEST: Bad = Bad("400 Bad Request");
const TOO_LARGE: Bad = Bad("413 Request Entity Too Large");
const TUNNEL: Bad = Bad("501 Not Implemented");

/// Takes the next whole thing out of `buffer`; none if it is still to come.
///
/// # Errors
/// It is no RTSP, or more than there may be, which shows before all of it has come.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Received>, Bad> {
    // Empty lines between requests are allowed.
    while buffer.first().is_some_and(|byte| b"\r\n".contains(byte)) {
        buffer.advance(1);
    }
    if buffer.first() == Some(&b'$') {
        return Ok(packet(buffer).map(Received::Packet));
    }
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        return match buffer.len() > MAX_HEAD {
            true => Err(TOO_LARGE),
            false => Ok(None),
        };
    };
    if end > MAX_HEAD {
        return Err(TOO_LARGE);
    }
    let head = std::str::from_utf8(&buffer[..end]).map_err(|_| BAD_REQUEST)?;
    let mut request = Request::parse(head)?;
    let length = request.body_length()?;
    let whole = end + 4 + length;
    if buffer.len() < whole {
        return Ok(None);
    }
    buffer.advance(end + 4);
    request.body = buffer.split_to(length);
    Ok(Some(Received::Request(request)))
}

/// Takes the next whole thing that the server sends out of `buffer`: a packet, or an answer as it is; none if it is
/// still to come. Nothing the server sends is wrong.
pub fn take_answer(buffer: &mut BytesMut) -> Option<BytesMut> {
    if buffer.first() == Some(&b'$') {
        return packet(buffer);
    }
    let end = find(buffer, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]);
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = end + lengths.next_back().unwrap_or(0);
    (buffer.len() >= whole).then(|| buffer.split_to(whole))
}

fn packet(buffer: &mut BytesMut) -> Option<BytesMut> {
    let size = 4 + usize::from(u16::from_be_bytes([*buffer.get(2)?, *buffer.get(3)?]));
    (buffer.len() >= size).then(|| buffer.split_to(size))
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|window| window == what)
}

impl Request {
    fn parse(head: &str) -> Result<Self, Bad> {
        let mut lines = head.split("\r\n");
        let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, uri, version] = first[..] else {
            return Err(BAD_REQUEST);
        };
        if version.starts_with("HTTP/") {
            return Err(TUNNEL);
        }
        let token = |text: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            !text.is_empty() && text.chars().all(fits)
        };
        if version != "RTSP/1.0" || !token(method) || uri.is_empty() {
            return Err(BAD_REQUEST);
        }
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(BAD_REQUEST)?;
            if !token(name) {
                return Err(BAD_REQUEST);
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if head
            .split("\r\n")
            .any(|line| line.contains(char::is_control))
        {
            return Err(BAD_REQUEST);
        }
        Ok(Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            headers,
            body: BytesMut::new(),
        })
    }

    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        let (_, value) = found.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    fn body_length(&self) -> Result<usize, Bad> {
        let mut lengths = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = match (lengths.next(), lengths.next()) {
            (None, _) => return Ok(0),
            (Some((_, length)), None) => length,
            // Of two, the server might believe the other.
            (Some(_), Some(_)) => return Err(BAD_REQUEST),
        };
        if length.is_empty() || !length.chars().all(|c| c.is_ascii_digit()) {
            return Err(BAD_REQUEST);
        }
        match length.parse() {
            Ok(length) if length <= MAX_BODY => Ok(length),
            _ => Err(TOO_LARGE),
        }
    }

    /// The request as the server behind shall read it.
    pub fn to_server(&self) -> Vec<u8> {
        let mut text = format!("{} {} RTSP/1.0\r\n", self.method, self.uri);
        for (name, value) in &self.headers {
            if HEADERS.contains(&&*name.to_ascii_lowercase()) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// An answer of the gate's own, with further header lines, each with its end.
    pub fn answer(&self, status: &str, headers: &str) -> Vec<u8> {
        // What is no number is not given back: it would be a header of the sender's choice.
        let number = self
            .header("cseq")
            .filter(|number| number.len() < 20 && number.chars().all(|c| c.is_ascii_digit()));
        let number = number.map_or_else(String::new, |number| format!("CSeq: {number}\r\n"));
        format!("RTSP/1.0 {status}\r\n{number}{headers}\r\n").into_bytes()
    }
}

impl Bad {
    pub fn answer(&self) -> Vec<u8> {
        format!("RTSP/1.0 {}\r\nConnection: close\r\n\r\n", self.0).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(text: &str) -> Result<Option<Received>, Bad> {
        take(&mut BytesMut::from(text))
    }

    #[test]
    fn a_request_goes_on_as_it_came_without_its_login() {
        let text = "\r\nSETUP rtsp://host/cam RTSP/1.0\r\nCSeq: 2\r\nAuthorization: Basic eDp5\r\nSpeed: 2\r\n\
                    content-length: 3\r\nTransport: RTP/AVP\r\n\r\nabcPLAY";
        let mut buffer = BytesMut::from(text);
        let Ok(Some(Received::Request(request))) = take(&mut buffer) else {
            panic!("no request");
        };
        assert_eq!(request.header("authorization"), Some("Basic eDp5"));
        assert_eq!(&buffer[..], b"PLAY");
        let expected = "SETUP rtsp://host/cam RTSP/1.0\r\nCSeq: 2\r\ncontent-length: 3\r\n\
                        Transport: RTP/AVP\r\n\r\nabc";
        assert_eq!(request.to_server(), expected.as_bytes());
    }

    #[test]
    fn what_is_no_request_is_refused_before_all_of_it_has_come() {
        let long = "x".repeat(MAX_HEAD + 1);
        let line = "OPTIONS * RTSP/1.0\r\n";
        for (text, bad) in [
            (long.clone(), TOO_LARGE),
            (format!("{line}A: {long}\r\n\r\n"), TOO_LARGE),
            (
                format!("{line}Content-Length: 2000000000\r\n\r\n"),
                TOO_LARGE,
            ),
            (
                format!("{line}Content-Length: 99999999999999999999999\r\n\r\n"),
                TOO_LARGE,
            ),
            (format!("{line}Content-Length: -1\r\n\r\n"), BAD_REQUEST),
            (
                format!("{line}Content-Length: 1\r\ncontent-length: 1\r\n\r\n"),
                BAD_REQUEST,
            ),
            (format!("{line}Content-Length : 1\r\n\r\n"), BAD_REQUEST),
            (format!("{line}A: b\n\nDESCRIBE\r\n\r\n"), BAD_REQUEST),
            (format!("{line}A: b\rB: c\r\n\r\n"), BAD_REQUEST),
            (format!("{line} folded\r\n\r\n"), BAD_REQUEST),
            (format!("{line}A: \0\r\n\r\n"), BAD_REQUEST),
            ("OPTIONS *\r\n\r\n".to_owned(), BAD_REQUEST),
            ("OPTIONS  * RTSP/1.0\r\n\r\n".to_owned(), BAD_REQUEST),
            ("OPTIONS * RTSP/2.0\r\n\r\n".to_owned(), BAD_REQUEST),
            (
                "GET /cam HTTP/1.0\r\nx-sessioncookie: 1\r\n\r\n".to_owned(),
                TUNNEL,
            ),
        ] {
            assert_eq!(received(&text).err(), Some(bad), "{text:?}");
        }
    }

    #[test]
    fn packets_and_answers_are_taken_whole() {
        let mut buffer = BytesMut::from(
            &b"$\x00\x00\x02abRTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nxy$\x01\x00"[..],
        );
        assert_eq!(take_answer(&mut buffer).unwrap(), &b"$\x00\x00\x02ab"[..]);
        let answer = take_answer(&mut buffer).unwrap();
        assert!(answer.starts_with(b"RTSP") && answer.ends_with(b"\r\n\r\nxy"));
        assert!(take_answer(&mut buffer).is_none() && buffer.len() == 3);
        assert!(matches!(
            received("$\0\0\x01a"),
            Ok(Some(Received::Packet(_)))
        ));
        assert!(matches!(received("OPTIONS * RTSP/1.0\r\n"), Ok(None)));
    }
}
