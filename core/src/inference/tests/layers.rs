//! Heads of several layers: their gradient next to finite differences.

use crate::cam::{Explanation, Method};
use crate::inference::{Classifier, Options};
use crate::model::{Activation, Detail, Head, Target};
use crate::onnx::node::{node, with_float};
use crate::onnx::proto::data_type;
use crate::testing::{Draft, ask, noise};

/// Opens the draft, whose input is its feature map, and compares the gradient of class 1 with
/// finite differences. `is_cellwise` says whether the graph has sums to return in its place.
pub fn assert_detail(draft: &Draft, is_cellwise: bool) {
    assert_detail_at(draft, None, is_cellwise);
}

/// As [`assert_detail`], of the layer `tap`.
fn assert_detail_at(draft: &Draft, tap: Option<&str>, is_cellwise: bool) {
    let opened = draft.open_with(|options| Options {
        layer: tap.map(str::to_owned),
        ..options
    });
    let Some(opened) = opened else { return };
    let mut classifier = opened.unwrap();
    let target = Target::Class(1);
    let image = noise(48, 77);
    let gradient: Vec<f32> = {
        let activation = ask(&mut classifier, &image, target).unwrap();
        assert_eq!(activation.features.values, image);
        let gradient = activation.gradient.unwrap();
        match activation.head {
            Head::PooledLayers => gradient.iter().flat_map(|g| [g / 16.0; 16]).collect(),
            _ => gradient.to_vec(),
        }
    };
    assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{gradient:?}");
    let mut logit = |index: usize, step: f32| {
        let mut moved = image.clone();
        moved[index] += step;
        f64::from(ask(&mut classifier, &moved, target).unwrap().logits[1])
    };
    for index in (0..48).step_by(5) {
        let step = 0.02;
        let difference = (logit(index, step) - logit(index, -step)) / (2.0 * f64::from(step));
        let error = (difference - f64::from(gradient[index])).abs();
        assert!(
            error < 2e-3 * (1.0 + difference.abs()),
            "{index}: {difference} {}",
            gradient[index]
        );
    }
    // The class by rank is the class by number.
    let ranked = |activation: Activation| activation.gradient.unwrap().to_vec();
    let logits = ask(&mut classifier, &image, target)
        .unwrap()
        .logits
        .to_vec();
    let rank = logits.iter().filter(|&&logit| logit > logits[1]).count();
    let by_rank = ranked(ask(&mut classifier, &image, Target::Rank(rank)).unwrap());
    let by_class = ranked(ask(&mut classifier, &image, target).unwrap());
    assert_eq!(by_rank, by_class);
    assert_several(&mut classifier, &image);
    // The sums that some graphs return in its place are what it gives.
    let activation = classifier.run(&image, 4, 4, target, Detail::Sums).unwrap();
    let Some(sums) = activation.sums else {
        assert!(!is_cellwise);
        assert!(activation.gradient.is_some());
        return;
    };
    assert!(is_cellwise && activation.gradient.is_none());
    assert_eq!(sums.len(), 16);
    for (cell, &sum) in sums.iter().enumerate() {
        let terms = (cell..48).step_by(16).map(|i| gradient[i] * image[i]);
        let expected: f32 = terms.sum();
        assert!((sum - expected).abs() < 1e-5, "{sum} {expected}");
    }
}

pub fn assert_gradient(draft: &Draft) {
    assert_detail(draft, false);
}

pub fn assert_gradient_at(draft: &Draft, tap: Option<&str>) {
    assert_detail_at(draft, tap, false);
}

#[test]
fn activations_between_dense_layers() {
    // The six hidden values are -0.635, -0.035, -0.102, 0.358, -0.077 and 0.377: a bend elsewhere is not seen.
    let unary = |op: &str| {
        let op = op.to_owned();
        move |draft: &mut Draft| {
            draft.node(&op, &["g"], "h");
        }
    };
    type Layer = Box<dyn Fn(&mut Draft)>;
    let mut cases: Vec<(&str, Layer)> = Vec::new();
    for op in [
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Softplus",
        "Elu",
        "Selu",
        "Celu",
        "Softsign",
        "Erf",
        "Exp",
        "Neg",
    ] {
        cases.push((op, Box::new(unary(op))));
    }
    // Other settings than those that hold where they are left out.
    for (op, settings) in [
        ("LeakyRelu", [("alpha", 0.3)].as_slice()),
        ("Elu", &[("alpha", 0.4)]),
        ("Selu", &[("alpha", 0.7), ("gamma", 1.6)]),
        ("Celu", &[("alpha", 0.3)]),
        ("ThresholdedRelu", &[("alpha", -0.05)]),
    ] {
        cases.push((
            op,
            Box::new(move |draft| {
                let made = settings
                    .iter()
                    .fold(node(op, &["g"], "h"), |made, &(name, value)| {
                        with_float(made, name, value)
                    });
                draft.push(made);
            }),
        ));
    }
    cases.push((
        "PRelu",
        Box::new(|draft| {
            draft.random("slopes", &[6]);
            draft.node("PRelu", &["g", "slopes"], "h");
        }),
    ));
    cases.push((
        "Swish",
        Box::new(|draft| {
            draft
                .node("Sigmoid", &["g"], "s")
                .node("Mul", &["g", "s"], "h");
        }),
    ));
    for operands in [["g", "s"], ["s", "g"]] {
        cases.push((
            "HardSwish of two nodes",
            Box::new(move |draft| {
                draft
                    .node("HardSigmoid", &["g"], "s")
                    .node("Mul", &operands, "h");
            }),
        ));
    }
    cases.push((
        "Mish",
        Box::new(|draft| {
            draft.opset(18);
            draft.node("Mish", &["g"], "h");
        }),
    ));
    cases.push((
        "Mish of three nodes",
        Box::new(|draft| {
            draft
                .node("Softplus", &["g"], "s")
                .node("Tanh", &["s"], "t");
            draft.node("Mul", &["g", "t"], "h");
        }),
    ));
    cases.push((
        "erf Gelu",
        Box::new(|draft| {
            draft
                .weight("root", &[], vec![2f32.sqrt()])
                .weight("one", &[], vec![1.0]);
            draft.weight("half", &[], vec![0.5]);
            draft
                .node("Div", &["g", "root"], "d")
                .node("Erf", &["d"], "e");
            draft
                .node("Add", &["e", "one"], "o")
                .node("Mul", &["g", "o"], "q");
            draft.node("Mul", &["q", "half"], "h");
        }),
    ));
    cases.push((
        "Gelu",
        Box::new(|draft| {
            draft.opset(20);
            draft.node("Gelu", &["g"], "h");
        }),
    ));
    cases.push((
        "Clip",
        Box::new(|draft| {
            draft
                .weight("low", &[], vec![-0.3])
                .weight("high", &[], vec![0.4]);
            draft.node("Clip", &["g", "low", "high"], "h");
        }),
    ));
    cases.push((
        "LayerNormalization",
        Box::new(|draft| {
            draft.opset(17);
            draft.random("scale", &[6]).random("shift", &[6]);
            draft.node_int(
                "LayerNormalization",
                &["g", "scale", "shift"],
                "h",
                ("axis", -1),
            );
        }),
    ));
    cases.push((
        "decomposed LayerNormalization",
        Box::new(|draft| {
            draft
                .weight("two", &[], vec![2.0])
                .weight("epsilon", &[], vec![1e-5]);
            draft.random("scale", &[6]).random("shift", &[6]);
            draft.node_ints("ReduceMean", &["g"], "mean", ("axes", &[-1]));
            draft
                .node("Sub", &["g", "mean"], "centred")
                .node("Pow", &["centred", "two"], "square");
            draft.node_ints("ReduceMean", &["square"], "variance", ("axes", &[-1]));
            draft.node("Add", &["variance", "epsilon"], "stable").node(
                "Sqrt",
                &["stable"],
                "deviation",
            );
            draft.node("Div", &["centred", "deviation"], "normal");
            draft.node("Mul", &["normal", "scale"], "scaled").node(
                "Add",
                &["scaled", "shift"],
                "h",
            );
        }),
    ));
    cases.push((
        "BatchNormalization",
        Box::new(|draft| {
            draft
                .random("scale", &[6])
                .random("shift", &[6])
                .random("mean", &[6]);
            draft
                .weight("variance", &[6], vec![0.5; 6])
                .node("Tanh", &["g"], "t");
            draft.node(
                "BatchNormalization",
                &["t", "scale", "shift", "mean", "variance"],
                "h",
            );
        }),
    ));
    for (name, layer) in cases {
        eprintln!("{name}");
        let mut draft = Draft::with_features();
        draft.opset(14);
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f");
        // Large enough weights that the pooled features reach the bends of each function.
        let weights = noise(18, 5).iter().map(|weight| weight * 3.0).collect();
        draft
            .weight("w", &[3, 6], weights)
            .node("MatMul", &["f", "w"], "g");
        layer(&mut draft);
        draft
            .random("v", &[6, 4])
            .random("c", &[4])
            .node("Gemm", &["h", "v", "c"], "y")
            .output("y");
        assert_gradient(&draft);
    }
}

#[test]
fn layers_of_pointwise_convolutions() {
    let mut draft = Draft::with_features();
    draft.opset(14);
    draft.node("GlobalAveragePool", &["a"], "p");
    draft
        .random("w", &[6, 3, 1, 1])
        .random("b", &[6])
        .node("Conv", &["p", "w", "b"], "c");
    draft.node("HardSwish", &["c"], "h");
    draft
        .random("v", &[4, 6, 1, 1])
        .node("Conv", &["h", "v"], "d");
    draft.node("Flatten", &["d"], "y").output("y");
    assert_gradient(&draft);
}

#[test]
fn a_scaled_output_still_has_a_gradient() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "g")
        .node("Tanh", &["g"], "t");
    draft.random("v", &[4, 4]).node("MatMul", &["t", "v"], "m");
    draft
        .random("s", &[4])
        .node("Mul", &["m", "s"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn a_view_written_as_gather() {
    // As PyTorch's newer exporter writes a mean in channels-last memory.
    let mut draft = Draft::with_features();
    draft
        .integers("flat", &[-1])
        .node("GlobalAveragePool", &["a"], "p")
        .node("Reshape", &["p", "flat"], "f")
        .integers("all", &[0, 1, 2])
        .node("Gather", &["f", "all"], "g")
        .integers("row", &[1, 3])
        .node("Reshape", &["g", "row"], "r")
        .node("Tanh", &["r"], "h")
        .random("v", &[3, 4])
        .node("MatMul", &["h", "v"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn a_layer_in_another_type() {
    let cast = |draft: &mut Draft, from: &str, to: &str, element_type: i32| {
        draft.node_int("Cast", &[from], to, ("to", element_type.into()));
    };
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    cast(&mut draft, "f", "double", data_type::DOUBLE);
    draft.node("Mul", &["double", "double"], "square");
    cast(&mut draft, "square", "g", data_type::FLOAT);
    draft
        .random("v", &[3, 4])
        .node("MatMul", &["g", "v"], "m")
        .node("Tanh", &["m"], "h")
        .random("w", &[4, 4])
        .node("MatMul", &["h", "w"], "y")
        .output("y");
    assert_gradient(&draft);
}

/// A dead channel, whose mean has an infinite root's gradient, adds nothing to the map, and the others
/// what their own gradients say.
#[test]
fn generalised_means_without_a_bound() {
    let power = |draft: &mut Draft, exponent: f32, from: &str, to: &str| {
        draft
            .weight(to, &[], vec![exponent])
            .node("Pow", &[from, to], &format!("{to}_power"));
    };
    let cube_root = |draft: &mut Draft| power(draft, 1.0 / 3.0, "p", "root");
    let by_logarithm = |draft: &mut Draft| {
        draft
            .node("Log", &["p"], "log")
            .weight("third", &[], vec![1.0 / 3.0])
            .node("Mul", &["log", "third"], "scaled")
            .node("Exp", &["scaled"], "root_power");
    };
    for is_power in [true, false] {
        let mut draft = Draft::with_features();
        power(&mut draft, 3.0, "a", "cube");
        draft.node("GlobalAveragePool", &["cube_power"], "p");
        if is_power {
            cube_root(&mut draft);
        } else {
            by_logarithm(&mut draft);
        }
        let weights = noise(12, 8);
        draft
            .node("Flatten", &["root_power"], "f")
            .weight("w", &[3, 4], weights.clone())
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        let mut image: Vec<f32> = noise(48, 77).iter().map(|value| value.abs()).collect();
        image[16..32].fill(0.0);
        let activation = ask(&mut classifier, &image, Target::Class(1)).unwrap();
        let mut explanation = Explanation::default();
        explanation.update(&activation, 1, Method::Auto).unwrap();
        for (cell, &value) in explanation.map.values.iter().enumerate() {
            let share = |channel: usize| {
                let cubes = image[channel * 16..][..16]
                    .iter()
                    .map(|value| value.powi(3));
                let mean = cubes.sum::<f32>() / 16.0;
                let cube = image[channel * 16 + cell].powi(3);
                weights[channel * 4 + 1] * mean.powf(-2.0 / 3.0) / 3.0 * cube / 16.0
            };
            let expected = share(0) + share(2);
            assert!(
                (value - expected).abs() < 1e-5,
                "{is_power}: {value} {expected}"
            );
        }
    }
}

/// Compares what one run tells of several classes with what one run of each does.
fn assert_several(classifier: &mut Classifier, image: &[f32]) {
    let targets = [
        Target::Class(1),
        Target::Rank(0),
        Target::Class(0),
        Target::Rank(1),
        Target::Class(1),
    ];
    assert!(classifier.tells_of_several());
    for detail in [Detail::Gradient, Detail::Sums] {
        let of = |activation: &Activation| {
            let target = activation.target;
            let parts = [activation.gradient, activation.sums, activation.attention];
            (target, parts.map(|values| values.map(<[f32]>::to_vec)))
        };
        let alone: Vec<_> = targets
            .map(|target| of(&classifier.run(image, 4, 4, target, detail).unwrap()))
            .into();
        let mut together = Vec::new();
        let taken = classifier.run_each(
            image,
            (4, 4),
            &targets,
            detail,
            &mut |number, activation| {
                assert_eq!(number, together.len());
                together.push(of(activation));
                Ok(())
            },
        );
        taken.unwrap();
        assert_eq!(together.len(), alone.len());
        for ((target, together), (same, alone)) in together.iter().zip(&alone) {
            assert_eq!(target, same);
            for (together, alone) in together.iter().zip(alone) {
                assert_eq!(together.is_some(), alone.is_some());
                let (together, alone) = (together.iter().flatten(), alone.iter().flatten());
                assert!(together.clone().count() == alone.clone().count());
                for (a, b) in together.zip(alone) {
                    assert!(
                        (a - b).abs() <= 1e-6 * (1.0 + b.abs()),
                        "{target:?}: {a} {b}"
                    );
                }
            }
        }
    }
}
