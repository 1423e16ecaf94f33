//! Web addresses that give nothing, next to nothing, or slowly what they should: what the programs make of them.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::photos;

const INSPECT: &str = env!("CARGO_BIN_EXE_camoverlay-inspect");
const RECORD: &str = env!("CARGO_BIN_EXE_camoverlay-record");

/// Serves whoever comes, each by `answer` once the request is read; the address.
fn serve(answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for client in server.incoming() {
            let (mut client, answer) = (client.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                // It fails where the program has had enough.
                let _ = answer(&mut client);
            });
        }
    });
    format!("http://{address}/clip")
}

/// Serves `data`, from the byte `from` on slowly: `step` bytes at a time, one `pause` after the other.
fn slowly(data: Vec<u8>, from: usize, step: usize, pause: Duration) -> String {
    serve(move |client| {
        let length = data.len();
        write!(
            client,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )?;
        client.write_all(&data[..from])?;
        for part in data[from..].chunks(step) {
            client.write_all(part)?;
            thread::sleep(pause);
        }
        Ok(())
    })
}

/// Runs `program` in `folder`, for two minutes at most.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "120", program]);
    command.args(arguments).current_dir(folder);
    command.output().unwrap()
}

/// That `program` says of its input, in its last line, `words`, and ends with `code`.
fn assert_refused(folder: &Path, program: &str, arguments: &[&str], words: &str, code: i32) {
    let output = run(folder, program, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().last().unwrap_or_default();
    assert!(last.contains(words), "{arguments:?}: {errors}");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
}

fn inspecting(address: &str) -> Vec<&str> {
    vec!["--net", "squeezenet", "--image", address]
}

/// A clip of noise whose table of frames is at its end, so that there is no frame before all of it has come.
fn noise(folder: &Path) -> PathBuf {
    let path = folder.join("noise.mp4");
    let noise = "testsrc2=size=640x480:rate=10:duration=2,noise=alls=40:allf=t";
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", noise])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            "7M",
        ])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    path
}

/// They wait for time to pass, all at once.
#[test]
fn what_an_address_does_not_give_is_said_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let photo = std::fs::read(photos::turned(folder, 1)).unwrap();
    let clip = std::fs::read(photos::store(
        folder,
        "loop=30:1,noise=alls=40:allf=t,format=yuv420p",
        "clip.mkv",
    ))
    .unwrap();
    let noise = std::fs::read(noise(folder)).unwrap();
    let table = noise.windows(4).position(|kind| kind == b"moov").unwrap();
    assert!(
        table > noise.len() / 2,
        "the table is at {table} of {}",
        noise.len()
    );

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = format!("http://{}/clip", nobody.local_addr().unwrap());
    drop(nobody);
    let answering = |status: &'static str| {
        serve(move |client| {
            let head = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            write!(client, "HTTP/1.1 {status}\r\n{head}")
        })
    };
    let (missing, failing) = (answering("404 Not Found"), answering("500 Oh Dear"));
    // Until the client goes away.
    let silent = serve(|client| client.read(&mut [0; 4096]).map(|_| ()));
    let second = Duration::from_secs(1);
    let dripping = slowly(photo, 0, 1, second);
    let half = clip.len() / 2;
    let drying_up = slowly(clip, half, 1, second);
    // Longer than anything may give nothing.
    let (all, patience) = (noise.len(), Duration::from_secs(35));
    let slow = slowly(noise, 0, all.div_ceil(350), patience / 350);

    let refused = "cannot be read: there is no connection to its server, or nothing comes from it. Is the address right, \
                   and does the server run?";
    let help = "seconds, and is given up. Is the address right, and do its server and the connection work?";
    let mut cases = Vec::new();
    for (address, words, code) in [
        (&refusing, refused, 1),
        (
            &missing,
            "cannot be read: its server answers 404 (Not Found). Is the address right?",
            1,
        ),
        (
            &failing,
            "cannot be read: its server answers 500 (Oh Dear). Try again later, or ask those who run the server.",
            1,
        ),
        (&silent, help, 3),
        (&dripping, help, 3),
    ] {
        cases.push((INSPECT, inspecting(address), words, code));
        cases.push((RECORD, vec![address, "-o", "out.mp4"], words, code));
        #[cfg(feature = "rtsp")]
        cases.push((
            crate::rtsp::PROGRAM,
            vec![address, "--port", "0"],
            words,
            code,
        ));
    }
    thread::scope(|scope| {
        for (n, (program, arguments, words, code)) in cases.into_iter().enumerate() {
            let own = folder.join(n.to_string());
            std::fs::create_dir(&own).unwrap();
            scope.spawn(move || {
                assert_refused(&own, program, &arguments, words, code);
                assert_eq!(std::fs::read_dir(&own).unwrap().count(), 0, "{arguments:?}");
            });
        }
        scope.spawn(|| {
            let start = Instant::now();
            let output = run(folder, INSPECT, &inspecting(&slow));
            assert!(output.status.success(), "{output:?}");
            assert!(start.elapsed() > patience, "it came at once");
        });
        scope.spawn(|| {
            let words = ": The input broke off after ";
            assert_refused(folder, RECORD, &[&drying_up, "-o", "dry.mp4"], words, 3);
            let about = std::fs::metadata(folder.join("dry.mp4")).unwrap();
            assert!(about.len() > 0);
        });
    });
}
