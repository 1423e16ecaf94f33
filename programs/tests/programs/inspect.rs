//! `camoverlay-inspect` as its user runs it.

use crate::{common, photos};

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/chelsea.png");

fn inspect<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
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
            vec!["a.onnx", "--mean", "0.5,half"],
            "--mean takes a number, not “half”.",
        ),
        (
            vec!["a.onnx", "--fit", "squeeze"],
            "There is no fit squeeze",
        ),
        (
            vec!["a.onnx", "--color-order", "gbr"],
            "There is no order gbr",
        ),
        (
            vec!["a.onnx", "--memory-limit", "all"],
            "--memory-limit takes a number, not “all”.",
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
fn a_network_is_held_to_the_memory_it_is_given() {
    let given = |bytes: &str| {
        let network = ["--net", "squeezenet", "--image", PHOTO];
        inspect(&[&network[..], &["--memory-limit", bytes]].concat())
    };
    for (bytes, expected) in [
        (
            "1000000",
            "takes memory beyond the 1000000 bytes that it may",
        ),
        ("5100000", "it takes more memory than it may"),
    ] {
        let output = given(bytes);
        assert_eq!(output.status.code(), Some(1));
        let message = words(&output.stderr);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("memory-limit"), "{message}");
    }
    assert!(given("50000000").status.success());
}

#[test]
fn names_do_not_steer_the_terminal() {
    let output = inspect(&["\u{1b}]0;owned\u{7}.onnx"]);
    assert_eq!(output.status.code(), Some(1));
    let message = words(&output.stderr);
    assert!(message.contains("\\u{1b}]0;owned\\u{7}.onnx"), "{message}");
    assert!(!message.contains('\u{1b}'), "{message}");
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
        "/../tests/graphs/keras-mobilenet.onnx"
    );
    let assumed = words(&inspect(&[model]).stdout);
    assert!(
        assumed.contains("(assumed: the file does not say; "),
        "{assumed}"
    );
    assert!(assumed.contains("--preprocess"), "{assumed}");
    let asked = words(&inspect(&[model, "--preprocess", "tf"]).stdout);
    assert!(asked.contains("tf: RGB, -1..1 (as asked)"), "{asked}");
    let numbers = ["--mean", "0.5,0.4,0.3", "--std", "0.25"];
    let numbers =
        words(&inspect(&[&[model, "--color-order", "bgr"], &numbers[..]].concat()).stdout);
    assert!(
        numbers.contains("custom: BGR, 0..1, minus 0.5 0.4 0.3, over 0.25 (as asked)"),
        "{numbers}"
    );
    let output = inspect(&[model, "--mean", "123.675,116.28,103.53"]);
    assert_eq!(output.status.code(), Some(1));
    let refused = words(&output.stderr);
    assert!(refused.contains("1 or 3 numbers from 0 to 1"), "{refused}");
    let cropped = words(&inspect(&[model, "--fit", "crop", "--json"]).stdout);
    assert!(cropped.contains("\"fit\":\"the middle "), "{cropped}");
}

#[test]
fn a_folder_is_inspected_with_what_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let network = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/graphs/keras-mobilenet.onnx"
    );
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::copy(network, folder.path().join("model.onnx")).unwrap();
    put(
        "preprocessor_config.json",
        r#"{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5], "crop_pct": 0.9, "size": 99999}"#,
    );
    put("config.json", r#"{"id2label": {"0": "one"}}"#);
    let report = words(&inspect(&[folder.path()]).stdout);
    for expected in [
        "custom: RGB, 0..1, minus 0.1 0.2 0.3, over 0.5 (says preprocessor_config.json)\n",
        "warning        The preprocessor_config.json of model.onnx says size=“99999”, which is no size from 1 to 4096: ",
        "warning        The config.json of model.onnx says id2label=“{\"0\":\"one\"}”, which is not one label for each of its ",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    put("preprocessor_config.json", r#"{"size": 64, "resample": 2}"#);
    let json = inspect(&[folder.path().as_os_str(), OsStr::new("--json")]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(
        json["notices"][0]
            .as_str()
            .unwrap()
            .contains("the bilinear filter"),
        "{json}"
    );
    assert_eq!(json["normalization"]["divisor"], 255.0);
    assert_eq!(json["normalization"]["order"], "rgb");
    let empty = tempfile::tempdir().unwrap();
    let refused = inspect(&[empty.path()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused.stderr).contains("holds no ONNX file. Export the network into it, or "));
}

#[test]
fn a_picture_is_explained() {
    let Some(model) = common::test_model("what inspect says of ResNet-18", "resnet18.onnx") else {
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
    assert!(words(&broken.stderr).contains("/nowhere.png cannot be read: "));
}

#[test]
fn the_explained_class_is_told_and_is_one() {
    let ask = |target: &str| {
        let question = ["--net", "squeezenet", "--image", PHOTO, "--target", target];
        inspect(&question)
    };
    let text = words(&ask("espresso").stdout);
    let line = text.lines().find(|line| line.starts_with('*')).unwrap();
    assert!(line.ends_with("  967  espresso"), "{text}");
    let several = ask("espresso;tabby");
    assert_eq!(several.status.code(), Some(1));
    let words = words(&several.stderr);
    assert!(words.contains("explains one at a time"), "{words}");
}

#[test]
fn a_class_is_compared_with_those_that_are_most_like_it() {
    let ask = |arguments: &[&str]| {
        let question = [
            "--net",
            "squeezenet",
            "--image",
            PHOTO,
            "--method",
            "finercam",
        ];
        words(&inspect(&[&question[..], arguments].concat()).stdout)
    };
    let text = ask(&[]);
    let compared = "compared with  tabby, tabby cat; tiger cat; lynx, catamount";
    assert!(text.contains(compared), "{text}");
    let report: serde_json::Value =
        serde_json::from_str(&ask(&["--json", "--top-k", "1000"])).unwrap();
    let logit = |class: &serde_json::Value| {
        let mut top = report["top"].as_array().unwrap().iter();
        top.find(|one| one["id"] == *class).unwrap()["logit"]
            .as_f64()
            .unwrap()
    };
    let explained = report["explained"].as_array().unwrap();
    let sum: f64 = explained
        .iter()
        .map(|term| term["weight"].as_f64().unwrap() * logit(&term["id"]))
        .sum();
    let map = report["map"].as_array().unwrap();
    let mean = map.iter().map(|value| value.as_f64().unwrap()).sum::<f64>() / map.len() as f64;
    assert_eq!(explained.len(), 4);
    assert!((sum - mean).abs() < 1e-4 * sum.abs(), "{sum} {mean}");
    let others = [&explained[1], &explained[2], &explained[3]].map(|term| logit(&term["id"]));
    let expected = logit(&explained[0]["id"]) - 0.6 * others.iter().sum::<f64>() / 3.0;
    assert!(
        (sum - expected).abs() < 1e-5 * sum.abs(),
        "{sum} {expected}"
    );
    let without = words(&inspect(&["--net", "squeezenet", "--image", PHOTO]).stdout);
    assert!(!without.contains("compared with"), "{without}");
}

/// The best class of the picture at `path` for SqueezeNet, and its score; or why there is none, and the exit code.
fn best(path: &Path) -> Result<(u64, f64), (String, Option<i32>)> {
    let words_of = ["--net", "squeezenet", "--json", "--image"].map(OsStr::new);
    let output = inspect(&[&words_of[..], &[path.as_os_str()]].concat());
    if !output.status.success() {
        return Err((words(&output.stderr), output.status.code()));
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let top = &report["top"][0];
    Ok((top["id"].as_u64().unwrap(), top["score"].as_f64().unwrap()))
}

#[test]
fn pictures_are_explained_upright_whatever_their_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (class, expected) = best(&photos::turned(folder, 1)).unwrap();
    assert_eq!(class, 967);
    let turned = (2..=8).map(|orientation| photos::turned(folder, orientation));
    for path in turned {
        let (class, score) = best(&path).unwrap();
        assert_eq!(class, 967, "{}", path.display());
        assert!(
            (score - expected).abs() < 0.02,
            "{}: {score}",
            path.display()
        );
    }
    for name in ["a.bmp", "a.tiff", "a.gif"] {
        let (class, score) = best(&photos::store(folder, "null", name)).unwrap();
        assert!(class == 967 && score > 0.9, "{name}: {class} {score}");
    }
    // Cut short: what is there is explained.
    let whole = std::fs::read(folder.join("exif-1.jpg")).unwrap();
    let cut = folder.join("cut.jpg");
    std::fs::write(&cut, &whole[..whole.len() * 9 / 10]).unwrap();
    assert_eq!(best(&cut).unwrap().0, 967);
    // A name that is not UTF-8.
    let name = folder.join(OsString::from_vec(b"na\xefve.jpg".to_vec()));
    std::fs::rename(folder.join("exif-6.jpg"), &name).unwrap();
    assert_eq!(best(&name).unwrap().0, 967);
}

#[test]
fn anamorphic_pictures_are_explained_in_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [square, narrow] = photos::square_and_oblong(folder);
    let (square, narrow) = (best(&square).unwrap(), best(&narrow).unwrap());
    assert_eq!(square.0, narrow.0);
    assert!((square.1 - narrow.1).abs() < 0.05, "{square:?} {narrow:?}");
}

#[test]
fn what_cannot_be_decoded_is_named_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let give = "Give a file that exists, a camera like /dev/video0, or a URI.";
    for (name, content, why) in [
        ("empty.jpg", &b""[..], format!("the file is empty. {give}")),
        (
            "words.jpg",
            &b"only words"[..],
            "it is no video or picture that GStreamer knows. Convert it, for instance to MP4, PNG or JPEG.".to_owned(),
        ),
        (
            "photo.heic",
            &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08free"[..],
            "GStreamer cannot decode this HEIC picture".to_owned(),
        ),
        (
            "bare.png",
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0\x90\x91\x68\x36"[..],
            "GStreamer cannot decode this PNG picture".to_owned(),
        ),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        let (said, code) = best(&path).unwrap_err();
        let expected = format!("{} cannot be read: {why}", path.display());
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    }
    let page = folder.join("page.html");
    std::fs::write(&page, "<!DOCTYPE html><html><body>Log in</body></html>").unwrap();
    let (said, _) = best(&page).unwrap_err();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.ends_with("cannot be read: it is text. Give a video or a picture.\n"),
        "{said}"
    );
    let (said, _) = best(folder).unwrap_err();
    assert!(said.contains("cannot be read: it is a folder. "), "{said}");
}

#[test]
fn an_overlay_is_no_other_format_and_not_its_own_picture() {
    let folder = tempfile::tempdir().unwrap();
    let photo = photos::turned(folder.path(), 1);
    let own = folder.path().join("own.png");
    std::fs::copy(common::source("examples/media/coffee.png"), &own).unwrap();
    let before = std::fs::read(&own).unwrap();
    let [soft, hard] = ["soft.png", "hard.png"].map(|name| folder.path().join(name));
    std::os::unix::fs::symlink(&own, &soft).unwrap();
    std::fs::hard_link(&own, &hard).unwrap();
    let uri = PathBuf::from(format!("file://{}", own.display()));
    let its_own = "The overlay would overwrite its own picture. Name another --output.";
    for (image, output, expected) in [
        (&own, own.clone(), its_own),
        (&own, soft, its_own),
        (&own, hard, its_own),
        (&uri, own.clone(), its_own),
        (
            &photo,
            folder.path().join("a.jpg"),
            "The overlay is written as PNG, and “",
        ),
    ] {
        let words_of = ["--net", "squeezenet", "--image"].map(OsStr::new);
        let paths = [
            image.as_os_str(),
            OsStr::new("--output"),
            output.as_os_str(),
        ];
        let done = inspect(&[&words_of[..], &paths].concat());
        assert!(!done.status.success());
        let said = words(&done.stderr);
        assert!(said.starts_with(expected), "{said}");
    }
    assert!(std::fs::read(&own).unwrap() == before);
}

#[test]
fn who_has_read_enough_may_close() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_camoverlay-inspect"))
        .args(["--net", "squeezenet", "--json", "--image"])
        .arg(common::source("examples/media/coffee.png"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(words(&done.stderr), "");
    assert!(done.status.success());
}

#[test]
fn names_of_files_need_not_be_utf8() {
    let Some(model) =
        common::test_model("inspect on SqueezeNet's test network", "squeezenet1_1.onnx")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let name = |suffix: &str| {
        let bytes = [b"\xff", suffix.as_bytes()].concat();
        folder.path().join(OsString::from_vec(bytes))
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
    let Some(model) =
        common::test_model("inspect on SqueezeNet's test network", "squeezenet1_1.onnx")
    else {
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

#[test]
fn execution_providers_are_listed_and_timed() {
    if !common::is_set_up("the list of execution providers", &["squeezenet"]) {
        return;
    }
    let listed = inspect(&["--providers", "--json"]);
    assert!(listed.status.success(), "{}", words(&listed.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed[0]["provider"], "cpu");
    assert!(listed[0]["time"].as_f64().unwrap() > 0.0);
    let names: Vec<_> = listed
        .iter()
        .map(|one| one["provider"].as_str().unwrap())
        .collect();
    for name in [
        "openvino",
        "cuda",
        "tensorrt",
        "tensorrt-rtx",
        "migraphx",
        "qnn",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    // Each is timed, missing, or says why it is neither.
    for one in &listed[1..] {
        let is_told = one["time"].is_f64() || one["error"].is_string();
        assert!(is_told, "{one}");
    }
    let table = words(&inspect(&["--providers"]).stdout);
    assert!(table.starts_with("provider"), "{table}");
    assert!(table.lines().nth(1).unwrap().starts_with("cpu "), "{table}");
}

#[test]
fn what_is_wrong_with_an_execution_provider_is_told() {
    if !common::is_set_up("what is wrong with execution providers", &["squeezenet"]) {
        return;
    }
    for (arguments, expected) in [
        (vec!["--provider", "qnn"], "make provider NAME=qnn"),
        (
            vec!["--provider", "cpu", "--precision", "reduced"],
            "reduced precision",
        ),
        (
            vec!["--provider", "cpu", "--provider-option", "a=1"],
            "not “a” either",
        ),
        (
            vec!["--provider-option", "a"],
            "--provider-option takes a key, = and its value",
        ),
        (vec!["--precision", "half"], "There is no precision half"),
        (
            vec!["--provider", "x", "--provider-library", PHOTO],
            "is no shared library",
        ),
    ] {
        let arguments = [vec!["--net", "squeezenet"], arguments].concat();
        let refused = inspect(&arguments);
        assert!(!refused.status.success(), "{arguments:?}");
        let said = words(&refused.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn what_maps_are_worth_is_measured_beside_what_knows_nothing() {
    if !common::is_set_up("what maps are worth", &["squeezenet"]) {
        return;
    }
    let photo = ["--net", "squeezenet", "--image", PHOTO, "--faithfulness"];
    let text = inspect(&[&photo[..], &["--method", "fem"]].concat());
    let text = words(&text.stdout);
    let names: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("faithfulness"))
        .skip(1)
        .take(3)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, ["fem", "(random)", "(centre)"], "{text}");
    assert!(text.contains("These beat random maps"), "{text}");
    let json = inspect(&[&photo[..], &["--method", "cam", "--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let rows = json["faithfulness"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for key in ["deletion", "insertion", "average-drop", "road"] {
        assert!(rows.iter().all(|row| row[key].is_f64()), "{json}");
    }
    let without = inspect(&["--net", "squeezenet", "--faithfulness"]);
    assert!(!without.status.success());
    assert!(words(&without.stderr).contains("--image"));
}
