//! Every error a user can run into: its domain, its code, and the words that help.

use crate::common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use common::{Picture, info, meta, source};
use gst::{glib, prelude::*};
use gst_video::VideoFormat;

static BROKEN: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| common::made_by("tests/broken_models.py"));

fn broken(name: &str) -> PathBuf {
    BROKEN.path().join(name)
}

/// The first error of a pipeline with `properties`.
fn error_of_once(properties: &str) -> glib::Error {
    common::init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay {properties} ! fakesink"
    ));
    first_error(&pipeline.unwrap())
}

/// Runs a pipeline with `properties` to its first error.
fn error_of(properties: &str) -> glib::Error {
    common::init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay name=cam {properties} ! fakesink"
    ))
    .unwrap();
    let error = first_error(&pipeline);
    // The pipeline can be mended and started again.
    let element = pipeline
        .downcast_ref::<gst::Bin>()
        .unwrap()
        .by_name("cam")
        .unwrap();
    for name in ["model", "labels", "output", "models-dir", "ort-library"] {
        element.set_property(name, None::<&str>);
    }
    element.set_property("target", "top-1");
    assert!(
        first_error_or_eos(&pipeline).is_none(),
        "after mending, {properties} still fails"
    );
    error
}

fn first_error(pipeline: &gst::Element) -> glib::Error {
    first_error_or_eos(pipeline).expect("an error")
}

fn first_error_or_eos(pipeline: &gst::Element) -> Option<glib::Error> {
    let bus = pipeline.bus().unwrap();
    let _ = pipeline.set_state(gst::State::Playing);
    let message = bus
        .timed_pop_filtered(
            gst::ClockTime::from_seconds(30),
            &[gst::MessageType::Error, gst::MessageType::Eos],
        )
        .expect("an error or the end, not a hang");
    pipeline.set_state(gst::State::Null).unwrap();
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error()),
        _ => None,
    }
}

/// Asserts what kind of error it is and that its message has all the `words`.
fn assert_error<T: ErrorDomain + PartialEq + std::fmt::Debug>(
    error: &glib::Error,
    kind: T,
    words: &[&str],
) {
    assert_eq!(error.kind::<T>(), Some(kind), "{error}");
    let message = error.message();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

fn model(name: &str) -> String {
    format!("model={}", broken(name).display())
}

fn words_of(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_missing_network_names_the_file_and_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let error = error_of(&format!("models-dir={}", folder.path().display()));
    assert_error(
        &error,
        gst::ResourceError::NotFound,
        &["squeezenet.onnx", &words_of(folder.path()), "make "],
    );
}

#[test]
fn a_missing_model_file_is_named() {
    let error = error_of("model=/nowhere/at/all.onnx");
    assert_error(
        &error,
        gst::ResourceError::NotFound,
        &["/nowhere/at/all.onnx", "model"],
    );
}

#[test]
fn an_empty_file_is_no_network() {
    let error = error_of(&model("empty.onnx"));
    assert_error(&error, gst::ResourceError::Read, &["empty.onnx", "empty"]);
}

#[test]
fn a_truncated_file_is_no_network() {
    let error = error_of(&model("truncated.onnx"));
    assert_error(
        &error,
        gst::ResourceError::Read,
        &["truncated.onnx", "ONNX"],
    );
}

#[test]
fn a_text_file_is_no_network() {
    let error = error_of(&model("text.onnx"));
    assert_error(&error, gst::ResourceError::Read, &["text.onnx", "ONNX"]);
}

#[test]
fn an_unknown_operator_is_named() {
    let error = error_of(&model("unknown-operator.onnx"));
    assert_error(&error, gst::StreamError::Format, &["Frobnicate"]);
}

#[test]
fn a_network_without_a_pool_is_refused_by_its_last_operator() {
    let error = error_of(&model("no-pool.onnx"));
    assert_error(&error, gst::StreamError::Format, &["no-pool.onnx", "Conv"]);
}

#[test]
fn one_class_cannot_be_compared() {
    let error = error_of(&model("one-class.onnx"));
    assert_error(
        &error,
        gst::StreamError::Format,
        &["one-class.onnx", "1 class", "two or more"],
    );
}

#[test]
fn several_outputs_are_told_of_and_one_can_be_chosen() {
    common::init();
    let told = |properties: &str| -> Vec<String> {
        let pipeline = gst::parse::launch(&format!(
            "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay preprocess=unit {} \
             {properties} ! fakesink",
            model("two-outputs.onnx")
        ))
        .unwrap();
        let bus = pipeline.bus().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let kinds = [gst::MessageType::Info, gst::MessageType::Eos];
        let mut infos = Vec::new();
        while let Some(message) = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &kinds) {
            match message.view() {
                gst::MessageView::Info(info) => infos.push(info.error().message().to_string()),
                _ => break,
            }
        }
        pipeline.set_state(gst::State::Null).unwrap();
        infos
    };
    assert_eq!(
        told(""),
        [
            "two-outputs has several outputs that may tell its classes: “logits” is explained, not “embedding”. Set \
             output to the name of another to explain that."
        ]
    );
    assert!(told("output=embedding").is_empty());
    assert!(told("output=1").is_empty());
    let error = error_of(&format!("{} output=scores", model("two-outputs.onnx")));
    assert_error(
        &error,
        gst::ResourceError::Settings,
        &[
            "two-outputs.onnx has no output “scores”; it has “embedding”, “logits”. Set output to one of these names, \
             or to an index from 0 to 1.",
        ],
    );
}

#[test]
fn a_network_of_two_channels_is_refused() {
    let error = error_of(&model("two-channels.onnx"));
    assert_error(
        &error,
        gst::StreamError::Format,
        &["two-channels.onnx", "? x 2 x ? x ?", "1 x 3"],
    );
}

#[test]
fn missing_labels_are_named() {
    let error = error_of("labels=/nowhere/labels.txt");
    assert_error(
        &error,
        gst::ResourceError::NotFound,
        &["/nowhere/labels.txt"],
    );
}

#[test]
fn labels_must_be_utf8() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, b"caf\xe9\n").unwrap();
    let error = error_of(&format!("labels={}", file.path().display()));
    assert_error(&error, gst::ResourceError::Settings, &["UTF-8"]);
}

#[test]
fn labels_must_be_as_many_as_classes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, "one\ntwo\nthree\n").unwrap();
    let error = error_of(&format!("labels={}", file.path().display()));
    assert_error(&error, gst::ResourceError::Settings, &["3", "1000"]);
}

#[test]
fn an_unknown_target_stops_the_start() {
    for target in ["no-such-class", "1000", "top-4"] {
        let error = error_of(&format!("target={target}"));
        assert_error(&error, gst::ResourceError::Settings, &[target, "0 to 999"]);
    }
}

#[test]
fn semicolons_with_no_class_between_are_told() {
    let error = error_of("target=\"tabby;;cup\"");
    let words = "target=\"tabby;;cup\" names no class between two semicolons. Separate classes by one, and write a semicolon \
                 of a label as \\;.";
    assert_error(&error, gst::ResourceError::Settings, &[words]);
}

#[test]
fn logits_that_are_no_numbers_stop_the_stream() {
    let error = error_of(&model("not-a-number.onnx"));
    assert_error(
        &error,
        gst::StreamError::Failed,
        &["not finite", "preprocess"],
    );
}

#[test]
fn a_frame_too_elongated_is_refused() {
    common::init();
    let pipeline = gst::parse::launch(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=1,height=32000 ! camoverlay ! fakesink",
    )
    .unwrap();
    assert_error(
        &first_error(&pipeline),
        gst::StreamError::Format,
        &[
            "A frame of 1 x 32000 is too elongated: the network would get 227 x 7264000 pixels, more than 16777216. \
             Crop the frame, or give a smaller input-size.",
        ],
    );
}

#[test]
fn an_input_size_too_large_is_called_so() {
    assert_error(
        &error_of_once("input-size=4096"),
        gst::StreamError::Format,
        &[
            "The input size is too large for frames of 64 x 48: the network would get 5462 x 4096 pixels, more than \
             16777216. Give a smaller input-size.",
        ],
    );
}

#[test]
fn a_flat_map_shows_no_heat() {
    common::init();
    let picture = Picture::noise(64, 48, 9);
    let info = info(VideoFormat::Rgb, 64, 48);
    let mut harness = common::harness(
        &format!("camoverlay draw-labels=false {}", model("flat.onnx")),
        &info,
    );
    harness.push(picture.to_buffer(&info, 0, 0)).unwrap();
    let output = harness.pull().unwrap();
    let painted = Picture::from_buffer(&output, &info);
    assert!(
        painted
            .rgb
            .chunks_exact(3)
            .all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2])
    );
    assert_eq!(
        (painted.rgb.iter().min(), painted.rgb.iter().max()),
        (Some(&0), Some(&255))
    );
    assert_eq!(
        meta(&output).get::<String>("target-label").unwrap(),
        "class 0"
    );
}

/// Runs `gst-launch-1.0` on a copy of the plugin in a folder of its own, from which no library can be found, with
/// `variables` in its environment. The library is one per process, so each of its troubles gets a process.
fn launch_with(properties: &str, variables: &[(&str, &Path)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        common::plugin_file(),
        folder.path().join("libgstcamoverlay.so"),
    )
    .unwrap();
    Command::new("gst-launch-1.0")
        .args("videotestsrc num-buffers=1 ! camoverlay".split_whitespace())
        .args(properties.split_whitespace())
        .args(["!", "fakesink"])
        .env("GST_PLUGIN_PATH", folder.path())
        .env("GST_REGISTRY", folder.path().join("registry"))
        .env("CAMOVERLAY_MODELS", source(".deps/share/camoverlay/models"))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The words with which that fails; none, said aloud, where the system has a library of its own.
fn launch_alone(properties: &str, variables: &[(&str, &Path)]) -> Option<String> {
    let nowhere = [("ORT_DYLIB_PATH", Path::new("/nowhere/libonnxruntime.so"))];
    if properties.is_empty() && launch_with("", &nowhere).status.success() {
        eprintln!("SKIPPED: the system has an ONNX Runtime");
        return None;
    }
    let output = launch_with(properties, variables);
    assert!(!output.status.success());
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_missing_library_names_every_place_and_the_property() {
    let nowhere = [("ORT_DYLIB_PATH", Path::new("/nowhere/libonnxruntime.so"))];
    if let Some(text) = launch_alone("", &nowhere) {
        for word in [
            "ONNX Runtime",
            "/nowhere/libonnxruntime.so",
            "ORT_DYLIB_PATH",
            "ort-library",
            "make setup",
        ] {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
        // Debian 13 has one of its own, too old.
        let of_system = ["/usr/lib/libonnxruntime.so.1.*", "is too old"];
        assert!(of_system.iter().any(|words| text.contains(words)), "{text}");
    }
    let elsewhere = "ort-library=/elsewhere/libonnxruntime.so";
    let text = launch_alone(elsewhere, &nowhere).unwrap();
    assert!(text.contains("/elsewhere/libonnxruntime.so"), "{text}");
}

fn installed_library() -> PathBuf {
    fs::read_dir(source(".deps/lib/camoverlay"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .unwrap()
}

#[test]
fn a_second_library_in_a_process_is_refused_by_both_paths() {
    common::init();
    let line = |library: Option<&Path>| {
        let property = library.map(|path| format!("ort-library={}", path.display()));
        let property = property.unwrap_or_default();
        format!("videotestsrc num-buffers=1 ! camoverlay {property} ! fakesink")
    };
    let play = |library: Option<&Path>| {
        let pipeline = common::pipeline(&line(library));
        pipeline.set_state(gst::State::Playing).unwrap();
        common::play_to_the_end(&pipeline);
    };
    play(None);
    // Which one is loaded depends on what other tests have asked for first.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut files = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let library = files
        .find(|file| file.contains("/libonnxruntime.so"))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("libonnxruntime.so");
    std::os::unix::fs::symlink(library, &link).unwrap();
    play(Some(&link));
    let copy = folder.path().join("libonnxruntime.so.1");
    fs::copy(library, &copy).unwrap();
    let error = first_error(&gst::parse::launch(&line(Some(&copy))).unwrap());
    let advice = "Leave the property ort-library unset";
    let words = [copy.to_str().unwrap(), library, advice];
    assert_error(&error, gst::LibraryError::Init, &words);
}

#[test]
fn a_library_that_is_cut_off_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libonnxruntime.so");
    fs::copy(installed_library(), &library).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&library).unwrap();
    let length = file.metadata().unwrap().len();
    for part in [length - 1, length / 2, 100_000, 1000] {
        file.set_len(part).unwrap();
        let output = launch_with(&format!("ort-library={}", library.display()), &[]);
        let words = String::from_utf8_lossy(&output.stderr);
        // It fails by itself: no signal ends it.
        assert!(
            output.status.code().is_some_and(|code| code != 0),
            "{words}"
        );
        let expected = format!("is cut off: {part} bytes are not all of it");
        assert!(words.contains(&expected), "{words}");
        assert!(words.contains("property ort-library"), "{words}");
    }
}

#[test]
fn a_network_beyond_the_memory_limit_is_refused_and_the_limit_can_be_raised() {
    common::init();
    let pipeline = gst::parse::launch(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=64,height=48 ! \
         camoverlay name=cam memory-limit=1000000 ! fakesink",
    )
    .unwrap();
    let error = first_error(&pipeline);
    assert_error(
        &error,
        gst::ResourceError::Settings,
        &["beyond the 1000000 bytes", "property memory-limit"],
    );
    let bin = pipeline.downcast_ref::<gst::Bin>().unwrap();
    let element = bin.by_name("cam").unwrap();
    // Enough for its weights, too little for a run.
    element.set_property("memory-limit", 5_100_000u64);
    let error = first_error(&pipeline);
    assert_error(
        &error,
        gst::StreamError::Failed,
        &["it takes more memory than it may", "property memory-limit"],
    );
    element.set_property("memory-limit", 100_000_000u64);
    assert!(first_error_or_eos(&pipeline).is_none());
}

#[test]
fn a_library_that_only_its_full_version_names_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = installed_library();
    // Debian 13 has libonnxruntime.so.1.21 and no other name for it.
    std::os::unix::fs::symlink(&library, folder.path().join("libonnxruntime.so.1.21")).unwrap();
    fs::write(folder.path().join("libonnxruntime.so.1.9"), "not a library").unwrap();
    let variables = [
        ("ORT_DYLIB_PATH", Path::new("/nowhere/libonnxruntime.so")),
        ("LD_LIBRARY_PATH", folder.path()),
    ];
    let output = launch_with("", &variables);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");

    // What does not load there is told like the rest.
    fs::remove_file(folder.path().join("libonnxruntime.so.1.21")).unwrap();
    if let Some(text) = launch_alone("", &variables) {
        assert!(text.contains("libonnxruntime.so.1.9"), "{text}");
    }
}

#[test]
fn a_library_too_old_is_told_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let (code, library) = (
        folder.path().join("old.c"),
        folder.path().join("libonnxruntime.so"),
    );
    // What releases before 1.22 answer when asked for a newer API: nothing.
    fs::write(
        &code,
        "static const void *api(unsigned v) { return 0; }\n\
         static const char *version(void) { return \"1.10.0\"; }\n\
         static const struct { const void *(*a)(unsigned); const char *(*b)(void); } base = { api, version };\n\
         const void *OrtGetApiBase(void) { return &base; }\n",
    )
    .unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .status()
        .unwrap();
    assert!(status.success());
    let property = format!("ort-library={}", library.display());
    let text = launch_alone(&property, &[]).unwrap();
    for word in ["1.10.0", "1.22", "ort-library"] {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn the_element_can_be_inspected_without_library_and_networks() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        common::plugin_file(),
        folder.path().join("libgstcamoverlay.so"),
    )
    .unwrap();
    let output = Command::new("gst-inspect-1.0")
        .arg("camoverlay")
        .env("GST_PLUGIN_PATH", folder.path())
        .env("GST_REGISTRY", folder.path().join("registry"))
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("inference-interval"));
}
