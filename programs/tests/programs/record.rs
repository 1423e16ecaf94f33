//! `camoverlay-record` as its user runs it, on media that ffmpeg has made, looked at with ffprobe and ffmpeg.

use crate::{common, photos};

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Picture, source};
use gst::prelude::*;
use serde_json::Value;

/// Longest time that anything here may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A recording and what lies beside it.
pub struct Recording {
    pub video: PathBuf,
}

pub fn recorder<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("timeout");
    command
        .arg("--signal=KILL")
        .arg(PATIENCE.as_secs().to_string())
        .arg(env!("CARGO_BIN_EXE_camoverlay-record"))
        .args(arguments)
        .current_dir(folder);
    command
}

/// Runs the recorder in `folder` on a command line of plain words.
pub fn record(folder: &Path, line: &str) -> Output {
    recorder(folder, line.split(' ')).output().unwrap()
}

/// What the recorder says that goes well.
pub fn recorded(folder: &Path, line: &str) -> String {
    let output = record(folder, line);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    // How far it is, every ten seconds, which a busy machine takes.
    let is_progress = |line: &str| line.contains(" %, ") && line.ends_with(" s left");
    assert!(
        output.status.success() && errors.lines().all(is_progress),
        "{text}{errors}"
    );
    text
}

/// The words in which the recorder refuses `line`, leaving nothing behind, and its exit code.
pub fn refusal(folder: &Path, line: &str) -> (String, i32) {
    let before = names(folder);
    let output = record(folder, line);
    assert_eq!(names(folder), before, "{line}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    (errors, output.status.code().unwrap())
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs ffmpeg in `folder` on `line`, cut at its spaces, without a word from it.
pub fn ffmpeg(folder: &Path, line: &str) {
    let output = try_ffmpeg(folder, line);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{line}: {errors}"
    );
}

fn try_ffmpeg(folder: &Path, line: &str) -> Output {
    Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(line.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What ffprobe shows of `file`, asked by `line`.
pub fn ffprobe(file: &Path, line: &str) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(line.split_whitespace())
        .arg(file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", file.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}

fn numbers(values: &Value, field: &str) -> Vec<f64> {
    let values = values.as_array().unwrap();
    values.iter().map(|value| number(&value[field])).collect()
}

/// Makes `name` of the espresso, then the cat, a second each, with a tone; `ending` finishes ffmpeg's command line.
pub fn clip(folder: &Path, ending: &str) {
    let [coffee, cat] = ["coffee", "chelsea"].map(|name| {
        let path = source(&format!("examples/media/{name}.png"));
        format!("-framerate 30000/1001 -loop 1 -t 1 -i {}", path.display())
    });
    let scaled = "scale=320:240,setsar=1,format=yuv420p";
    ffmpeg(
        folder,
        &format!(
            "{coffee} {cat} -f lavfi -i sine=440:duration=2 -filter_complex \
             [0]{scaled}[a];[1]{scaled}[b];[a][b]concat[v] -map [v] -map 2 {ending}"
        ),
    );
}

impl Recording {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self {
            video: folder.join(name),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.video.with_extension(suffix)
    }

    /// The stream of the kind (`v` or `a`), if there is one.
    fn stream(&self, kind: &str) -> Option<Value> {
        let found = ffprobe(
            &self.video,
            &format!("-show_streams -select_streams {kind}"),
        );
        found["streams"].get(0).cloned()
    }

    /// The sizes of the packets of sound.
    fn sound(&self) -> Vec<f64> {
        let found = ffprobe(&self.video, "-show_entries packet=size -select_streams a");
        numbers(&found["packets"], "size")
    }

    /// When each frame is shown, in seconds.
    pub fn times(&self) -> Vec<f64> {
        let found = ffprobe(
            &self.video,
            "-show_entries frame=pts_time -select_streams v",
        );
        numbers(&found["frames"], "pts_time")
    }

    /// When the streams end: the kind's last packet with its length, in seconds.
    pub fn end(&self, kind: &str) -> f64 {
        let entries = "packet=pts_time,duration_time";
        let found = ffprobe(
            &self.video,
            &format!("-show_entries {entries} -select_streams {kind}"),
        );
        let ends = found["packets"].as_array().unwrap().iter();
        ends.map(|packet| number(&packet["pts_time"]) + number(&packet["duration_time"]))
            .fold(0.0, f64::max)
    }

    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.beside("jsonl")).unwrap();
        assert!(text.ends_with('\n'));
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The subtitles as ffmpeg reads them: start, end, text.
    pub fn cues(&self) -> Vec<(f64, f64, String)> {
        let subtitles = self.beside("vtt");
        let entries = "packet=pts_time,duration_time,data";
        let found = ffprobe(
            &subtitles,
            &format!("-f webvtt -show_entries {entries} -show_data"),
        );
        let packets = found["packets"].as_array().unwrap().iter();
        let text = fs::read_to_string(&subtitles).unwrap();
        let mut texts = text
            .split("\n\n")
            .skip(1)
            .map(|cue| cue.split_once('\n').unwrap().1);
        let cues = packets.map(|packet| {
            let start = number(&packet["pts_time"]);
            let text = texts.next().unwrap().trim_end().to_owned();
            (start, start + number(&packet["duration_time"]), text)
        });
        cues.collect()
    }

    /// That every stream decodes without a word of complaint.
    pub fn assert_plays(&self) {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-xerror", "-i"])
            .arg(&self.video)
            .args([
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "-1",
                "-f",
                "null",
                "-",
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{errors}");
    }

    /// That the JSON lines and the subtitles tell of each frame, at the time at which the video shows it.
    pub fn assert_told_frame_by_frame(&self) {
        let times = self.times();
        let told = numbers(&Value::from(self.lines()), "time");
        assert_eq!(told.len(), times.len());
        for (told, time) in told.iter().zip(&times) {
            // Matroska keeps milliseconds.
            assert!((told - time).abs() < 0.000_6, "{told} {time}");
        }
        let cues = self.cues();
        assert!(!cues.is_empty() && cues.len() <= times.len());
        for pair in cues.windows(2) {
            assert!((pair[0].1 - pair[1].0).abs() < 0.001_1, "{pair:?}");
            assert_ne!(pair[0].2, pair[1].2);
        }
        assert!((cues[0].0 - times[0]).abs() < 0.001_1, "{:?}", cues[0]);
    }
}

#[test]
fn frames_times_and_sound_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac in.mp4");
    let original = Recording::new(folder, "in.mp4");
    let (sound, times) = (original.sound(), original.times());
    for (name, video, audio) in [
        ("out.mp4", "h264", "aac"),
        ("out.mkv", "h264", "aac"),
        ("out.webm", "vp8", "opus"),
    ] {
        let text = recorded(folder, &format!("in.mp4 -o {name} --force"));
        assert!(text.starts_with("in.mp4: 60 frames, 2.0 s, "), "{text}");
        let recording = Recording::new(folder, name);
        recording.assert_plays();
        recording.assert_told_frame_by_frame();
        let stream = recording.stream("v").unwrap();
        assert_eq!(stream["codec_name"], video);
        assert_eq!(
            (&stream["width"], &stream["height"]),
            (&320.into(), &240.into())
        );
        assert_eq!(stream["r_frame_rate"], "30000/1001");
        for (recorded, time) in recording.times().iter().zip(&times) {
            assert!((recorded - time).abs() < 0.000_6, "{recorded} {time}");
        }
        for kind in ["v", "a"] {
            let (end, expected) = (recording.end(kind), original.end(kind));
            assert!(
                (end - expected).abs() < 0.03,
                "{name}, {kind}: {end}, not {expected}"
            );
        }
        assert_eq!(recording.stream("a").unwrap()["codec_name"], audio);
        if audio == "aac" {
            // Not encoded anew: the same packets, less those that only warm the decoder up or cool it down.
            let kept = recording.sound();
            assert!(kept.len() + 2 >= sound.len());
            assert!(sound.windows(kept.len()).any(|part| part == kept));
        }
    }
    assert_eq!(names(folder).len(), 6);
}

#[test]
fn what_was_seen_stands_beside_the_video() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac in.mp4");
    recorded(folder, "in.mp4 -o out.mp4 --top-k 2");
    let recording = Recording::new(folder, "out.mp4");
    let lines = recording.lines();
    for (line, label) in [(&lines[0], "espresso"), (&lines[59], "Egyptian cat")] {
        assert_eq!(line["top"].as_array().unwrap().len(), 2);
        assert_eq!(line["top"][0], line["target"]);
        assert_eq!(line["target"]["label"], label);
        assert!(number(&line["target"]["score"]) > 0.3, "{line}");
        let map = &line["map"];
        // The shortest side is 227 for SqueezeNet, whose map has a sixteenth of that.
        assert_eq!((&map["width"], &map["height"]), (&18.into(), &14.into()));
        let [min, mean, max] = ["min", "mean", "max"].map(|name| number(&map[name]));
        assert!(0.0 <= min && min < mean && mean < max, "{map}");
        for side in 0..2 {
            assert!((0.2..0.8).contains(&number(&map["centre"][side])), "{map}");
        }
    }
    assert_eq!(lines[0]["pts"], 0);
    assert_eq!(lines[30]["pts"].as_f64(), Some(1_001_000_000.0));
    let cues = recording.cues();
    assert!(
        cues.len() < 40,
        "{} cues for two still pictures",
        cues.len()
    );
    assert!(cues[0].2.starts_with("espresso\n"), "{:?}", cues[0]);
    assert!(cues.last().unwrap().2.starts_with("Egyptian cat\n"));
    // Annotated: not the picture that went in, and with colours that it has not.
    let [before, after] = ["in.mp4", "out.mp4"].map(|name| Picture::load(&folder.join(name)));
    let blue = |picture: &Picture| {
        let pixels = picture.rgb.chunks(3);
        pixels
            .filter(|pixel| pixel[2] > pixel[0].saturating_add(40))
            .count()
    };
    let (before, after) = (blue(&before), blue(&after));
    assert!(after > before + 5000, "{before} {after} blue pixels");
}

#[test]
fn a_network_is_named_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-t 0.3 in.mp4");
    let network = source("tests/graphs/torch-script-7-mobilenet-v3.onnx");
    fs::create_dir_all(folder.join("net/onnx")).unwrap();
    fs::copy(network, folder.join("net/onnx/model.onnx")).unwrap();
    let names: serde_json::Map<String, Value> = (0..10)
        .map(|class| (class.to_string(), format!("name {class}").into()))
        .collect();
    let config = serde_json::json!({"id2label": names}).to_string();
    fs::write(folder.join("net/config.json"), config).unwrap();
    recorded(folder, "in.mp4 -o out.mp4 --model net/");
    let lines = Recording::new(folder, "out.mp4").lines();
    let label = lines[0]["top"][0]["label"].as_str().unwrap();
    assert!(label.starts_with("name "), "{label}");
}

#[test]
fn odd_sides_and_any_frame_rate_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Frames at 0, 0.04, 0.16, 0.36, 0.64 s and so on.
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=size=321x243:rate=25:duration=1 -vf setpts=N*N/25/TB -fps_mode vfr -pix_fmt yuv420p -c:v ffv1 in.mkv",
    );
    let original = Recording::new(folder, "in.mkv");
    for name in ["out.mp4", "out.mkv", "out.webm"] {
        recorded(folder, &format!("in.mkv -o {name} --force"));
        let recording = Recording::new(folder, name);
        let stream = recording.stream("v").unwrap();
        assert_eq!(
            (&stream["width"], &stream["height"]),
            (&321.into(), &243.into())
        );
        assert_eq!(recording.times(), original.times());
        assert_eq!(recording.stream("a"), None);
        recording.assert_told_frame_by_frame();
        recording.assert_plays();
    }
}

#[test]
fn a_turned_picture_is_recorded_upright() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Bright on the left, dark on the right, a detail in either.
    ffmpeg(
        folder,
        "-f lavfi -i color=gray:size=320x240:rate=10:duration=1 \
         -vf drawbox=x=0:w=160:c=white:t=fill,drawbox=x=20:y=40:w=40:h=40:c=black:t=fill flat.mp4",
    );
    // Before ffmpeg 6 it was a tag that said so.
    if !try_ffmpeg(folder, "-display_rotation -90 -i flat.mp4 -c copy in.mp4")
        .status
        .success()
    {
        ffmpeg(folder, "-i flat.mp4 -c copy -metadata:s:v rotate=90 in.mp4");
    }
    recorded(folder, "in.mp4 -o out.mp4 --threshold 1 --no-labels");
    for name in ["in", "out"] {
        ffmpeg(folder, &format!("-i {name}.mp4 -frames:v 1 {name}.png"));
    }
    let [expected, found] = ["in.png", "out.png"].map(|name| Picture::load(&folder.join(name)));
    assert_eq!((found.width, found.height), (240, 320));
    // The darkened picture is half as bright.
    let bright = |picture: &Picture, than: u8| -> Vec<bool> {
        let samples = picture.rgb.iter();
        samples.map(|sample| *sample > than).collect()
    };
    let (expected, found) = (bright(&expected, 190), bright(&found, 95));
    let different = expected.iter().zip(&found).filter(|(a, b)| a != b).count();
    assert!(
        different < expected.len() / 50,
        "{different} of {}",
        expected.len()
    );
}

#[test]
fn photos_and_clips_are_recorded_upright() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let photos = photos::TURNS.iter();
    let photos: Vec<_> = photos.map(|turn| photos::turned(folder, *turn)).collect();
    let clips = photos::TURNS.iter();
    let clips: Vec<_> = clips
        .map(|turn| photos::turned_clip(folder, *turn))
        .collect();
    for group in [photos, clips] {
        let mut scores = Vec::new();
        for path in &group {
            let name = path.display();
            recorded(folder, &format!("{name} -o out.mp4 --force"));
            let recording = Recording::new(folder, "out.mp4");
            let stream = recording.stream("v").unwrap();
            assert_eq!(
                (&stream["width"], &stream["height"]),
                (&600.into(), &400.into()),
                "{name}"
            );
            assert!(!stream.to_string().contains("rotat"), "{stream}");
            let top = recording.lines()[0]["top"][0].clone();
            assert_eq!(top["id"], 967, "{name}");
            scores.push(number(&top["score"]));
        }
        assert!(
            scores.iter().all(|score| (score - scores[0]).abs() < 0.02),
            "{group:?}: {scores:?}"
        );
    }
}

#[test]
fn the_shape_of_pixels_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [square, oblong] = photos::square_and_oblong(folder);
    for name in ["out.mp4", "out.mkv", "out.webm"] {
        let [square, oblong] = [(&square, "600 1:1"), (&oblong, "300 2:1")].map(|(path, shape)| {
            recorded(folder, &format!("{} -o {name} --force", path.display()));
            let recording = Recording::new(folder, name);
            let stream = recording.stream("v").unwrap();
            let pixels = stream["sample_aspect_ratio"].as_str().unwrap();
            assert_eq!(format!("{} {pixels}", stream["width"]), shape, "{name}");
            assert_eq!(stream["height"], 400, "{name}");
            assert_eq!(stream["display_aspect_ratio"], "3:2", "{name}");
            recording.lines()[0]["top"][0].clone()
        });
        assert_eq!(square["id"], oblong["id"], "{name}");
        let off = (number(&square["score"]) - number(&oblong["score"])).abs();
        // As for the element, whose chroma loses three quarters of its samples.
        assert!(off < 0.07, "{name}: {square} {oblong}");
    }
}

#[test]
fn the_last_frame_is_shown_as_long_in_every_container() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Frames at uneven times; how long they last stands nowhere in `bare.mkv`, and in `held.webm` the last is held long.
    for (name, encoder, last) in [
        ("bare.mkv", "x264enc bframes=0 ! matroskamux", None),
        ("held.webm", "vp8enc deadline=1 ! webmmux", Some(900)),
    ] {
        uneven(&folder.join(name), encoder, last);
        let mut found = Vec::new();
        for out in ["out.mp4", "out.mkv", "out.webm"] {
            recorded(folder, &format!("{name} -o {out} --force"));
            let recording = Recording::new(folder, out);
            recording.assert_plays();
            let times = recording.times();
            assert_eq!(times.len(), 10, "{name} to {out}");
            assert_eq!(times[9], 4.05);
            let format = ffprobe(&recording.video, "-show_entries format=duration");
            found.push(number(&format["format"]["duration"]));
        }
        let expected = last.map_or(4.05 + 0.85, |last| 4.05 + f64::from(last) / 1000.0);
        assert!(
            found.iter().all(|length| (length - expected).abs() < 0.002),
            "{name}: {found:?}, not {expected}"
        );
    }
}

/// Writes ten frames at uneven times to `path`; the last one lasts `last` milliseconds, the others nothing.
fn uneven(path: &Path, encoder: &str, last: Option<u32>) {
    use gst::prelude::*;
    let pipeline = common::pipeline(&format!(
        "appsrc name=frames format=time caps=video/x-raw,format=I420,width=64,height=48,framerate=0/1 ! {encoder} \
         ! filesink name=file"
    ));
    pipeline
        .by_name("file")
        .unwrap()
        .set_property("location", path);
    let frames = pipeline.by_name("frames").unwrap();
    let frames = frames.downcast::<gst_app::AppSrc>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    for n in 0..10u8 {
        let mut buffer = gst::Buffer::from_slice(vec![20 * n; 64 * 48 * 3 / 2]);
        let about = buffer.get_mut().unwrap();
        about.set_pts(gst::ClockTime::from_mseconds(50) * u64::from(n) * u64::from(n));
        if n == 9 {
            about.set_duration(last.map(|last| gst::ClockTime::from_mseconds(last.into())));
        }
        frames.push_buffer(buffer).unwrap();
    }
    frames.end_of_stream().unwrap();
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds);
    assert_eq!(message.unwrap().type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn an_input_that_stands_still_is_given_up_and_what_came_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -b:v 4M -c:a aac in.mkv");
    let bytes = fs::read(folder.join("in.mkv")).unwrap();
    let pipe = folder.join("pipe.mkv");
    common::make_pipe(&pipe);
    // Half of it comes, and then nothing, without an end.
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let place = pipe.clone();
    let writer = std::thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(place).unwrap();
        let _ = pipe.write_all(&bytes[..bytes.len() / 2]);
        let _ = is_done.recv();
    });
    let output = record(folder, "pipe.mkv -o out.mp4");
    drop(done);
    writer.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("pipe.mkv has given nothing for 10 seconds, and is given up. "),
        "{errors}"
    );
    let recording = Recording::new(folder, "out.mp4");
    recording.assert_plays();
    assert!((5..60).contains(&recording.times().len()));
    assert!(!names(folder).iter().any(|name| name.ends_with(".part")));
}

#[test]
fn a_gif_is_recorded_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=size=64x48:rate=5:duration=2 in.gif",
    );
    let text = recorded(folder, "in.gif -o out.mp4");
    assert!(text.starts_with("in.gif: 10 frames, 2.0 s, "), "{text}");
    let recording = Recording::new(folder, "out.mp4");
    let times = recording.times();
    for (number, time) in times.iter().enumerate() {
        assert!((time - 0.2 * number as f64).abs() < 0.001, "{times:?}");
    }
    assert!((recording.end("v") - 2.0).abs() < 0.001);
}

#[test]
fn sound_that_the_container_cannot_hold_is_encoded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a flac in.mkv");
    recorded(folder, "in.mkv -o kept.mkv");
    assert_eq!(
        Recording::new(folder, "kept.mkv").stream("a").unwrap()["codec_name"],
        "flac"
    );
    recorded(folder, "in.mkv -o encoded.mp4");
    let recording = Recording::new(folder, "encoded.mp4");
    assert_eq!(recording.stream("a").unwrap()["codec_name"], "aac");
    assert!((recording.end("a") - 2.0).abs() < 0.1);
    recording.assert_plays();
}

#[test]
fn a_terminal_gets_a_bar_with_the_time_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -an in.mp4");
    let line = format!(
        "{} in.mp4 -o out.mp4",
        env!("CARGO_BIN_EXE_camoverlay-record")
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" %, ") && text.contains(" left"), "{text}");
    let last = text.trim_end().rsplit('\r').next().unwrap();
    assert!(last.contains("in.mp4: 60 frames, 2.0 s"), "{text}");
}

/// Starts a recording and waits until `is_so`.
pub fn started(folder: &Path, line: &str, is_so: impl Fn(&Child) -> bool) -> Child {
    started_into(Stdio::piped(), folder, line, is_so)
}

/// The same, printing to `stdout`.
fn started_into(
    stdout: impl Into<Stdio>,
    folder: &Path,
    line: &str,
    is_so: impl Fn(&Child) -> bool,
) -> Child {
    // Without `timeout`, which would pass signals on twice.
    let child = Command::new(env!("CARGO_BIN_EXE_camoverlay-record"))
        .args(line.split(' '))
        .current_dir(folder)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !is_so(&child) {
        assert!(Instant::now() < deadline, "nothing is recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Whether the recording `out` has written down what it saw in some frames.
pub fn has_begun(folder: &Path) -> bool {
    fs::metadata(folder.join("out.jsonl.part")).is_ok_and(|about| about.len() > 0)
}

/// Whether Ctrl-C is the program's own business.
fn catches_interruptions(child: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 2 != 0
}

/// Ends a recording as Ctrl-C does.
fn interrupted(child: Child) -> Output {
    interrupt(&child);
    finished(child)
}

pub fn interrupt(child: &Child) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
}

pub fn finished(mut child: Child) -> Output {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the recorder does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn an_interrupted_recording_plays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac short.mp4");
    ffmpeg(folder, "-stream_loop 99 -i short.mp4 -c copy in.mp4");
    for name in ["out.mp4", "out.mkv"] {
        let output = interrupted(started(
            folder,
            &format!("in.mp4 -o {name} --force"),
            |_| has_begun(folder),
        ));
        assert!(output.status.success(), "{output:?}");
        let recording = Recording::new(folder, name);
        recording.assert_plays();
        recording.assert_told_frame_by_frame();
        let frames = recording.times().len();
        assert!((1..5900).contains(&frames), "{frames} frames");
        let ends = ["v", "a"].map(|kind| recording.end(kind));
        assert!((ends[0] - ends[1]).abs() < 0.1, "{ends:?}");
    }
    assert!(!names(folder).iter().any(|name| name.ends_with(".part")));
}

/// The recorder stands between two inputs while nobody reads what it prints.
#[test]
fn a_list_can_be_interrupted_between_two_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a.mp4", "b.mp4"] {
        clip(folder, &format!("-c:v libx264 -frames:v 5 {name}"));
    }
    let (mut printed, mut full) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'\n'; 64]).is_ok() {}
    full.set_nonblocking(false).unwrap();
    let child = started_into(OwnedFd::from(full), folder, "a.mp4 b.mp4 -o out", |_| {
        folder.join("out/a.vtt").exists()
    });
    interrupt(&child);
    // A busy machine takes its time to tell the recorder's thread for signals.
    std::thread::sleep(Duration::from_millis(500));
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        printed.read_to_string(&mut text).unwrap();
        text
    });
    let output = finished(child);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.ends_with("Interrupted after 1 of 2 inputs.\n"),
        "{errors}"
    );
    let text = reader.join().unwrap();
    assert!(text.trim_start().starts_with("a.mp4: 5 frames"), "{text}");
    assert_eq!(names(&folder.join("out")), ["a.jsonl", "a.mp4", "a.vtt"]);
}

#[test]
fn an_input_that_never_begins_can_be_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let line = format!("udp://{} -o out.mp4", silent.local_addr().unwrap());
    drop(silent);
    let output = interrupted(started(folder, &line, catches_interruptions));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("Interrupted before the first frame."),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(names(folder).is_empty());
}

#[test]
fn a_live_stream_is_recorded_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -g 15 -c:a aac in.ts");
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut sender = Command::new("ffmpeg")
        .args("-v error -re -stream_loop -1 -i in.ts -c copy -f mpegts".split(' '))
        .arg(format!("udp://127.0.0.1:{port}?pkt_size=1316"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let line = format!("udp://127.0.0.1:{port} -o out.mp4");
    let output = interrupted(started(folder, &line, |_| has_begun(folder)));
    sender.kill().unwrap();
    sender.wait().unwrap();
    assert!(output.status.success(), "{output:?}");
    let recording = Recording::new(folder, "out.mp4");
    let times = recording.times();
    let lines = recording.lines();
    // Frames that came too late for the network share the map of an earlier one.
    assert!(!lines.is_empty() && lines.len() <= times.len());
    for told in numbers(&Value::from(lines), "time") {
        let nearest = times
            .iter()
            .map(|time| (time - told).abs())
            .fold(1.0, f64::min);
        assert!(nearest < 0.000_1, "{told} is the time of no frame");
    }
    assert_eq!(recording.stream("a").unwrap()["codec_name"], "aac");
}

/// What is recorded into `out.mp4` of a video of 1200 frames whose server sends as many `frames` as given and breaks
/// off when it `is_enough`, so long after the last of them.
fn broken_off(
    folder: &Path,
    frames: usize,
    is_enough: impl Fn(Duration) -> bool + Send + 'static,
) -> Recording {
    clip(folder, "-c:v libx264 -bf 0 -b:v 4M -c:a aac short.mkv");
    ffmpeg(folder, "-stream_loop 19 -i short.mkv -c copy in.mkv");
    let bytes = fs::read(folder.join("in.mkv")).unwrap();
    let packets = ffprobe(
        &folder.join("in.mkv"),
        "-show_entries packet=pos -select_streams v",
    );
    let part = numbers(&packets["packets"], "pos")[frames] as usize;
    // The loop is as long as the ffmpeg at hand makes it.
    let about = ffprobe(&folder.join("in.mkv"), "-show_entries format=duration");
    let seconds = number(&about["format"]["duration"]);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        drop(server);
        let _ = client.read(&mut [0; 4096]).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: video/x-matroska\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&bytes[..part]).unwrap();
        let sent = Instant::now();
        while !is_enough(sent.elapsed()) && sent.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let output = record(folder, &format!("http://{address}/in.mkv -o out.mp4"));
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("The input broke off after "), "{errors}");
    assert!(
        errors.contains(&format!(" of {seconds:.1} s. Its connection broke off: ")),
        "{errors}"
    );
    let recording = Recording::new(folder, "out.mp4");
    recording.assert_plays();
    recording.assert_told_frame_by_frame();
    recording
}

#[test]
fn what_came_before_the_input_broke_off_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let recording = broken_off(folder.path(), 600, move |_| has_begun(&place));
    assert!((10..1190).contains(&recording.times().len()));
}

#[test]
fn an_input_may_break_off_before_the_encoder_gives_anything() {
    let folder = tempfile::tempdir().unwrap();
    let is_enough = |since: Duration| since > Duration::from_secs(3);
    let recording = broken_off(folder.path(), 8, is_enough);
    assert!((1..=8).contains(&recording.times().len()));
}

#[test]
fn a_list_is_worked_through_in_spite_of_a_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac -t 0.5 in/a.mp4");
    ffmpeg(folder, "-i in/a.mp4 -c copy in/c.mkv");
    fs::write(folder.join("in/b.mp4"), "no video").unwrap();
    fs::write(folder.join("in/notes.txt"), "no video either").unwrap();
    let output = record(folder, "in -o out");
    let [text, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert_eq!(output.status.code(), Some(1), "{text}{errors}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.len() == 2
            && lines[0].starts_with("in/a.mp4: 15 frames")
            && lines[1].starts_with("in/c.mkv: 15")
    );
    let errors: Vec<&str> = errors.lines().collect();
    assert!(
        errors.len() == 2 && errors[0].starts_with("in/b.mp4 cannot be read: "),
        "{errors:?}"
    );
    assert_eq!(errors[1], "1 of 3 failed: in/b.mp4.");
    let out = folder.join("out");
    assert_eq!(
        names(&out),
        ["a.jsonl", "a.mp4", "a.vtt", "c.jsonl", "c.mp4", "c.vtt"]
    );
    Recording::new(&out, "c.mp4").assert_told_frame_by_frame();
    // Named one by one, and over what is there.
    let text = recorded(folder, "in/a.mp4 in/c.mkv -o out --force");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn nothing_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -an -t 0.3 in.mp4");
    for name in ["out.mp4", "out.jsonl", "out.vtt"] {
        fs::write(folder.join(name), "mine").unwrap();
        let (words, code) = refusal(folder, "in.mp4 -o out.mp4");
        assert!(
            words.contains(&format!("{name} is already there.")) && code == 1,
            "{words}"
        );
        assert_eq!(fs::read(folder.join(name)).unwrap(), b"mine");
        fs::remove_file(folder.join(name)).unwrap();
    }
    let uri = format!("file://{}", folder.join("in.mp4").display());
    for input in ["in.mp4", &uri] {
        let (words, _) = refusal(folder, &format!("{input} -o in.mp4 --force"));
        assert!(words.contains("would overwrite its own input"), "{words}");
    }
    fs::write(folder.join("out.vtt"), "mine").unwrap();
    recorded(folder, "in.mp4 -o out.mp4 --force");
    Recording::new(folder, "out.mp4").assert_told_frame_by_frame();
}

#[test]
fn what_cannot_be_recorded_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac -t 0.3 in.mp4");
    ffmpeg(folder, "-i in.mp4 -vn -c copy sound.m4a");
    ffmpeg(
        folder,
        "-f lavfi -i testsrc=size=8x8:rate=5:duration=1 -c:v ffv1 tiny.mkv",
    );
    fs::write(folder.join("empty.mp4"), "").unwrap();
    fs::write(folder.join("text.mp4"), "no video").unwrap();
    let wide = common::pipeline(&format!(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=40000,height=4 ! pngenc ! filesink location={:?}",
        folder.join("wide.png")
    ));
    wide.set_state(gst::State::Playing).unwrap();
    common::play_to_the_end(&wide);
    fs::create_dir(folder.join("folder")).unwrap();
    for (line, words, code) in [
        (
            "sound.m4a -o out.mp4",
            "sound.m4a cannot be read: there is no picture in it.",
            1,
        ),
        ("tiny.mkv -o out.mp4", "tiny.mkv: Its picture is 8 x 8", 1),
        (
            "empty.mp4 -o out.mp4",
            "empty.mp4 cannot be read: the file is empty.",
            1,
        ),
        ("text.mp4 -o out.mp4", "text.mp4 cannot be read: ", 1),
        ("nothing.mp4 -o out.mp4", "nothing.mp4 cannot be read: ", 1),
        ("folder -o out", "There is no video in folder.", 1),
        (
            "in.mp4 -o nowhere/out.mp4",
            "in.mp4: nowhere/out.mp4 cannot be written: ",
            1,
        ),
        ("in.mp4 -o out.avi", "out.avi says not what to write", 2),
        (
            "in.mp4 -o out.mp4 --target nonsense",
            "in.mp4: target=\"nonsense\"",
            1,
        ),
        (
            "in.mp4 -o out.mp4 --bitrate 0",
            "--bitrate takes a whole number from 1 to 2000000, not “0”.",
            2,
        ),
        ("in.mp4", "--output <OUTPUT> is missing.", 2),
        ("-o out.mp4", "<INPUT>... is missing.", 2),
        (
            "in.mp4 text.mp4 -o out.mp4",
            "Several recordings go into a folder",
            2,
        ),
    ] {
        let (found, found_code) = refusal(folder, line);
        assert!(found.starts_with(words), "{line}: {found}");
        assert_eq!(found_code, code, "{line}: {found}");
    }
    // As the converter fails, GStreamer's muxer may meanwhile complain of a pad without caps.
    let before = names(folder);
    let mut recorder = recorder(folder, ["wide.png", "-o", "out.mp4"]);
    let output = recorder.env_remove("G_DEBUG").output().unwrap();
    let words = "wide.png cannot be read: its pictures have 40000 x 4 pixels, and GStreamer converts 32767 a side at most. \
                 Scale them down.";
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.lines().last(), Some(words), "{errors}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(names(folder), before);
}

/// A folder of GStreamer's plugins without those whose file names contain one of `missing`.
fn plugins_without(folder: &Path, missing: &[&str]) -> PathBuf {
    let place = Command::new("pkg-config")
        .args(["--variable=pluginsdir", "gstreamer-1.0"])
        .output()
        .unwrap();
    let place = String::from_utf8(place.stdout).unwrap();
    let plugins = folder.join(missing.join("-"));
    fs::create_dir(&plugins).unwrap();
    for entry in fs::read_dir(place.trim()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".so") && !missing.iter().any(|missing| name.contains(missing)) {
            std::os::unix::fs::symlink(&path, plugins.join(name)).unwrap();
        }
    }
    plugins
}

#[test]
fn a_missing_codec_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(
        folder,
        "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le -t 0.3 jpeg.avi",
    );
    clip(folder, "-c:v libx264 -bf 0 -an -t 0.3 h264.mp4");
    for (missing, line, words) in [
        (
            &["gstx264", "gstopenh264"][..],
            "jpeg.avi -o out.mp4",
            "No video encoder is installed: looked for x264enc, openh264enc.",
        ),
        (
            &["gstlibav", "gstfdkaac", "gstvoaacenc"],
            "jpeg.avi -o out.mp4",
            "No sound encoder is installed: looked for avenc_aac",
        ),
        (&["gstlibav", "gstopenh264"], "h264.mp4 -o out.mp4", "H.264"),
    ] {
        let plugins = plugins_without(folder, missing);
        let output = recorder(folder, line.split(' '))
            .env("GST_PLUGIN_SYSTEM_PATH", &plugins)
            .env("GST_REGISTRY", plugins.join("registry.bin"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(words), "{errors}");
        assert!(!folder.join("out.mp4").exists() && !folder.join("out.mp4.part").exists());
    }
}

#[test]
fn with_inference_latest_every_run_gets_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::copy(source("examples/media/coffee.png"), folder.join("in.png")).unwrap();
    recorded(folder, "in.png -o photo.mkv --inference latest");
    let lines = fs::read_to_string(folder.join("photo.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["target"]["id"], 967, "{lines}");

    // The first frame waits, the second goes to the network while the stream ends.
    common::init();
    let clip = gst::parse::launch(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48,framerate=25/1 ! jpegenc ! matroskamux ! \
         filesink location={}",
        folder.join("in.mkv").display()
    ))
    .unwrap();
    clip.set_state(gst::State::Playing).unwrap();
    let end = clip
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(20), &[gst::MessageType::Eos]);
    assert!(end.is_some());
    clip.set_state(gst::State::Null).unwrap();
    recorded(folder, "in.mkv -o clip.mkv --inference latest");
    let lines = fs::read_to_string(folder.join("clip.jsonl")).unwrap();
    let times: Vec<f64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["time"]
                .as_f64()
                .unwrap()
        })
        .collect();
    assert_eq!(times, [0.0, 0.04], "{lines}");
}
