//! `camoverlay-inspect` as its user runs it.

mod common;

use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Output};

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/media/chelsea.png");

fn inspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_camoverlay-inspect"))
        .args(arguments)
        .output()
        .unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_line_is_explained() {
    let help = inspect(&["--help"]);
    assert!(help.status.success());
    assert!(words(&help.stdout).contains("--image <FILE>"));
    for (arguments, expected) in [
        (vec![], "No network is named."),
        (vec!["--frobnicate"], "There is no option --frobnicate."),
        (
            vec!["a.onnx", "--top-k", "many"],
            "--top-k takes a number, not “many”.",
        ),
        (
            vec!["a.onnx", "--input-size", "4000000000"],
            "--input-size takes a number from 0 to 4096, not “4000000000”.",
        ),
        (
            vec!["a.onnx", "--method", "magic"],
            "There is no method magic",
        ),
        (
            vec!["--net", "nothing"],
            "There is no network nothing; there are squeezenet, ",
        ),
        (
            vec!["a.onnx", "--output", "b.png"],
            "--output needs --image.",
        ),
    ] {
        let output = inspect(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = words(&output.stderr);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_file_that_is_refused_fails_with_the_reason() {
    let missing = inspect(&["/nowhere/network.onnx"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(words(&missing.stderr).contains("no network file /nowhere/network.onnx"));
    let picture = inspect(&[PHOTO]);
    assert_eq!(picture.status.code(), Some(1));
    assert!(words(&picture.stderr).contains("is not a complete ONNX model"));
}

#[test]
fn a_preprocessing_that_nothing_tells_is_told_of() {
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/graphs/keras-mobilenet.onnx"
    );
    let assumed = words(&inspect(&[model]).stdout);
    assert!(
        assumed.contains("(assumed: the file does not say; "),
        "{assumed}"
    );
    assert!(assumed.contains("--preprocess"), "{assumed}");
    let asked = words(&inspect(&[model, "--preprocess", "tf"]).stdout);
    assert!(asked.contains("tf: RGB, -1..1 (as asked)"), "{asked}");
}

#[test]
fn a_picture_is_explained() {
    let Some(model) = common::test_model("resnet18.onnx") else {
        return;
    };
    let model = model.to_string_lossy();
    let folder = std::env::temp_dir().join(format!("camoverlay-inspect-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let overlay = folder.join("overlay.png");
    let output = inspect(&[
        &model,
        "--image",
        PHOTO,
        "--output",
        &overlay.to_string_lossy(),
    ]);
    assert!(output.status.success(), "{}", words(&output.stderr));
    let text = words(&output.stdout);
    for expected in [
        "435 x 435 pixels, one every 32 x 32",
        "mean over space, dense",
        "*  51.",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(std::fs::read(&overlay).unwrap().starts_with(b"\x89PNG"));
    std::fs::remove_dir_all(&folder).unwrap();
    let json = inspect(&[&model, "--image", PHOTO, "--json", "--target", "282"]);
    let json = words(&json.stdout);
    assert!(json.contains("\"target\":{\"id\":282,"), "{json}");
    let broken = inspect(&[&model, "--image", "/nowhere.png"]);
    assert!(words(&broken.stderr).contains("/nowhere.png cannot be read as a picture"));
}

#[test]
fn names_of_files_need_not_be_utf8() {
    let Some(model) = common::test_model("squeezenet1_1.onnx") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let name = |suffix: &str| {
        let bytes = [b"\xff", suffix.as_bytes()].concat();
        folder.path().join(std::ffi::OsString::from_vec(bytes))
    };
    std::fs::copy(model, name(".onnx")).unwrap();
    std::fs::copy(PHOTO, name("-in.png")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_camoverlay-inspect"))
        .arg(name(".onnx"))
        .arg("--image")
        .arg(name("-in.png"))
        .arg("--output")
        .arg(name("-out.png"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", words(&output.stderr));
    let overlay = std::fs::read(name("-out.png")).unwrap();
    assert!(overlay.starts_with(b"\x89PNG"));
}

#[test]
fn a_picture_too_elongated_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("line.png");
    let launch = "videotestsrc num-buffers=1 ! video/x-raw,format=GRAY8,width=1,height=32000 ! pngenc ! filesink location=";
    let made = Command::new("gst-launch-1.0")
        .args(format!("{launch}{}", photo.display()).split(' '))
        .output();
    assert!(made.unwrap().status.success());
    let Some(model) = common::test_model("squeezenet1_1.onnx") else {
        return;
    };
    let output = inspect(&[
        &model.to_string_lossy(),
        "--image",
        &photo.to_string_lossy(),
    ]);
    let message = words(&output.stderr);
    assert!(message.contains("1 x 32000 is too elongated"), "{message}");
}
