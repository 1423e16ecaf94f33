//! Web addresses that give nothing, next to nothing, or slowly what they should: what the programs make of them.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::photos;
use crate::record::ffprobe;

const INSPECT: &str = env!("CARGO_BIN_EXE_camoverlay-inspect");
const RECORD: &str = env!("CARGO_BIN_EXE_camoverlay-record");

/// Serves whoever comes, each by `answer` to the request; the address.
fn serve(
    answer: impl Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for client in server.incoming() {
            let (mut client, answer) = (client.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                let mut request = [0; 4096];
                let count = client.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..count]);
                // It fails where the program has had enough.
                let _ = answer(&request, &mut client);
            });
        }
    });
    format!("http://{address}/clip")
}

/// Serves `data`, from the byte `from` on slowly: `step` bytes at a time, one `pause` after the other.
fn slowly(data: Vec<u8>, from: usize, step: usize, pause: Duration) -> String {
    serve(move |_, client| {
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
    let refusing_rtsp = refusing.replace("http", "rtsp");
    drop(nobody);
    let answering = |status: &'static str| {
        serve(move |_, client| {
            let head = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            write!(client, "HTTP/1.1 {status}\r\n{head}")
        })
    };
    let (missing, failing) = (answering("404 Not Found"), answering("500 Oh Dear"));
    // Until the client goes away.
    let silent = serve(|_, client| client.read(&mut [0; 4096]).map(|_| ()));
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
        (&refusing_rtsp, refused, 1),
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

/// Where the part begins that `request` asks for, if it asks for one.
fn asked_from(request: &str) -> Option<u64> {
    let request = request.to_ascii_lowercase();
    let (_, range) = request.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}

/// A clip whose table is at its end can be read from there, or else all of it before the first frame.
#[test]
fn servers_may_ignore_what_part_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clip = Arc::new(std::fs::read(noise(folder)).unwrap());
    let all = clip.len();
    // Sends everything whatever it is asked for, behind what `head` makes of where that begins.
    let sending = |head: &'static (dyn Fn(usize, Option<u64>) -> String + Sync)| {
        let clip = Arc::clone(&clip);
        serve(move |request, client| {
            let head = head(clip.len(), asked_from(request));
            write!(client, "HTTP/1.1 {head}Connection: close\r\n\r\n")?;
            client.write_all(&clip)
        })
    };
    let from_start = sending(&|all, from| match from {
        Some(_) => format!(
            "206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: {all}\r\nContent-Range: bytes 0-{}/{all}\r\n",
            all - 1
        ),
        None => format!("200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {all}\r\n"),
    });
    let lying = sending(&|all, from| match from {
        Some(from) => format!(
            "206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: {all}\r\nContent-Range: bytes {from}-{}/{all}\r\n",
            all - 1
        ),
        None => format!("200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {all}\r\n"),
    });
    let refusing =
        sending(&|all, _| format!("200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {all}\r\n"));
    let plain = sending(&|all, _| format!("200 OK\r\nContent-Length: {all}\r\n"));
    let untold = sending(&|_, _| "200 OK\r\nAccept-Ranges: bytes\r\n".to_owned());
    let too_long = sending(&|all, _| format!("200 OK\r\nContent-Length: {}\r\n", 2 * all));
    let too_short = sending(&|all, _| format!("200 OK\r\nContent-Length: {}\r\n", all / 2));
    let parts = Arc::clone(&clip);
    let chunked = serve(move |_, client| {
        write!(
            client,
            "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nTransfer-Encoding: chunked\r\n\r\n"
        )?;
        for part in parts.chunks(50_000) {
            write!(client, "{:x}\r\n", part.len())?;
            client.write_all(part)?;
            client.write_all(b"\r\n")?;
        }
        client.write_all(b"0\r\n\r\n")
    });

    let again = format!(
        " has given more than the {:.1} MB that it has, and no picture, and is given up. Its server does not send the parts \
         that it is asked for: download it first.",
        all as f64 / 1e6
    );
    let beginning = "cannot be read: it has to be read from the middle, and its server sends it from the beginning only. Try \
                     again, or download it first.";
    for address in [&from_start, &lying] {
        assert_refused(folder, INSPECT, &inspecting(address), &again, 3);
    }
    for (address, words, code, frames) in [
        (&from_start, again.as_str(), 3, 0),
        (&lying, &again, 3, 0),
        (&refusing, beginning, 3, 0),
        (&plain, "", 0, 20),
        (&untold, "", 0, 20),
        (&chunked, "", 0, 20),
        (&too_long, ": The input broke off after 2.0 ", 3, 20),
        (&too_short, "Is it whole, and a video or a picture?", 1, 0),
    ] {
        let out = folder.join("out.mp4");
        let arguments = [address, "-o", "out.mp4", "--inference", "latest"];
        assert_refused(folder, RECORD, &arguments, words, code);
        if frames == 0 {
            assert!(!out.exists(), "{words}");
            continue;
        }
        let found = ffprobe(
            &out,
            "-count_frames -select_streams v -show_entries stream=nb_read_frames",
        );
        assert_eq!(found["streams"][0]["nb_read_frames"], frames.to_string());
        for suffix in ["mp4", "jsonl", "vtt"] {
            std::fs::remove_file(out.with_extension(suffix)).unwrap();
        }
    }
}
