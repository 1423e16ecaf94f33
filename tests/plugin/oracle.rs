//! The oracle itself (`tests/oracle`) against the reference script beside the source tree.

use std::process::Command;

use crate::common::{python, shared, source};

#[test]
fn the_oracle_is_the_reference_byte_for_byte() {
    let what = "the oracle against the reference script";
    let Some(reference) = shared(what, "oracle/reference.py") else {
        return;
    };
    for (network, preprocess, side) in [
        ("squeezenet", "caffe", "227"),
        ("efficientnet-lite0", "lite", "224"),
    ] {
        let output = Command::new(python())
            .arg(source("tests/oracle/check.py"))
            .arg(&reference)
            .arg(source(&format!(
                ".deps/share/camoverlay/models/{network}.onnx"
            )))
            .args([preprocess, side])
            .arg(source("examples/media/chelsea.png"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{network}: {errors}");
    }
}
