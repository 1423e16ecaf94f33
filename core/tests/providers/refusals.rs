//! Providers that do not compute: one sentence on what is wrong and one on what to do, and this process goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use camoverlay::ErrorKind;
use camoverlay::inference::{Cancellation, Classifier, Options, Precision, SharedClassifier};

use super::common::source;
use super::{alone, assert_says, is_here, library, options, refusal, runtime};

/// What these tests are.
const WHAT: &str = "providers that do not compute";

fn with_library(name: &str, library: &std::path::Path) -> Options {
    let mut options = options(name);
    options.provider.library = Some(library.to_owned());
    options
}

#[test]
fn what_is_not_installed_is_told_with_what_was_looked_for() {
    if !is_here(WHAT) {
        return;
    }
    let said = refusal(&options("qnn"));
    assert_says(
        &said,
        &[
            "qnn",
            "libonnxruntime",
            "libonnxruntime_providers_qnn.so",
            "Install qnn, or set provider.library",
        ],
    );
    let said = refusal(&options("nobodys"));
    assert_says(&said, &["nobodys is not part of", "Set provider.library"]);
    let error = Classifier::open(&options("nobodys")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Library);
    // The same process computes as before.
    Classifier::open(&options("cpu")).unwrap();
}

#[test]
fn a_provider_of_another_build_is_told_with_both() {
    if is_here(WHAT) {
        alone("refusals::two_builds_in_one_process");
    }
}

#[test]
#[ignore = "started by a_provider_of_another_build_is_told_with_both, alone"]
fn two_builds_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let cuda = folder.path().join("lib/camoverlay/providers/cuda");
    fs::create_dir_all(&cuda).unwrap();
    let mut plain = options("cpu");
    // Not by what finds a build with the provider.
    plain.ort_library = runtime(".deps/lib/camoverlay");
    plain.search_roots.push(folder.path().to_owned());
    Classifier::open(&plain).unwrap();
    plain.provider.name = "cuda".into();
    let said = refusal(&plain);
    assert_says(&said, &["cuda is not part of", "Install cuda"]);
    let other = cuda.join("libonnxruntime.so.1.99.0");
    fs::write(&other, "").unwrap();
    let said = refusal(&plain);
    let loaded = runtime(".deps/lib/camoverlay")
        .unwrap()
        .canonicalize()
        .unwrap();
    assert_says(
        &said,
        &[
            &format!("cuda is part of {}", other.display()),
            &format!("has loaded {}", loaded.display()),
            "ort_library",
        ],
    );
}

#[test]
fn files_that_are_no_libraries_of_providers_are_refused() {
    if !is_here(WHAT) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    // ONNX Runtime itself is one, and no provider's.
    let runtime = runtime(".deps/lib/camoverlay").unwrap();
    let damaged = library(folder.path(), "");
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let missing = folder.path().join("missing.so");
    let cases = [
        (missing.as_path(), "no such file"),
        (folder.path(), "folder"),
        (&text, "text.so"),
        (&runtime, "CreateEpFactories is missing"),
        (&damaged, "is cut off"),
    ];
    for (library, word) in cases {
        let said = refusal(&with_library("openvino", library));
        assert_says(
            &said,
            &[
                word,
                "is no library of the execution provider openvino",
                "Set provider.library",
            ],
        );
    }
    Classifier::open(&options("cpu")).unwrap();
}

#[test]
fn a_library_that_crashes_is_refused_and_not_loaded_here() {
    if !is_here(WHAT) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let abort = "#include <stdio.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) \
                 { fprintf(stderr, \"no driver today\\n\"); abort(); }";
    let library = library(folder.path(), abort);
    // The second time by what was written down.
    for _ in 0..2 {
        let said = refusal(&with_library("crashing", &library));
        assert_says(
            &said,
            &[
                "crashing ended the process that tried it",
                "SIGABRT",
                "no driver today",
                "Set provider.name to cpu",
            ],
        );
        let error = Classifier::open(&with_library("crashing", &library))
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Format);
    }
}

#[test]
fn a_library_that_leaves_without_a_word_is_refused() {
    if !is_here(WHAT) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for code in [0, 2, 7] {
        let source = format!(
            "#include <unistd.h>\n__attribute__((constructor)) static void leave(void) {{ _exit({code}); }}"
        );
        let said = refusal(&with_library("leaving", &library(folder.path(), &source)));
        assert_says(
            &said,
            &["leaving ended the process", &format!("the code {code}")],
        );
    }
}

#[test]
fn who_does_not_want_to_wait_for_a_library_that_hangs_need_not() {
    if !is_here(WHAT) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let source = format!(
        "#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) static void hang(void) \
         {{ FILE *f = fopen(\"{}\", \"w\"); fprintf(f, \"%d\", getpid()); fclose(f); for (;;) pause(); }}",
        pid.display()
    );
    let options = with_library("hanging", &library(folder.path(), &source));
    let cancellation = Cancellation::default();
    let canceller = cancellation.clone();
    let waiting =
        thread::spawn(move || SharedClassifier::open_until(&options, &cancellation).map(|_| ()));
    let until = Instant::now() + Duration::from_secs(30);
    let child = loop {
        match fs::read_to_string(&pid) {
            Ok(pid) if !pid.is_empty() => break pid,
            _ => assert!(Instant::now() < until, "it was not tried"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    let start = Instant::now();
    canceller.cancel();
    assert!(waiting.join().unwrap().is_err());
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(!std::path::Path::new("/proc").join(child).exists());
}

#[test]
fn without_the_program_that_tries_them_nothing_is_loaded() {
    if !is_here(WHAT) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), "int nothing(void) { return 1; }");
    let mut without = with_library("untried", &library);
    without.search_roots = vec![folder.path().to_owned(), source("").to_owned()];
    let said = refusal(&without);
    assert_says(
        &said,
        &[
            "program that tries execution providers is missing",
            "camoverlay-provider-check",
            "CAMOVERLAY_PROVIDER_CHECK",
        ],
    );
    let program = folder.path().join("camoverlay-provider-check");
    fs::write(&program, "#!/bin/sh\necho nothing of use\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert_says(&refusal(&without), &["says nothing of the outcome"]);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
    // Why it does not start, emulators do not tell.
    let what_to_do = "Install camoverlay-provider-check of this version";
    assert_says(
        &refusal(&without),
        &["camoverlay-provider-check", what_to_do],
    );
}

#[test]
fn what_a_provider_cannot_be_told_is_refused() {
    if !is_here(WHAT) {
        return;
    }
    let mut reduced = options("cpu");
    reduced.provider.precision = Precision::Reduced;
    assert_says(
        &refusal(&reduced),
        &["cpu", "reduced precision", "Correct provider"],
    );
    let mut told = options("cpu");
    told.provider.options = vec![("fast".into(), "1".into())];
    assert_says(&refusal(&told), &["no options", "fast"]);
    assert_says(&refusal(&options("openvino:tpu")), &["no device “tpu”"]);
    assert_says(&refusal(&options("cpu:gpu")), &["on the processor alone"]);
    let error = Classifier::open(&reduced).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Settings);
    let mut auto = options("auto");
    auto.provider.options = vec![("fast".into(), "1".into())];
    assert_says(&refusal(&auto), &["auto takes neither"]);
    for name in ["CPU", "cpu:cpu", "CPUExecutionProvider"] {
        let opened = Classifier::open(&options(name)).unwrap();
        assert_eq!(opened.provider_nick(), "cpu");
    }
}
