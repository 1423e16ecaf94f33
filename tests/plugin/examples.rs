//! The examples, run as their first comments say.

use crate::{common, photos};

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStringExt,
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

#[test]
fn the_data_sets_sheets_tell_right_from_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, sheets) = (folder.path().join("photos"), folder.path().join("sheets"));
    for (class, photo, name) in [
        ("Egyptian_cat", CAT, "cat.png"),
        ("Egyptian_cat", COFFEE, "not a cat.png"),
        ("espresso", COFFEE, "coffee.png"),
    ] {
        fs::create_dir_all(photos.join(class)).unwrap();
        fs::copy(source(photo), photos.join(class).join(name)).unwrap();
    }
    fs::write(photos.join("espresso/broken.jpg"), "not a photo").unwrap();
    let output = python(
        "examples/explain_dataset.py",
        [photos.as_os_str(), "--output".as_ref(), sheets.as_os_str()],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("broken.jpg: "));
    let text = printed(output);
    let expected = [
        "Egyptian_cat: 1 right",
        "Egyptian_cat: 1 wrong",
        "espresso: 1 right",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);

    let table = fs::read_to_string(sheets.join("results.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.trim_end().split(',').collect())
        .collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert_eq!(rows[0].len(), 10);
    let right: Vec<&str> = rows[1..].iter().map(|row| row[5]).collect();
    assert_eq!(right, ["1", "0", "1"], "{table}");
    assert_eq!(rows[2][2], "espresso");
    for share in rows[1..].iter().flat_map(|row| &row[6..]) {
        assert!(
            (0.0..=1.0).contains(&share.parse::<f64>().unwrap()),
            "{table}"
        );
    }
    let sheet = |name: &str| {
        let picture = shown(&sheets.join(name));
        (picture.width, picture.height)
    };
    assert_eq!(sheet("Egyptian_cat-right.png"), (480, 240));
    assert_eq!(sheet("Egyptian_cat-wrong.png"), (720, 240));
    assert_eq!(sheet("espresso-right-mean.png"), (240, 240));
}

#[test]
fn a_data_sets_folder_is_the_class_of_that_name_before_the_index() {
    let folder = tempfile::tempdir().unwrap();
    printed(run(
        common::python(),
        [
            source("tests/labelled_models.py").as_os_str(),
            folder.path().as_os_str(),
        ],
    ));
    let labels = folder.path().join("labels.txt");
    // The red photo is of class 0, which is called 2.
    fs::write(&labels, "2\n1\nbull frog\n").unwrap();
    let photos = folder.path().join("photos");
    let launch = "videotestsrc num-buffers=1 pattern=red ! video/x-raw,width=64,height=48 ! pngenc ! filesink location=";
    let photo = folder.path().join("red.png");
    printed(run(
        "gst-launch-1.0",
        format!("{launch}{}", photo.display()).split(' '),
    ));
    for class in ["0", "1", "2", "bull_frog", "no such class"] {
        fs::create_dir_all(photos.join(class)).unwrap();
        let name = std::ffi::OsString::from_vec(b"\xff.png".to_vec());
        fs::copy(&photo, photos.join(class).join(name)).unwrap();
    }
    let sheets = folder.path().join("sheets");
    let model = folder.path().join("plain.onnx");
    let arguments: [&OsStr; 7] = [
        photos.as_os_str(),
        "--output".as_ref(),
        sheets.as_os_str(),
        "--model".as_ref(),
        model.as_os_str(),
        "--labels".as_ref(),
        labels.as_os_str(),
    ];
    let output = python("examples/explain_dataset.py", arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        errors.matches("the network knows no class").count(),
        1,
        "{errors}"
    );
    let text = printed(output);
    let lines: Vec<&str> = text.lines().collect();
    // No label is called 0, so it is the index; 2 is a label.
    let expected = [
        "0: 1 right",
        "1: 1 wrong",
        "2: 1 right",
        "bull_frog: 1 wrong",
        "no-such-class: 1 unknown",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_data_sets_photos_are_explained_upright() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("espresso");
    fs::create_dir(&class).unwrap();
    for orientation in 1..=8 {
        photos::turned(&class, orientation);
    }
    for name in ["a.bmp", "b.gif", "c.tiff"] {
        photos::store(&class, "null", name);
    }
    let sheets = folder.path().join("sheets");
    let output = python(
        "examples/explain_dataset.py",
        [
            folder.path().as_os_str(),
            "--output".as_ref(),
            sheets.as_os_str(),
        ],
    );
    assert_eq!(printed(output), "espresso: 11 right\n");
    let table = fs::read_to_string(sheets.join("results.csv")).unwrap();
    let scores: Vec<f64> = table
        .lines()
        .filter(|line| line.contains("exif-"))
        .map(|line| line.split(',').nth(3).unwrap().parse().unwrap())
        .collect();
    assert_eq!(scores.len(), 8);
    assert!(
        scores.iter().all(|score| (score - scores[0]).abs() < 0.02),
        "{scores:?}"
    );
}

#[test]
fn the_data_sets_truth_can_come_from_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.csv");
    fs::write(&truth, "chelsea.png,285\ncoffee.png,no such thing\n").unwrap();
    let sheets = folder.path().join("sheets");
    let output = python(
        "examples/explain_dataset.py",
        [
            "examples/media".as_ref(),
            "--truth".as_ref(),
            truth.as_os_str(),
            "--output".as_ref(),
            sheets.as_os_str(),
        ],
    );
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("the network knows no class no such thing"),
        "{errors}"
    );
    assert!(printed(output).contains("285: 1 right"));
}
