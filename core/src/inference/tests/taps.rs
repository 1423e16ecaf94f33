//! Heads that are neither pools nor flattened maps: opened up at the last tensor with places, and explained by the
//! gradient there, next to finite differences.

use super::layers::{assert_gradient, assert_gradient_at};
use crate::onnx::node::{node, with_float, with_int, with_ints};
use crate::onnx::proto::{self, attribute_type};
use crate::testing::Draft;

#[test]
fn means_and_maxima_are_added() {
    let mut draft = Draft::classifier();
    draft
        .node("GlobalMaxPool", &["a"], "m")
        .node("Flatten", &["m"], "g")
        .random("v", &[3, 4])
        .node("MatMul", &["g", "v"], "u")
        .node("Mean", &["z", "u"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn some_of_a_row_are_taken() {
    let slice = |draft: &mut Draft, tensor: &str, result: &str| {
        draft
            .integers("start", &[1])
            .integers("end", &[3])
            .integers("axis", &[1])
            .node("Slice", &[tensor, "start", "end", "axis"], result);
    };
    // All logits but that of the background.
    let mut draft = Draft::classifier();
    slice(&mut draft, "z", "y");
    draft.output("y");
    assert_gradient(&draft);
    let mut draft = Draft::classifier();
    draft
        .random("b", &[4])
        .node("Add", &["z", "b"], "s")
        .integers("some", &[0, 2])
        .node_int("Gather", &["s", "some"], "y", ("axis", 1))
        .output("y");
    assert_gradient(&draft);
    // Half of what a hidden layer returns.
    let mut draft = Draft::classifier();
    draft.node("Tanh", &["z"], "h");
    slice(&mut draft, "h", "g");
    draft
        .random("v", &[2, 5])
        .node("Gemm", &["g", "v"], "y")
        .output("y");
    assert_gradient(&draft);
    // Some pooled features, as a row and before they are one.
    for is_row in [true, false] {
        let mut draft = Draft::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .integers("space", &[2, 3]);
        if is_row {
            draft.node("Flatten", &["p"], "f");
            slice(&mut draft, "f", "g");
        } else {
            slice(&mut draft, "p", "s");
            draft.node("Squeeze", &["s", "space"], "g");
        }
        draft
            .random("v", &[2, 5])
            .node("Gemm", &["g", "v"], "y")
            .output("y");
        assert_gradient(&draft);
    }
}

#[test]
fn maps_are_summed_up_in_every_way() {
    for op in [
        "ReduceSum",
        "ReduceMax",
        "ReduceL1",
        "ReduceLogSumExp",
        "ReduceSumSquare",
    ] {
        for keeps in [0, 1] {
            let mut draft = Draft::with_features();
            let reduced = if op == "ReduceSum" {
                draft.integers("axes", &[2, 3]);
                node(op, &["a", "axes"], "p")
            } else {
                with_ints(node(op, &["a"], "p"), "axes", &[-2, -1])
            };
            draft
                .push(with_int(reduced, "keepdims", keeps))
                .node("Flatten", &["p"], "f")
                .random("w", &[3, 4]);
            draft.node("MatMul", &["f", "w"], "y").output("y");
            assert_gradient(&draft);
        }
    }
    for (op, p) in [
        ("GlobalMaxPool", None),
        ("GlobalLpPool", Some(2)),
        ("GlobalLpPool", Some(3)),
    ] {
        let mut draft = Draft::with_features();
        let pool = node(op, &["a"], "p");
        draft
            .push(match p {
                Some(p) => with_int(pool, "p", p),
                None => pool,
            })
            .node("Flatten", &["p"], "f")
            .random("w", &[3, 4]);
        draft.node("MatMul", &["f", "w"], "y").output("y");
        assert_gradient(&draft);
    }
}

#[test]
fn several_pools_stand_side_by_side() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("GlobalMaxPool", &["a"], "m")
        .node_int("Concat", &["p", "m"], "c", ("axis", 1))
        .node("Flatten", &["c"], "f")
        .random("w", &[6, 4])
        .node("Gemm", &["f", "w"], "y")
        .output("y");
    assert_gradient(&draft);
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("GlobalMaxPool", &["a"], "m")
        .node("Add", &["p", "m"], "s")
        .weight("half", &[], vec![0.5])
        .node("Mul", &["s", "half"], "h")
        .node("Flatten", &["h"], "f")
        .random("w", &[3, 4])
        .node("Gemm", &["f", "w"], "y")
        .output("y");
    assert_gradient(&draft);
}

#[test]
fn maps_are_flattened_in_another_order() {
    for (order, activation) in [([0, 3, 2, 1], false), ([0, 2, 3, 1], true)] {
        let mut draft = Draft::with_features();
        draft.node_ints("Transpose", &["a"], "t", ("perm", &order));
        let map = if activation {
            draft.node("Tanh", &["t"], "r");
            "r"
        } else {
            "t"
        };
        draft
            .node("Flatten", &[map], "f")
            .random("w", &[48, 4])
            .node("Gemm", &["f", "w"], "y")
            .output("y");
        assert_gradient_at(&draft, Some("a"));
    }
}

#[test]
fn dense_layers_stand_in_groups() {
    let mut draft = Draft::with_features();
    draft
        .random("widen", &[4, 3, 1, 1])
        .node("Conv", &["a", "widen"], "wide")
        .node("GlobalAveragePool", &["wide"], "p")
        .random("v", &[6, 2, 1, 1])
        .node_int("Conv", &["p", "v"], "h", ("group", 2))
        .node("Tanh", &["h"], "r")
        .random("w", &[4, 3, 1, 1])
        .node_int("Conv", &["r", "w"], "z", ("group", 2))
        .node("Flatten", &["z"], "y")
        .output("y");
    assert_gradient_at(&draft, Some("a"));
}

pub fn with_text(mut node: proto::Node, name: &str, text: &str) -> proto::Node {
    node.attribute.push(proto::Attribute {
        name: Some(name.into()),
        s: Some(text.as_bytes().to_vec().into()),
        r#type: Some(attribute_type::STRING),
        ..proto::Attribute::default()
    });
    node
}

/// Two classes of `tensor`, which has `count` elements, by layers that are not affine.
pub fn classify(draft: &mut Draft, tensor: &str, count: i64) {
    draft
        .integers("as_row", &[1, count])
        .node("Reshape", &[tensor, "as_row"], "row_of_all")
        .random("w_first", &[count, 5])
        .node("MatMul", &["row_of_all", "w_first"], "first_layer")
        .node("Tanh", &["first_layer"], "bent")
        .random("w_last", &[5, 3])
        .node("MatMul", &["bent", "w_last"], "y")
        .output("y");
}

/// A case: its name, what it does with the map `a`, and how many elements of `m` it leaves.
type Case = (&'static str, fn(&mut Draft), i64);

fn try_all(opset: i64, cases: &[Case]) {
    for (name, layers, count) in cases {
        println!("{name}");
        let mut draft = Draft::with_features();
        draft.opset(opset);
        layers(&mut draft);
        classify(&mut draft, "m", *count);
        assert_gradient_at(&draft, Some("a"));
    }
}

#[test]
fn windows_slide_in_every_way() {
    try_all(
        13,
        &[
            (
                "stride 2, pads",
                |draft| {
                    draft.random("k", &[4, 3, 3, 3]);
                    let convolution = with_ints(node("Conv", &["a", "k"], "m"), "strides", &[2, 2]);
                    draft.push(with_ints(convolution, "pads", &[1, 1, 1, 1]));
                },
                16,
            ),
            (
                "stride 3, what no window reaches",
                |draft| {
                    draft.random("k", &[4, 3, 1, 1]);
                    draft.node_ints("Conv", &["a", "k"], "m", ("strides", &[2, 3]));
                },
                16,
            ),
            (
                "dilation, groups",
                |draft| {
                    draft.random("k", &[6, 1, 2, 2]).random("b", &[6]);
                    let convolution =
                        with_ints(node("Conv", &["a", "k", "b"], "m"), "dilations", &[2, 2]);
                    draft.push(with_int(convolution, "group", 3));
                },
                24,
            ),
            (
                "same padding",
                |draft| {
                    draft.random("k", &[2, 3, 3, 3]);
                    let convolution = with_ints(node("Conv", &["a", "k"], "m"), "strides", &[2, 2]);
                    draft.push(with_text(convolution, "auto_pad", "SAME_UPPER"));
                },
                8,
            ),
            (
                "uneven pads",
                |draft| {
                    draft.random("k", &[2, 3, 2, 3]);
                    draft.node_ints("Conv", &["a", "k"], "m", ("pads", &[1, 0, 0, 2]));
                },
                2 * 4 * 4,
            ),
            (
                "transposed",
                |draft| {
                    draft.random("k", &[3, 2, 2, 2]);
                    draft.node_ints("ConvTranspose", &["a", "k"], "m", ("strides", &[2, 2]));
                },
                2 * 8 * 8,
            ),
            (
                "maxima",
                |draft| {
                    let pool = with_ints(node("MaxPool", &["a"], "m"), "kernel_shape", &[3, 3]);
                    let pool = with_ints(pool, "strides", &[2, 2]);
                    draft.push(with_ints(pool, "pads", &[1, 1, 1, 1]));
                },
                12,
            ),
            (
                "maxima, rounded up",
                |draft| {
                    let pool = with_ints(node("MaxPool", &["a"], "m"), "kernel_shape", &[3, 3]);
                    let pool = with_ints(pool, "strides", &[2, 2]);
                    draft.push(with_int(pool, "ceil_mode", 1));
                },
                12,
            ),
            (
                "means that leave padding out",
                |draft| {
                    let pool = with_ints(node("AveragePool", &["a"], "m"), "kernel_shape", &[3, 3]);
                    let pool = with_ints(pool, "strides", &[2, 2]);
                    draft.push(with_ints(pool, "pads", &[1, 1, 1, 1]));
                },
                12,
            ),
            (
                "means that count padding",
                |draft| {
                    let pool = with_ints(node("AveragePool", &["a"], "m"), "kernel_shape", &[2, 3]);
                    let pool = with_int(pool, "count_include_pad", 1);
                    draft.push(with_ints(pool, "pads", &[0, 1, 0, 1]));
                },
                3 * 3 * 4,
            ),
            (
                "norms",
                |draft| {
                    let pool = with_ints(node("LpPool", &["a"], "m"), "kernel_shape", &[2, 2]);
                    draft.push(with_ints(pool, "strides", &[2, 2]));
                },
                12,
            ),
        ],
    );
}

#[test]
fn elements_are_moved_in_every_way() {
    try_all(
        13,
        &[
            (
                "Slice, step 2",
                |draft| {
                    draft
                        .integers("s", &[3, 0])
                        .integers("e", &[-9, 4])
                        .integers("ax", &[2, 3])
                        .integers("st", &[-2, 1])
                        .node("Slice", &["a", "s", "e", "ax", "st"], "m");
                },
                24,
            ),
            (
                "Gather, repeated",
                |draft| {
                    draft.integers("i", &[2, 0, 2, 3, 2]);
                    draft.node_int("Gather", &["a", "i"], "m", ("axis", 2));
                },
                60,
            ),
            (
                "Gather, a permutation",
                |draft| {
                    draft.integers("i", &[2, 0, 3, 1]);
                    draft.node_int("Gather", &["a", "i"], "m", ("axis", -1));
                },
                48,
            ),
            (
                "Split",
                |draft| {
                    let mut split = with_int(node("Split", &["a"], "first"), "axis", 2);
                    split.output.push("second".into());
                    draft.push(split).node("Tanh", &["second"], "t");
                    draft.node("Mul", &["first", "t"], "m");
                },
                24,
            ),
            (
                "Split, of which one part counts",
                |draft| {
                    let mut split = with_int(node("Split", &["a"], "first"), "axis", 3);
                    split.output.push("m".into());
                    draft.push(split);
                },
                24,
            ),
            (
                "Pad",
                |draft| {
                    draft.integers("p", &[0, 0, 1, 2, 0, 0, 1, 0]);
                    draft.node("Pad", &["a", "p"], "m");
                },
                3 * 6 * 6,
            ),
            (
                "Pad, mirrored",
                |draft| {
                    draft.integers("p", &[0, 0, 1, 2, 0, 0, 1, 0]);
                    draft.push(with_text(node("Pad", &["a", "p"], "m"), "mode", "reflect"));
                },
                3 * 6 * 6,
            ),
            (
                "Pad, the edge again",
                |draft| {
                    draft.integers("p", &[0, 0, 2, 0, 0, 0, 0, 1]);
                    draft.push(with_text(node("Pad", &["a", "p"], "m"), "mode", "edge"));
                },
                3 * 6 * 5,
            ),
            (
                "Tile",
                |draft| {
                    draft
                        .integers("r", &[1, 2, 1, 2])
                        .node("Tile", &["a", "r"], "m");
                },
                6 * 4 * 8,
            ),
            (
                "Expand",
                |draft| {
                    draft
                        .integers("r", &[2, 3, 4, 4])
                        .node("Expand", &["a", "r"], "m");
                },
                96,
            ),
            (
                "SpaceToDepth",
                |draft| {
                    draft.node_int("SpaceToDepth", &["a"], "m", ("blocksize", 2));
                },
                48,
            ),
            (
                "Resize, linear",
                |draft| {
                    draft.integers("size", &[1, 3, 7, 6]);
                    draft.push(with_text(
                        node("Resize", &["a", "", "", "size"], "m"),
                        "mode",
                        "linear",
                    ));
                },
                3 * 42,
            ),
            (
                "Resize, by scales",
                |draft| {
                    draft.weight("scales", &[4], vec![1.0, 1.0, 2.0, 0.5]);
                    let resize =
                        with_text(node("Resize", &["a", "", "scales"], "m"), "mode", "nearest");
                    let resize = with_text(resize, "nearest_mode", "floor");
                    draft.push(with_text(
                        resize,
                        "coordinate_transformation_mode",
                        "asymmetric",
                    ));
                },
                3 * 16,
            ),
            (
                "ScatterND",
                |draft| {
                    draft
                        .integers("rows", &[1, 3, 16])
                        .node("Reshape", &["a", "rows"], "t")
                        .node("Tanh", &["t"], "data")
                        .integers("at", &[0, 1])
                        .integers("at_shape", &[1, 2])
                        .node("Reshape", &["at", "at_shape"], "index")
                        .integers("one_row", &[1, 16])
                        .integers("i", &[2])
                        .node_int("Gather", &["t", "i"], "update", ("axis", 1))
                        .node("Reshape", &["update", "one_row"], "row")
                        .node("ScatterND", &["data", "index", "row"], "m");
                },
                48,
            ),
        ],
    );
}

#[test]
fn numbers_are_normalised_in_every_way() {
    try_all(
        18,
        &[
            (
                "Softmax",
                |draft| {
                    draft.node_int("Softmax", &["a"], "m", ("axis", 1));
                },
                48,
            ),
            (
                "LogSoftmax",
                |draft| {
                    draft.node_int("LogSoftmax", &["a"], "m", ("axis", -1));
                },
                48,
            ),
            (
                "LayerNormalization over three axes",
                |draft| {
                    draft.random("s", &[3, 4, 4]).random("b", &[3, 4, 4]);
                    draft.node_int("LayerNormalization", &["a", "s", "b"], "m", ("axis", 1));
                },
                48,
            ),
            (
                "InstanceNormalization",
                |draft| {
                    draft.random("s", &[3]).random("b", &[3]);
                    draft.node("InstanceNormalization", &["a", "s", "b"], "m");
                },
                48,
            ),
            (
                "GroupNormalization by groups",
                |draft| {
                    draft.random("s", &[3]).random("b", &[3]);
                    draft.node_int(
                        "GroupNormalization",
                        &["a", "s", "b"],
                        "m",
                        ("num_groups", 3),
                    );
                },
                48,
            ),
            (
                "BatchNormalization of a map",
                |draft| {
                    draft
                        .random("s", &[3])
                        .random("b", &[3])
                        .random("mean", &[3]);
                    draft.weight("var", &[3], vec![0.5, 1.5, 2.0]);
                    draft.node("BatchNormalization", &["a", "s", "b", "mean", "var"], "m");
                },
                48,
            ),
            (
                "LpNormalization",
                |draft| {
                    draft.node_int("LpNormalization", &["a"], "m", ("axis", 1));
                },
                48,
            ),
            (
                "LpNormalization, 1",
                |draft| {
                    let made = with_int(node("LpNormalization", &["a"], "m"), "axis", 1);
                    draft.push(with_int(made, "p", 1));
                },
                48,
            ),
            (
                "MeanVarianceNormalization",
                |draft| {
                    draft.node("MeanVarianceNormalization", &["a"], "m");
                },
                48,
            ),
            (
                "LRN",
                |draft| {
                    let made = with_int(node("LRN", &["a"], "m"), "size", 3);
                    draft.push(with_float(with_float(made, "alpha", 0.5), "beta", 0.6));
                },
                48,
            ),
        ],
    );
    // Groups of one scale a channel.
    try_all(
        21,
        &[(
            "GroupNormalization by channels",
            |draft| {
                draft.random("s", &[3]).random("b", &[3]);
                draft.node_int(
                    "GroupNormalization",
                    &["a", "s", "b"],
                    "m",
                    ("num_groups", 1),
                );
            },
            48,
        )],
    );
    // Older operator sets take all axes from one on for one.
    try_all(
        11,
        &[(
            "Softmax of three axes",
            |draft| {
                draft.node_int("Softmax", &["a"], "m", ("axis", 1));
            },
            48,
        )],
    );
}

#[test]
fn products_of_what_varies() {
    try_all(
        20,
        &[
            (
                "attention",
                |draft| {
                    draft
                        .integers("tokens", &[1, 3, 16])
                        .node("Reshape", &["a", "tokens"], "r")
                        .node_ints("Transpose", &["r"], "t", ("perm", &[0, 2, 1]))
                        .random("wq", &[3, 4])
                        .random("wk", &[3, 4])
                        .random("wv", &[3, 4])
                        .node("MatMul", &["t", "wq"], "q")
                        .node("MatMul", &["t", "wk"], "k")
                        .node("MatMul", &["t", "wv"], "v")
                        .node_ints("Transpose", &["k"], "kt", ("perm", &[0, 2, 1]))
                        .node("MatMul", &["q", "kt"], "s")
                        .node_int("Softmax", &["s"], "weights", ("axis", -1))
                        .node("MatMul", &["weights", "v"], "m");
                },
                64,
            ),
            (
                "Einsum",
                |draft| {
                    draft.node("Tanh", &["a"], "t");
                    draft.push(with_text(
                        node("Einsum", &["a", "t"], "m"),
                        "equation",
                        "bchw,bdhv->bcdwv",
                    ));
                },
                9 * 16,
            ),
            (
                "Einsum, one operand summed alone",
                |draft| {
                    draft.random("k", &[3, 5]);
                    draft.push(with_text(
                        node("Einsum", &["a", "k"], "m"),
                        "equation",
                        "bchw,cd->bdh",
                    ));
                },
                20,
            ),
            (
                "one matrix for many",
                |draft| {
                    draft.random("k", &[4, 4]).node("MatMul", &["k", "a"], "m");
                },
                48,
            ),
            (
                "spread in front",
                |draft| {
                    draft
                        .random("k", &[2, 3, 4, 4])
                        .node("MatMul", &["a", "k"], "m");
                },
                96,
            ),
            (
                "Gemm, turned",
                |draft| {
                    draft
                        .integers("square", &[6, 8])
                        .node("Reshape", &["a", "square"], "r");
                    draft.node("Tanh", &["r"], "t");
                    let product = with_int(node("Gemm", &["r", "t"], "m"), "transA", 1);
                    draft.push(with_float(product, "alpha", 0.7));
                },
                64,
            ),
            (
                "Where, Max, Min",
                |draft| {
                    draft
                        .weight("zero", &[], vec![0.041])
                        .node("Greater", &["a", "zero"], "is_above")
                        .node("Tanh", &["a"], "t")
                        .node("Where", &["is_above", "t", "a"], "chosen")
                        .weight("floor", &[3, 1, 1], vec![-0.5, -0.31, -0.42])
                        .node("Max", &["chosen", "floor"], "raised")
                        .weight("roof", &[4], vec![0.61, 0.5, 0.72, 0.4])
                        .node("Min", &["raised", "roof"], "m");
                },
                48,
            ),
            (
                "Abs, Sin, Cos, Sum, Mean",
                |draft| {
                    draft
                        .node("Abs", &["a"], "abs")
                        .node("Sin", &["a"], "sin")
                        .node("Cos", &["a"], "cos")
                        .node("Sum", &["abs", "sin", "a"], "sum")
                        .node("Mean", &["sum", "cos"], "m");
                },
                48,
            ),
            (
                "Gelu by tanh",
                |draft| {
                    draft.push(with_text(node("Gelu", &["a"], "m"), "approximate", "tanh"));
                },
                48,
            ),
            (
                "Pow, learnt",
                |draft| {
                    draft
                        .weight("logarithms", &[3, 1, 1], vec![0.5, 0.9, 1.1])
                        .node("Softplus", &["logarithms"], "exponents")
                        .node("Exp", &["a"], "positive")
                        .node("Pow", &["positive", "exponents"], "m");
                },
                48,
            ),
            (
                "truth as numbers",
                |draft| {
                    draft
                        .weight("bound", &[], vec![0.041])
                        .node("Greater", &["a", "bound"], "is_above")
                        .node("Less", &["a", "bound"], "is_below")
                        .node("Or", &["is_above", "is_below"], "is_either")
                        .node_int("Cast", &["is_either"], "gate", ("to", 1))
                        .node("Mul", &["a", "gate"], "m");
                },
                48,
            ),
            (
                "spread numbers",
                |draft| {
                    draft.integers("axes", &[1, 2, 3]);
                    draft
                        .node("ReduceMean", &["a", "axes"], "mean")
                        .node("Sub", &["a", "mean"], "d")
                        .node("Mul", &["d", "mean"], "m");
                },
                48,
            ),
        ],
    );
}
