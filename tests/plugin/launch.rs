//! The plugin through the tools its users have: gst-launch-1.0 and Python.

use crate::common;

use std::process::{Command, Output};

use common::{plugin_file, source};
use gst::prelude::*;

/// `program` with the built plugin on its path.
pub fn with_plugin(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("GST_PLUGIN_PATH", plugin_file().parent().unwrap());
    command
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn nothing_leaks() {
    let output = with_plugin("gst-launch-1.0")
        .args(
            "videotestsrc num-buffers=10 ! video/x-raw,format=RGB,width=160,height=120 ! \
             camoverlay attach-map=true post-messages=all ! videoconvert ! fakesink"
                .split_whitespace(),
        )
        .env("GST_TRACERS", "leaks")
        .env("GST_DEBUG", "GST_TRACER:7")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        !text(&output).contains(":: object-alive"),
        "{}",
        text(&output)
    );
}

#[test]
fn the_log_says_what_is_explained_and_how() {
    let output = with_plugin("gst-launch-1.0")
        .args(
            "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=160,height=120 ! camoverlay ! fakesink"
                .split_whitespace(),
        )
        .env("GST_DEBUG", "camoverlay:4")
        .env("GST_DEBUG_NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let log = text(&output);
    for words in [
        "opened squeezenet of /",
        "squeezenet.onnx: output “",
        "method cam",
        "preprocessing caffe (BGR, 0..255, minus 104, 117, 123, Catalogue), places shown by the graph",
        "run by the CPUExecutionProvider",
        "frames of 160 x 120 pixels of RGB, 30 a second: the network gets 303 x 227",
        "announces a latency of ",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[test]
fn messages_reach_gst_launch() {
    let output = with_plugin("gst-launch-1.0")
        .args(["-m", "filesrc"])
        .arg(format!(
            "location={}",
            source("examples/media/chelsea.png").display()
        ))
        .args("! decodebin ! videoconvert ! camoverlay ! fakesink".split_whitespace())
        .output()
        .unwrap();
    assert!(
        text(&output).contains(r"Egyptian\ cat"),
        "{}",
        text(&output)
    );
}

#[test]
fn python_reads_the_metadata() {
    let output = with_plugin("/usr/bin/python3")
        .arg(source("tests/read_metadata.py"))
        .arg(source("examples/media/chelsea.png"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).contains("285 Egyptian cat"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_program_with_the_plugin_in_it_may_find_it_on_its_path_too() {
    let folder = tempfile::tempdir().unwrap();
    // As in a sandbox without a scanner: plugins are loaded into the process itself.
    let output = with_plugin(std::env::current_exe().unwrap().to_str().unwrap())
        .args(["--ignored", "--exact", "launch::plays_with_its_own_element"])
        .env("GST_REGISTRY_FORK", "no")
        .env("GST_REGISTRY", folder.path().join("registry"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("1 passed"), "{}", text(&output));
}

#[test]
#[ignore = "run by a_program_with_the_plugin_in_it_may_find_it_on_its_path_too"]
fn plays_with_its_own_element() {
    gst::init().unwrap();
    // The file's.
    let loaded = gst::ElementFactory::make("camoverlay").build().unwrap();
    let pipeline = common::pipeline(
        "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48 ! \
         camoverlay name=cam net=squeezenet method=cam ! fakesink",
    );
    let own = pipeline.by_name("cam").unwrap();
    assert!(own.is::<gstcamoverlay::camoverlay::CamOverlay>());
    assert_ne!(own.type_(), loaded.type_());
    pipeline.set_state(gst::State::Playing).unwrap();
    common::play_to_the_end(&pipeline);
}
