//! What comes in files beside the video: networks, their metadata, labels; under any name, of any kind.

use crate::common;

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::common::{Picture, info, meta, source};
use gst::prelude::*;
use gst_video::VideoFormat;

static MODELS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(common::python())
        .args([&source("tests/labelled_models.py"), folder.path()])
        .status();
    assert!(status.unwrap().success());
    folder
});

fn model(name: &str) -> PathBuf {
    MODELS.path().join(format!("{name}.onnx"))
}

/// A file of `text` in a folder that is deleted with it.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn element(properties: &[(&str, &Path)]) -> gst::Element {
    common::init();
    let element = gst::ElementFactory::make("camoverlay").build().unwrap();
    for (name, path) in properties {
        element.set_property(name, path);
    }
    element
}

/// What the start of `element` ends in, and the words of its bus by kind of message.
fn start(element: &gst::Element) -> (bool, Vec<(gst::MessageType, String)>) {
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let started = element.set_state(gst::State::Paused).is_ok();
    let messages = std::iter::from_fn(|| bus.pop()).filter_map(|message| {
        let words = match message.view() {
            gst::MessageView::Error(error) => error.error(),
            gst::MessageView::Warning(warning) => warning.error(),
            gst::MessageView::Info(info) => info.error(),
            _ => return None,
        };
        Some((message.type_(), words.message().to_owned()))
    });
    let messages = messages.collect();
    (started, messages)
}

/// The metadata of a red frame, explained with `target` by a started harness around `element`.
fn explain(element: &gst::Element, target: &str) -> gst::Structure {
    let info = info(VideoFormat::Rgb, 64, 48);
    element.set_property("target", target);
    let mut harness = gst_check::Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_caps(info.to_caps().unwrap(), info.to_caps().unwrap());
    let red = Picture::from_fn(64, 48, |x, _| [if x < 32 { 255 } else { 0 }, 0, 0]);
    harness.push(red.to_buffer(&info, 0, 0)).unwrap();
    meta(&harness.pull().unwrap())
}

fn class(fields: &gst::Structure) -> (i32, String) {
    (
        fields.get("target-id").unwrap(),
        fields.get("target-label").unwrap(),
    )
}

#[test]
fn labels_come_in_many_shapes() {
    for (name, text) in [
        ("lines.txt", "\u{feff}red\r\ngreen\r\nblue\r\n"),
        ("with-index.txt", "0: red\n1: green\n2: blue\n"),
        ("shuffled.txt", "1 green\n2 blue\n0 red\n"),
        (
            "synsets.txt",
            "n01440764 red\nn01443537 green\nn01484850 blue\n",
        ),
        ("list.json", r#"["red", "green", "blue"]"#),
        (
            "id2label.json",
            r#"{"id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
        ),
        ("table.csv", "index,label\n0,red\n1,green\n2,blue\n"),
        (
            "turned.csv",
            "label,index\n\"blue\",2\n\"red\",0\n\"green\",1\n",
        ),
    ] {
        let (_folder, labels) = file(name, text);
        let element = element(&[("model", &model("plain")), ("labels", &labels)]);
        let fields = explain(&element, "green");
        assert_eq!(class(&fields), (1, "green".into()), "{name}");
        let top: Vec<String> = common::array(&fields, "top-labels");
        assert_eq!(top[0], "red", "{name}");
    }
}

#[test]
fn a_label_that_is_a_number_wins_over_the_index() {
    for (labels, target, expected) in [
        ("1\n2\n3\n", "1", (0, "1")),
        ("1\n2\n3\n", "#1", (1, "2")),
        ("1\n2\n3\n", "0", (0, "1")),
        ("2\n1\n0\n", "2", (0, "2")),
        ("5\n10\n20\n", "5", (0, "5")),
        ("5\n10\n20\n", "2", (2, "20")),
    ] {
        let (_folder, labels) = file("numbers.txt", labels);
        let element = element(&[("model", &model("plain")), ("labels", &labels)]);
        assert_eq!(
            class(&explain(&element, target)),
            (expected.0, expected.1.to_owned()),
            "{target}"
        );
    }
    let (_folder, labels) = file("numbers.txt", "1\n2\n3\n");
    let element = element(&[("model", &model("plain")), ("labels", &labels)]);
    element.set_property("target", "1");
    let (started, messages) = start(&element);
    element.set_state(gst::State::Null).unwrap();
    let expected = "target=\"1\" is the label of class 0 and the index of another: class 0 is explained. \
                    Give #1 to explain class 1.";
    assert!(started);
    assert_eq!(messages, [(gst::MessageType::Info, expected.to_owned())]);
}

#[test]
fn metadata_that_does_not_fit_is_warned_of() {
    for (name, words) in [
        (
            "labels-too-few",
            "The metadata of labels-too-few.onnx says labels=“red, green”, which is not one label for each of its \
             3 classes but 2: “class 0” to “class 2” are taken instead. Set labels to a file of the right ones.",
        ),
        (
            "preprocess-misspelt",
            "The metadata of preprocess-misspelt.onnx says preprocess=“Unit ”, which is not quite a preprocessing's \
             name: unit is taken. Write it as “unit”, or set preprocess.",
        ),
        (
            "preprocess-unknown",
            "The metadata of preprocess-unknown.onnx says preprocess=“magic”, which is not understood: torch, the \
             most common one, is taken instead. Set preprocess to the right one of torch, caffe, tf, lite, unit, raw.",
        ),
        (
            "size-zero",
            "The metadata of size-zero.onnx says input_size=“0”, which is no size from 1 to 4096: 224 is taken \
             instead. Set input-size to the right one.",
        ),
        (
            "size-huge",
            "The metadata of size-huge.onnx says imgsz=“[1000000, 1000000]”, which is no size from 1 to 4096: 224 is \
             taken instead. Set input-size to the right one.",
        ),
    ] {
        let element = element(&[("model", &model(name))]);
        let (started, messages) = start(&element);
        element.set_state(gst::State::Null).unwrap();
        assert!(started);
        let warnings = messages
            .iter()
            .filter(|(kind, _)| *kind == gst::MessageType::Warning);
        let warnings: Vec<&str> = warnings.map(|(_, words)| &**words).collect();
        assert_eq!(warnings, [words]);
    }
    // What the application has set needs no metadata.
    let (_folder, labels) = file("labels.txt", "a\nb\nc\n");
    let element = element(&[("model", &model("labels-too-few")), ("labels", &labels)]);
    assert_eq!(start(&element), (true, vec![]));
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn metadata_of_others_is_understood_without_a_word() {
    for (name, third) in [("ultralytics", "robin's egg"), ("paddle", "blue")] {
        let element = element(&[("model", &model(name))]);
        assert_eq!(start(&element), (true, vec![]), "{name}");
        element.set_state(gst::State::Null).unwrap();
        assert_eq!(class(&explain(&element, "#2")), (2, third.to_owned()));
    }
}

#[test]
fn a_changed_label_file_is_read_although_another_element_shares_the_network() {
    let (_folder, labels) = file("labels.txt", "red\ngreen\nblue\n");
    let properties =
        [("model", &*model("plain")), ("labels", &*labels)].map(|(n, p)| (n, p.to_owned()));
    let properties: Vec<(&str, &Path)> = properties.iter().map(|(n, p)| (*n, &**p)).collect();
    let first = element(&properties);
    assert!(start(&first).0);
    // As long as before.
    fs::write(&labels, "rot\ngruen\nblau\n").unwrap();
    let second = element(&properties);
    assert_eq!(class(&explain(&second, "top-1")).1, "rot");
    first.set_state(gst::State::Null).unwrap();
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    common::make_pipe(&pipe);
    let huge = folder.path().join("huge");
    fs::File::create(&huge).unwrap().set_len(1 << 42).unwrap();
    for (path, words) in [
        (
            Path::new("/dev/zero"),
            "is a device, not a regular file. Name another one.",
        ),
        (
            folder.path(),
            "is a folder, not a regular file. Name another one.",
        ),
        (&pipe, "is a pipe, not a regular file. Name another one."),
        (
            &huge,
            "is too large: it has 4398046511104 bytes, more than ",
        ),
    ] {
        for (property, what) in [("model", "network"), ("labels", "label")] {
            // A folder may hold a network.
            if property == "model" && path.is_dir() {
                continue;
            }
            let began = Instant::now();
            let element = element(&[(property, path)]);
            let (started, messages) = start(&element);
            element.set_state(gst::State::Null).unwrap();
            assert!(!started);
            assert!(began.elapsed() < Duration::from_secs(20));
            let expected = format!("The {what} file {} {words}", path.display());
            assert!(messages[0].1.starts_with(&expected), "{messages:?}");
            assert_eq!(messages[0].0, gst::MessageType::Error);
        }
    }
}

/// A folder as Optimum leaves it, with the network of three colours.
fn exported() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(model("silent"), folder.path().join("model.onnx")).unwrap();
    let config = r#"{"id2label": {"0": "rot", "1": "gruen", "2": "blau"}, "problem_type": "multi_label_classification"}"#;
    let processor = r#"{"do_rescale": true, "do_normalize": false, "size": {"shortest_edge": 64}, "resample": 2}"#;
    fs::write(folder.path().join("config.json"), config).unwrap();
    fs::write(folder.path().join("preprocessor_config.json"), processor).unwrap();
    folder
}

#[test]
fn a_folder_is_a_network_with_its_labels_and_preprocessing() {
    let folder = exported();
    let uri = gst::glib::filename_to_uri(folder.path(), None).unwrap();
    for path in [
        folder.path(),
        &folder.path().join("model.onnx"),
        Path::new(&uri),
    ] {
        let element = element(&[("model", path)]);
        let (started, messages) = start(&element);
        assert!(started, "{messages:?}");
        element.set_state(gst::State::Null).unwrap();
        // The filter is told of; nothing is assumed.
        let [(kind, words)] = messages.as_slice() else {
            panic!("{messages:?}")
        };
        assert_eq!(*kind, gst::MessageType::Info);
        assert!(
            words.contains("resample=“2”, the bilinear filter"),
            "{words}"
        );
        let fields = explain(&element, "top-1");
        assert_eq!(class(&fields), (0, "rot".into()));
        assert_eq!(
            fields.get::<String>("net").unwrap(),
            *folder.path().file_name().unwrap().to_string_lossy()
        );
        // Half of the frame is red, of which 10 times the mean is the logit.
        let score: f64 = fields.get("target-score").unwrap();
        assert!(
            (score - 1.0 / (1.0 + (-5.0f64).exp())).abs() < 1e-3,
            "{score}"
        );
    }
}

#[test]
fn a_folder_without_a_network_is_told_of_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let element = element(&[("model", folder.path())]);
    let told = |words: &str| {
        let (started, messages) = start(&element);
        element.set_state(gst::State::Null).unwrap();
        assert!(!started);
        assert_eq!(
            messages[0].1,
            format!("The folder {} {words}", folder.path().display())
        );
    };
    told(
        "holds no ONNX file. Export the network into it, or set the property model to the path of an ONNX file.",
    );
    for name in ["a.onnx", "b.onnx"] {
        fs::copy(model("plain"), folder.path().join(name)).unwrap();
    }
    told(
        "holds several ONNX files and none that is called model.onnx: a.onnx, b.onnx. Name one of them.",
    );
    fs::remove_file(folder.path().join("b.onnx")).unwrap();
    assert_eq!(class(&explain(&element, "top-1")).0, 0);
}

/// `name` with a byte that is no UTF-8 in front.
fn odd(name: &str) -> OsString {
    OsString::from_vec([b"\xff", name.as_bytes()].concat())
}

#[test]
fn names_need_not_be_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let (network, labels) = (
        folder.path().join(odd("a.onnx")),
        folder.path().join(odd("b.txt")),
    );
    fs::copy(model("plain"), &network).unwrap();
    fs::write(&labels, "rot\ngruen\nblau\n").unwrap();
    let element = element(&[("model", &network), ("labels", &labels)]);
    assert_eq!(element.property::<PathBuf>("model"), network);
    assert_eq!(class(&explain(&element, "top-1")).1, "rot");
    // A target in another encoding is unknown, and no panic.
    let element = self::element(&[("model", &network), ("target", Path::new(&odd("x")))]);
    let (started, messages) = start(&element);
    element.set_state(gst::State::Null).unwrap();
    assert!(
        !started && messages[0].1.contains("names none of"),
        "{messages:?}"
    );
    // gst-launch-1.0 takes no such names, but URIs.
    let uri = gst::glib::filename_to_uri(&network, None).unwrap();
    let element = gst::parse::launch(&format!("camoverlay model={uri}")).unwrap();
    assert_eq!(element.property::<PathBuf>("model"), network);
    assert!(start(&element).0);
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn an_empty_name_is_none() {
    let element = element(&[("model", &model("ultralytics")), ("labels", Path::new(""))]);
    assert_eq!(class(&explain(&element, "top-1")).1, "red");
}
