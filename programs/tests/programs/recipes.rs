//! Every gst-launch and camoverlay-record line of README.md and docs/ runs.
//!
//! It runs as it stands, in a folder that holds the files which the lines name, but for these stand-ins:
//!
//! | in the documentation | here |
//! |---|---|
//! | `camera` | `in.mp4` |
//! | `v4l2src`, `ximagesrc`, with their properties | `videotestsrc num-buffers=5` |
//! | `rtspsrc`, with its properties | `filesrc location=in.mp4` |
//! | `autovideosink`, `rtspclientsink`, `srtsink`, with their properties | `fakesink` |
//! | `hlssink2`, with its properties | `mpegtsmux ! fakesink` |
//!
//! `hlssink2` is left out because GStreamer 1.22's now and then never ends a stream this short, with or without
//! camoverlay in front of it.

use crate::common;

use std::{fs, path::Path, process::Command};

use common::{plugin_file, source};

const STAND_INS: [(&str, &str); 8] = [
    ("camera", "in.mp4"),
    ("v4l2src", "videotestsrc num-buffers=5"),
    ("ximagesrc", "videotestsrc num-buffers=5"),
    ("rtspsrc", "filesrc location=in.mp4"),
    ("autovideosink", "fakesink"),
    ("rtspclientsink", "fakesink"),
    ("srtsink", "fakesink"),
    ("hlssink2", "mpegtsmux ! fakesink"),
];

/// A sixth of a second of moving picture and sound.
const CLIP: &str = "gst-launch-1.0 -q videotestsrc num-buffers=5 ! video/x-raw,width=320,height=240 ! x264enc ! mp4mux name=m \
    ! filesink location=in.mp4 audiotestsrc num-buffers=10 ! avenc_aac ! m.";
const PHOTO: &str = "gst-launch-1.0 -q filesrc location=photo.png ! pngdec ! videoconvert ! jpegenc ! filesink location=photo.jpg";

/// The lines of a document that are to run, continued lines joined.
fn lines(document: &str) -> Vec<String> {
    let text = fs::read_to_string(source(document))
        .unwrap()
        .replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| {
            line.starts_with("gst-launch-1.0 ")
                || line.starts_with("GST_")
                || line.starts_with("camoverlay-record ")
        })
        .map(String::from)
        .collect()
}

/// `line` with stand-ins for what a machine without camera and display lacks.
fn headless(line: &str) -> String {
    let mut words = Vec::new();
    let mut of_stand_in = false;
    for word in line.split_whitespace() {
        let stand_in = STAND_INS.iter().find(|(name, _)| *name == word);
        of_stand_in = stand_in.is_some() || of_stand_in && word.contains('=');
        match stand_in {
            Some((_, instead)) => words.push(*instead),
            None if of_stand_in => {} // a property of what was replaced
            None => words.push(word),
        }
    }
    words.join(" ")
}

fn run(line: &str, folder: &Path) {
    let programs = plugin_file().ancestors().nth(2).unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("timeout")
        .args(["60", "bash", "-o", "pipefail", "-c", line])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("GST_PLUGIN_PATH", plugin_file().parent().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{text}");
    assert!(
        !text.contains("ERROR") && !text.contains("WARNING"),
        "{line}\n{text}"
    );
}

#[test]
fn every_line_of_the_documentation_runs() {
    let folder = tempfile::tempdir().unwrap();
    let place = |from: &str, name: &str| fs::copy(source(from), folder.path().join(name)).unwrap();
    place("examples/media/coffee.png", "photo.png");
    place(".deps/share/camoverlay/models/squeezenet.onnx", "mine.onnx");
    place(".deps/share/camoverlay/models/imagenet.txt", "mine.txt");
    run(CLIP, folder.path());
    run(PHOTO, folder.path());
    fs::create_dir(folder.path().join("videos")).unwrap();
    fs::copy(
        folder.path().join("in.mp4"),
        folder.path().join("videos/one.mp4"),
    )
    .unwrap();
    for (document, at_least) in [
        ("README.md", 3),
        ("docs/recipes.md", 15),
        ("docs/troubleshooting.md", 3),
    ] {
        let lines = lines(document);
        assert!(lines.len() >= at_least, "{document}: {lines:#?}");
        for line in lines {
            run(&headless(&line), folder.path());
        }
    }
}
