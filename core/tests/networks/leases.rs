//! Threads that run one network at the same time.

use crate::common;

use std::process::Command;
use std::sync::Barrier;
use std::thread;

use camoverlay::inference::{Cancellation, Classifier, Options, SharedClassifier, Source, entry};
use camoverlay::model::{Detail, Target};

fn options(threads: usize) -> Options {
    common::options(Source::Catalogue(entry("squeezenet").unwrap()), threads)
}

#[test]
fn runs_at_the_same_time_return_what_runs_alone_do() {
    if !common::is_set_up("runs at the same time", &["squeezenet"]) {
        return;
    }
    let network = SharedClassifier::open(&options(2)).unwrap();
    // Pictures of several sizes, since memory is planned by size.
    let run = |picture: usize| {
        let (width, height) = (64 + 16 * (picture % 3), 64 + 16 * (picture % 2));
        let tensor: Vec<f32> = (0..3 * width * height)
            .map(|i| ((i * (picture + 3)) % 251) as f32 / 125.0 - 1.0)
            .collect();
        let mut lease = network.lease(&Cancellation::default()).unwrap();
        let activation = lease.run(&tensor, width, height, Target::Rank(0), Detail::Sums);
        let activation = activation.unwrap();
        (
            activation.logits.to_vec(),
            activation.features.values.to_vec(),
        )
    };
    const PICTURES: usize = 6;
    let alone: Vec<_> = (0..PICTURES).map(run).collect();
    // Two may run at once, and others wait for their lease.
    let start = Barrier::new(PICTURES);
    thread::scope(|scope| {
        for (picture, expected) in alone.iter().enumerate() {
            let (run, start) = (&run, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..40 {
                    assert!(run(picture) == *expected, "picture {picture}");
                }
            });
        }
    });
}

#[test]
fn two_have_their_turn_at_once_and_a_third_waits() {
    if !common::is_set_up("who waits for a run", &["squeezenet"]) {
        return;
    }
    let network = SharedClassifier::open(&options(1)).unwrap();
    let first = network.lease(&Cancellation::default()).unwrap();
    let second = network.lease(&Cancellation::default()).unwrap();
    thread::scope(|scope| {
        let third = scope.spawn(|| {
            network
                .lease(&Cancellation::default())
                .unwrap()
                .name()
                .to_owned()
        });
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(!third.is_finished());
        drop(first);
        assert_eq!(third.join().unwrap(), "squeezenet");
    });
    drop(second);
}

/// ONNX Runtime's own tool quantises the weights of a network once and its feature maps anew on every picture.
const QUANTISE: &str = "
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
source, target, weights = sys.argv[1:]
quantize_dynamic(source, target, weight_type=QuantType[weights], op_types_to_quantize=['Conv'])
";

/// The logits and the feature map of a picture without a pattern.
fn answer(options: &Options) -> (Vec<f32>, Vec<f32>) {
    let mut classifier = Classifier::open(options).unwrap();
    let (width, height) = (227, 227);
    let picture: Vec<f32> = (0..3 * width * height)
        .map(|i| ((i * 7919) % 251) as f32 - 125.0)
        .collect();
    let activation = classifier
        .run(&picture, width, height, Target::Rank(0), Detail::Sums)
        .unwrap();
    (
        activation.logits.to_vec(),
        activation.features.values.to_vec(),
    )
}

/// ONNX Runtime 1.24.4 was seen to answer wrongly with one thread.
#[test]
fn a_dynamically_quantised_network_answers_the_same_with_any_number_of_threads() {
    let what = "a dynamically quantised network";
    if !common::is_set_up(what, &["squeezenet"]) {
        return;
    }
    if !common::python().exists() {
        return common::skipped(what, "the Python of set-up is not there (make setup)");
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = common::source(".deps/share/camoverlay/models/squeezenet.onnx");
    let (expected, _) = answer(&options(2));
    for weights in ["QInt8", "QUInt8"] {
        let quantised = folder.path().join(format!("{weights}.onnx"));
        let output = Command::new(common::python())
            .args(["-c", QUANTISE])
            .args([&whole, &quantised])
            .arg(weights)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answers = [1, 2, 3]
            .map(|threads| answer(&common::options(Source::File(quantised.clone()), threads)));
        let (logits, features) = &answers[0];
        for other in &answers[1..] {
            assert!(*logits == other.0 && *features == other.1, "{weights}");
        }
        // Eight bits a number are not far from the whole network.
        let largest = expected.iter().copied().fold(0.0, f32::max);
        let off = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0, f32::max);
        assert!(off < 0.2 * largest, "{weights}: {off} of {largest}");
    }
}
