//! Heads that take every value of a feature map.

use super::layers::{assert_detail, assert_gradient};
use crate::model::Head;
use crate::onnx::node::node;
use crate::onnx::proto::{Attribute, attribute_type};
use crate::testing::Draft;

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
