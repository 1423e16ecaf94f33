//! `camoverlay-rtsp` as its users run it, with the clients that they have: ffprobe and GStreamer's rtspsrc.

use crate::{common, photos};

mod client;
mod crowd;
mod gate;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Picture, source};
use gst::prelude::*;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_camoverlay-rtsp");

/// Where the password of `--user` stands.
const PASSWORD: &str = "CAMOVERLAY_RTSP_PASSWORD";

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const SIZE: (usize, usize) = (320, 240);

/// A running server.
struct Server {
    process: Child,
    url: String,
}

/// Runs a server that shall not come to serve; its exit code, and what it says.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let mut words = vec!["60", PROGRAM];
    words.extend(arguments);
    let output = run("timeout", &words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty(), "{arguments:?} serves");
    (output.status.code(), said)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

impl Server {
    /// Serves at any free port; comes back once clients may come.
    fn start(arguments: &[&str]) -> Self {
        Self::start_at(0, arguments)
    }

    fn start_at(port: u16, arguments: &[&str]) -> Self {
        Self::spawn(Command::new(PROGRAM), port, arguments)
    }

    /// Serves whoever logs in as ada with the password engine, by digest authentication.
    fn start_for_ada(arguments: &[&str]) -> Self {
        Self::start_for_ada_at(0, arguments)
    }

    fn start_for_ada_at(port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.env(PASSWORD, "engine").args(["--user", "ada"]);
        Self::spawn(command, port, arguments)
    }

    /// Serves `clip`; the class that the network sees first, and its score, as the element's first message tells them.
    fn start_with_best(folder: &Path, clip: &Path) -> (Self, u64, f64) {
        let log = folder.join("messages.log");
        let mut command = Command::new(PROGRAM);
        command
            .env("GST_DEBUG", "GST_BUS:5")
            .env("GST_DEBUG_FILE", &log)
            .env("GST_DEBUG_NO_COLOR", "1");
        let server = Self::spawn(command, 0, &[&clip.to_string_lossy()]);
        let log = std::fs::read_to_string(log).unwrap();
        let first = |field: &str| {
            let (_, values) = log.split_once(field).unwrap();
            values
                .trim_start()
                .split([',', ' '])
                .next()
                .unwrap()
                .to_owned()
        };
        let class = first("top-ids=(int)<").parse().unwrap();
        let score = first("top-scores=(double)<").parse().unwrap();
        (server, class, score)
    }

    fn spawn(mut command: Command, port: u16, arguments: &[&str]) -> Self {
        let mut process = command
            .args(arguments)
            .args(["--port", &port.to_string()])
            // GStreamer 1.22's RTSP server, with clients over UDP and TCP at once, now and then warns of the order of
            // events in a funnel of its own, which is no reason to stop.
            .env_remove("G_DEBUG")
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
        let (_, rest) = self.url.rsplit_once(':').unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        let kill = run("kill", &[signal, &self.process.id().to_string()]);
        assert!(kill.status.success());
    }

    /// Waits for the process to end; how it did, and what it said.
    fn wait(&mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut said = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A GStreamer client.
struct Watcher {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
}

impl Watcher {
    /// Attaches to `url`; `options` are for rtspsrc.
    fn attach(url: &str, options: &str) -> Self {
        let pipeline = common::pipeline(&format!(
            "rtspsrc location={url} latency=200 {options} ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! \
             video/x-raw,format=RGB ! appsink name=sink sync=false max-buffers=1 drop=true"
        ));
        let sink = pipeline.by_name("sink").unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        Self {
            pipeline,
            sink: sink.downcast().unwrap(),
        }
    }

    /// The last of the next `frames` frames, of which there are some.
    fn see(&self, frames: usize) -> Picture {
        let wait = gst::ClockTime::try_from(PATIENCE).unwrap();
        let pull = || self.sink.try_pull_sample(wait).expect("a frame comes");
        for _ in 1..frames {
            pull();
        }
        let sample = pull();
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        Picture::from_buffer(sample.buffer().unwrap(), &info)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// What ffprobe prints of the stream at `url`, or its complaint.
fn ffprobe(url: &str, options: &str) -> Result<String, String> {
    let output = Command::new("timeout")
        .args("60 ffprobe -v error -of csv=p=0".split(' '))
        .args(options.split(' '))
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// The size of the picture at `url`, of which ffprobe must decode more than half of the next ten frames: those before
/// the first key frame cannot be. Or its complaint.
fn probe(url: &str, transport: &str) -> Result<(usize, usize), String> {
    let found = ffprobe(
        url,
        &format!(
            "-rtsp_transport {transport} -select_streams v -count_frames -read_intervals %+#10 \
             -show_entries stream=width,height,nb_read_frames"
        ),
    )?;
    let numbers: Vec<usize> = found
        .trim()
        .split(',')
        .filter_map(|number| number.parse().ok())
        .collect();
    assert!(numbers.len() == 3 && numbers[2] > 5, "{found}");
    Ok((numbers[0], numbers[1]))
}

/// Runs the launch line `description` to its end.
fn make(description: &str) {
    common::init();
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let wait = gst::ClockTime::try_from(PATIENCE).unwrap();
    let end = pipeline.bus().unwrap().timed_pop_filtered(wait, &kinds);
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos, "{description}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A second of the cat, with sound.
fn clip(folder: &Path) -> String {
    let path = folder.join("cat.mp4");
    let photo = source("examples/media/chelsea.png");
    let (width, height) = SIZE;
    make(&format!(
        "filesrc location={photo:?} ! pngdec ! videoconvert ! videoscale ! \
         video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1 ! imagefreeze num-buffers=25 ! \
         video/x-raw,framerate=25/1 ! x264enc tune=zerolatency ! h264parse ! mp4mux name=mux ! \
         filesink location={path:?} \
         audiotestsrc num-buffers=43 ! audio/x-raw,rate=44100,channels=1 ! avenc_aac ! mux."
    ));
    path.to_string_lossy().into_owned()
}

/// Mean difference of two pictures, in levels.
fn distance(one: &Picture, other: &Picture) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let sum: u64 = one
        .rgb
        .iter()
        .zip(&other.rgb)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.rgb.len() as f64
}

/// What the server answers to a request in plain text, as far as it does within a second.
fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // It keeps the connection open, so that this ends by the timeout.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn clients_see_the_explained_picture_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let server = Server::start(&[&clip]);
    assert!(server.url.starts_with("rtsp://127.0.0.1:") && server.url.ends_with("/cam"));
    let udp = Watcher::attach(&server.url, "protocols=udp");
    udp.see(1);
    let tcp = Watcher::attach(&server.url, "protocols=tcp");
    let seen = tcp.see(10);
    for transport in ["tcp", "udp"] {
        assert_eq!(probe(&server.url, transport).unwrap(), SIZE);
    }
    let frame =
        format!("filesrc location={clip} ! decodebin ! videoconvert ! video/x-raw,format=RGB");
    let plain = Picture::first_of(&frame);
    let explained = Picture::first_of(&format!("{frame} ! camoverlay"));
    let (near, far) = (distance(&seen, &explained), distance(&seen, &plain));
    assert!(
        near * 5.0 < far,
        "{near} levels from the explained picture, {far} from the plain one"
    );
    // The others' coming and going is nothing to it.
    udp.see(10);
}

#[test]
fn clients_come_and_go_and_the_network_stays() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let network = folder.path().join("network.onnx");
    std::fs::copy(
        source(".deps/share/camoverlay/models/squeezenet.onnx"),
        &network,
    )
    .unwrap();
    let labels = source(".deps/share/camoverlay/models/imagenet.txt");
    let server = Server::start(&[
        &clip,
        "--model",
        &network.to_string_lossy(),
        "--labels",
        &labels.to_string_lossy(),
    ]);
    // Whoever wanted to load it once more would not find it.
    std::fs::remove_file(&network).unwrap();
    for turn in 0..10 {
        let transport = if turn % 2 == 0 { "udp" } else { "tcp" };
        Watcher::attach(&server.url, &format!("protocols={transport}")).see(2);
        assert_eq!(probe(&server.url, transport).unwrap(), SIZE);
    }
}

#[test]
fn a_file_goes_on_beyond_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[&clip(folder.path()), "--path", "again/and/again"]);
    assert!(server.url.ends_with("/again/and/again"));
    let options = "-rtsp_transport tcp -read_intervals %+#75 -show_entries packet=pts_time";
    let text = ffprobe(&server.url, options).unwrap();
    let times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect();
    assert!(times.len() > 60, "{text}");
    assert!(times.is_sorted(), "{text}");
    assert!(times[times.len() - 1] - times[0] > 2.0, "{text}");
}

#[test]
fn only_the_right_password_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let server = Server::start_for_ada(&[&clip]);
    let with = |login: &str| server.url.replace("rtsp://", &format!("rtsp://{login}@"));
    assert_eq!(probe(&with("ada:engine"), "tcp").unwrap(), SIZE);
    Watcher::attach(&server.url, "user-id=ada user-pw=engine").see(2);
    for url in [
        server.url.clone(),
        with("ada:difference"),
        with("charles:engine"),
    ] {
        let complaint = probe(&url, "tcp").unwrap_err();
        assert!(complaint.contains("401"), "{url}: {complaint}");
    }
    let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url);
    let answer = ask(server.port(), &request);
    assert!(answer.starts_with("RTSP/1.0 401"), "{answer}");
    assert!(answer.contains("WWW-Authenticate: Digest"), "{answer}");
}

/// A certificate and its key, signed by itself.
fn certificate(folder: &Path) -> [PathBuf; 2] {
    let files = [folder.join("certificate.pem"), folder.join("key.pem")];
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
        ])
        .arg("-out")
        .arg(&files[0])
        .arg("-keyout")
        .arg(&files[1])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    files
}

#[test]
fn tls_works_and_plain_text_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] =
        certificate(folder.path()).map(|path| path.to_string_lossy().into_owned());
    let server = Server::start(&[
        &clip(folder.path()),
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
    ]);
    assert!(server.url.starts_with("rtsps://"));
    let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url);
    // TLS's own complaint, and nothing else.
    assert!(!ask(server.port(), &request).contains("RTSP"));
    assert_eq!(probe(&server.url, "tcp").unwrap(), SIZE);
    Watcher::attach(&server.url, "tls-validation-flags=0").see(2);
}

#[test]
fn a_signal_ends_it_and_frees_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::start(&[&clip]);
        let port = server.port();
        let watcher = Watcher::attach(&server.url, "protocols=tcp");
        watcher.see(2);
        server.signal(signal);
        let (status, said) = server.wait();
        assert!(status.success(), "{signal}: {status} {said}");
        drop(watcher);
        TcpListener::bind(("127.0.0.1", port)).unwrap();
        Server::start_at(port, &[&clip]);
    }
}

#[test]
fn one_server_in_front_of_another_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    for signal in ["-INT", "-KILL"] {
        let first = Server::start_for_ada(&[&clip]);
        let upstream = first.url.replace("rtsp://", "rtsp://ada:engine@");
        let mut second = Server::start(&[&upstream, "--no-labels"]);
        assert_eq!(probe(&second.url, "tcp").unwrap(), SIZE);
        first.signal(signal);
        let (status, said) = second.wait();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(
            said.contains(&first.url) && !said.contains("engine"),
            "{said}"
        );
    }
}

#[test]
fn a_server_that_falls_silent_ends_the_one_in_front_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(&[&clip(folder.path())]);
    let mut second = Server::start(&[&first.url, "--no-labels"]);
    assert_eq!(probe(&second.url, "tcp").unwrap(), SIZE);
    // It holds its connections and says nothing any more, as a camera that has crashed.
    first.signal("-STOP");
    let (status, said) = second.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    let words = format!("{} has given no picture for 10 seconds.", first.url);
    assert!(said.contains(&words), "{said}");
}

#[test]
fn clients_wait_for_an_input_that_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let mut first = Server::start_for_ada(&[&clip]);
    let port = first.port();
    let upstream = first.url.replace("rtsp://", "rtsp://ada:engine@");
    let mut second = Server::start(&[&upstream, "--no-labels", "--reconnect"]);
    let watcher = Watcher::attach(&second.url, "protocols=tcp");
    watcher.see(10);
    // Once it is gone, and once it is there and says nothing.
    for signal in ["-KILL", "-STOP"] {
        first.signal(signal);
        if signal == "-STOP" {
            // Nothing is told by what holds its connections: longer than the relay's patience.
            std::thread::sleep(Duration::from_secs(11));
        }
        drop(first);
        first = Server::start_for_ada_at(port, &[&clip]);
        watcher.see(40);
    }
    second.signal("-INT");
    let (status, said) = second.wait();
    assert!(status.success(), "{said}");
    assert!(!said.contains("engine"), "{said}");
    let told = |words: &str| said.matches(words).count();
    assert_eq!(
        (told("has broken off"), told("is back after")),
        (2, 2),
        "{said}"
    );
    // What does not work at first is told at once, and is no wish to wait.
    let (code, said) = refusal(&[&first.url, "--reconnect"]);
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = refusal(&[&clip, "--reconnect"]);
    assert!(
        code == Some(2) && said.contains("--reconnect is for cameras and addresses"),
        "{said}"
    );
}

#[test]
fn a_recording_goes_on_when_its_input_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let first = Server::start(&[&clip]);
    let (port, output) = (first.port(), folder.path().join("out.mkv"));
    let recorder = Command::new(env!("CARGO_BIN_EXE_camoverlay-record"))
        .args([&first.url, "--reconnect", "--inference", "latest", "-o"])
        .arg(&output)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = output.with_extension("jsonl.part");
    let written = || std::fs::read_to_string(&lines).map_or(0, |text| text.lines().count());
    let await_lines = |count: usize| {
        let start = Instant::now();
        while written() < count {
            assert!(start.elapsed() < PATIENCE, "{} lines of {count}", written());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    await_lines(5);
    first.signal("-KILL");
    drop(first);
    let _second = Server::start_at(port, &[&clip]);
    await_lines(written() + 20);
    assert!(
        run("kill", &["-INT", &recorder.id().to_string()])
            .status
            .success()
    );
    let done = recorder.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(
        said.contains("has broken off") && said.contains("is back after"),
        "{said}"
    );
    let told = String::from_utf8_lossy(&done.stdout);
    let frames = told
        .split(": ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let options = "-count_frames -select_streams v -show_entries stream=nb_read_frames";
    let counted = ffprobe(&output.to_string_lossy(), options).unwrap();
    assert_eq!(Some(counted.trim()), frames, "{told}");
}

#[test]
fn what_cannot_be_served_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = format!("rtsp://{free}/cam");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let photo = source("examples/media/chelsea.png")
        .to_string_lossy()
        .into_owned();
    let sound = folder
        .path()
        .join("sound.ogg")
        .to_string_lossy()
        .into_owned();
    make(&format!(
        "audiotestsrc num-buffers=10 ! vorbisenc ! oggmux ! filesink location={sound}"
    ));
    for (arguments, code, words) in [
        (vec!["missing.mp4"], 1, "missing.mp4 cannot be read"),
        (vec!["/dev/video99"], 1, "There is no camera /dev/video99"),
        (vec![&*nobody], 1, &*format!("{nobody} cannot be read")),
        (
            vec![&*clip, "--port", &taken],
            1,
            &*format!("cannot listen on port {taken}"),
        ),
        (
            vec![&*clip, "--port", "0", "--listen", "192.0.2.1"],
            1,
            "cannot listen",
        ),
        (vec![&*photo, "--port", "0"], 1, "a single picture"),
        (vec![&*sound, "--port", "0"], 1, "no picture"),
        (
            vec![
                &*clip,
                "--port",
                "0",
                "--tls-cert",
                &clip,
                "--tls-key",
                &clip,
            ],
            1,
            "cannot be used",
        ),
        (vec![&*clip, "--port", "0", "--model", &clip], 1, "ONNX"),
        (vec![&*clip, "--user", "ada"], 2, PASSWORD),
        (
            vec![&*clip, "--user", "ada", "--password", "engine"],
            2,
            "--password",
        ),
        (
            vec![&*clip, "--users", "missing"],
            1,
            "The file of the users, missing, cannot be used",
        ),
        (vec![&*clip, "--max-clients", "0"], 2, "--max-clients"),
        (
            vec![&*clip, "--access-log", "/nowhere/log"],
            1,
            "The access log /nowhere/log cannot be written",
        ),
        (vec![&*clip, "--tls-cert", &clip], 2, "--tls-key"),
        (vec![&*clip, "--path", "a?b"], 2, "--path"),
        (vec![&*clip, "--listen", "here"], 2, "--listen"),
    ] {
        let (found, said) = refusal(&arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn an_open_door_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let said = |mut server: Server| {
        server.signal("-INT");
        server.wait().1
    };
    let open = [&*clip, "--listen", "0.0.0.0"];
    assert!(said(Server::start(&open)).contains("--users"));
    assert_eq!(said(Server::start_for_ada(&open)), "");
    assert_eq!(said(Server::start(&[&clip])), "");
}

#[test]
fn photos_and_clips_are_served_upright() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Photos one behind the other, as cameras write them; a single one is no video.
    let photos = |turn| {
        let path = photos::turned(folder, turn);
        let photo = std::fs::read(&path).unwrap();
        std::fs::write(&path, photo.repeat(10)).unwrap();
        path
    };
    let photos = photos::TURNS.iter().map(|turn| photos(*turn));
    let clips = photos::TURNS
        .iter()
        .map(|turn| photos::turned_clip(folder, *turn));
    for group in [photos.collect::<Vec<_>>(), clips.collect()] {
        let mut upright: Option<(f64, Picture)> = None;
        for path in group {
            let (server, class, score) = Server::start_with_best(folder, &path);
            let seen = Watcher::attach(&server.url, "protocols=tcp").see(2);
            assert_eq!(class, 967, "{}", path.display());
            assert_eq!((seen.width, seen.height), (600, 400), "{}", path.display());
            let Some((expected, picture)) = &upright else {
                upright = Some((score, seen));
                continue;
            };
            assert!(
                (score - expected).abs() < 0.02,
                "{}: {score}, not {expected}",
                path.display()
            );
            let (width, height) = (picture.width, picture.height);
            let mirrored = Picture::from_fn(width, height, |x, y| {
                let at = 3 * (y * width + width - 1 - x);
                [0, 1, 2].map(|channel| picture.rgb[at + channel])
            });
            let (near, far) = (distance(&seen, picture), distance(&seen, &mirrored));
            assert!(near * 3.0 < far, "{}: {near} {far}", path.display());
        }
    }
}

#[test]
fn the_shape_of_pixels_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clips = photos::square_and_oblong(folder);
    let [square, oblong] = clips.each_ref().map(|clip| {
        let (server, class, score) = Server::start_with_best(folder, clip);
        let entries = "stream=width,height,sample_aspect_ratio,display_aspect_ratio";
        let options = format!("-rtsp_transport tcp -select_streams v -show_entries {entries}");
        let shape = ffprobe(&server.url, &options).unwrap();
        (class, score, shape.trim().to_owned())
    });
    assert_eq!(
        (&*square.2, &*oblong.2),
        ("600,400,1:1,3:2", "300,400,2:1,3:2")
    );
    assert_eq!(square.0, oblong.0);
    // As for the element, whose chroma loses three quarters of its samples.
    assert!((square.1 - oblong.1).abs() < 0.07, "{square:?} {oblong:?}");
}
