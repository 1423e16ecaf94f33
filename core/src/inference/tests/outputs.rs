//! What networks return in the place of logits: each is taken back to them.

use crate::cam::{Explanation, Method};
use crate::inference::tests::layers::assert_gradient;
use crate::model::{Head, Scores, Target};
use crate::onnx::node::{node, with_int, with_ints};
use crate::onnx::proto;
use crate::testing::{Draft, ask, noise};

/// The feature map `a`, its mean `f`, and three logits `z` of it.
fn classifier() -> Draft {
    let mut draft = pooled();
    draft.random("w", &[3, 3]).random("b", &[3]);
    draft
        .node("MatMul", &["f", "w"], "m")
        .node("Add", &["m", "b"], "z");
    draft
}

fn pooled() -> Draft {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
}

/// One logit `z` of the mean `f`.
fn one_logit() -> Draft {
    let mut draft = pooled();
    draft.random("w", &[3, 1]).weight("b", &[1], vec![0.2]);
    draft
        .node("MatMul", &["f", "w"], "m")
        .node("Add", &["m", "b"], "z");
    draft
}

fn weight(draft: &Draft, name: &str) -> Vec<f64> {
    let weights = &draft.model.graph.as_ref().unwrap().initializer;
    let found = weights.iter().find(|weight| weight.name() == name).unwrap();
    found.float_data.iter().map(|&v| f64::from(v)).collect()
}

/// The picture that is explained.
fn picture() -> Vec<f32> {
    noise(48, 77)
}

/// mean(a) W + b, in double precision.
fn logits(draft: &Draft, weights: &str, bias: &str) -> Vec<f64> {
    let means: Vec<f64> = picture()
        .chunks_exact(16)
        .map(|channel| channel.iter().map(|&v| f64::from(v)).sum::<f64>() / 16.0)
        .collect();
    let (weights, bias) = (weight(draft, weights), weight(draft, bias));
    let row = |class: usize| {
        let terms = means.iter().enumerate();
        let terms = terms.map(|(channel, mean)| mean * weights[channel * bias.len() + class]);
        terms.sum::<f64>() + bias[class]
    };
    (0..bias.len()).map(row).collect()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|z| z.exp()).sum();
    logits.iter().map(|z| z.exp() / sum).collect()
}

fn sigmoid(logits: &[f64]) -> Vec<f64> {
    logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect()
}

/// That the network's classes have these scores, and maps which add up to their logits.
fn assert_explained(what: &str, draft: &Draft, scores: &[f64]) {
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(classifier.class_count(), scores.len(), "{what}");
    assert!(
        matches!(classifier.head(), Head::Dense { .. } | Head::Channels),
        "{what}: {}",
        classifier.head().description()
    );
    for (class, &score) in scores.iter().enumerate() {
        let activation = ask(&mut classifier, &picture(), Target::Class(class)).unwrap();
        let mut explanation = Explanation::default();
        explanation.update(&activation, 1, Method::Auto).unwrap();
        assert_eq!(explanation.method, Method::Cam);
        assert!(
            explanation.residual.unwrap() < 1e-5,
            "{what}: {explanation:?}"
        );
        let found = f64::from(explanation.target.score);
        assert!(
            (found - score).abs() < 1e-5,
            "{what}: class {class} {found} {score}"
        );
    }
}

#[test]
fn one_number_is_two_classes() {
    type Ending = (&'static str, fn(&mut Draft));
    let endings: [Ending; 9] = [
        ("logit", |draft| {
            draft.output("z");
        }),
        ("probability", |draft| {
            draft.node("Sigmoid", &["z"], "q").output("q");
        }),
        ("scalar", |draft| {
            draft
                .node("Reshape", &["z", "line"], "l")
                .integers("line", &[-1])
                .node("Sigmoid", &["l"], "q")
                .output("q");
        }),
        ("percent", |draft| {
            draft
                .weight("hundred", &[], vec![100.0])
                .node("Sigmoid", &["z"], "q")
                .node("Mul", &["q", "hundred"], "y")
                .output("y");
        }),
        ("kept from 0 and 1", |draft| {
            draft
                .weight("low", &[], vec![1e-6])
                .weight("high", &[], vec![1.0 - 1e-6])
                .node("Sigmoid", &["z"], "q")
                .node("Clip", &["q", "low", "high"], "y")
                .output("y");
        }),
        ("within bounds", |draft| {
            draft
                .weight("low", &[], vec![-30.0])
                .weight("high", &[], vec![30.0])
                .node("Clip", &["z", "low", "high"], "c")
                .node("Sigmoid", &["c"], "y")
                .output("y");
        }),
        ("rest and probability", |draft| {
            draft
                .weight("one", &[1], vec![1.0])
                .node("Sigmoid", &["z"], "q")
                .node("Sub", &["one", "q"], "rest")
                .node_int("Concat", &["rest", "q"], "y", ("axis", 1))
                .output("y");
        }),
        ("rest and probability in percent, the best", |draft| {
            draft
                .weight("one", &[1], vec![1.0])
                .weight("hundred", &[], vec![100.0])
                .node("Sigmoid", &["z"], "q")
                .node("Sub", &["one", "q"], "rest")
                .node_int("Concat", &["rest", "q"], "pair", ("axis", -1))
                .node("Mul", &["pair", "hundred"], "percent")
                .node_int("ArgMax", &["percent"], "y", ("axis", 1))
                .output("y");
        }),
        ("two sigmoids", |draft| {
            draft
                .weight("minus", &[1], vec![-1.0])
                .node("Mul", &["z", "minus"], "m2")
                .node("Sigmoid", &["m2"], "p0")
                .node("Sigmoid", &["z"], "p1")
                .node_int("Concat", &["p0", "p1"], "y", ("axis", 1))
                .output("y");
        }),
    ];
    for (what, ending) in endings {
        let mut draft = one_logit();
        ending(&mut draft);
        let score = sigmoid(&logits(&draft, "w", "b"))[0];
        assert_explained(what, &draft, &[1.0 - score, score]);
    }
    // What speaks for the first of the two.
    let endings: [Ending; 3] = [
        ("probability and rest", |draft| {
            draft
                .weight("one", &[1], vec![1.0])
                .node("Sigmoid", &["z"], "q")
                .node("Sub", &["one", "q"], "rest")
                .node_int("Concat", &["q", "rest"], "y", ("axis", 1))
                .output("y");
        }),
        ("rest", |draft| {
            draft
                .weight("one", &[], vec![1.0])
                .node("Sigmoid", &["z"], "q")
                .node("Sub", &["one", "q"], "y")
                .output("y");
        }),
        ("logit and 0", |draft| {
            draft
                .weight("zero", &[1, 1], vec![0.0])
                .node_int("Concat", &["z", "zero"], "both", ("axis", 1))
                .node("Softmax", &["both"], "y")
                .output("y");
        }),
    ];
    for (what, ending) in endings {
        let mut draft = one_logit();
        ending(&mut draft);
        let score = sigmoid(&logits(&draft, "w", "b"))[0];
        assert_explained(what, &draft, &[score, 1.0 - score]);
    }
}

#[test]
fn scores_that_are_changed_are_refused() {
    type Ending = (&'static str, fn(&mut Draft));
    let endings: [Ending; 4] = [
        ("Sigmoid", |draft| {
            draft
                .weight("shift", &[3], vec![0.1, 0.2, 0.3])
                .node("Sigmoid", &["z"], "s")
                .node("Add", &["s", "shift"], "y");
        }),
        ("Sigmoid", |draft| {
            draft
                .weight("low", &[], vec![0.4])
                .weight("high", &[], vec![0.6])
                .node("Sigmoid", &["z"], "s")
                .node("Clip", &["s", "low", "high"], "y");
        }),
        ("Sigmoid", |draft| {
            draft
                .node("Sigmoid", &["z"], "s")
                .node("Sigmoid", &["s"], "y");
        }),
        ("HardSigmoid", |draft| {
            draft.node("HardSigmoid", &["z"], "y");
        }),
    ];
    for (op, ending) in endings {
        let mut draft = classifier();
        ending(&mut draft);
        draft.output("y");
        let Some(opened) = draft.open() else { return };
        let error = opened.err().unwrap().to_string();
        assert!(
            error.contains(&format!("the operator {op} "))
                && error.contains("what follows changes the scores"),
            "{error}"
        );
    }
}

#[test]
fn two_classes_of_one_logit_have_opposite_gradients() {
    let mut draft = pooled();
    draft
        .random("v", &[3, 6])
        .node("MatMul", &["f", "v"], "h")
        .node("Tanh", &["h"], "t")
        .random("w", &[6, 1])
        .node("MatMul", &["t", "w"], "z")
        .node("Sigmoid", &["z"], "y")
        .output("y");
    assert_gradient(&draft);
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    let mut gradient = |target| {
        let activation = ask(&mut classifier, &picture(), target).unwrap();
        (
            activation.logits.to_vec(),
            activation.gradient.unwrap().to_vec(),
        )
    };
    let (logits, second) = gradient(Target::Class(1));
    let (_, first) = gradient(Target::Class(0));
    assert_eq!(logits[0], -logits[1]);
    assert!(
        first
            .iter()
            .zip(&second)
            .all(|(a, b)| a == &-b && *a != 0.0)
    );
    let best = usize::from(logits[1] > logits[0]);
    assert_eq!(gradient(Target::Rank(0)).1, [first, second][best]);
}

#[test]
fn the_best_classes_alone_are_explained_on_all() {
    type Ending = (&'static str, fn(&mut Draft));
    fn best(draft: &mut Draft, of: &str) {
        let mut best = with_int(node("TopK", &[of, "two"], "values"), "axis", 1);
        best.output.push("indices".into());
        draft.integers("two", &[2]).push(best);
    }
    let endings: [Ending; 8] = [
        ("of logits", |draft| {
            best(draft, "z");
            draft.output("values").output("indices");
        }),
        ("of scores", |draft| {
            draft.node("Softmax", &["z"], "s");
            best(draft, "s");
            draft.output("indices").output("values");
        }),
        ("in percent", |draft| {
            draft
                .weight("hundredth", &[], vec![0.01])
                .node("Softmax", &["z"], "s");
            best(draft, "s");
            draft.node("Div", &["values", "hundredth"], "y").output("y");
        }),
        ("its number", |draft| {
            draft
                .node_int("ArgMax", &["z"], "y", ("axis", 1))
                .output("y");
        }),
        ("its number, converted", |draft| {
            draft
                .node("Softmax", &["z"], "s")
                .node_int("ArgMax", &["s"], "n", ("axis", -1))
                .node_int("Cast", &["n"], "y", ("to", 6))
                .output("y");
        }),
        ("looked up", |draft| {
            draft
                .integers("ids", &[10, 20, 30])
                .node_int("ArgMax", &["z"], "n", ("axis", 1))
                .node("Gather", &["ids", "n"], "y")
                .output("y");
        }),
        ("the score of the logarithm", |draft| {
            draft
                .node_int("LogSoftmax", &["z"], "l", ("axis", 1))
                .node("Exp", &["l"], "y")
                .output("y");
        }),
        ("within the bounds of scores", |draft| {
            draft
                .weight("low", &[], vec![1e-7])
                .node("Softmax", &["z"], "s")
                .node("Max", &["s", "low"], "y")
                .output("y");
        }),
    ];
    for (what, ending) in endings {
        let mut draft = classifier();
        ending(&mut draft);
        let scores = softmax(&logits(&draft, "w", "b"));
        assert_explained(what, &draft, &scores);
    }
}

#[test]
fn a_list_of_words_and_scores_is_stepped_over() {
    let mut draft = classifier();
    draft.node("Softmax", &["z"], "s").push(proto::Node {
        domain: Some("ai.onnx.ml".into()),
        ..node("ZipMap", &["s"], "y")
    });
    draft.model.opset_import.push(proto::OperatorSetId {
        domain: Some("ai.onnx.ml".into()),
        version: Some(1),
    });
    draft.output("y");
    let scores = softmax(&logits(&draft, "w", "b"));
    assert_explained("ZipMap", &draft, &scores);
}

#[test]
fn joined_layers_are_one() {
    let heads = |sizes: [i64; 3]| {
        let mut draft = pooled();
        for (at, size) in sizes.into_iter().enumerate() {
            draft
                .random(&format!("w{at}"), &[3, size])
                .random(&format!("b{at}"), &[size])
                .node(
                    "Gemm",
                    &["f", &format!("w{at}"), &format!("b{at}")],
                    &format!("z{at}"),
                );
        }
        draft
    };
    let all = |draft: &Draft| {
        let rows = (0..3).map(|at| logits(draft, &format!("w{at}"), &format!("b{at}")));
        rows.collect::<Vec<_>>().concat()
    };
    for sizes in [[1, 1, 1], [2, 1, 4]] {
        let mut draft = heads(sizes);
        draft
            .node_int("Concat", &["z0", "z1", "z2"], "y", ("axis", 1))
            .output("y");
        assert_explained("joined", &draft, &softmax(&all(&draft)));
        draft.graph().output.clear();
        draft.node("Softmax", &["y"], "s").output("s");
        assert_explained("joined scores", &draft, &softmax(&all(&draft)));
        let mut draft = heads(sizes);
        for at in 0..3 {
            draft.node("Sigmoid", &[&format!("z{at}")], &format!("s{at}"));
        }
        draft
            .node_int("Concat", &["s0", "s1", "s2"], "y", ("axis", -1))
            .output("y");
        assert_explained("joined labels", &draft, &sigmoid(&all(&draft)));
    }
    // Groups of classes, of which each has scores of its own, have none in common.
    let mut draft = heads([2, 2, 2]);
    for at in 0..3 {
        draft.node("Softmax", &[&format!("z{at}")], &format!("s{at}"));
    }
    draft
        .node_int("Concat", &["s0", "s1", "s2"], "y", ("axis", 1))
        .output("y");
    if let Some(opened) = draft.open() {
        let error = opened.err().unwrap().to_string();
        assert!(error.contains("Concat"), "{error}");
    }
}

#[test]
fn heads_with_a_pool_each_are_joined() {
    let mut draft = Draft::with_features();
    for at in 0..3 {
        let [p, f, w, b, z] = ["p", "f", "w", "b", "z"].map(|name| format!("{name}{at}"));
        draft
            .node("GlobalAveragePool", &["a"], &p)
            .node("Flatten", &[&p], &f)
            .random(&w, &[3, 1])
            .random(&b, &[1])
            .node("Gemm", &[&f, &w, &b], &z);
    }
    draft
        .node_int("Concat", &["z0", "z1", "z2"], "y", ("axis", 1))
        .output("y");
    let rows = (0..3).map(|at| logits(&draft, &format!("w{at}"), &format!("b{at}")));
    let rows: Vec<f64> = rows.collect::<Vec<_>>().concat();
    assert_explained("pools", &draft, &softmax(&rows));
}

#[test]
fn joined_layers_of_layers_have_a_gradient() {
    let mut draft = pooled();
    for at in 0..2 {
        let [v, w, h, t, z] = ["v", "w", "h", "t", "z"].map(|name| format!("{name}{at}"));
        draft
            .random(&v, &[3, 5])
            .node("MatMul", &["f", &v], &h)
            .node("Tanh", &[&h], &t)
            .random(&w, &[5, 2])
            .node("MatMul", &[&t, &w], &z);
    }
    draft
        .node_int("Concat", &["z0", "z1"], "y", ("axis", 1))
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn two_heads_mean_is_one_head() {
    type Ending = (&'static str, fn(&mut Draft));
    let endings: [Ending; 5] = [
        ("stacked", |draft| {
            draft
                .integers("first", &[0])
                .node("Unsqueeze", &["z0", "first"], "u0")
                .node("Unsqueeze", &["z1", "first"], "u1")
                .node_int("Concat", &["u0", "u1"], "stack", ("axis", 0));
            let mean = node("ReduceMean", &["stack"], "y");
            draft.push(with_ints(with_int(mean, "keepdims", 0), "axes", &[0]));
        }),
        ("sum, halved", |draft| {
            draft
                .node("Add", &["z0", "z1"], "sum")
                .weight("two", &[], vec![2.0])
                .node("Div", &["sum", "two"], "y");
        }),
        ("halves, summed", |draft| {
            draft
                .weight("half", &[1], vec![0.5])
                .node("Mul", &["z0", "half"], "h0")
                .node("Mul", &["half", "z1"], "h1")
                .node("Sum", &["h0", "h1"], "y");
        }),
        ("mean", |draft| {
            draft.node("Mean", &["z0", "z1"], "y");
        }),
        ("difference", |draft| {
            draft
                .weight("minus", &[1], vec![-1.0])
                .weight("half", &[1], vec![0.5])
                .node("Mul", &["z1", "minus"], "n1")
                .node("Sub", &["z0", "n1"], "sum")
                .node("Mul", &["sum", "half"], "y");
        }),
    ];
    for (what, ending) in endings {
        let mut draft = pooled();
        for at in ["0", "1"] {
            let [w, b, z] = ["w", "b", "z"].map(|name| format!("{name}{at}"));
            draft
                .random(&w, &[3, 4])
                .random(&b, &[4])
                .node("Gemm", &["f", &w, &b], &z);
        }
        ending(&mut draft);
        draft.node("Softmax", &["y"], "s").output("s");
        let rows = [("w0", "b0"), ("w1", "b1")].map(|(w, b)| logits(&draft, w, b));
        let means: Vec<f64> = rows[0]
            .iter()
            .zip(&rows[1])
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        assert_explained(what, &draft, &softmax(&means));
    }
}

#[test]
fn logits_within_bounds_are_explained_beyond_them() {
    // Narrow enough to be reached by all.
    for (low, high) in [(-0.01, 0.01), (-30.0, 30.0)] {
        let mut draft = classifier();
        draft
            .weight("low", &[], vec![low])
            .weight("high", &[], vec![high])
            .node("Clip", &["z", "low", "high"], "c")
            .node("Softmax", &["c"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        assert!(matches!(classifier.head(), Head::Dense { .. }));
        let free = logits(&draft, "w", "b");
        let bounded: Vec<f64> = free
            .iter()
            .map(|z| z.clamp(f64::from(low), f64::from(high)))
            .collect();
        let activation = ask(&mut classifier, &picture(), Target::Class(2)).unwrap();
        let mut explanation = Explanation::default();
        explanation.update(&activation, 3, Method::Auto).unwrap();
        // The scores are the network's own, and the map is what the logit is made of.
        let score = f64::from(explanation.target.score);
        assert!((score - softmax(&bounded)[2]).abs() < 1e-5);
        let mean = explanation
            .map
            .values
            .iter()
            .map(|&v| f64::from(v))
            .sum::<f64>()
            / 16.0;
        assert!(
            (mean + weight(&draft, "b")[2] - free[2]).abs() < 1e-5,
            "{mean}"
        );
    }
}

#[test]
fn several_labels_at_once_have_scores_each() {
    let mut draft = classifier();
    draft.node("Sigmoid", &["z"], "y").output("y");
    assert_explained("labels", &draft, &sigmoid(&logits(&draft, "w", "b")));
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    let activation = ask(&mut classifier, &picture(), Target::Rank(0)).unwrap();
    assert_eq!(activation.scores, Scores::Sigmoid);
}

#[test]
fn a_cosine_head_is_a_dense_layer_on_a_direction() {
    // Normalised features times normalised weights, times a scale.
    let directions: Vec<f32> = noise(12, 5)
        .chunks_exact(3)
        .flat_map(|row| {
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter().map(|v| v / norm).collect::<Vec<_>>()
        })
        .collect();
    type Norm = fn(&mut Draft);
    let norms: [Norm; 3] = [
        |draft| {
            let sum = node("ReduceSum", &["squares", "last"], "sum");
            draft
                .node("Mul", &["f", "f"], "squares")
                .integers("last", &[1])
                .push(with_int(sum, "keepdims", 1))
                .node("Sqrt", &["sum"], "norm");
        },
        |draft| {
            draft.node_ints("ReduceL2", &["f"], "norm", ("axes", &[1]));
        },
        // As PyTorch exports its normalisation.
        |draft| {
            draft
                .weight("least", &[], vec![1e-12])
                .node_ints("ReduceL2", &["f"], "length", ("axes", &[-1]))
                .node("Clip", &["length", "least"], "bounded")
                .node("Shape", &["f"], "shape")
                .node("Expand", &["bounded", "shape"], "norm");
        },
    ];
    for norm in norms {
        let mut draft = pooled();
        norm(&mut draft);
        draft
            .weight("directions", &[4, 3], directions.clone())
            .weight("scale", &[], vec![3.0])
            .node("Div", &["f", "norm"], "n")
            .node_int("Gemm", &["n", "directions"], "cosine", ("transB", 1))
            .node("Mul", &["cosine", "scale"], "z")
            .node("Softmax", &["z"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        assert!(matches!(classifier.head(), Head::Dense { .. }));
        let picture = picture();
        let means: Vec<f64> = picture
            .chunks_exact(16)
            .map(|channel| channel.iter().map(|&v| f64::from(v)).sum::<f64>() / 16.0)
            .collect();
        let length = means.iter().map(|mean| mean * mean).sum::<f64>().sqrt();
        let cosines = directions.chunks_exact(3).map(|row| {
            let terms = row.iter().zip(&means);
            3.0 * terms.map(|(w, mean)| f64::from(*w) * mean).sum::<f64>() / length
        });
        let scores = softmax(&cosines.collect::<Vec<_>>());
        for class in 0..4 {
            let activation = ask(&mut classifier, &picture, Target::Class(class)).unwrap();
            let mut explanation = Explanation::default();
            explanation.update(&activation, 1, Method::Auto).unwrap();
            let score = f64::from(explanation.target.score);
            assert!((score - scores[class]).abs() < 1e-5, "{score} {scores:?}");
            // What each cell adds to the product with the class's direction.
            for (cell, value) in explanation.map.values.iter().enumerate() {
                let terms = directions[3 * class..][..3].iter().zip(0..);
                let expected: f32 = terms
                    .map(|(w, channel): (_, usize)| w * picture[16 * channel + cell])
                    .sum();
                assert!((value - expected).abs() < 1e-5, "{value} {expected}");
            }
        }
    }
    // Of layers behind the direction there is a gradient.
    let mut draft = pooled();
    draft
        .node_ints("ReduceL2", &["f"], "norm", ("axes", &[1]))
        .node("Div", &["f", "norm"], "n")
        .random("v", &[3, 5])
        .node("MatMul", &["n", "v"], "h")
        .node("Tanh", &["h"], "t")
        .random("w", &[5, 4])
        .node("MatMul", &["t", "w"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn an_index_behind_a_pool_is_a_squeeze() {
    type Ending = (&'static str, fn(&mut Draft));
    let scalar = |draft: &mut Draft, name: &str, value: i64| {
        draft.integers(name, &[value]);
        draft.graph().initializer.last_mut().unwrap().dims.clear();
    };
    let endings: [Ending; 4] = [
        ("row and column", |draft| {
            draft
                .node_int("Gather", &["p", "zero"], "column", ("axis", 3))
                .node_int("Gather", &["column", "zero"], "f", ("axis", 2));
        }),
        ("from the end", |draft| {
            draft
                .node_int("Gather", &["p", "last"], "row", ("axis", -2))
                .node_int("Gather", &["row", "last"], "f", ("axis", -1));
        }),
        ("kept, then flattened", |draft| {
            draft
                .integers("first", &[0])
                .node_int("Gather", &["p", "first"], "row", ("axis", 2))
                .node("Flatten", &["row"], "f");
        }),
        ("sliced", |draft| {
            draft
                .integers("starts", &[0, 0])
                .integers("ends", &[1, i64::MAX])
                .integers("axes", &[2, 1])
                .node("Slice", &["p", "starts", "ends", "axes"], "row")
                .node("Flatten", &["row"], "f");
        }),
    ];
    for (what, ending) in endings {
        for version in [11, 13] {
            let mut draft = Draft::with_features();
            draft.opset(version);
            scalar(&mut draft, "zero", 0);
            scalar(&mut draft, "last", -1);
            draft.node("GlobalAveragePool", &["a"], "p");
            ending(&mut draft);
            draft
                .random("w", &[3, 4])
                .random("b", &[4])
                .node("Gemm", &["f", "w", "b"], "y")
                .output("y");
            let scores = softmax(&logits(&draft, "w", "b"));
            assert_explained(&format!("{what} {version}"), &draft, &scores);
        }
    }
}
