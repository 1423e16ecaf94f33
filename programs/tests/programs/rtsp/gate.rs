//! `camoverlay-rtsp` in the open: who gets in, and what each is answered.

use super::client::*;
use super::{PASSWORD, PROGRAM, Server, clip, ffprobe, probe, refusal, run};

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// The longest time that `client` sees no new picture in, of a second and a half.
fn longest_gap(client: &mut Client) -> Duration {
    let (start, mut longest, mut last) = (Instant::now(), Duration::ZERO, Instant::now());
    while start.elapsed() < Duration::from_millis(1500) {
        client.see();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}

#[test]
fn what_one_asks_for_takes_nothing_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path())]);
    let mut watcher = Client::connect(&server);
    watcher.play();
    // A read that waits for longer fails.
    watcher.stream.set_read_timeout(Some(3 * PROMPT)).unwrap();
    let port = server.port().to_string();
    for url in [
        format!("{}?x=1", server.url),
        format!("{}/", server.url),
        server.url.replace(&port, "554"),
        server.url.replace("127.0.0.1", "camera.example"),
    ] {
        let mut other = Client::connect(&server);
        let answer = other.ask_for("DESCRIBE", &url, "");
        assert!(answer.starts_with("RTSP/1.0 200"), "{url}: {answer}");
        assert!(longest_gap(&mut watcher) < PROMPT, "{url}");
    }
    let headers = "Range: npt=100-\r\nScale: -2.0\r\nSpeed: 0.1\r\nBlocksize: 1\r\n";
    let mut other = Client::connect(&server);
    other.play();
    other.ask("PLAY", headers);
    assert!(longest_gap(&mut watcher) < PROMPT);
    // Nor is another's session its to end.
    let session = format!("Session: {}\r\n", watcher.session);
    for method in ["TEARDOWN", "PAUSE"] {
        let answer = other.ask(method, &session);
        assert!(answer.starts_with("RTSP/1.0 454"), "{answer}");
    }
    assert!(longest_gap(&mut watcher) < PROMPT);
    // Sessions are not had by the dozen, nor answers by the thousand.
    let answers: Vec<String> = (0..6)
        .map(|_| other.set_up("RTP/AVP/TCP;unicast;interleaved=0-1"))
        .collect();
    assert!(answers[5].starts_with("RTSP/1.0 453"), "{answers:?}");
    let start = Instant::now();
    for _ in 0..110 {
        other.ask("OPTIONS", "");
    }
    assert!(start.elapsed() > PROMPT, "{:?}", start.elapsed());
}

#[test]
fn paths_are_not_told_before_the_login() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_for_ada(&[&clip(folder.path())]);
    let there = server.url.clone();
    let nowhere = there.replace("/cam", "/nowhere");
    for method in [
        "DESCRIBE", "SETUP", "PLAY", "ANNOUNCE", "TEARDOWN", "NONSENSE",
    ] {
        let answers = [&there, &nowhere, &"*".to_owned()].map(|url| {
            let answer = Client::connect(&server).ask_for(method, url, "");
            let (before, rest) = answer.split_once("nonce=\"").unwrap();
            before.to_owned() + &rest[32..]
        });
        assert!(answers[0].starts_with("RTSP/1.0 401"), "{answers:?}");
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{answers:?}"
        );
    }
    // What can be asked at all is told of any path.
    let options = |url: &str| Client::connect(&server).ask_for("OPTIONS", url, "");
    assert!(options(&there).starts_with("RTSP/1.0 200"));
    assert_eq!(options(&there), options(&nowhere));
    // GStreamer's client gives up as soon as the password is wrong.
    let location = format!("location={there}");
    let words = [
        "20",
        "gst-launch-1.0",
        "rtspsrc",
        &location,
        "user-id=ada",
        "user-pw=x",
        "!",
        "fakesink",
    ];
    let output = run("timeout", &words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Unauthorized"), "{:?}: {said}", output.status);
    // Behind it they are.
    let login = |url: &str| url.replace("rtsp://", "rtsp://ada:engine@");
    assert!(probe(&login(&nowhere), "tcp").unwrap_err().contains("404"));
    assert!(probe(&login(&there), "tcp").is_ok());
}

#[test]
fn users_of_a_file_get_in_by_what_debian_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clip = clip(folder);
    // Debian's own crypt(3), as htpasswd and mkpasswd have it too.
    let perl = "print crypt('engine', '$2y$06$abcdefghijklmnopqrstuu')";
    let bcrypt = String::from_utf8(run("perl", &["-e", perl]).stdout).unwrap();
    let hashes = [
        bcrypt,
        openssl_passwd("-6", "engine"),
        openssl_passwd("-5", "engine"),
    ];
    let lines: String = hashes
        .iter()
        .enumerate()
        .map(|(number, hash)| format!("user{number}:{hash}\n"))
        .collect();
    let file = users(folder, &format!("# those who may\n\n{lines}"));
    let server = Server::start(&[&clip, "--users", &file]);
    let probed = |login: &str| {
        let url = server.url.replace("rtsp://", &format!("rtsp://{login}@"));
        ffprobe(&url, "-rtsp_transport tcp -show_entries stream=codec_name")
    };
    for number in 0..hashes.len() {
        let seen = probed(&format!("user{number}:engine")).unwrap();
        assert!(seen.contains("h264"), "{number}: {seen}");
    }
    assert!(probed("user0:difference").unwrap_err().contains("401"));
    assert!(probed("nobody:engine").unwrap_err().contains("401"));
    // The file may change: who is no longer in it has been in for the last time.
    users(folder, &format!("ada:{}\n", openssl_passwd("-6", "engine")));
    assert!(probed("ada:engine").is_ok());
    assert!(probed("user0:engine").unwrap_err().contains("401"));
}

/// A line as htdigest writes it.
fn htdigest(user: &str, realm: &str, password: &str) -> String {
    let sum = format!("printf %s '{user}:{realm}:{password}' | md5sum | cut -c1-32");
    let sum = String::from_utf8(run("sh", &["-c", &sum]).stdout).unwrap();
    format!("{user}:{realm}:{sum}")
}

#[test]
fn users_of_htdigest_need_no_tls() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clip = clip(folder);
    let lines = htdigest("ada", "camoverlay", "engine") + &htdigest("charles", "camoverlay", "x");
    let file = users(folder, &lines);
    let server = Server::start(&[&clip, "--users", &file, "--listen", "0.0.0.0"]);
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let with = |login: &str| url.replace("rtsp://", &format!("rtsp://{login}@"));
    for login in ["ada:engine", "charles:x"] {
        assert!(probe(&with(login), "tcp").is_ok(), "{login}");
    }
    assert!(probe(&with("charles:engine"), "tcp").is_err());
}

#[test]
fn users_who_cannot_be_are_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = openssl_passwd("-6", "engine");
    for (text, words) in [
        (String::new(), "has no users"),
        ("ada\n".to_owned(), "line 1: there is no “name:hash”"),
        (
            "\nada:engine\n".to_owned(),
            "line 2: the password of \"ada\" is not hashed",
        ),
        (
            format!("ada:{}\n", openssl_passwd("-1", "x")),
            "is not hashed in a way",
        ),
        (
            format!("ada:{}\n", openssl_passwd("-apr1", "x")),
            "is not hashed in a way",
        ),
        (
            "ada:$2y$99$abcdefghijklmnopqrstuu\n".to_owned(),
            "is not hashed in a way",
        ),
        (
            "ada:$2y$31$abcdefghijklmnopqrstuuUUvddHRmhXjg7IYl72Nv1THBPI9/EJy\n".to_owned(),
            "takes too long",
        ),
        (
            "ada:$6$rounds=999999999$salt$x\n".to_owned(),
            "takes too long",
        ),
        (format!("ada:{}\n", &good[..20]), "is not hashed in a way"),
        (
            format!("ada:{good}\nada:{good}\n"),
            "two users called \"ada\"",
        ),
        (
            htdigest("ada", "elsewhere", "engine"),
            "htdigest FILE camoverlay",
        ),
        ("x".repeat(2 << 20), "more than"),
    ] {
        let file = users(folder, &text);
        // They are read before the input is.
        let (code, said) = refusal(&["missing.mp4", "--users", &file]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("engine") && !said.contains("$6$"), "{said}");
    }
    let (code, said) = refusal(&["missing.mp4", "--users", &folder.to_string_lossy()]);
    assert!(code == Some(1) && said.contains("it is no file"), "{said}");
    // Passwords in the clear stay on this machine.
    let file = users(folder, &format!("ada:{good}\n"));
    let (code, said) = refusal(&["missing.mp4", "--users", &file, "--listen", "0.0.0.0"]);
    assert!(code == Some(1) && said.contains("--tls-cert"), "{said}");
}

#[test]
fn renewed_certificates_are_shown_to_the_next_client() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [certificate, key] = certify(folder, "first");
    let clip = clip(folder);
    let mut server = Server::start(&[&clip, "--tls-cert", &certificate, "--tls-key", &key]);
    let shown = || s_client(&server, "");
    assert!(shown().contains("CN=first"), "{}", shown());
    certify(folder, "second");
    assert!(shown().contains("CN=second"), "{}", shown());
    // What cannot be used changes nothing.
    fs::write(&certificate, "nonsense").unwrap();
    for _ in 0..2 {
        assert!(shown().contains("CN=second"), "{}", shown());
    }
    certify(folder, "third");
    assert!(shown().contains("CN=third"), "{}", shown());
    server.signal("-INT");
    let (_, said) = server.wait();
    assert_eq!(
        said.matches("What was read before stays in use").count(),
        1,
        "{said}"
    );
}

#[test]
fn keys_for_everybody_to_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [certificate, key] = certify(folder, "localhost");
    let hash = openssl_passwd("-6", "engine");
    let file = users(folder, &format!("ada:{hash}\n"));
    let clip = clip(folder);
    let said = || {
        let words = [
            &*clip,
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
            "--users",
            &file,
        ];
        let mut server = Server::start(&words);
        server.signal("-INT");
        server.wait().1
    };
    assert_eq!(said(), "");
    for open in [&key, &file] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
        let said = said();
        assert!(
            said.contains("Everybody on this machine") && said.contains(open),
            "{said}"
        );
        fs::set_permissions(open, fs::Permissions::from_mode(0o640)).unwrap();
    }
}

#[test]
fn with_tls_the_picture_is_encrypted_too() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certify(folder.path(), "localhost");
    let clip = clip(folder.path());
    let server = Server::start(&[&clip, "--tls-cert", &certificate, "--tls-key", &key]);
    let request = format!(
        "SETUP {}/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n",
        server.url
    );
    let said = s_client(&server, &request);
    assert!(said.contains("RTSP/1.0 461"), "{said}");
}

#[test]
fn the_access_log_has_a_line_for_all_that_happens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = folder.join("log");
    let hash = openssl_passwd("-6", "engine");
    let file = users(folder, &format!("ada:{hash}\n"));
    let words = [
        &*clip(folder),
        "--users",
        &file,
        "--access-log",
        &log.to_string_lossy(),
    ];
    let server = Server::start(&words);
    let start = Instant::now();
    time_to_picture(&server, &basic("ada", "engine"));
    let left = lines(&log, " left user=\"ada\"", 1).remove(0);
    let plays = lines(&log, " plays ", 1).remove(0);
    assert!(
        plays.ends_with("user=\"ada\" path=\"/cam\" transport=tcp"),
        "{plays}"
    );
    assert!(
        left.contains("path=\"/cam\"")
            && left.ends_with("reason=\"the client closed the connection\"")
    );
    let field = |name: &str| -> f64 {
        let (_, rest) = left.split_once(name).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    assert!(
        field("sent=") > 500.0 && field("received=") > 100.0,
        "{left}"
    );
    assert!(
        field("seconds=") <= start.elapsed().as_secs_f64() + 0.1,
        "{left}"
    );
    // What clients call themselves is not taken at its word.
    let odd = "a\nb\u{1b}[2J\u{202e} 127.0.0.1 plays";
    let mut client = Client::connect(&server);
    client.ask("DESCRIBE", &basic(odd, "x"));
    let guess = lines(&log, "wrong-password", 1).remove(0);
    assert!(
        guess.contains(r#"user="a\nb\u{1b}[2J\u{202e} 127.0.0.1 plays""#),
        "{guess}"
    );
    let whole = fs::read_to_string(&log).unwrap();
    assert!(
        whole
            .lines()
            .all(|line| line.starts_with("20") && !line.contains('\u{1b}'))
    );
    assert!(!whole.contains("engine"), "{whole}");
}

#[test]
fn what_is_no_rtsp_is_answered_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let server = Server::start(&[&clip]);
    let long = "x".repeat(9000);
    let said = |words: &str| {
        let mut client = Client::connect(&server);
        // The answer may be on its way already.
        let _ = client.stream.write_all(words.as_bytes());
        let answer = client.answer();
        assert_eq!(client.answer(), "", "{words:?}");
        answer.get(..12).unwrap_or_default().to_owned()
    };
    for (words, status) in [
        (
            "GET /cam HTTP/1.0\r\nx-sessioncookie: 1\r\n\r\n",
            "RTSP/1.0 501",
        ),
        ("nonsense\r\n\r\n", "RTSP/1.0 400"),
        (
            "OPTIONS * RTSP/1.0\nCSeq: 1\n\nDESCRIBE * RTSP/1.0\r\n\r\n",
            "RTSP/1.0 400",
        ),
        (
            "OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "RTSP/1.0 400",
        ),
        (&*long, "RTSP/1.0 413"),
    ] {
        assert_eq!(said(words), status, "{words:?}");
    }
    // After the login, too.
    let mut client = Client::connect(&server);
    assert!(client.ask("ANNOUNCE", "").starts_with("RTSP/1.0 501"));
    assert!(client.ask("OPTIONS", "").starts_with("RTSP/1.0 200"));
    client.stream.write_all(b"nonsense\r\n\r\n").unwrap();
    assert!(client.answer().starts_with("RTSP/1.0 400"));
    assert_eq!(client.answer(), "");
    // Who has said all there is to say, and waits, is served to the end.
    let mut client = Client::connect(&server);
    client.play();
    client.stream.shutdown(Shutdown::Write).unwrap();
    while client.fill() {}
    assert!(time_to_picture(&server, "") < 3 * PROMPT);
}

/// Nothing of the password is on the command line, nor can it be put there.
#[test]
fn passwords_are_not_in_the_list_of_processes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_for_ada(&[&clip(folder.path())]);
    let words = fs::read(format!("/proc/{}/cmdline", server.process.id())).unwrap();
    assert!(!String::from_utf8_lossy(&words).contains("engine"));
    let help = run(PROGRAM, &["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains(PASSWORD) && !help.contains("--password"));
}

/// Clients by IPv6 are served over UDP, too: the server sends by the family that it is asked by.
#[test]
fn clients_by_ipv6_are_served() {
    let folder = tempfile::tempdir().unwrap();
    if TcpStream::connect("[::1]:1")
        .is_err_and(|error| error.kind() != std::io::ErrorKind::ConnectionRefused)
    {
        return crate::common::skipped("clients by IPv6", "there is no IPv6 here");
    }
    let server = Server::start(&[&clip(folder.path()), "--listen", "::1"]);
    assert!(server.url.contains("[::1]:"), "{}", server.url);
    for transport in ["tcp", "udp"] {
        probe(&server.url, transport).unwrap();
    }
}
