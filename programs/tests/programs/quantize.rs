//! `make model QUANTIZE=`: networks of 8 bits, made of others by `models/quantize.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{is_set_up, python, source, test_model};

const CAT: &str = "chelsea.png";

fn inspect() -> &'static str {
    env!("CARGO_BIN_EXE_camoverlay-inspect")
}

fn quantize(more: &[&str], network: &Path, quantized: &Path, pictures: &Path) -> Output {
    Command::new(python())
        .arg(source("models/quantize.py"))
        .args(["--inspect", inspect()])
        .args(more)
        .args([network, quantized, pictures])
        .output()
        .unwrap()
}

/// What camoverlay-inspect says of a network and a photo.
fn seen(network: &Path, photo: &str) -> serde_json::Value {
    let output = Command::new(inspect())
        .arg(network)
        .arg("--image")
        .arg(source("examples/media").join(photo))
        .arg("--json")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Quantises `network` by the photos, and sets what is made of them next to what the network itself makes.
fn agrees(network: &Path) {
    let folder = tempfile::tempdir().unwrap();
    // A network that tells no name of its own is called as its file.
    let quantized = folder.path().join(network.file_name().unwrap());
    let output = quantize(&[], network, &quantized, &source("examples/media"));
    let said = words(&output.stdout) + &words(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("(100.0 %)"), "{said}");
    let bytes = |path: &Path| fs::metadata(path).unwrap().len();
    // The dense layer of MobileNet-v2, which stays as it is, is two fifths of its file.
    assert!(bytes(&quantized) * 5 < bytes(network) * 3);
    for photo in [CAT, "coffee.png"] {
        let (float, int8) = (seen(network, photo), seen(&quantized, photo));
        for field in [
            "network",
            "classes",
            "preprocess",
            "normalization",
            "input-size",
            "head",
            "methods",
        ] {
            assert_eq!(float[field], int8[field], "{field}");
        }
        assert_eq!(float["target"]["label"], int8["target"]["label"]);
        assert_eq!(int8["places"], "graph");
        let score = |seen: &serde_json::Value| seen["target"]["score"].as_f64().unwrap();
        assert!((score(&float) - score(&int8)).abs() < 0.15, "{said}");
    }
}

#[test]
fn a_network_of_8_bits_is_explained_as_the_one_it_was_made_of() {
    if is_set_up("networks of 8 bits", &["squeezenet"]) {
        agrees(&source(".deps/share/camoverlay/models/squeezenet.onnx"));
    }
    for name in ["resnet18.onnx", "mobilenet_v2.onnx"] {
        if let Some(network) = test_model("networks of 8 bits", name) {
            agrees(&network);
        }
    }
}

/// Black pictures, from which the ranges of values are learnt, in turns with photos, by which they are checked.
fn misleading(folder: &Path) -> PathBuf {
    let pictures = folder.join("pictures");
    fs::create_dir(&pictures).unwrap();
    let script = "import sys\n\
        from PIL import Image\n\
        photo, folder = sys.argv[1:]\n\
        photo = Image.open(photo).convert('RGB')\n\
        for i in range(21):\n\
        \x20   Image.new('RGB', (64, 48)).save(f'{folder}/{2 * i:03}.png')\n\
        \x20   photo.crop((5 * i, 3 * i, 300 + 5 * i, 200 + 3 * i)).save(f'{folder}/{2 * i + 1:03}.png')\n";
    let photo = source("examples/media").join(CAT);
    let made = Command::new(python())
        .args(["-c", script])
        .args([&photo, &pictures])
        .status();
    assert!(made.unwrap().success());
    pictures
}

#[test]
fn a_network_that_no_longer_agrees_is_not_installed_unless_forced() {
    if !is_set_up("networks of 8 bits", &["squeezenet"]) {
        return;
    }
    let network = source(".deps/share/camoverlay/models/squeezenet.onnx");
    let folder = tempfile::tempdir().unwrap();
    let (pictures, quantized) = (misleading(folder.path()), folder.path().join("int8.onnx"));
    let refused = quantize(&[], &network, &quantized, &pictures);
    assert!(!refused.status.success());
    let said = words(&refused.stderr);
    assert!(
        said.contains("less than 95 % of the pictures, so it is not installed"),
        "{said}"
    );
    assert!(!quantized.exists());
    let forced = quantize(&["--force"], &network, &quantized, &pictures);
    assert!(forced.status.success(), "{}", words(&forced.stderr));
    assert!(quantized.exists());
}

#[test]
fn what_cannot_be_quantised_is_told_in_words() {
    if !is_set_up("networks of 8 bits", &["squeezenet"]) {
        return;
    }
    let network = source(".deps/share/camoverlay/models/squeezenet.onnx");
    let folder = tempfile::tempdir().unwrap();
    let quantized = folder.path().join("int8.onnx");
    for (network, pictures, expected) in [
        (&network, folder.path().join("nowhere"), "There is no "),
        (
            &network,
            folder.path().to_owned(),
            "There are no pictures in ",
        ),
        (&source("README.md"), source("examples/media"), "README.md"),
        (
            &source("tests/nothing.onnx"),
            source("examples/media"),
            "nothing.onnx",
        ),
    ] {
        let output = quantize(&[], network, &quantized, &pictures);
        let said = words(&output.stderr);
        assert!(!output.status.success());
        assert!(
            said.contains(expected) && !said.contains("Traceback"),
            "{said}"
        );
        assert!(!quantized.exists());
    }
}
