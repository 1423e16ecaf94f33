//! The examples, run as their first comments say.

use crate::common;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{Picture, info, plugin_file, source};
use gst::prelude::*;
use gst_video::VideoFormat;

const CAT: &str = "examples/media/chelsea.png";
const COFFEE: &str = "examples/media/coffee.png";

/// Runs `program` for at most a minute in the source tree, with the plugin on its path.
fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Output {
    Command::new("timeout")
        .arg("60")
        .arg(program)
        .args(arguments)
        .current_dir(source(""))
        .env("GST_PLUGIN_PATH", plugin_file().parent().unwrap())
        .env("PYTHONUNBUFFERED", "1")
        .output()
        .unwrap()
}

fn python<S: AsRef<OsStr>>(script: &str, arguments: impl IntoIterator<Item = S>) -> Output {
    let arguments = arguments
        .into_iter()
        .map(|argument| argument.as_ref().to_owned());
    run(
        "/usr/bin/python3",
        std::iter::once(script.into()).chain(arguments),
    )
}

/// What a run that went well has printed.
fn printed(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}{errors}", output.status);
    text
}

fn embed() -> PathBuf {
    let folder = plugin_file();
    let program = folder.ancestors().nth(2).unwrap().join("examples/embed");
    assert!(
        program.exists(),
        "cargo build --examples makes {}",
        program.display()
    );
    program
}

/// A video of `seconds`: the cat, the coffee, the cat, a third of it each.
fn clip(path: &Path, seconds: u64) {
    const RATE: u64 = 10;
    let cat = Picture::load_scaled(&source(CAT), 240, 160);
    let coffee = Picture::load_scaled(&source(COFFEE), 240, 160);
    let info = info(VideoFormat::Rgb, 240, 160);
    let pipeline = common::pipeline(&format!(
        "appsrc name=frames format=time ! videoconvert ! x264enc bframes=0 ! mp4mux ! filesink location={path:?}"
    ));
    let frames = pipeline
        .by_name("frames")
        .unwrap()
        .downcast::<gst_app::AppSrc>()
        .unwrap();
    frames.set_caps(Some(&info.to_caps().unwrap()));
    pipeline.set_state(gst::State::Playing).unwrap();
    for n in 0..seconds * RATE {
        let picture = if n * 3 / (seconds * RATE) == 1 {
            &coffee
        } else {
            &cat
        };
        let mut buffer = picture.to_buffer(&info, 0, 0);
        let frame = buffer.get_mut().unwrap();
        frame.set_pts(gst::ClockTime::from_mseconds(n * 1000 / RATE));
        frame.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
        frames.push_buffer(buffer).unwrap();
    }
    frames.end_of_stream().unwrap();
    common::play_to_the_end(&pipeline);
}

/// The first frame of what an example has written.
fn shown(path: &Path) -> Picture {
    Picture::load(path)
}

/// How many samples of the two pictures differ clearly.
fn painted(picture: &Picture, original: &Picture) -> usize {
    let pairs = picture.rgb.iter().zip(&original.rgb);
    pairs.filter(|(a, b)| a.abs_diff(**b) > 60).count()
}

#[test]
fn the_rust_application_boxes_the_cat() {
    let folder = tempfile::tempdir().unwrap();
    let boxed = folder.path().join("new/boxed.mp4");
    let text = printed(run(embed(), [OsStr::new(CAT), boxed.as_os_str()]));
    assert!(text.starts_with("0.00 s: Egyptian cat (0.6"), "{text}");
    assert!(text.contains(" from (0."), "{text}");
    // The encoder wants even sides.
    let original = Picture::load_scaled(&source(CAT), 450, 300);
    let painted = painted(&Picture::load_scaled(&boxed, 450, 300), &original);
    assert!(
        (1000..20_000).contains(&painted),
        "{painted} samples are painted"
    );
}

#[test]
fn the_rust_application_follows_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let (video, boxed) = (
        folder.path().join("video.mp4"),
        folder.path().join("boxed.mp4"),
    );
    clip(&video, 3);
    let text = printed(run(embed(), [&video, &boxed]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 30, "{text}");
    assert!(lines[0].contains("cat"), "{text}");
    assert!(lines[15].starts_with("1.50 s: espresso (0.9"), "{text}");
}

#[test]
fn the_rust_application_tells_what_is_wrong() {
    let output = run(embed(), ["README.md", "/dev/null"]);
    assert!(!output.status.success());
    assert!(!output.stderr.is_empty());
}

#[test]
fn the_python_application_boxes_the_coffee() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("new/box-%03d.png");
    let text = printed(python(
        "examples/embed.py",
        [OsStr::new(COFFEE), pattern.as_os_str()],
    ));
    assert!(
        text.starts_with("espresso (0.97), map (14, 21), from ("),
        "{text}"
    );
    let original = Picture::load(&source(COFFEE));
    let boxed = shown(&folder.path().join("new/box-000.png"));
    let yellow = boxed
        .rgb
        .chunks(3)
        .filter(|pixel| *pixel == [255, 220, 0])
        .count();
    assert!((500..2000).contains(&yellow), "{yellow} yellow pixels");
    assert!(painted(&boxed, &original) < 2 * 3 * yellow);
}

#[test]
fn the_watch_records_while_the_class_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video.mp4");
    clip(&video, 6);
    let arguments = ["espresso", "--linger", "0.5", "--input"].map(OsStr::new);
    let arguments = arguments.into_iter().chain([
        video.as_os_str(),
        "--folder".as_ref(),
        folder.path().as_ref(),
    ]);
    let text = printed(python("examples/react.py", arguments));
    assert!(text.contains("espresso (0.9"), "{text}");
    assert!(text.contains("gone"), "{text}");
    shown(&folder.path().join("espresso-001.mp4")); // it plays
    assert!(!folder.path().join("espresso-002.mp4").exists(), "{text}");
}

#[test]
fn the_watch_finishes_a_recording_at_the_end_of_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video.mp4");
    clip(&video, 3);
    let arguments = ["Egyptian cat", "--linger", "9", "--input"].map(OsStr::new);
    let arguments = arguments.into_iter().chain([
        video.as_os_str(),
        "--folder".as_ref(),
        folder.path().as_ref(),
    ]);
    let text = printed(python("examples/react.py", arguments));
    assert_eq!(text.lines().count(), 1, "{text}");
    shown(&folder.path().join("Egyptian-cat-001.mp4"));
}
