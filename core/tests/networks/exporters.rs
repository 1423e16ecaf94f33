//! Tiny classifiers as real exporters write them (`tests/graphs/make.py`), next to what their own frameworks say.

use crate::common;

use std::path::PathBuf;

use camoverlay::cam::{Explanation, Method, Query};
use camoverlay::inference::{Classifier, Source};
use camoverlay::model::{Head, Target};

fn graphs() -> PathBuf {
    common::source("tests/graphs")
}

fn open(name: &str) -> Classifier {
    let source = Source::File(graphs().join(format!("{name}.onnx")));
    let options = common::options(source, 1);
    Classifier::open(&options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

struct Expected {
    side: usize,
    logits: Vec<f32>,
    map: Vec<f32>,
}

fn expected(name: &str) -> Expected {
    let text = std::fs::read_to_string(graphs().join(format!("{name}.json"))).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let floats = |key: &str| {
        let values = json[key].as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap() as f32).collect()
    };
    Expected {
        side: json["side"].as_u64().unwrap() as usize,
        logits: floats("logits"),
        map: floats("map"),
    }
}

/// Largest difference, relative to the largest magnitude of `theirs`.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs
        .iter()
        .fold(0.0f32, |largest, value| largest.max(value.abs()));
    let differences = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| (ours - theirs).abs());
    differences.fold(0.0, f32::max) / largest
}

#[test]
fn every_exporters_graph_is_explained_as_its_framework_does() {
    if !common::is_set_up("graphs of all exporters", &[]) {
        return;
    }
    for (name, is_affine, tolerance) in [
        ("torch-dynamo-convnext", false, 1e-4),
        ("torch-dynamo-mobilenet-v3", false, 1e-4),
        ("torch-dynamo-alexnet", false, 1e-4),
        // Ten bits of mantissa.
        ("torch-script-half-convnext", false, 2e-2),
        ("torch-script-7-mobilenet-v3", false, 1e-4),
        ("keras-mobilenet", true, 1e-4),
        ("keras-resnet-v2", true, 1e-4),
        ("keras-vgg", false, 1e-4),
    ] {
        let mut classifier = open(name);
        let expected = expected(name);
        let is_found = matches!(classifier.head(), Head::Dense { .. });
        assert_eq!(is_found, is_affine, "{name}: {:?}", classifier.head());
        let side = expected.side;
        let picture: Vec<f32> = (0..3 * side * side)
            .map(|i| (i % 251) as f32 / 125.0 - 1.0)
            .collect();
        let query = Query {
            target: Target::Rank(0),
            top_k: 1,
            method: Method::HiResCam,
        };
        let mut explanation = Explanation::default();
        let activation = classifier
            .run(&picture, side, side, query.target, query.method.detail())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let logits = difference(activation.logits, &expected.logits);
        assert!(logits < tolerance, "{name}: {logits}");
        explanation
            .update(&activation, query.top_k, query.method)
            .unwrap();
        let map = difference(&explanation.map.values, &expected.map);
        assert!(map < tolerance, "{name}: {map}");
    }
}
