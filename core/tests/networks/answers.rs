//! Several classes of one picture and several pictures of one run, next to one after the other.

use crate::common;

use std::path::PathBuf;

use camoverlay::cam::{Method, Query};
use camoverlay::frame::Frame;
use camoverlay::inference::{Options, Source, entry};
use camoverlay::model::Target;
use camoverlay::{Answer, Explainer, Question};
use common::Picture;

const TARGETS: [Target; 4] = [
    Target::Rank(0),
    Target::Rank(2),
    Target::Class(1),
    Target::Class(3),
];

fn frame(picture: &Picture) -> Frame<'_> {
    Frame::rgb(&picture.rgb, picture.width, picture.height).unwrap()
}

fn question(targets: &[Target], method: Method) -> Question {
    Question {
        targets: targets.to_vec(),
        top_k: 2,
        method,
        features: true,
    }
}

/// Whether both say the same, to the last bit.
fn assert_same(a: &Answer, b: &Answer) {
    assert_eq!(a.logits, b.logits);
    assert_eq!(a.features, b.features);
    assert_eq!(a.explanations.len(), b.explanations.len());
    for (a, b) in a.explanations.iter().zip(&b.explanations) {
        assert_eq!((&a.map, a.target, &a.top), (&b.map, b.target, &b.top));
    }
}

/// The answer to several targets is that to each.
fn check_targets(options: &Options, method: Method) {
    let mut explainer = Explainer::open(options).unwrap();
    let picture = Picture::noise(300, 200, 7);
    let answer = explainer
        .answer(&frame(&picture), &question(&TARGETS, method))
        .unwrap();
    let best = explainer
        .answer(&frame(&picture), &question(&[], method))
        .unwrap();
    assert_eq!(best.explanations.len(), 1);
    assert_eq!(best.explanations[0].map, answer.explanations[0].map);
    assert_eq!(answer.explanations.len(), TARGETS.len());
    let features = answer.features.unwrap();
    assert_eq!(features.hot.len(), TARGETS.len());
    for ((target, explanation), hot) in TARGETS.iter().zip(&answer.explanations).zip(&features.hot)
    {
        let query = Query {
            target: *target,
            top_k: 2,
            method,
        };
        let alone = explainer.explain(&frame(&picture), &query).unwrap();
        assert_eq!(alone.map, explanation.map, "{target:?} {method:?}");
        assert_eq!(alone.target, explanation.target);
        assert_eq!(alone.top, explanation.top);
        let own = explainer
            .answer(&frame(&picture), &question(&[*target], method))
            .unwrap();
        let own = own.features.unwrap();
        assert_eq!((&own.mean, &own.hot[0]), (&features.mean, hot));
    }
}

#[test]
fn several_targets_are_what_each_is() {
    if !common::is_set_up("several targets at once", &["squeezenet"]) {
        return;
    }
    let squeezenet = common::options(Source::Catalogue(entry("squeezenet").unwrap()), 1);
    for method in [Method::Auto, Method::GradCamPlusPlus, Method::EigenCam] {
        check_targets(&squeezenet, method);
    }
    // Heads of layers, which take a run for each class.
    let graph = |name: &str| -> PathBuf { common::source("tests/graphs").join(name) };
    for name in ["torch-dynamo-convnext.onnx", "keras-vgg.onnx"] {
        let options = common::options(Source::File(graph(name)), 1);
        check_targets(&options, Method::GradCam);
        check_targets(&options, Method::Auto);
    }
}

#[test]
fn batches_are_what_each_picture_is() {
    if !common::is_set_up("batches", &["squeezenet", "efficientnet-lite0"]) {
        return;
    }
    // Of sizes that share runs, and that do not.
    let sizes = [(300, 200), (300, 200), (450, 300), (200, 200), (300, 200)];
    let pictures = sizes.map(|(width, height)| Picture::noise(width, height, width as u32 + 3));
    for name in ["squeezenet", "efficientnet-lite0"] {
        let single = common::options(Source::Catalogue(entry(name).unwrap()), 1);
        let several = Options {
            batch_size: 2,
            ..single.clone()
        };
        let mut several = Explainer::open(&several).unwrap();
        assert_eq!(several.classifier().batch_size(), 2);
        let mut single = Explainer::open(&single).unwrap();
        let asked: Vec<_> = pictures
            .iter()
            .enumerate()
            .map(|(number, picture)| {
                let targets = &TARGETS[..1 + number % TARGETS.len()];
                (frame(picture), question(targets, Method::Auto))
            })
            .collect();
        let together = several.answers(&asked).unwrap();
        assert_eq!(together.len(), pictures.len());
        for (answer, (frame, question)) in together.iter().zip(&asked) {
            assert_same(answer, &single.answer(frame, question).unwrap());
            assert_same(answer, &several.answer(frame, question).unwrap());
        }
        assert!(several.answers(&[]).unwrap().is_empty());
        let none = question(&[Target::Class(1000)], Method::Auto);
        let asked = [(frame(&pictures[0]), none)];
        assert!(several.answers(&asked).is_err());
    }
}

#[test]
fn clones_explain_at_the_same_time() {
    if !common::is_set_up("clones", &["squeezenet"]) {
        return;
    }
    let options = common::options(Source::Catalogue(entry("squeezenet").unwrap()), 1);
    let mut explainer = Explainer::open(&options).unwrap();
    let picture = Picture::noise(320, 240, 5);
    let expected = explainer
        .explain(&frame(&picture), &Query::default())
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut clone = explainer.clone();
            let (picture, expected) = (&picture, &expected);
            scope.spawn(move || {
                for _ in 0..3 {
                    let explanation = clone.explain(&frame(picture), &Query::default()).unwrap();
                    assert_eq!(explanation.map, expected.map);
                }
            });
        }
    });
}
