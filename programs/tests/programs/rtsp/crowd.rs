//! `camoverlay-rtsp` among many clients: silent ones, guessing ones, some that send what nobody waits for, and some that do
//! not take what they asked for.

use super::client::*;
use super::{Server, clip, make};

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Four clients that say that 2 GB follow, and begin to send them.
fn send_long_bodies(server: &Server) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(server);
                let head = "GET_PARAMETER * RTSP/1.0\r\nContent-Length: 2000000000\r\n\r\n";
                client.stream.write_all(head.as_bytes()).unwrap();
                let block = [b'x'; 65536];
                let mut sent = 0;
                while client.stream.write_all(&block).is_ok() {
                    sent += block.len();
                    assert!(sent < 100 << 20, "it takes {sent} bytes");
                }
            });
        }
    });
}

/// Ten clients that guess ada's password 150 times each: how many guesses were looked at or not answered in time, and
/// how many were refused unseen.
fn guess(server: &Server) -> [usize; 2] {
    let (heard, unheard) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let guesses: Vec<String> = (0..10).map(|n| basic("ada", &format!("x{n}"))).collect();
    std::thread::scope(|scope| {
        for guess in &guesses {
            scope.spawn(|| {
                for _ in 0..150 {
                    // The machine is the server's, too.
                    std::thread::sleep(Duration::from_millis(5));
                    let mut client = Client::connect(server);
                    // It does not wait for what is long in coming.
                    let brief = Some(Duration::from_millis(200));
                    client.stream.set_read_timeout(brief).unwrap();
                    match client.ask("DESCRIBE", guess).get(..12) {
                        Some("RTSP/1.0 200") => panic!("a wrong password gets in"),
                        Some("RTSP/1.0 503") => unheard.fetch_add(1, Ordering::Relaxed),
                        _ => heard.fetch_add(1, Ordering::Relaxed),
                    };
                }
            });
        }
    });
    [heard.into_inner(), unheard.into_inner()]
}

#[test]
fn bodies_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path())]);
    good_clients_are_served_during(&server, "", || send_long_bodies(&server));
    let mut client = Client::connect(&server);
    let answer = client.ask("GET_PARAMETER", "Content-Length: 2000000000\r\n");
    assert!(answer.starts_with("RTSP/1.0 413"), "{answer}");
    assert_eq!(client.answer(), "", "the connection stays");
}

#[test]
fn silent_tls_connections_shut_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certify(folder.path(), "localhost");
    let clip = clip(folder.path());
    let server = Server::start(&[&clip, "--tls-cert", &certificate, "--tls-key", &key]);
    let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url);
    s_client(&server, &request);
    let before = memory(&server, "VmRSS");
    let silent: Vec<TcpStream> = (0..200).map(|_| Client::connect(&server).stream).collect();
    // Some begin a handshake and fall silent then.
    for mut stream in silent.iter().take(50) {
        let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01");
    }
    for _ in 0..3 {
        let start = Instant::now();
        let said = s_client(&server, &request);
        assert!(said.contains("RTSP/1.0 200"), "{said}");
        // Two processes have started too.
        assert!(start.elapsed() < 2 * PROMPT, "{:?}", start.elapsed());
    }
    assert!(memory(&server, "VmHWM") < before + MEMORY);
    let start = Instant::now();
    for mut stream in silent {
        let _ = stream.read(&mut [0]);
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn guesses_are_slow_and_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hash = openssl_passwd("-6", "engine");
    let users = users(folder, &format!("ada:{hash}\n"));
    let log = folder.join("log");
    let server = Server::start(&[
        &clip(folder),
        "--users",
        &users,
        "--access-log",
        &log.to_string_lossy(),
    ]);
    let good = basic("ada", "engine");
    let mut answered = [0, 0];
    good_clients_are_served_during(&server, &good, || answered = guess(&server));
    let [heard, unheard] = answered;
    assert_eq!(heard + unheard, 1500);
    // The pauses are 0.5, 1, 2, 4 seconds and so on, of which eight may run at once; some do not live to be answered.
    let looked_at = lines(&log, "wrong-password", 1).len();
    assert!(
        looked_at < 30,
        "{looked_at} were looked at, {heard} of {unheard} not refused"
    );
}

#[test]
fn three_hundred_clients_see_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path()), "--max-per-address", "310"]);
    let clients = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    let seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // They read what they are sent.
        scope.spawn(|| {
            let mut buffer = vec![0; 1 << 16];
            while !stop.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(20));
                for client in clients.lock().unwrap().iter_mut() {
                    let client: &mut Client = client;
                    while client.stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        good_clients_are_served_during(&server, "", || {
            for _ in 0..300 {
                let mut client = Client::connect(&server);
                client.play();
                client.see();
                client.stream.set_nonblocking(true).unwrap();
                clients.lock().unwrap().push(client);
            }
            std::thread::sleep(PROMPT);
        });
        let before = seen.load(Ordering::Relaxed);
        std::thread::sleep(PROMPT);
        let in_a_second = seen.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Release);
        assert!(in_a_second > 5 * 300, "{in_a_second} reads in a second");
    });
}

#[test]
fn clients_beyond_the_limits_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    for (option, number) in [("--max-clients", "2"), ("--max-per-address", "2")] {
        let server = Server::start(&[&clip, option, number]);
        let mut clients = [Client::connect(&server), Client::connect(&server)];
        for client in &mut clients {
            client.play();
        }
        let mut third = Client::connect(&server);
        let answer = third.answer();
        assert!(answer.starts_with("RTSP/1.0 503"), "{option}: {answer}");
        drop(clients);
        // Those who have gone make room, and those who have not said anything give it.
        let silent = [Client::connect(&server), Client::connect(&server)];
        std::thread::sleep(Duration::from_millis(200));
        time_to_picture(&server, "");
        drop(silent);
    }
}

#[test]
fn who_does_not_read_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let snow = folder.join("snow.mp4");
    make(&format!(
        "videotestsrc pattern=snow num-buffers=50 ! video/x-raw,width=640,height=480,framerate=25/1 ! \
         x264enc tune=zerolatency speed-preset=ultrafast ! h264parse ! mp4mux ! filesink location={snow:?}"
    ));
    let log = folder.join("log");
    let server = Server::start(&[
        &snow.to_string_lossy(),
        "--access-log",
        &log.to_string_lossy(),
    ]);
    let mut stopped = Client::connect(&server);
    stopped.play();
    let mut watcher = Client::connect(&server);
    watcher.play();
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lines(&log, "reason=\"it did not read\"", 1);
            done.store(true, Ordering::Release);
        });
        let mut last = Instant::now();
        while !done.load(Ordering::Acquire) {
            watcher.see();
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
    });
    assert!(
        longest < 2 * PROMPT,
        "the picture stands still for {longest:?}"
    );
    assert!(time_to_picture(&server, "") < 2 * PROMPT);
    eprintln!(
        "left behind after {:?}, longest gap {longest:?}",
        start.elapsed()
    );
}

#[test]
#[ignore = "takes a minute and both cores"]
fn all_at_once_take_nothing_from_a_good_client() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let users = users(folder, &format!("ada:{}\n", openssl_passwd("-6", "engine")));
    let many = ["--max-clients", "900", "--max-per-address", "900"];
    let clip = clip(folder);
    let server = Server::start(&[&[clip.as_str(), "--users", &users], &many[..]].concat());
    let good = basic("ada", "engine");
    good_clients_are_served_during(&server, &good, || {
        let silent: Vec<Client> = (0..200).map(|_| Client::connect(&server)).collect();
        let mut stopped = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| send_long_bodies(&server));
            scope.spawn(|| guess(&server));
            for _ in 0..100 {
                let mut client = Client::connect(&server);
                client.headers.clone_from(&good);
                client.play();
                stopped.push(client);
            }
        });
        // Until those who do not read are left behind.
        std::thread::sleep(Duration::from_secs(15));
        drop((silent, stopped));
    });
}

#[test]
#[ignore = "takes two minutes"]
fn who_vanishes_while_it_is_sent_udp_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path())]);
    let mut client = Client::connect(&server);
    let long = Some(Duration::from_secs(150));
    client.stream.set_read_timeout(long).unwrap();
    let transport = "RTP/AVP;unicast;client_port=40000-40001";
    let answer = client.set_up(transport);
    let (_, session) = answer.split_once("Session: ").unwrap();
    let session = session.split([';', '\r']).next().unwrap();
    let answer = client.ask("PLAY", &format!("Session: {session}\r\n"));
    assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
    // The server sends into the void, and hears nothing back.
    let start = Instant::now();
    assert_eq!(client.answer(), "");
    assert!(
        start.elapsed() < Duration::from_secs(140),
        "{:?}",
        start.elapsed()
    );
}

#[test]
#[ignore = "takes half a minute"]
fn who_does_not_ask_for_the_picture_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path())]);
    let start = Instant::now();
    let mut silent = Client::connect(&server);
    let mut described = Client::connect(&server);
    described.ask("DESCRIBE", "");
    let mut set_up = Client::connect(&server);
    set_up.set_up("RTP/AVP/TCP;unicast;interleaved=0-1");
    // What keeps a session alive is not the picture.
    let mut chatty = Client::connect(&server);
    chatty.set_up("RTP/AVP/TCP;unicast;interleaved=0-1");
    while chatty.requests < 100 && !chatty.ask("OPTIONS", "").is_empty() {
        std::thread::sleep(PROMPT);
    }
    for (client, seconds) in [(&mut silent, 10), (&mut described, 30), (&mut set_up, 30)] {
        assert_eq!(client.answer(), "");
        assert!(start.elapsed() < Duration::from_secs(seconds + 35));
    }
    assert!(
        start.elapsed() < Duration::from_secs(40),
        "{:?}",
        start.elapsed()
    );
    // Who watches stays.
    time_to_picture(&server, "");
}
