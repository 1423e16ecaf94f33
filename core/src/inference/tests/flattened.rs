//! Heads that take every value of a feature map.

use super::layers::{assert_detail, assert_gradient};
use crate::cam::{Explanation, Method};
use crate::model::{Detail, Head, Target};
use crate::onnx::node::{node, with_int, with_ints};
use crate::onnx::proto::{Attribute, Node, attribute_type};
use crate::testing::{Draft, noise};

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
        assert_detail(&draft, true);
    }
    draft.opset(13);
    draft.graph().output.clear();
    draft.node("Softmax", &["y"], "s").output("s");
    assert_detail(&draft, true);
}

#[test]
fn flattened_maps_in_every_order() {
    for is_last in [false, true] {
        for is_gemm in [false, true] {
            for outputs_first in [false, true] {
                let mut draft = Draft::with_features();
                let map = if is_last {
                    draft.node_ints("Transpose", &["a"], "t", ("perm", &[0, 2, 3, 1]));
                    "t"
                } else {
                    "a"
                };
                draft
                    .integers("flat", &[1, 48])
                    .node("Reshape", &[map, "flat"], "f")
                    .node("Dropout", &["f"], "d");
                // More outputs than are transposed at once, and no multiple of them.
                if is_gemm && outputs_first {
                    draft.random("w", &[37, 48]);
                    draft.node_int("Gemm", &["d", "w"], "g", ("transB", 1));
                } else {
                    let product = if is_gemm { "Gemm" } else { "MatMul" };
                    draft.random("w", &[48, 37]).node(product, &["d", "w"], "g");
                }
                draft
                    .node("Tanh", &["g"], "h")
                    .random("v", &[37, 4])
                    .node("MatMul", &["h", "v"], "y")
                    .output("y");
                assert_detail(&draft, true);
            }
        }
    }
}

#[test]
fn a_flattened_map_may_have_a_single_layer() {
    let mut draft = Draft::with_features();
    draft
        .node("Flatten", &["a"], "f")
        .random("w", &[48, 4])
        .random("b", &[4])
        .node("Gemm", &["f", "w", "b"], "y")
        .output("y");
    assert_detail(&draft, true);
}

#[test]
fn not_every_flattened_map_is_summed_cell_by_cell() {
    // A second way round the layer.
    let mut draft = Draft::with_features();
    draft
        .node("Flatten", &["a"], "f")
        .random("w", &[48, 4])
        .random("u", &[48, 4])
        .node("MatMul", &["f", "w"], "g")
        .node("Tanh", &["g"], "h")
        .node("MatMul", &["f", "u"], "s")
        .node("Add", &["h", "s"], "y")
        .output("y");
    assert_detail(&draft, false);
    // A layer with factors of its own.
    let mut draft = Draft::with_features();
    draft.node("Flatten", &["a"], "f").random("w", &[48, 4]);
    let mut layer = node("Gemm", &["f", "w"], "y");
    layer.attribute.push(Attribute {
        name: Some("alpha".into()),
        f: Some(0.5),
        r#type: Some(attribute_type::FLOAT),
        ..Attribute::default()
    });
    draft.push(layer).output("y");
    assert_detail(&draft, false);
}

#[test]
fn a_dense_layer_written_as_a_convolution() {
    // The kernel covers the map of 4 x 4, as in the fully convolutional form of VGG.
    let mut draft = Draft::with_features();
    draft
        .random("w", &[6, 3, 4, 4])
        .random("b", &[6])
        .node("Conv", &["a", "w", "b"], "c");
    draft.node("Tanh", &["c"], "h");
    draft
        .random("v", &[5, 6, 1, 1])
        .node("Conv", &["h", "v"], "d")
        .node("Tanh", &["d"], "e");
    let trunk = draft.model.clone();
    draft.node("GlobalAveragePool", &["e"], "p");
    draft
        .node("Flatten", &["p"], "f")
        .random("u", &[5, 4])
        .node("MatMul", &["f", "u"], "y")
        .output("y");
    assert_gradient(&draft);
    // Without a pool, with a convolution as the last layer.
    draft.model = trunk;
    draft
        .random("u", &[4, 5, 1, 1])
        .node("Conv", &["e", "u"], "g")
        .node("Flatten", &["g"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn a_kernel_that_covers_less_than_the_map_is_no_dense_layer() {
    let mut draft = Draft::with_features();
    draft
        .random("w", &[6, 3, 3, 3])
        .node("Conv", &["a", "w"], "c")
        .node("Relu", &["c"], "r")
        .node("GlobalAveragePool", &["r"], "p")
        .node("Flatten", &["p"], "f")
        .random("u", &[6, 4])
        .node("MatMul", &["f", "u"], "y")
        .output("y");
    let Some(opened) = draft.open() else { return };
    let classifier = opened.unwrap();
    assert_eq!(classifier.structure().features, "r");
    assert!(matches!(classifier.head(), Head::Dense { .. }));
}

#[test]
fn weights_that_are_fewer_than_they_claim_are_refused() {
    let mut draft = Draft::with_features();
    draft
        .node("Flatten", &["a"], "f")
        .random("w", &[48, 4])
        .node("Gemm", &["f", "w"], "y")
        .output("y");
    let weights = draft.graph().initializer.iter_mut();
    let weights = weights.filter(|weight| weight.name() == "w");
    weights.for_each(|weight| weight.float_data.truncate(5));
    assert!(draft.open().is_none_or(|opened| opened.is_err()));
}

/// A network of 4 channels of 4 x 4 cells, made into others by `change`, and a flattened dense layer
/// of `inputs`: each cell's share in the logit of class 1 is what the weights say, whether or not
/// the graph tells (`is_cellwise`) how many channels there are.
fn assert_shares(name: &str, inputs: usize, is_cellwise: bool, change: impl Fn(&mut Draft)) {
    let mut draft = Draft::new();
    draft.opset(13);
    draft
        .random("kernels", &[4, 3, 1, 1])
        .node("Conv", &["x", "kernels"], "a");
    change(&mut draft);
    let weights = noise(inputs * 3, 99);
    draft
        .node("Flatten", &["m"], "f")
        .weight("w", &[inputs as i64, 3], weights.clone())
        .node("Gemm", &["f", "w"], "y")
        .output("y");
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
    let image = noise(48, 5);
    let side = 4;
    let activation = classifier
        .run(&image, side, side, Target::Class(1), Detail::Sums)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(activation.sums.is_some(), is_cellwise, "{name}");
    let features = activation.features.values;
    assert_eq!(features.len(), inputs, "{name}");
    let cells = activation.features.width * activation.features.height;
    let mut explanation = Explanation::default();
    explanation.update(&activation, 1, Method::Auto).unwrap();
    assert_eq!(explanation.map.values.len(), cells, "{name}");
    for (cell, &share) in explanation.map.values.iter().enumerate() {
        let terms = (cell..inputs).step_by(cells);
        let expected: f32 = terms.map(|i| features[i] * weights[i * 3 + 1]).sum();
        assert!(
            (share - expected).abs() < 1e-5,
            "{name}: {share} {expected}"
        );
    }
}

#[test]
fn channels_are_counted_through_what_changes_their_number() {
    fn one(op: &str, inputs: &[&str], change: impl Fn(Node) -> Node) -> Node {
        change(node(op, inputs, "m"))
    }
    assert_shares("SpaceToDepth", 64, true, |draft| {
        draft.push(one("SpaceToDepth", &["a"], |node| {
            with_int(node, "blocksize", 2)
        }));
    });
    assert_shares("DepthToSpace", 64, true, |draft| {
        draft.push(one("DepthToSpace", &["a"], |node| {
            with_int(node, "blocksize", 2)
        }));
    });
    assert_shares("ConvTranspose", 96, true, |draft| {
        draft.random("t", &[4, 6, 1, 1]);
        draft.push(one("ConvTranspose", &["a", "t"], |node| node));
    });
    assert_shares("ConvTranspose in groups", 192, true, |draft| {
        draft.random("t", &[4, 6, 1, 1]);
        draft.push(one("ConvTranspose", &["a", "t"], |node| {
            with_int(node, "group", 2)
        }));
    });
    for (start, end, step, left) in [
        (0, 2, 1, 2),
        (-3, 99, 2, 2),
        (-1, -99, -1, 4),
        (1, -1, 1, 2),
    ] {
        assert_shares("Slice", left * 16, true, |draft| {
            draft
                .integers("start", &[start])
                .integers("end", &[end])
                .integers("axis", &[1])
                .integers("step", &[step]);
            draft.node("Slice", &["a", "start", "end", "axis", "step"], "m");
        });
    }
    for (place, channels) in [(0, 3), (1, 1)] {
        assert_shares("Split", channels * 16, true, |draft| {
            draft.integers("sizes", &[3, 1]);
            let mut split = with_int(node("Split", &["a", "sizes"], "other"), "axis", 1);
            split.output.insert(place, "m".into());
            draft.push(split);
        });
    }
    assert_shares("equal Split", 32, true, |draft| {
        let mut split = with_int(node("Split", &["a"], "other"), "axis", -3);
        split.output.push("m".into());
        draft.push(split);
    });
    assert_shares("Concat", 112, true, |draft| {
        draft.node("Relu", &["x"], "r").node("Tanh", &["a"], "t");
        draft
            .random("more", &[3, 4, 1, 1])
            .node("Conv", &["a", "more"], "c");
        draft.push(one("Concat", &["a", "c"], |node| with_int(node, "axis", 1)));
    });
    assert_shares("Concat with constants", 96, true, |draft| {
        draft.random("more", &[1, 2, 4, 4]);
        draft.push(one("Concat", &["a", "more"], |node| {
            with_int(node, "axis", 1)
        }));
    });
    assert_shares("Gather", 48, true, |draft| {
        draft.integers("picked", &[3, 0, 1]);
        draft.push(one("Gather", &["a", "picked"], |node| {
            with_int(node, "axis", 1)
        }));
    });
    assert_shares("Pad", 112, true, |draft| {
        draft.integers("pads", &[0, 1, 0, 0, 0, 2, 0, 0]);
        draft.node("Pad", &["a", "pads"], "m");
    });
    assert_shares("a gate of one channel", 64, true, |draft| {
        draft
            .random("one", &[1, 4, 1, 1])
            .node("Conv", &["a", "one"], "g")
            .node("Sigmoid", &["g"], "s");
        draft.node("Mul", &["s", "a"], "m");
    });
    assert_shares("a channel spread out", 80, true, |draft| {
        draft
            .random("one", &[1, 4, 1, 1])
            .node("Conv", &["a", "one"], "g")
            .random("spread", &[5, 1, 1]);
        draft.node("Mul", &["g", "spread"], "m");
    });
    // What the graph does not tell is left to the gradient.
    assert_shares("ReduceMax", 16, false, |draft| {
        draft.push(one("ReduceMax", &["a"], |node| {
            with_ints(node, "axes", &[1])
        }));
    });
    assert_shares("Einsum", 96, false, |draft| {
        draft.random("mix", &[4, 6]);
        let mut mixed = node("Einsum", &["a", "mix"], "m");
        mixed.attribute.push(Attribute {
            name: Some("equation".into()),
            s: Some(b"bchw,cd->bdhw".to_vec().into()),
            r#type: Some(attribute_type::STRING),
            ..Attribute::default()
        });
        draft.push(mixed);
    });
}
