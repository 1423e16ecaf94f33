//! Heads that are affine in pooled features.

use crate::cam::{Explanation, Method, Query};
use crate::inference::classifier::Classifier;
use crate::model::{Detail, Head, Target};
use crate::onnx::node::{node, with_int, with_ints};
use crate::onnx::proto;
use crate::testing::{Draft, ask, noise};

/// Runs `classifier` on fixed noise and explains class 1 by `method`.
fn explain(classifier: &mut Classifier, method: Method) -> Explanation {
    let query = Query {
        target: Target::Class(1),
        top_k: 3,
        method,
    };
    let image = noise(48, 77);
    let activation = ask(classifier, &image, query.target).unwrap();
    let mut explanation = Explanation::default();
    explanation
        .update(&activation, query.top_k, query.method)
        .unwrap();
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
        .run(&noise(3 * 6 * 5, 3), 6, 5, Target::Rank(0), Detail::Sums)
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
    draft.graph().initializer.push(proto::Tensor {
        dims: vec![4, 3],
        data_type: Some(proto::data_type::FLOAT16),
        int32_data: (0..12).map(|i| 0x3800 + i * 77).collect(),
        name: Some("w16".into()),
        ..proto::Tensor::default()
    });
    draft
        .node_int("Cast", &["w16"], "w32", ("to", 1))
        .node("Identity", &["w32"], "w");
    draft.node_ints("Transpose", &["w"], "wt", ("perm", &[1, 0]));
    draft.node("MatMul", &["f", "wt"], "m");
    // int8 with one scale a class, as a bias.
    draft.graph().initializer.push(proto::Tensor {
        dims: vec![4],
        data_type: Some(proto::data_type::INT8),
        int32_data: vec![-100, 3, 50, 127],
        name: Some("b8".into()),
        ..proto::Tensor::default()
    });
    draft.weight("scale", &[], vec![0.01]);
    draft.node("DequantizeLinear", &["b8", "scale"], "b");
    draft.node("Add", &["m", "b"], "y").output("y");
    assert_complete(&draft, 4);
}

#[test]
fn zeros_around_what_a_maximum_is_taken_of() {
    for opset in [9, 13, 18] {
        let mut draft = Draft::with_features();
        draft.opset(opset);
        draft.node("Abs", &["a"], "b").node("Neg", &["b"], "n");
        let pads = [0, 0, 1, 1, 0, 0, 1, 1];
        if opset < 11 {
            draft.node_ints("Pad", &["n"], "z", ("pads", &pads));
        } else {
            draft
                .integers("pads", &pads)
                .node("Pad", &["n", "pads"], "z");
        }
        let pool = with_ints(node("MaxPool", &["z"], "m"), "kernel_shape", &[3, 3]);
        draft.push(with_ints(pool, "strides", &[2, 2]));
        draft
            .node("GlobalAveragePool", &["m"], "p")
            .node("Flatten", &["p"], "y")
            .output("y");
        let Some(opened) = draft.open() else { return };
        let mut classifier = opened.unwrap();
        let image = noise(48, 77);
        let activation = ask(&mut classifier, &image, Target::Class(1)).unwrap();
        for cells in activation.features.values.chunks(4) {
            // Only the last window lies within the picture.
            assert!(
                cells[..3].iter().all(|&cell| cell.abs() < 1e-30),
                "{cells:?}"
            );
            assert!(cells[3] < -1e-3, "{cells:?}");
        }
    }
}

/// Classes that have a channel each, made by kernels of which 1 is nearest to 3, and what `end` puts between.
fn channels_of_classes(end: &[&str]) -> Draft {
    let mut draft = Draft::new();
    let directions = [
        [1.0, 0.0, 0.0],
        [0.0, 2.0, 0.2],
        [0.0, 0.0, 1.0],
        [0.1, 1.0, 0.0],
        [-1.0, -1.0, 0.0],
    ];
    draft.weight("w", &[5, 3, 1, 1], directions.concat());
    draft.node("Conv", &["x", "w"], "a");
    let mut last = "a".to_owned();
    for op in end {
        let next = format!("{op}_of_{last}");
        match *op {
            "MaxPool" => draft.node_ints(op, &[&last], &next, ("kernel_shape", &[2, 2])),
            _ => draft.node(op, &[&last], &next),
        };
        last = next;
    }
    draft
        .node("GlobalAveragePool", &[&last], "p")
        .node("Flatten", &["p"], "y")
        .output("y");
    draft
}

#[test]
fn classes_with_channels_are_compared_by_their_kernels() {
    for end in [&[][..], &["Relu"], &["LeakyRelu", "Identity", "MaxPool"]] {
        let Some(opened) = channels_of_classes(end).open() else {
            return;
        };
        let mut classifier = opened.unwrap();
        assert_eq!(classifier.head(), &Head::Channels);
        let explanation = explain(&mut classifier, Method::FinerCam);
        let terms = explanation.explained.terms();
        let classes: Vec<usize> = terms.iter().map(|&(class, _)| class).collect();
        assert_eq!(classes, [1, 3, 2, 0], "{end:?}");
        assert!(
            terms[1..]
                .iter()
                .all(|&(_, weight)| (weight + 0.2).abs() < 1e-6)
        );
        assert!(explanation.residual.unwrap() < 1e-5, "{explanation:?}");
    }
    let Some(opened) = channels_of_classes(&["Abs"]).open() else {
        return;
    };
    let classifier = opened.unwrap();
    let refused = Method::FinerCam.resolve(classifier.traits());
    let words = refused.unwrap_err().to_string();
    assert!(
        words.contains("channel of its own that no convolution makes"),
        "{words}"
    );
}
