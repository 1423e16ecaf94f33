//! Each form of head, as a graph of a few nodes run by ONNX Runtime.

use super::edit::{node, with_int, with_ints};
use super::testing::{Draft, noise};
use super::{Activation, Classifier, Error, Head, Target};
use crate::explain::{Explanation, Method, Request};

/// Runs `classifier` on fixed noise and explains class 1 by `method`.
fn explain(classifier: &mut Classifier, method: Method) -> Explanation {
    let request = Request {
        target: Target::Class(1),
        top_k: 3,
        method,
    };
    let image = noise(48, 77);
    let activation = classifier.run(&image, 4, 4, request.target).unwrap();
    let mut explanation = Explanation::default();
    explanation.update(&activation, &request).unwrap();
    explanation
}

/// Opens the draft and checks that the map of class 1 adds up to its logit, and to that of the
/// unedited feature map.
fn assert_complete(draft: &Draft, classes: usize) {
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    assert_eq!(classifier.class_count(), classes);
    let explanation = explain(&mut classifier, Method::Auto);
    assert_eq!(explanation.method, Method::Cam);
    assert!(explanation.residual.unwrap() < 1e-5, "{explanation:?}");
    assert!(explanation.target.logit.abs() > 1e-3, "{explanation:?}");
}

/// Opens the draft, whose input is its feature map, and compares the gradient of class 1 with
/// finite differences.
fn assert_gradient(draft: &Draft) {
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    let target = Target::Class(1);
    let image = noise(48, 77);
    let gradient: Vec<f32> = {
        let activation = classifier.run(&image, 4, 4, target).unwrap();
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
        f64::from(classifier.run(&moved, 4, 4, target).unwrap().logits[1])
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
    let logits = classifier
        .run(&image, 4, 4, target)
        .unwrap()
        .logits
        .to_vec();
    let rank = logits.iter().filter(|&&logit| logit > logits[1]).count();
    let by_rank = ranked(classifier.run(&image, 4, 4, Target::Rank(rank)).unwrap());
    let by_class = ranked(classifier.run(&image, 4, 4, target).unwrap());
    assert_eq!(by_rank, by_class);
}

#[test]
fn convolution_relu_pool() {
    let mut draft = Draft::new();
    draft.random("w", &[5, 3, 3, 3]).random("b", &[5]);
    draft
        .node("Conv", &["x", "w", "b"], "c")
        .node("Relu", &["c"], "a");
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "y")
        .output("y");
    assert_complete(&draft, 5);
    draft.graph().output.clear();
    draft.node("Softmax", &["y"], "s").output("s");
    assert_complete(&draft, 5);
}

#[test]
fn pool_dense_in_every_notation() {
    for (notation, trailing) in [
        ("gemm", ""),
        ("transposed", "Softmax"),
        ("matmul", "LogSoftmax"),
    ] {
        let mut draft = Draft::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .node("Flatten", &["p"], "f");
        draft
            .node("Dropout", &["f"], "d")
            .node("Identity", &["d"], "i")
            .random("b", &[4]);
        match notation {
            "gemm" => draft
                .random("w", &[3, 4])
                .node("Gemm", &["i", "w", "b"], "y"),
            "transposed" => {
                draft.random("w", &[4, 3]);
                draft.node_int("Gemm", &["i", "w"], "y", ("transB", 1))
            }
            _ => {
                draft.random("w", &[3, 4]).node("MatMul", &["i", "w"], "m");
                draft.node("Add", &["b", "m"], "y")
            }
        };
        match trailing {
            "" => draft.output("y"),
            op => draft.node(op, &["y"], "s").output("s"),
        };
        assert_complete(&draft, 4);
    }
}

#[test]
fn softmax_is_taken_once() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    let Some(plain) = draft.open() else { return };
    let plain = explain(&mut plain.unwrap(), Method::Auto);
    draft.graph().output.clear();
    draft.node("Softmax", &["y"], "s").output("s");
    let ended = explain(&mut draft.open().unwrap().unwrap(), Method::Auto);
    assert_eq!(plain.top, ended.top);
}

#[test]
fn mean_over_space_as_reduction() {
    for opset in [13, 18] {
        let mut draft = Draft::with_features();
        draft.opset(opset);
        if opset < 18 {
            draft.node_ints("ReduceMean", &["a"], "p", ("axes", &[-1, -2]));
        } else {
            draft
                .integers("axes", &[2, 3])
                .node("ReduceMean", &["a", "axes"], "p");
        }
        draft.node("Flatten", &["p"], "f");
        draft
            .random("w", &[3, 4])
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        assert_complete(&draft, 4);
    }
}

#[test]
fn mean_over_one_axis_and_the_other() {
    for (first, keeps, second) in [(3, 0, 2), (3, 1, 2), (2, 0, -1), (-2, 1, 3)] {
        let mut draft = Draft::with_features();
        for (input, axis, output) in [("a", first, "q"), ("q", second, "p")] {
            let mean = with_ints(node("ReduceMean", &[input], output), "axes", &[axis]);
            draft.push(with_int(mean, "keepdims", keeps));
        }
        draft.node("Flatten", &["p"], "f");
        draft
            .random("w", &[3, 4])
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        assert_complete(&draft, 4);
    }
}

#[test]
fn channels_last() {
    // As tf2onnx writes Keras: the picture comes and the features are averaged channels last.
    let mut draft = Draft::new();
    draft.input(&[1, 4, 4, 3]);
    draft.random("k", &[5, 3, 3, 3]);
    draft.node_ints("Transpose", &["x"], "n", ("perm", &[0, 3, 1, 2]));
    draft.node("Conv", &["n", "k"], "c");
    draft.node_ints("Transpose", &["c"], "t", ("perm", &[0, 2, 3, 1]));
    draft.node("Relu", &["t"], "a");
    draft.push(with_int(
        with_ints(node("ReduceMean", &["a"], "p"), "axes", &[1, 2]),
        "keepdims",
        0,
    ));
    draft.random("w", &[5, 4]).random("b", &[4]);
    draft
        .node("MatMul", &["p", "w"], "m")
        .node("Add", &["m", "b"], "y")
        .output("y");
    assert_complete(&draft, 4);
}

#[test]
fn fixed_average_pool_serves_other_sizes() {
    let mut draft = Draft::with_features();
    draft.input(&[1, 3, 0, 0]);
    draft.node_ints("AveragePool", &["a"], "p", ("kernel_shape", &[4, 4]));
    draft
        .integers("shape", &[1, 3])
        .node("Reshape", &["p", "shape"], "f");
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    assert_complete(&draft, 4);
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    let activation = classifier
        .run(&noise(3 * 6 * 5, 3), 6, 5, Target::Rank(0))
        .unwrap();
    assert_eq!(
        (activation.features.width, activation.features.height),
        (6, 5)
    );
}

#[test]
fn pointwise_convolutions_and_normalisation_as_head() {
    let mut draft = Draft::with_features();
    draft.node("GlobalAveragePool", &["a"], "p");
    draft
        .random("s", &[3])
        .random("t", &[3])
        .random("mean", &[3]);
    draft.weight("variance", &[3], vec![0.5, 1.0, 2.0]);
    draft.node(
        "BatchNormalization",
        &["p", "s", "t", "mean", "variance"],
        "n",
    );
    draft
        .random("w", &[6, 3, 1, 1])
        .random("b", &[6])
        .node("Conv", &["n", "w", "b"], "c");
    draft
        .random("v", &[4, 6, 1, 1])
        .node("Conv", &["c", "v"], "d");
    draft
        .weight("half", &[], vec![0.5])
        .node("Mul", &["d", "half"], "m");
    draft.node("Flatten", &["m"], "y").output("y");
    assert_complete(&draft, 4);
}

#[test]
fn weights_behind_other_nodes() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    // float16, transposed, cast and passed on.
    draft.graph().initializer.push(super::onnx::Tensor {
        dims: vec![4, 3],
        data_type: Some(super::onnx::data_type::FLOAT16),
        int32_data: (0..12).map(|i| 0x3800 + i * 77).collect(),
        name: Some("w16".into()),
        ..super::onnx::Tensor::default()
    });
    draft
        .node_int("Cast", &["w16"], "w32", ("to", 1))
        .node("Identity", &["w32"], "w");
    draft.node_ints("Transpose", &["w"], "wt", ("perm", &[1, 0]));
    draft.node("MatMul", &["f", "wt"], "m");
    // int8 with one scale a class, as a bias.
    draft.graph().initializer.push(super::onnx::Tensor {
        dims: vec![4],
        data_type: Some(super::onnx::data_type::INT8),
        int32_data: vec![-100, 3, 50, 127],
        name: Some("b8".into()),
        ..super::onnx::Tensor::default()
    });
    draft.weight("scale", &[], vec![0.01]);
    draft.node("DequantizeLinear", &["b8", "scale"], "b");
    draft.node("Add", &["m", "b"], "y").output("y");
    assert_complete(&draft, 4);
}

#[test]
fn flattened_dense_layers() {
    let mut draft = Draft::with_features();
    draft.node("Flatten", &["a"], "f");
    draft
        .random("w", &[48, 8])
        .random("b", &[8])
        .node("Gemm", &["f", "w", "b"], "g");
    draft.node("Tanh", &["g"], "h");
    draft.random("v", &[4, 8]).random("c", &[4]);
    draft
        .node_int("Gemm", &["h", "v", "c"], "y", ("transB", 1))
        .output("y");
    for opset in [9, 13, 18] {
        draft.opset(opset);
        assert_gradient(&draft);
    }
    draft.opset(13);
    draft.graph().output.clear();
    draft.node("Softmax", &["y"], "s").output("s");
    assert_gradient(&draft);
}

#[test]
fn activations_between_dense_layers() {
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
        "Erf",
        "Exp",
        "Neg",
    ] {
        cases.push((op, Box::new(unary(op))));
    }
    cases.push((
        "Swish",
        Box::new(|draft| {
            draft
                .node("Sigmoid", &["g"], "s")
                .node("Mul", &["g", "s"], "h");
        }),
    ));
    cases.push((
        "Mish",
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
fn what_cannot_be_explained_is_named() {
    let refused = |draft: &Draft| draft.open().map(|opened| opened.err().unwrap());
    // One token of a sequence.
    let mut draft = Draft::with_features();
    draft
        .integers("tokens", &[1, 16, 3])
        .node("Reshape", &["a", "tokens"], "t");
    draft.integers("first", &[0]);
    draft.node_int("Gather", &["t", "first"], "token", ("axis", 1));
    draft
        .random("w", &[3, 4])
        .node("MatMul", &["token", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(matches!(error, Error::NotExplainable { .. }));
        assert!(error.to_string().contains("Gather"), "{error}");
    }
    // A picture in, a picture out.
    let mut draft = Draft::with_features();
    draft
        .random("w", &[4, 3, 3, 3])
        .node("Conv", &["a", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("the operator Conv"), "{error}");
    }
    // No convolution at all.
    let mut draft = Draft::new();
    draft.node("Flatten", &["x"], "f");
    draft
        .random("w", &[48, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("the input itself"), "{error}");
    }
    // One class.
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft
        .random("w", &[3, 1])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    assert!(
        refused(&draft).is_none_or(|error| matches!(error, Error::OneClass { classes: 1, .. }))
    );
    // One channel.
    let mut draft = Draft::new();
    draft.input(&[1, 1, 4, 4]);
    draft.node("Flatten", &["x"], "y").output("y");
    if let Some(error) = refused(&draft) {
        assert!(error.to_string().contains("1 x 1 x 4 x 4"), "{error}");
    }
    // An operator that ONNX Runtime does not have.
    let mut draft = Draft::with_features();
    draft.push(super::onnx::Node {
        domain: Some("nobody".into()),
        ..node("Magic", &["a"], "m")
    });
    draft
        .random("k", &[3, 3, 1, 1])
        .node("Conv", &["m", "k"], "c");
    draft.node("GlobalAveragePool", &["c"], "y").output("y");
    if let Some(error) = refused(&draft) {
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("nobody"), "{error}");
    }
}

#[test]
fn a_wrong_size_fails_the_frame_only() {
    let mut draft = Draft::with_features();
    draft.node("GlobalAveragePool", &["a"], "y").output("y");
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    assert_eq!(classifier.fit().size(640, 480), (4, 4));
    let wrong = noise(3 * 5 * 5, 1);
    assert!(matches!(
        classifier.run(&wrong, 5, 5, Target::Rank(0)),
        Err(Error::Run { .. })
    ));
    assert!(classifier.run(&noise(48, 1), 4, 4, Target::Rank(0)).is_ok());
    assert!(matches!(
        classifier.run(&noise(48, 1), 4, 4, Target::Class(3)),
        Err(Error::NoSuchClass {
            target: 3,
            classes: 3
        })
    ));
}
