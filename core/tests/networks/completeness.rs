//! Mean of the class map + bias = logit: the logits are the network's own, the maps are ours.

use crate::common;

use camoverlay::cam::{Explanation, Method, Query};
use camoverlay::frame::{Geometry, Layout, Plane};
use camoverlay::inference::{Classifier, Source, entry};
use camoverlay::model::Target;
use camoverlay::preprocess::Sampler;
use common::{Picture, options, test_model};

/// Frames of all kinds through the network, several classes of each explained.
fn check(source: Source) {
    let name = format!("{source:?}");
    let mut classifier = Classifier::open(&options(source, 2)).unwrap();
    let mut explanation = Explanation::default();
    for (width, height, seed) in [(320, 240, 1), (97, 133, 2), (640, 360, 3), (8, 8, 4)] {
        let frame = Picture::noise(width, height, seed);
        let geometry = Geometry {
            layout: Layout::RGB,
            width,
            height,
        };
        let mut sampler = Sampler::new(&geometry, classifier.fit(), &classifier.normalization());
        let (columns, rows) = sampler.size();
        let mut tensor = vec![0.0; 3 * columns * rows];
        let plane = Plane {
            data: &frame.rgb,
            stride: width * 3,
        };
        sampler.sample(&[plane], &mut tensor);
        for target in [
            Target::Rank(0),
            Target::Rank(2),
            Target::Class(285),
            Target::Class(999),
        ] {
            let query = Query {
                target,
                top_k: 3,
                method: Method::Cam,
            };
            let activation = classifier
                .run(&tensor, columns, rows, target, query.method.detail())
                .unwrap();
            explanation
                .update(&activation, query.top_k, query.method)
                .unwrap();
            let residual = explanation.residual.unwrap();
            // Relative to the values that were added up, where the logit itself is near zero.
            let values = &explanation.map.values;
            let mean = values.iter().map(|value| value.abs()).sum::<f32>() / values.len() as f32;
            let scale = explanation.target.logit.abs().max(mean);
            assert!(
                residual <= 1e-4 * scale,
                "{name}, {width} x {height}, {target:?}: {residual} of {scale}"
            );
        }
    }
}

#[test]
fn squeezenet_explains_its_logits() {
    if !common::is_set_up("the logits of SqueezeNet", &["squeezenet"]) {
        return;
    }
    check(Source::Catalogue(entry("squeezenet").unwrap()));
}

#[test]
fn networks_with_a_dense_layer_explain_their_logits() {
    if !common::is_set_up(
        "the logits of networks with a dense layer",
        &[
            "efficientnet-lite0",
            "efficientnet-lite1",
            "efficientnet-lite2",
        ],
    ) {
        return;
    }
    for name in [
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
    ] {
        check(Source::Catalogue(entry(name).unwrap()));
    }
    for model in ["googlenet.onnx", "resnet18.onnx", "mobilenet_v2.onnx"] {
        if let Some(path) = test_model(&format!("the logits of {model}"), model) {
            check(Source::File(path));
        }
    }
}
