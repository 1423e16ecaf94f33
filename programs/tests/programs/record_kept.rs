//! What `camoverlay-record` has recorded is kept, whatever goes wrong, and an input that is cut short is not taken for a
//! whole one.

use crate::camera::{Camera, InTheMaking};
use crate::common::{self, python, skipped};
use crate::record::{
    Recording, clip, ffmpeg, ffprobe, finished, has_begun, interrupt, names, record, recorded,
    recorder, refusal, started,
};

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_camoverlay-record");

/// Two classes, by brightness; a dark frame has the root of a number below 0.
const FAILS_IN_THE_DARK: &str = "
import sys
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
node = helper.make_node
nodes = [node('Conv', ['input', 'w', 'b'], ['c']), node('Sqrt', ['c'], ['f']),
         node('GlobalAveragePool', ['f'], ['p']), node('Flatten', ['p'], ['logits'])]
value = helper.make_tensor_value_info
graph = helper.make_graph(nodes, 'dark', [value('input', TensorProto.FLOAT, ['N', 3, 'H', 'W'])],
    [value('logits', TensorProto.FLOAT, ['N', 2])],
    [numpy_helper.from_array(np.full((2, 3, 1, 1), 1 / 3, np.float32), 'w'),
     numpy_helper.from_array(np.array([-0.1, -0.05], np.float32), 'b')])
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 13)]), sys.argv[1])
";

/// Options with which frames cost next to nothing.
const FAST: &str = "--inference latest";

/// Makes `name` of moving test pictures, 25 a second, with a tone.
fn test_clip(folder: &Path, seconds: u32, ending: &str) {
    ffmpeg(
        folder,
        &format!(
            "-f lavfi -i testsrc=size=320x240:rate=25:duration={seconds} -f lavfi -i sine=440:duration={seconds} \
             -c:v libx264 -preset ultrafast -bf 0 -g 50 -pix_fmt yuv420p -c:a aac {ending}"
        ),
    );
}

/// How many frames of pictures ffprobe decodes in `file`, without a word of complaint.
fn frames(file: &Path) -> u64 {
    let found = ffprobe(
        file,
        "-count_frames -select_streams v -show_entries stream=nb_read_frames",
    );
    let count = found["streams"][0]["nb_read_frames"].as_str().unwrap();
    count.parse().unwrap()
}

/// How many frames GStreamer's own demuxer and decoder find in `file`.
fn frames_by_gstreamer(file: &Path) -> usize {
    let pipeline = common::pipeline(&format!(
        "filesrc location={:?} ! decodebin ! video/x-raw ! fakesink name=sink signal-handoffs=true sync=false",
        file.display()
    ));
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = std::sync::Arc::clone(&count);
    use gst::prelude::*;
    let sink = pipeline.by_name("sink").unwrap();
    sink.connect("handoff", false, move |_| {
        counting.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        None
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    common::play_to_the_end(&pipeline);
    count.load(std::sync::atomic::Ordering::Relaxed)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The frames that a failed recording says it has kept.
fn said_to_be_kept(errors: &str) -> u64 {
    let (_, kept) = errors.split_once("What was recorded until then, ").unwrap();
    kept.split(' ').next().unwrap().parse().unwrap()
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits until `is_so`.
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

#[test]
fn a_full_disk_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 60, "in.mp4");
    fs::create_dir(folder.join("disk")).unwrap();
    for name in ["out.mp4", "out.mkv"] {
        // A disk of 600 kB, in a namespace of its own; what is on it is copied out.
        let script = format!(
            "mount -t tmpfs -o size=600k tmpfs disk || exit 99; {PROGRAM} in.mp4 -o disk/{name} {FAST}; code=$?; \
             cp disk/* . ; exit $code"
        );
        let output = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script])
            .current_dir(folder)
            .output();
        let Ok(output) = output else {
            return skipped("a full disk", "there is no unshare");
        };
        let errors = errors(&output);
        if output.status.code() == Some(99) || errors.starts_with("unshare") {
            return skipped("a full disk", "no file system may be mounted");
        }
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.contains(&format!(
                "disk/{name}.part cannot be written: the disk is full. "
            )),
            "{errors}"
        );
        assert!(
            errors.contains(&format!("is kept: disk/{name}.part, disk/out.jsonl.part")),
            "{errors}"
        );
        let part = folder.join(format!("{name}.part"));
        let found = frames(&part);
        // Missing are what the encoder holds back and less than a second behind the last index.
        let said = said_to_be_kept(&errors);
        assert!(
            found > 100 && found + 100 > said && found <= said,
            "{found} of {said}"
        );
        let text = fs::read_to_string(folder.join("out.jsonl.part")).unwrap();
        assert!(text.ends_with("}\n"), "{text}");
    }
}

#[test]
fn a_limit_for_files_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 60, "in.mp4");
    let output = Command::new("bash")
        .args([
            "-c",
            &format!("ulimit -f 300; exec {PROGRAM} in.mp4 -o out.mp4 {FAST}"),
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("out.mp4.part cannot be written: File too large. Record in smaller files: --segment 1GB. "),
        "{errors}"
    );
    let (found, said) = (
        frames(&folder.join("out.mp4.part")),
        said_to_be_kept(&errors),
    );
    assert!(found > 100 && found + 100 > said, "{found} of {said}");
}

#[test]
fn a_network_that_fails_on_a_frame_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Command::new(python())
        .args(["-c", FAILS_IN_THE_DARK, "dark.onnx"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", errors(&made));
    fs::write(folder.join("labels.txt"), "bright\nlight\n").unwrap();
    ffmpeg(
        folder,
        "-f lavfi -i color=white:size=160x120:rate=25:duration=4 -f lavfi -i color=black:size=160x120:rate=25:duration=4 \
         -f lavfi -i sine=440:duration=8 -filter_complex [0][1]concat[v] -map [v] -map 2 -c:v libx264 -c:a aac in.mp4",
    );
    for name in ["out.mp4", "out.mkv"] {
        let output = record(
            folder,
            &format!(
                "in.mp4 -o {name} --force --model dark.onnx --labels labels.txt --preprocess unit"
            ),
        );
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("that are not finite numbers. "), "{errors}");
        assert!(
            errors.contains(&format!(
                "What was recorded until then, 110 frames, 4.4 s, is kept: {name}, out.jsonl"
            )),
            "{errors}"
        );
        let recording = Recording::new(folder, name);
        recording.assert_plays();
        // A line for each frame that has a map of its own.
        let lines = fs::read_to_string(folder.join("out.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 100);
        // Ten pass with the last map; the eleventh in a row is one too many.
        assert_eq!(frames(&recording.video), 110);
        assert!((recording.end("a") - 4.4).abs() < 0.1);
    }
}

#[test]
fn a_network_that_never_ends_keeps_nothing_from_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Command::new(python())
        .arg(common::source("tests/faulty_models.py"))
        .arg(folder)
        .status();
    assert!(made.unwrap().success());
    let labels: Vec<_> = (0..10).map(|class| class.to_string()).collect();
    fs::write(folder.join("labels.txt"), labels.join("\n")).unwrap();
    ffmpeg(
        folder,
        "-f lavfi -i color=black:size=160x120:rate=25:duration=4 -f lavfi -i color=white:size=160x120:rate=25:duration=4 \
         -f lavfi -i sine=440:duration=8 -filter_complex [0][1]concat[v] -map [v] -map 2 -c:v libx264 -c:a aac in.mp4",
    );
    // With `latest` frames pass while the network is at work.
    for (inference, all) in [("every-frame", 100), ("latest", 200)] {
        let line = format!(
            "in.mp4 -o out.mp4 --force --model endless-when-bright.onnx --labels labels.txt --preprocess unit --inference \
             {inference}"
        );
        let told = || fs::read_to_string(folder.join("out.jsonl.part")).unwrap_or_default();
        let child = started(folder, &line, |_| told().lines().count() > 0);
        thread::sleep(Duration::from_secs(3));
        interrupt(&child);
        let start = Instant::now();
        let output = finished(child);
        let errors = errors(&output);
        assert!(output.status.success(), "{errors}");
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(
            errors.contains(
                "The network is not done with a frame, which is not waited for any longer."
            ),
            "{errors}"
        );
        let recording = Recording::new(folder, "out.mp4");
        recording.assert_plays();
        assert_eq!(frames(&recording.video), all, "{inference}");
        assert!((recording.end("a") - all as f64 / 25.0).abs() < 0.2);
    }
}

#[test]
fn what_a_killed_recording_has_written_plays_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 10, "short.mp4");
    ffmpeg(folder, "-stream_loop 99 -i short.mp4 -c copy in.mp4");
    for name in ["out.mp4", "out.mkv", "out.webm"] {
        let part = folder.join(format!("{name}.part"));
        // Many fragments, so that one has a last packet as large as its first.
        let enough = if name == "out.webm" { 200_000 } else { 600_000 };
        let mut child = started(folder, &format!("in.mp4 -o {name} {FAST}"), |_| {
            size(&part) > enough
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let found = frames(&part);
        assert!(found > 50, "{name}: {found}");
        // The last fragment, a second long, is cut, and newer releases of GStreamer leave that out.
        let by_gstreamer = frames_by_gstreamer(&part) as u64;
        assert!(
            (found.saturating_sub(25)..=found).contains(&by_gstreamer),
            "{name}: {by_gstreamer} of {found}"
        );
        let text = fs::read_to_string(folder.join("out.jsonl.part")).unwrap();
        assert!(text.ends_with("}\n"));
        let cues = fs::read_to_string(folder.join("out.vtt.part")).unwrap();
        assert!(cues.contains(" --> ") && cues.ends_with('\n'), "{cues}");
        let (words, code) = refusal(folder, &format!("short.mp4 -o {name}"));
        assert!(
            words.contains(&format!(
                "{name}.part holds what a killed recording has left, "
            )) && code == 1,
            "{words}"
        );
        recorded(folder, &format!("short.mp4 -o {name} {FAST} --force"));
        assert_eq!(frames(&folder.join(name)), 250);
        for suffix in ["jsonl", "vtt"] {
            fs::remove_file(folder.join(format!("out.{suffix}"))).unwrap();
        }
    }
    assert!(!names(folder).iter().any(|name| name.ends_with(".part")));
}

/// A recording that ends in the middle of an index, as a disk that is full by then has it, or a kill between two of its
/// pages: players refuse a file with half an index as a whole.
#[test]
fn half_an_index_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 4, "in.mp4");
    // Each frame has its own map, so that the fragments have the same bytes each time.
    let line = "in.mp4 -o out.mp4 --force --input-size 64";
    recorded(folder, line);
    // A finished recording still has the indices of its fragments, as data that nobody reads.
    let whole = fs::read(folder.join("out.mp4")).unwrap();
    let names = whole.windows(4).enumerate();
    let mut indices = names.filter(|(_, name)| name == b"moof");
    let place = indices.nth(1).unwrap().0 - 4;
    let size = u32::from_be_bytes(*whole[place..].first_chunk().unwrap()) as usize;
    for part in 1..=12 {
        let end = place + part * size / 13;
        let output = Command::new("prlimit")
            .arg(format!("--fsize={end}"))
            .arg(PROGRAM)
            .args(line.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        let kept = folder.join("out.mp4.part");
        let written = fs::read(&kept).unwrap();
        assert_eq!(written[place + 8..], whole[place + 8..end], "{part}");
        assert_eq!(frames(&kept), 50, "{part}");
        assert_eq!(frames_by_gstreamer(&kept), 50, "{part}");
    }
}

#[test]
fn a_closed_terminal_ends_a_recording_unless_it_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 10, "short.mp4");
    ffmpeg(folder, "-stream_loop 99 -i short.mp4 -c copy in.mp4");
    // Whoever runs the tests may have had it ignored.
    let child = Command::new("env")
        .args(["--default-signal=HUP", PROGRAM])
        .args(format!("in.mp4 -o out.mp4 {FAST}").split(' '))
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until(|| has_begun(folder));
    // As the kernel and the shell do, one after the other.
    signal(&child, "-HUP");
    thread::sleep(Duration::from_millis(400));
    let _ = Command::new("kill")
        .args(["-HUP", &child.id().to_string()])
        .output();
    let output = finished(child);
    assert!(output.status.success(), "{output:?}");
    Recording::new(folder, "out.mp4").assert_plays();
    assert!((1..25_000).contains(&frames(&folder.join("out.mp4"))));
    let mut child = Command::new("nohup")
        .args([PROGRAM, "short.mp4", "-o", "all.mp4"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| size(&folder.join("all.jsonl.part")) > 0);
    signal(&child, "-HUP");
    assert!(child.wait().unwrap().success());
    assert_eq!(frames(&folder.join("all.mp4")), 250);
}

#[test]
fn a_second_interruption_drops_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 10, "in.mp4");
    // A second of work a frame, so that the end takes its time.
    let line = "in.mp4 -o out.mp4 --input-size 1600 --threads 1";
    for (name, code, left) in [("-INT", 130, 0), ("-TERM", 143, 3)] {
        let child = started(folder, line, |_| has_begun(folder));
        signal(&child, name);
        thread::sleep(Duration::from_millis(400));
        signal(&child, name);
        let output = finished(child);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let parts = names(folder)
            .into_iter()
            .filter(|name| name.ends_with(".part"));
        assert_eq!(parts.count(), left, "{name}");
        assert!(!folder.join("out.mp4").exists());
    }
    // However early it comes, it leaves nothing.
    let folder = tempfile::tempdir().unwrap();
    test_clip(folder.path(), 1, "in.mp4");
    for milliseconds in [0, 10, 20, 40, 60, 80, 100] {
        let child = started(folder.path(), "in.mp4 -o out.mp4 --input-size 1600", |_| {
            true
        });
        thread::sleep(Duration::from_millis(milliseconds));
        interrupt(&child);
        finished(child);
        let found = names(folder.path());
        assert!(
            !found.iter().any(|name| name.ends_with(".part")),
            "{milliseconds} ms: {found:?}"
        );
        for name in found.iter().filter(|name| name.starts_with("out.")) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn two_recordings_do_not_write_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 4, "in.mp4");
    let child = started(folder, "in.mp4 -o out.mp4 --input-size 400", |_| {
        has_begun(folder)
    });
    for line in [
        "in.mp4 -o out.mp4",
        "in.mp4 -o out.mp4 --force",
        "in.mp4 -o out.mkv",
    ] {
        let output = record(folder, line);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.contains(" is being written by another process. "),
            "{errors}"
        );
    }
    let output = finished(child);
    assert!(output.status.success(), "{output:?}");
    let recording = Recording::new(folder, "out.mp4");
    recording.assert_plays();
    recording.assert_told_frame_by_frame();
    assert_eq!(names(folder), ["in.mp4", "out.jsonl", "out.mp4", "out.vtt"]);
}

#[test]
fn an_input_that_is_cut_short_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    test_clip(folder, 20, "-movflags +faststart a.mp4");
    ffmpeg(folder, "-i a.mp4 -c copy b.mkv");
    ffmpeg(folder, "-i a.mp4 -c copy c.ts");
    ffmpeg(
        folder,
        "-i a.mp4 -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus d.webm",
    );
    ffmpeg(folder, "-i a.mp4 -c:v mpeg4 -q:v 5 -c:a mp3 e.avi");
    ffmpeg(
        folder,
        "-i a.mp4 -c copy -movflags frag_keyframe+empty_moov f.mov",
    );
    for name in ["a.mp4", "b.mkv", "c.ts", "d.webm", "e.avi", "f.mov"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        let half = bytes.len() / 2 / 188 * 188 + 100;
        fs::write(folder.join("in").join(name), &bytes[..half]).unwrap();
        let output = record(folder, &format!("in/{name} -o out.mp4 --force {FAST}"));
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(3), "{name}: {errors}");
        let (_, after) = errors.split_once(": The input broke off after ").unwrap();
        let seconds: f64 = after.split(' ').next().unwrap().parse().unwrap();
        assert!((5.0..16.0).contains(&seconds), "{errors}");
        if !["c.ts", "e.avi", "f.mov"].contains(&name) {
            assert!(after.contains(" of 20.0 s. "), "{errors}");
        }
        let recording = Recording::new(folder, "out.mp4");
        recording.assert_plays();
        assert_eq!(
            (frames(&recording.video) as f64 / 25.0 * 10.0).round() / 10.0,
            seconds,
            "{name}"
        );
    }
    let output = record(folder, &format!("in -o all {FAST}"));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let errors = errors(&output);
    let last = errors.lines().last().unwrap();
    assert!(
        last.starts_with("6 of 6 cut short: in/a.mp4, in/b.mkv, "),
        "{errors}"
    );
    assert_eq!(frames(&folder.join("all/b.mp4")) / 100, 2);
}

#[test]
fn a_whole_input_is_not_taken_for_one_that_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let video = "-f lavfi -i testsrc=size=64x48:rate=25:duration=2";
    let sound = |seconds| format!("-f lavfi -i sine=440:duration={seconds}");
    let codecs = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";
    ffmpeg(
        folder,
        &format!("{video} {} {codecs} long-sound.mp4", sound(8)),
    );
    ffmpeg(
        folder,
        &format!("{video} {} {codecs} long-sound.mkv", sound(8)),
    );
    ffmpeg(
        folder,
        &format!("{video} {} {codecs} short-sound.ts", sound(1)),
    );
    ffmpeg(
        folder,
        &format!("-itsoffset 5 {video} {} {codecs} late.mp4", sound(6)),
    );
    ffmpeg(folder, &format!("-itsoffset 5 {video} {codecs} late.mkv"));
    ffmpeg(
        folder,
        &format!("{video} -vf setpts=N*N/25/TB -fps_mode vfr {codecs} uneven.mp4"),
    );
    ffmpeg(
        folder,
        &format!("{video} {codecs} -bf 3 -movflags frag_keyframe+empty_moov fragments.mp4"),
    );
    ffmpeg(
        folder,
        &format!("{video} {} {codecs} -live 1 live.mkv", sound(2)),
    );
    ffmpeg(
        folder,
        &format!("{video} {} -c:v mpeg4 -c:a mp3 a.avi", sound(2)),
    );
    ffmpeg(folder, &format!("{video} {} {codecs} a.flv", sound(2)));
    fs::write(
        folder.join("a.srt"),
        "1\n00:00:00,500 --> 00:00:40,000\nlong\n",
    )
    .unwrap();
    ffmpeg(
        folder,
        &format!("{video} -i a.srt {codecs} -c:s srt subtitles.mkv"),
    );
    // Room behind the end, and something else.
    let mut spare = fs::read(folder.join("long-sound.mp4")).unwrap();
    spare.extend_from_slice(b"\0\0\x10\0free");
    fs::write(folder.join("spare.mp4"), &spare).unwrap();
    spare.extend_from_slice(&[0; 100]);
    fs::write(folder.join("behind.mp4"), spare).unwrap();
    let inputs = names(folder)
        .into_iter()
        .filter(|name| !name.ends_with(".srt"));
    for name in inputs {
        let text = recorded(
            folder,
            &format!("{name} -o out/{name}.mkv {FAST}").replace("out/", "out-"),
        );
        assert!(text.contains(" frames, "), "{text}");
    }
}

/// Answers one request after the other as `answer` does, given the path that is asked for.
fn serve(answer: impl Fn(&str, &mut std::net::TcpStream) + Send + 'static) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for client in server.incoming() {
            let mut client = client.unwrap();
            let mut request = [0; 4096];
            let count = client.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            answer(request.split(' ').nth(1).unwrap_or("/"), &mut client);
        }
    });
    format!("http://{address}")
}

#[test]
fn what_comes_of_a_broken_connection_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 20, "-movflags +faststart a.mp4");
    ffmpeg(folder, "-i a.mp4 -c copy b.mkv");
    let place = folder.to_owned();
    let address = serve(move |path, client| {
        if path == "/loop" {
            let _ = client.write_all(b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        let Ok(bytes) = fs::read(place.join(&path[1..])) else {
            return;
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let _ = client.write_all(head.as_bytes());
        // At once, before the first frame is decoded.
        let _ = client.write_all(&bytes[..bytes.len() / 2]);
    });
    for name in ["a.mp4", "b.mkv"] {
        let output = record(
            folder,
            &format!("{address}/{name} -o out.mp4 --force {FAST}"),
        );
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(
            errors
                .contains(" of 20.0 s. Its connection broke off: try again, or download it first."),
            "{errors}"
        );
        Recording::new(folder, "out.mp4").assert_plays();
        assert!((200..300).contains(&frames(&folder.join("out.mp4"))));
    }
    let (words, code) = refusal(folder, &format!("{address}/loop -o loop.mp4"));
    assert!(
        words.contains(
            "its server sends on and on to other addresses, the last time with 302 (Found). "
        ),
        "{words}"
    );
    assert_eq!(code, 1);
}

#[test]
fn segments_play_on_their_own_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac short.mp4");
    ffmpeg(folder, "-stream_loop 2 -i short.mp4 -c copy in.mp4");
    // Each round of the loop begins a little late, by as much as the ffmpeg at hand has it.
    let seconds = Recording::new(folder, "in.mp4").end("v");
    for suffix in ["mp4", "mkv", "webm"] {
        let out = tempfile::tempdir_in(folder).unwrap();
        let out = out.path();
        let text = recorded(
            folder,
            &format!("in.mp4 -o {}/out.{suffix} --segment 2s", out.display()),
        );
        assert!(
            text.contains(&format!(": 180 frames, {seconds:.1} s, "))
                && text.contains(&format!("out-00001.{suffix} ... ")),
            "{text}"
        );
        let mut last_pts = -1.0;
        let mut all = 0;
        let parts: Vec<_> = names(out)
            .into_iter()
            .filter(|name| name.ends_with(suffix))
            .collect();
        assert_eq!(names(out).len(), 3 * parts.len());
        assert!(parts.len() >= 3, "{parts:?}");
        for name in &parts {
            let recording = Recording::new(out, name);
            recording.assert_plays();
            recording.assert_told_frame_by_frame();
            let count = frames(&recording.video);
            assert_eq!(frames_by_gstreamer(&recording.video) as u64, count);
            assert!(count <= 61, "{count}");
            all += count;
            for line in recording.lines() {
                let pts = line["pts"].as_f64().unwrap();
                assert!(pts > last_pts, "{pts} twice or late");
                last_pts = pts;
            }
            let ends = ["v", "a"].map(|kind| recording.end(kind));
            assert!((ends[0] - ends[1]).abs() < 0.15, "{name}: {ends:?}");
        }
        assert_eq!(all, 180, "{suffix}");
    }
}

#[test]
fn segments_stay_below_their_size_and_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 30, "in.mp4");
    recorded(
        folder,
        &format!("in.mp4 -o out.mp4 --segment 1MB --bitrate 2000 {FAST}"),
    );
    let segments = || {
        names(folder)
            .into_iter()
            .filter(|name| name.starts_with("out-") && name.ends_with(".mp4"))
    };
    assert!(segments().count() >= 3);
    for name in segments() {
        assert!(size(&folder.join(&name)) <= 1_000_000, "{name}");
    }
    assert_eq!(
        segments()
            .map(|name| frames(&folder.join(name)))
            .sum::<u64>(),
        750
    );
    // The first ones being away, the others are still in the way.
    for suffix in ["mp4", "jsonl", "vtt"] {
        fs::remove_file(folder.join(format!("out-00001.{suffix}"))).unwrap();
    }
    let (words, code) = refusal(folder, "in.mp4 -o out.mp4 --segment 1h");
    assert!(
        words.contains(" is already there. ") && code == 1,
        "{words}"
    );
    let output = record(
        folder,
        &format!("in.mp4 -o out.mp4 --segment 1h --force {FAST}"),
    );
    assert!(output.status.success());
    assert!(
        errors(&output).contains("out-00002.mp4 and what follows it is of an earlier recording.")
    );
    let (words, code) = refusal(folder, "in.mp4 -o new.mp4 --segment 1");
    assert!(
        words.starts_with("--segment takes a time such as 1h, ") && code == 2,
        "{words}"
    );
}

#[test]
fn the_frame_rate_may_change() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let parts = [25, 10].map(|rate| {
        let name = format!("{rate}.ts");
        ffmpeg(
            folder,
            &format!(
                "-f lavfi -i testsrc2=size=160x120:rate={rate}:duration=2 -c:v libx264 -pix_fmt yuv420p {name}"
            ),
        );
        fs::read(folder.join(name)).unwrap()
    });
    fs::write(folder.join("mix.ts"), parts.concat()).unwrap();
    for suffix in ["mp4", "mkv", "webm"] {
        let text = recorded(folder, &format!("mix.ts -o out.{suffix}"));
        assert!(text.contains(": 70 frames, "), "{text}");
        let recording = Recording::new(folder, &format!("out.{suffix}"));
        recording.assert_plays();
        assert_eq!(frames(&recording.video), 70, "{suffix}");
        for name in [
            format!("out.{suffix}"),
            "out.jsonl".into(),
            "out.vtt".into(),
        ] {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

#[test]
fn a_pipe_that_nobody_writes_to_can_be_left_and_is_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 10, "in.mp4");
    for name in ["in.ts", "out.mp4"] {
        let made = Command::new("mkfifo").arg(folder.join(name)).status();
        assert!(made.unwrap().success());
    }
    let (words, code) = refusal(folder, "in.mp4 --force -o out.mp4");
    assert!(words.contains("out.mp4 is a pipe or a device"), "{words}");
    assert_eq!(code, 1);
    let child = recorder(folder, ["in.ts", "-o", "none.mp4"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn an_input_that_cannot_be_opened_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    if Path::new("/dev/video0").exists() {
        skipped("a camera that is not there", "there is one");
        return;
    }
    let (words, code) = refusal(folder.path(), "camera -o out.mkv");
    assert!(words.starts_with("There is no camera. "), "{words}");
    assert_eq!(code, 1);
}

#[test]
fn a_pipe_that_is_cut_short_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac short.mp4");
    ffmpeg(folder, "-stream_loop 9 -i short.mp4 -c copy in.mkv");
    let whole = fs::read(folder.join("in.mkv")).unwrap();
    let pipe = folder.join("pipe.mkv");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for (tenths, code) in [(10, 0), (4, 3)] {
        let sent = &whole[..whole.len() * tenths / 10];
        let output = thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, sent).unwrap());
            record(folder, "pipe.mkv -o out.mkv --force --inference latest")
        });
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert_eq!(words.contains("broke off after "), code == 3, "{words}");
    }
}

#[test]
fn a_pipe_whose_writer_has_gone_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    test_clip(folder, 1, "-t 0.4 in.mkv");
    let clip = fs::read(folder.join("in.mkv")).unwrap();
    // All of it fits into the pipe.
    assert!(clip.len() < 60_000);
    let pipe = folder.join("pipe.mkv");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let output = thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, clip).unwrap());
        record(folder, "pipe.mkv -o out.mkv")
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(frames(&folder.join("out.mkv")), 10);
}

/// Half a minute: GStreamer's own time limit.
#[test]
#[ignore = "half a minute: make soak"]
fn a_camera_that_falls_silent_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(camera) = Camera::start(0, "pcmu") else {
        return skipped("a camera that freezes", "no RTSP server for Python");
    };
    let making = InTheMaking { folder };
    let line = format!("{} -o out.mkv {FAST}", camera.url());
    let recorder = started(folder, &line, |_| making.time() > 2.0);
    signal(&camera.process, "-STOP");
    let output = finished(recorder);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains(" s. Nothing comes from its server: do that and the connection work?"),
        "{errors}"
    );
    Recording::new(folder, "out.mkv").assert_plays();
    assert!(frames(&folder.join("out.mkv")) > 15);
}
