//! What takes more than one class, one layer or the features alone: next to what it is made of.

use super::taps::classify;
use crate::cam::{Explanation, Method, Query};
use crate::inference::{Classifier, Options};
use crate::model::{Detail, Target};
use crate::onnx::node::{node, with_int};
use crate::testing::{Draft, ask, noise};

fn at(draft: &Draft, layer: &str) -> Option<Classifier> {
    let opened = draft.open_with(|options| Options {
        layer: Some(layer.to_owned()),
        ..options
    });
    opened.map(|opened| opened.unwrap_or_else(|error| panic!("{layer}: {error}")))
}

fn map(classifier: &mut Classifier, image: &[f32], method: Method) -> Explanation {
    let mut explanation = Explanation::default();
    let activation = classifier
        .run(image, 4, 4, Target::Class(1), method.detail())
        .unwrap();
    let top_k = Query::default().top_k;
    explanation.update(&activation, top_k, method).unwrap();
    explanation
}

fn normalised(values: &[f32]) -> Vec<f32> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter().map(|x| (x - low) / (high - low)).collect()
}

/// Two maps of 4 x 4 and one of 2 x 2, of which each leads to the classes.
fn layers() -> Draft {
    let mut draft = Draft::with_features();
    draft
        .random("k", &[5, 3, 3, 3])
        .node_ints("Conv", &["a", "k"], "b", ("pads", &[1, 1, 1, 1]))
        .node("Tanh", &["b"], "c")
        .random("l", &[4, 5, 2, 2])
        .node_ints("Conv", &["c", "l"], "d", ("strides", &[2, 2]))
        .node("Tanh", &["d"], "e");
    classify(&mut draft, "e", 16);
    draft
}

#[test]
fn several_layers_are_the_mean_of_each() {
    let draft = layers();
    let image = noise(48, 9);
    for method in [
        Method::HiResCam,
        Method::GradCam,
        Method::LayerCam,
        Method::FinerCam,
    ] {
        let single = |layer: &str| {
            let mut classifier = at(&draft, layer)?;
            Some(normalised(&map(&mut classifier, &image, method).map.values))
        };
        let (Some(a), Some(c)) = (single("a"), single("c")) else {
            return;
        };
        for names in ["a+c", " c + a "] {
            let mut classifier = at(&draft, names).unwrap();
            let explanation = map(&mut classifier, &image, method);
            for (cell, value) in explanation.map.values.iter().enumerate() {
                let expected = (a[cell] + c[cell]) / 2.0;
                assert!((value - expected).abs() < 1e-5, "{method:?} {names} {cell}");
            }
        }
    }
    // The smaller map is enlarged: its corner is the corner's.
    let (Some(mut small), Some(mut both)) = (at(&draft, "e"), at(&draft, "e + c")) else {
        return;
    };
    assert_eq!(both.structure().features, "c + e");
    let small = normalised(&map(&mut small, &image, Method::HiResCam).map.values);
    let c = normalised(
        &map(&mut at(&draft, "c").unwrap(), &image, Method::HiResCam)
            .map
            .values,
    );
    let made = map(&mut both, &image, Method::HiResCam);
    assert_eq!([made.map.height, made.map.width], [4, 4]);
    let share: Vec<f32> = made
        .map
        .values
        .iter()
        .zip(&c)
        .map(|(x, c)| 2.0 * x - c)
        .collect();
    let corners = [0, 3, 12, 15].map(|cell| share[cell]);
    let order = |values: &[f32]| {
        let mut cells: Vec<usize> = (0..4).collect();
        cells.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        cells
    };
    assert_eq!(order(&corners), order(&small));
}

#[test]
fn a_list_of_layers_names_the_one_that_is_none() {
    for (names, words) in [
        (
            "a+nothing",
            "cannot be explained at a layer “nothing”, which is the name of no tensor",
        ),
        (
            "a+b+c+d+e",
            "cannot be explained at 5 layers, which is more than the four",
        ),
        ("a+", "at a layer “”, which"),
    ] {
        let opened = layers().open_with(|options| Options {
            layer: Some(names.to_owned()),
            ..options
        });
        let Some(opened) = opened else { return };
        let error = opened.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{names}: {error}");
    }
}

/// In heads of several layers too the map of a difference of logits is that difference of maps.
#[test]
fn finer_maps_of_layers_compare_the_last_weights() {
    type Last = fn(&mut Draft);
    let lasts: [(&str, Last); 3] = [
        ("classes last", |draft| {
            draft
                .random("last", &[6, 5])
                .node("MatMul", &["h", "last"], "z");
        }),
        ("classes first", |draft| {
            draft.random("last", &[5, 6]);
            draft.push(with_int(node("Gemm", &["h", "last"], "z"), "transB", 1));
        }),
        ("a convolution", |draft| {
            draft
                .integers("cell", &[1, 6, 1, 1])
                .node("Reshape", &["h", "cell"], "cells")
                .random("last", &[5, 6, 1, 1])
                .node("Conv", &["cells", "last"], "classes")
                .node("Flatten", &["classes"], "z");
        }),
    ];
    for (name, last) in lasts {
        let mut draft = Draft::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f")
            .random("first", &[3, 6])
            .node("MatMul", &["f", "first"], "g")
            .node("Tanh", &["g"], "h");
        last(&mut draft);
        draft
            .random("bias", &[1, 5])
            .node("Add", &["z", "bias"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        let image = noise(48, 4);
        for class in 0..5 {
            let mut of = |class: usize| {
                let activation = ask(&mut classifier, &image, Target::Class(class)).unwrap();
                activation.gradient.unwrap().to_vec()
            };
            let gradients: Vec<Vec<f32>> = (0..5).map(&mut of).collect();
            let target = Target::Class(class);
            let detail = Method::FinerCam.detail();
            assert!(matches!(detail, Detail::Difference { .. }));
            let activation = classifier.run(&image, 4, 4, target, detail).unwrap();
            let similar = activation.similar.of(activation.head, class).to_vec();
            let finer = activation.gradient.unwrap().to_vec();
            let mut explanation = Explanation::default();
            explanation
                .update(&activation, 1, Method::FinerCam)
                .unwrap();
            assert_eq!(explanation.explained.terms().len(), 4, "{name}");
            assert_eq!(explanation.residual, None);
            for (index, value) in finer.iter().enumerate() {
                let others: f32 = similar.iter().map(|&other| gradients[other][index]).sum();
                let expected = gradients[class][index] - 0.6 * others / 3.0;
                assert!(
                    (value - expected).abs() < 1e-6,
                    "{name} {class}: {value} {expected}"
                );
            }
        }
    }
}

/// max(∂z/∂a, 0) of attention whose result is a layer of its own: ∂z/∂a_ij = Σ_c G_ic v_jc.
#[test]
fn what_keys_gain_is_the_mean_over_queries() {
    let mut draft = Draft::with_features();
    draft
        .integers("tokens", &[1, 3, 16])
        .node("Reshape", &["a", "tokens"], "r")
        .node_ints("Transpose", &["r"], "t", ("perm", &[0, 2, 1]))
        .random("wk", &[3, 3])
        .node("MatMul", &["t", "wk"], "k")
        .node_ints("Transpose", &["k"], "kt", ("perm", &[0, 2, 1]))
        .node("MatMul", &["t", "kt"], "s")
        .node_int("Softmax", &["s"], "weights", ("axis", -1))
        .node("MatMul", &["weights", "t"], "m");
    classify(&mut draft, "m", 48);
    let image = noise(48, 12);
    let (Some(mut before), Some(mut behind)) = (at(&draft, "t"), at(&draft, "m")) else {
        return;
    };
    let gradient = ask(&mut behind, &image, Target::Class(1)).unwrap();
    let gradient = gradient.gradient.unwrap().to_vec();
    let explanation = map(&mut before, &image, Method::LeGrad);
    for (key, value) in explanation.map.values.iter().enumerate() {
        let gain = |query: usize| {
            let terms = (0..3).map(|c| gradient[c * 16 + query] * image[c * 16 + key]);
            terms.sum::<f32>().max(0.0)
        };
        let expected = (0..16).map(gain).sum::<f32>() / 16.0;
        assert!((value - expected).abs() < 1e-6, "{key}: {value} {expected}");
    }
    // Behind attention there is none, and in a network without it neither.
    for (draft, layer) in [(&draft, "m"), (&layers(), "c")] {
        let mut classifier = at(draft, layer).unwrap();
        let activation = ask(&mut classifier, &image, Target::Rank(0)).unwrap();
        let error = Explanation::default()
            .update(&activation, 1, Method::LeGrad)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("it follows attention over tokens"),
            "{error}"
        );
    }
}

/// Heads of each kind on the map `a`, which is the picture: what they make of a cell alone, they make of a picture of it.
#[test]
fn the_score_of_a_cell_alone_is_that_of_a_picture_of_it_alone() {
    let pooled = || {
        let mut draft = Draft::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f")
            .random("first", &[3, 6])
            .node("MatMul", &["f", "first"], "g")
            .node("Tanh", &["g"], "h")
            .random("last", &[6, 3])
            .node("MatMul", &["h", "last"], "y")
            .output("y");
        draft
    };
    let flattened = || {
        let mut draft = Draft::with_features();
        classify(&mut draft, "a", 48);
        draft
    };
    let flattened_last = || {
        let mut draft = Draft::with_features();
        draft.node_ints("Transpose", &["a"], "b", ("perm", &[0, 2, 3, 1]));
        classify(&mut draft, "b", 48);
        draft
    };
    let in_scores = || {
        let mut draft = layers();
        draft.graph().output.clear();
        draft.node("Sigmoid", &["y"], "scores").output("scores");
        draft
    };
    let heads: [(Draft, Option<&str>); 5] = [
        (pooled(), None),
        (flattened(), None),
        (flattened_last(), None),
        (layers(), Some("a")),
        (in_scores(), Some("a")),
    ];
    for (place, (draft, layer)) in heads.iter().enumerate() {
        let opened = draft.open_with(|options| Options {
            layer: layer.map(str::to_owned),
            cell_by_cell: true,
            ..options
        });
        let Some(opened) = opened else { return };
        let mut classifier = opened.unwrap();
        let image = noise(48, 11);
        let made = map(&mut classifier, &image, Method::ReciproCam);
        let mut score = |picture: &[f32]| {
            let explanation = map(&mut classifier, picture, Method::Auto);
            explanation.target.score
        };
        let empty = score(&[0.0; 48]);
        for (cell, value) in made.map.values.iter().enumerate() {
            let is_kept = |at: usize| if at % 16 == cell { image[at] } else { 0.0 };
            let picture: Vec<f32> = (0..48).map(is_kept).collect();
            let expected = score(&picture) - empty;
            assert!(
                (value - expected).abs() < 1e-6,
                "{place} {cell}: {value} for {expected}"
            );
        }
        // Whether single cells were asked for changes nothing else.
        let auto = map(&mut classifier, &image, Method::Auto);
        assert_eq!(made.top, auto.top);
    }
}

#[test]
fn cells_are_asked_alone_only_by_networks_opened_for_that() {
    for (cell_by_cell, layer) in [(false, "a"), (true, "a+c")] {
        let opened = layers().open_with(|options| Options {
            layer: Some(layer.to_owned()),
            cell_by_cell,
            ..options
        });
        let Some(opened) = opened else { return };
        let refused = Method::ReciproCam.resolve(opened.unwrap().traits());
        let words = refused.unwrap_err().to_string();
        assert!(words.contains("opened with this method set"), "{words}");
    }
}

#[test]
fn nothing_speaks_for_a_class_rather_than_for_itself() {
    let image = noise(48, 9);
    let Some(mut layered) = at(&layers(), "c") else {
        return;
    };
    // As one run tells of it twice, which rounds otherwise.
    let mut explanation = map(&mut layered, &image, Method::HiResCam);
    let mut other = explanation.clone();
    other.map.values[3] += 1e-6;
    explanation.less(&other);
    assert!(explanation.map.values.iter().all(|value| *value == 0.0));
    assert_eq!(explanation.other, Some(explanation.target));

    let mut draft = Draft::classifier();
    draft.output("z");
    let mut affine = draft.open().unwrap().unwrap();
    let activation = ask(&mut affine, &image, Target::Class(1)).unwrap();
    let mut explanation = Explanation::default();
    for (other, is_empty) in [(1, true), (2, false)] {
        let other = Some(Target::Class(other));
        let update = explanation.update_against(&activation, other, 1, Method::HiResCam);
        update.unwrap();
        let values = &explanation.map.values;
        assert_eq!(values.iter().all(|value| *value == 0.0), is_empty);
    }
}
