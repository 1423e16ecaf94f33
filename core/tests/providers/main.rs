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
    options.search_roots.insert(0, program.parent().unwrap().to_owned());
    options.provider = Provider {
        name: name.to_owned(),
        ..Provider::default()
    };
    options
}

/// A shared library of this C source, in `folder`.
fn library(folder: &Path, source: &str) -> PathBuf {
    let (code, library) = (folder.join("library.c"), folder.join("library.so"));
    // By which ONNX Runtime tells that it is a provider's.
    let entry = "void *CreateEpFactories(void) { return 0; }";
    std::fs::write(&code, format!("{source}\n{entry}\n")).unwrap();
    let built = std::process::Command::new("cc")
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
