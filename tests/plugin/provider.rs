//! Who computes the network: the properties, what the bus says of providers that do not, and the name in the metadata.

use crate::common;

use std::path::PathBuf;
use std::process::{Command, Output};

use common::{plugin_file, skipped, source};
use gst::{glib, prelude::*};

/// The program that tries providers, where it is built: it belongs to another package.
fn checker() -> Option<PathBuf> {
    // Programs are built into the folder above that of the tests.
    let path = plugin_file()
        .parent()?
        .parent()?
        .join("camoverlay-provider-check");
    if !path.exists() {
        skipped(
            "execution providers by the element",
            "camoverlay-provider-check is not built (cargo build --package camoverlay)",
        );
        return None;
    }
    Some(path)
}

fn launch(properties: &str) -> gst::Element {
    common::init();
    gst::parse::launch(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay name=cam {properties} ! fakesink"
    ))
    .unwrap()
}

/// The first error, or none by the end.
fn play(pipeline: &gst::Element) -> Option<glib::Error> {
    let _ = pipeline.set_state(gst::State::Playing);
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let patience = gst::ClockTime::from_seconds(60);
    let message = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(patience, &wanted);
    pipeline.set_state(gst::State::Null).unwrap();
    match message.expect("an error or the end, not a hang").view() {
        gst::MessageView::Error(error) => Some(error.error()),
        _ => None,
    }
}

fn gst_launch(properties: &str) -> Output {
    let line = format!(
        "videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=160,height=120 ! camoverlay {properties} ! fakesink"
    );
    let mut command = Command::new("gst-launch-1.0");
    command
        .arg("-m")
        .args(line.split_whitespace())
        .env("GST_PLUGIN_PATH", plugin_file().parent().unwrap())
        // gst-launch-1.0 prints no words of infos.
        .env("GST_DEBUG", "camoverlay:4");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_provider_that_is_missing_is_an_error_of_the_library() {
    let pipeline = launch("provider=qnn");
    let error = play(&pipeline).expect("an error");
    assert!(error.matches(gst::LibraryError::Init), "{error:?}");
    for words in [
        "qnn is not part of",
        "make provider NAME=qnn",
        "provider-library",
    ] {
        assert!(error.message().contains(words), "{error}");
    }
    // The same pipeline goes on by the processor.
    let element = pipeline
        .downcast_ref::<gst::Bin>()
        .unwrap()
        .by_name("cam")
        .unwrap();
    element.set_property("provider", None::<&str>);
    assert_eq!(element.property::<String>("provider"), "cpu");
    assert!(play(&pipeline).is_none());
}

#[test]
fn what_a_provider_cannot_be_told_is_an_error_of_the_settings() {
    for (properties, words) in [
        ("precision=reduced", "reduced precision"),
        ("provider-options=\"options,a=1\"", "takes no options"),
        ("provider=cuda:tpu", "no device “tpu”"),
    ] {
        let error = play(&launch(properties)).expect("an error");
        assert!(error.matches(gst::ResourceError::Settings), "{error:?}");
        assert!(error.message().contains(words), "{error}");
        assert!(
            error.message().contains("Correct the properties provider,"),
            "{error}"
        );
    }
}

#[test]
fn a_library_that_crashes_is_told_and_ends_nobody() {
    if checker().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, library) = (folder.path().join("l.c"), folder.path().join("l.so"));
    let crash = "#include <stdlib.h>\nvoid *CreateEpFactories(void) { return 0; }\n\
                 __attribute__((constructor)) static void crash(void) { abort(); }\n";
    std::fs::write(&code, crash).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .status();
    assert!(built.unwrap().success());
    let said = gst_launch(&format!(
        "provider=crashing provider-library={}",
        library.display()
    ));
    // GStreamer's own way to end after an error; a signal has no code.
    assert!(
        said.status.code().is_some_and(|code| code != 0),
        "{:?}",
        said.status
    );
    for words in [
        "crashing ended the process that tried it",
        "SIGABRT",
        "Set the property provider to cpu",
    ] {
        assert!(text(&said).contains(words), "{}", text(&said));
    }
}

#[test]
fn metadata_messages_and_statistics_name_who_computes() {
    let said = text(&gst_launch("provider=cpu"));
    assert!(said.contains("provider=(string)cpu"), "{said}");
    let pipeline = launch("");
    let element = pipeline
        .downcast_ref::<gst::Bin>()
        .unwrap()
        .by_name("cam")
        .unwrap();
    let provider = || {
        let stats = element.property::<gst::Structure>("stats");
        stats.get::<String>("provider").ok()
    };
    assert_eq!(provider(), None);
    pipeline.set_state(gst::State::Paused).unwrap();
    let (done, ..) = pipeline.state(gst::ClockTime::from_seconds(30));
    assert!(done.is_ok());
    assert_eq!(provider().as_deref(), Some("cpu"));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn properties_keep_what_they_are_set_to() {
    let pipeline = launch("provider=openvino:gpu precision=float32 provider-library=/a/b.so");
    let element = pipeline
        .downcast_ref::<gst::Bin>()
        .unwrap()
        .by_name("cam")
        .unwrap();
    let options = gst::Structure::builder("o")
        .field("text", "t")
        .field("number", 3i32)
        .field("flag", true)
        .build();
    element.set_property("provider-options", &options);
    assert_eq!(
        element.property::<gst::Structure>("provider-options"),
        options
    );
    assert_eq!(element.property::<String>("provider"), "openvino:gpu");
    let element = element
        .downcast::<gstcamoverlay::camoverlay::CamOverlay>()
        .unwrap();
    let provider = element.options().provider;
    let pairs = [("text", "t"), ("number", "3"), ("flag", "true")];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(provider.options, pairs);
    assert_eq!(provider.library, Some("/a/b.so".into()));
    assert_eq!(
        provider.precision,
        camoverlay::inference::Precision::Float32
    );
}

#[test]
fn an_installed_provider_computes_in_a_pipeline_of_any_program() {
    if checker().is_none() {
        return;
    }
    let installed = source(".deps/lib/camoverlay/providers/openvino");
    if !installed.exists() {
        skipped(
            "an execution provider in gst-launch-1.0",
            "none is installed (make provider NAME=openvino)",
        );
        return;
    }
    let said = gst_launch("provider=openvino");
    assert!(said.status.success(), "{}", text(&said));
    assert!(
        text(&said).contains("provider=(string)openvino"),
        "{}",
        text(&said)
    );
    let said = gst_launch("provider=auto");
    assert!(said.status.success(), "{}", text(&said));
    assert_eq!(
        text(&said).matches("Of the execution providers, ").count(),
        1,
        "{}",
        text(&said)
    );
    // Two elements of a pipeline share the library, whoever starts first.
    let two = "provider=openvino ! camoverlay provider=openvino precision=float32 name=second";
    let said = gst_launch(two);
    assert!(said.status.success(), "{}", text(&said));
}
