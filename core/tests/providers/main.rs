//! Execution providers: what becomes of those that are missing, are none or crash, and of those that are installed.

#[path = "../common/mod.rs"]
mod common;

mod installed;
mod refusals;

use std::path::{Path, PathBuf};

use camoverlay::inference::{Options, Provider, Source, entry};

/// SqueezeNet, computed by the provider called `name`.
fn options(name: &str) -> Options {
    let mut options = common::options(Source::Catalogue(entry("squeezenet").unwrap()), 0);
    let program = Path::new(env!("CARGO_BIN_EXE_camoverlay-provider-check"));
    options
        .search_roots
        .insert(0, program.parent().unwrap().to_owned());
    options.ort_library = build();
    options.provider = Provider {
        name: name.to_owned(),
        ..Provider::default()
    };
    options
}

/// Whether ONNX Runtime and SqueezeNet are installed; where not, `what` is told as left out.
fn is_here(what: &str) -> bool {
    // Before what looks for any other: a process has one alone.
    camoverlay::inference::prepare(&options("cpu"));
    common::is_set_up(what, &["squeezenet"])
}

/// The ONNX Runtime in `folder`.
fn runtime(folder: &str) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(common::source(folder)).ok()?.flatten();
    let is_it = |path: &PathBuf| path.to_string_lossy().contains("libonnxruntime.so");
    entries.find_map(|entry| Some(entry.path()).filter(is_it))
}

/// The ONNX Runtime with a provider in it that `make provider` has installed.
fn build() -> Option<PathBuf> {
    let folders = ["openvino", "cuda", "migraphx"];
    folders
        .iter()
        .find_map(|folder| runtime(&format!(".deps/lib/camoverlay/providers/{folder}")))
}

/// Runs the test called `test` in a process of its own.
fn alone(test: &str) {
    let program = std::env::current_exe().unwrap();
    let run = std::process::Command::new(program)
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    println!("{said}");
    assert!(run.status.success(), "{said}");
}

/// A shared library of this C source, in `folder`.
fn library(folder: &Path, source: &str) -> PathBuf {
    let (code, library) = (folder.join("library.c"), folder.join("library.so"));
    // By which ONNX Runtime tells that it is a provider's.
    let entry = "void *CreateEpFactories(void) { return 0; }";
    std::fs::write(&code, format!("{source}\n{entry}\n")).unwrap();
    // Named as the crate `cc` names it where tests are cross-compiled.
    let compiler = std::env::var("TARGET_CC").unwrap_or_else(|_| "cc".into());
    let built = std::process::Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .status();
    assert!(built.unwrap().success());
    library
}

/// What opening says that does not succeed.
fn refusal(options: &Options) -> String {
    match camoverlay::inference::Classifier::open(options) {
        Ok(_) => panic!("{} opened", options.provider.name),
        Err(error) => error.to_string(),
    }
}

fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
}
