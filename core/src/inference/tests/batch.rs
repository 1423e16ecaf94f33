//! Which networks run several pictures at a time, by whether their layers keep them apart.

use crate::inference::{Classifier, Options};
use crate::onnx::node::{node, with_int, with_ints};
use crate::testing::Draft;

fn opened(draft: &Draft) -> Option<Classifier> {
    let opened = draft.open_with(|options| Options {
        batch_size: 4,
        ..options
    });
    opened.map(Result::unwrap)
}

/// The words of the notice that each picture has a run of its own.
fn notice(classifier: &Classifier) -> Option<&str> {
    let mut words = classifier.notices().iter();
    let is_it = |words: &&str| words.contains("one picture at a time");
    words.find_map(|notice| Some(notice.fault.as_str()).filter(|words| is_it(words)))
}

#[test]
fn layers_that_keep_pictures_apart_run_several() {
    let mut draft = Draft::classifier();
    draft.output("z");
    let Some(classifier) = opened(&draft) else {
        return;
    };
    assert_eq!(classifier.batch_size(), 4);
    assert_eq!(notice(&classifier), None);
    // Unless nobody asks for it.
    assert_eq!(draft.open().unwrap().unwrap().batch_size(), 1);
}

#[test]
fn layers_that_mix_pictures_run_one() {
    // Of one picture the mean over all is that picture, of two it is between them.
    let mut draft = Draft::with_features();
    let mean = with_ints(node("ReduceMean", &["a"], "mean"), "axes", &[0]);
    draft.push(with_int(mean, "keepdims", 1));
    draft
        .node("Mul", &["a", "mean"], "m")
        .random("k", &[3, 3, 1, 1])
        .node("Conv", &["m", "k"], "c")
        .node("GlobalAveragePool", &["c"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "z")
        .output("z");
    let Some(classifier) = opened(&draft) else {
        return;
    };
    assert_eq!(classifier.batch_size(), 1);
    let words = notice(&classifier).unwrap();
    assert!(
        words.contains("do not compute several pictures apart"),
        "{words}"
    );
}

#[test]
fn layers_that_are_laid_out_for_one_run_one() {
    let mut draft = Draft::with_features();
    draft
        .integers("shape", &[1, 3, 4, 4])
        .node("Reshape", &["a", "shape"], "m")
        .random("k", &[3, 3, 1, 1])
        .node("Conv", &["m", "k"], "c")
        .node("GlobalAveragePool", &["c"], "p")
        .node("Flatten", &["p"], "f")
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "z")
        .output("z");
    let Some(classifier) = opened(&draft) else {
        return;
    };
    assert_eq!(classifier.batch_size(), 1);
}

#[test]
fn heads_of_layers_run_one() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f")
        .random("v", &[3, 5])
        .node("MatMul", &["f", "v"], "h")
        .node("Tanh", &["h"], "t")
        .random("w", &[5, 4])
        .node("MatMul", &["t", "w"], "z")
        .output("z");
    let Some(classifier) = opened(&draft) else {
        return;
    };
    assert_eq!(classifier.batch_size(), 1);
    let words = notice(&classifier).unwrap();
    assert!(words.contains("gradient is of one picture"), "{words}");
}
