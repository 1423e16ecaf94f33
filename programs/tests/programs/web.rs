//! `camoverlay-web` as its users see it: in Chromium, and by requests that no page of ours sends.

use crate::camera::Camera;
use crate::common::{self, Picture, source};

mod browser;
mod crowd;
mod gate;
mod http;
mod page;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use http::{Answer, Request};

const PROGRAM: &str = env!("CARGO_BIN_EXE_camoverlay-web");
const CAT: &str = "examples/media/chelsea.png";

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Serves at any free port; comes back once browsers may come.
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(PROGRAM), arguments)
    }

    /// Serves the cat.
    fn of_cat(arguments: &[&str]) -> Self {
        let cat = source(CAT);
        Self::start(&[&[cat.to_str().unwrap()], arguments].concat())
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Self {
        let mut process = command
            .args(arguments)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(lines.next()));
        let line = receiver.recv_timeout(PATIENCE);
        let Ok(Some(Ok(line))) = line else {
            let _ = process.kill();
            let mut said = String::new();
            let _ = process.stderr.take().unwrap().read_to_string(&mut said);
            panic!("{arguments:?}: {line:?} {said}");
        };
        let url = line.strip_prefix("Serving ").unwrap().to_owned();
        Self { process, url }
    }

    fn port(&self) -> u16 {
        let (_, port) = self.url.trim_end_matches('/').rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    fn send(&self, request: Request) -> Answer {
        request.send(self.port())
    }

    fn set(&self, name: &str, value: impl Into<Value>) -> Answer {
        let setting = json!({"name": name, "value": value.into()});
        self.send(Request::post("/settings", &setting))
    }

    /// What is on show: the original, and its explanation.
    fn pictures(&self, folder: &Path) -> [Picture; 2] {
        let answer = self.send(Request::get("/picture.png"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("image/png"));
        let file = folder.join("picture.png");
        std::fs::write(&file, &answer.body).unwrap();
        let both = Picture::load(&file);
        [0, both.width / 2].map(|left| {
            Picture::from_fn(both.width / 2, both.height, |x, y| {
                let at = 3 * (y * both.width + left + x);
                [0, 1, 2].map(|channel| both.rgb[at + channel])
            })
        })
    }

    /// Waits until the explanation on show is `expected`, and what it is of is the original.
    fn shows(&self, folder: &Path, what: &str, [original, expected]: [&Picture; 2]) {
        let start = Instant::now();
        loop {
            let [left, right] = self.pictures(folder);
            if same(&left, original) && same(&right, expected) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the page never shows {what}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn same(a: &Picture, b: &Picture) -> bool {
    (a.width, a.height) == (b.width, b.height) && a.difference(b).0 <= 2
}

/// A launch line of the photo as the program takes it, in I420.
fn frame(photo: &Path) -> String {
    format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale add-borders=false ! \
         video/x-raw,format=I420,pixel-aspect-ratio=1/1,width=[2,640,2],height=[2,480,2]",
        photo.display()
    )
}

/// That photo, and what the element with these `properties` makes of it.
fn explained(photo: &Path, properties: &str) -> [Picture; 2] {
    let overlay = format!("! camoverlay draw-labels=false {properties}");
    [String::new(), overlay].map(|overlay| {
        Picture::first_of(&format!(
            "{} {overlay} ! videoconvert ! video/x-raw,format=RGB",
            frame(photo)
        ))
    })
}

/// Runs a server that shall not come to serve; its exit code, and what it says.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("timeout")
        .args(["60", PROGRAM])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.stdout.is_empty(), "{arguments:?} serves");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn what_cannot_be_served_is_said_in_a_sentence() {
    let photo = source(CAT);
    let photo = photo.to_str().unwrap();
    let open = ["--listen", "0.0.0.0"];
    let encrypted = ["--tls-cert", "certificate.pem", "--tls-key", "key.pem"];
    let many = "Whoever reaches 0.0.0.0 could watch and read along. Give --users or --user, and --tls-cert and --tls-key.";
    for (code, words, arguments) in [
        (1, "nothing.mp4 cannot be read", &["nothing.mp4"][..]),
        (2, many, &[&[photo][..], &open].concat()),
        (2, many, &[&[photo][..], &open, &encrypted].concat()),
        (
            2,
            many,
            &[&[photo][..], &open, &["--users", "users"]].concat(),
        ),
        (2, "CAMOVERLAY_WEB_PASSWORD", &[photo, "--user", "ada"]),
        (2, "--reconnect is for cameras", &[photo, "--reconnect"]),
        (
            2,
            "--threshold takes a number from 0 to 1",
            &[photo, "--threshold", "2"],
        ),
        (
            1,
            "names none of the network's",
            &[photo, "--target", "unicorn"],
        ),
        (
            1,
            "users, nowhere, cannot be used",
            &[photo, "--users", "nowhere"],
        ),
    ] {
        let (found, said) = refusal(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_camera_that_comes_back_is_shown_again() {
    let Some(camera) = Camera::start(0, "none") else {
        common::skipped(
            "cameras",
            "GStreamer's RTSP server cannot be used from Python",
        );
        return;
    };
    let (url, port) = (camera.url(), camera.port);
    let server = Server::start(&[&url, "--reconnect"]);
    let mut events = http::Events::of(server.port());
    events.next("seen");
    let mut alone = Server::start(&[&url]);
    let mut watching = http::Events::of(alone.port());
    watching.next("seen");
    drop(camera);
    // Who is not to wait for it ends, and says why.
    let start = Instant::now();
    let status = loop {
        if let Some(status) = alone.process.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "the server does not end");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(!status.success());
    let mut said = String::new();
    alone
        .process
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    // GStreamer may warn of it before the program says so.
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains("rtsp://127.0.0.1") && last.contains("there is no connection to its server"),
        "{said}"
    );
    // What was on its way.
    std::thread::sleep(Duration::from_secs(1));
    let _camera = Camera::start(port, "none").unwrap();
    for _ in 0..20 {
        events.next("seen");
    }
}

#[test]
fn a_taken_port_is_said() {
    let server = Server::of_cat(&[]);
    let port = server.port().to_string();
    let photo = source(CAT);
    let (code, said) = refusal(&[photo.to_str().unwrap(), "--port", &port]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot listen on port"), "{said}");
}
