//! Refusals, word by word: what was found, and what helps.

use prost::Message;

use crate::model::check;
use crate::onnx::node::{node, value, with_int, with_ints};
use crate::onnx::proto::{self, attribute_type, data_type};
use crate::testing::Draft;

const LEAD: &str = "network.onnx cannot be explained: going back from its output in search of a \
                    spatial feature map, ";

/// The words with which a network is refused before ONNX Runtime sees it.
fn refusal(draft: &Draft) -> String {
    check(draft.model.encode_to_vec()).unwrap_err().to_string()
}

fn assert_obstacle(draft: &Draft, words: &str) {
    assert_eq!(refusal(draft), format!("{LEAD}{words}"));
}

/// A classifier to its logits `z`.
fn classifier() -> Draft {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .node("Flatten", &["p"], "f");
    draft.random("w", &[3, 4]).node("MatMul", &["f", "w"], "z");
    draft
}

fn foreign(op: &str, inputs: &[&str], output: &str, domain: &str) -> proto::Node {
    proto::Node {
        domain: Some(domain.into()),
        ..node(op, inputs, output)
    }
}

#[test]
fn an_index_into_a_map_picks_no_token() {
    let mut draft = Draft::with_features();
    draft
        .integers("first", &[0])
        .node_int("Gather", &["a", "first"], "column", ("axis", 3))
        .node_int("Gather", &["column", "first"], "row", ("axis", 2))
        .random("w", &[3, 4])
        .node("MatMul", &["row", "w"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Gather “row” was found, which picks a part of a feature map. Use a classifier that pools \
         its whole feature map.",
    );
}

#[test]
fn what_is_picked_of_a_row_is_no_token() {
    let slice = |draft: &mut Draft, tensor: &str, result: &str| {
        draft
            .integers("start", &[1])
            .integers("end", &[3])
            .integers("axis", &[1])
            .node("Slice", &[tensor, "start", "end", "axis"], result);
    };
    let scores = "which picks some of what a dense layer returns. Export the network with the logits or the scores of \
                  all classes as its output.";
    // All logits but that of the background.
    let mut draft = classifier();
    slice(&mut draft, "z", "y");
    draft.output("y");
    assert_obstacle(
        &draft,
        &format!("the operator Slice “y” was found, {scores}"),
    );
    let mut draft = classifier();
    draft
        .random("b", &[4])
        .node("Add", &["z", "b"], "s")
        .integers("some", &[0, 2])
        .node_int("Gather", &["s", "some"], "y", ("axis", 1))
        .output("y");
    assert_obstacle(
        &draft,
        &format!("the operator Gather “y” was found, {scores}"),
    );
    // Half of what a hidden layer returns.
    let mut draft = classifier();
    draft.node("Relu", &["z"], "h");
    slice(&mut draft, "h", "g");
    draft
        .random("v", &[2, 5])
        .node("Gemm", &["g", "v"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Slice “g” was found, which picks some of what a dense layer returns. Use a convolutional image \
         classifier that ends in a pooling or flattening and dense layers.",
    );
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
        let slice = if is_row { "g" } else { "s" };
        assert_obstacle(
            &draft,
            &format!(
                "the operator Slice “{slice}” was found, which picks some of the pooled or flattened features. Use a \
                 classifier whose classes come from all of its features."
            ),
        );
    }
}

#[test]
fn sums_over_space_are_no_tokens() {
    let found = |op: &str, axes: &[i64], keeps: i64, turned: Option<&[i64]>| {
        let mut draft = Draft::with_features();
        let map = match turned {
            Some(order) => {
                draft.node_ints("Transpose", &["a"], "t", ("perm", order));
                "t"
            }
            None => "a",
        };
        let reduced = if op == "ReduceSum" {
            draft.integers("axes", axes);
            node(op, &[map, "axes"], "p")
        } else {
            with_ints(node(op, &[map], "p"), "axes", axes)
        };
        draft
            .push(with_int(reduced, "keepdims", keeps))
            .random("w", &[3, 4]);
        draft.node("MatMul", &["p", "w"], "y").output("y");
        let words = refusal(&draft);
        let lead = format!("{LEAD}the operator {op} “p” was found, which ");
        words
            .strip_prefix(&lead)
            .map(str::to_owned)
            .unwrap_or(words)
    };
    let mean = "Export the network with one mean over height and width in its place.";
    assert_eq!(
        found("ReduceSum", &[2, 3], 0, None),
        format!("sums a feature map over height and width and does not average it. {mean}")
    );
    assert_eq!(
        found("ReduceSum", &[-3, -2], 0, Some(&[0, 2, 3, 1])),
        format!("sums a feature map over height and width and does not average it. {mean}")
    );
    assert_eq!(
        found("ReduceMean", &[1, 2, 3], 0, None),
        format!("averages a feature map over more than height and width. {mean}")
    );
    assert_eq!(
        found("ReduceMean", &[2], 0, None),
        format!("averages a feature map over one of height and width alone. {mean}")
    );
    assert_eq!(
        found("ReduceSum", &[3], 0, None),
        format!("sums a feature map over one of height and width alone. {mean}")
    );
    assert!(
        found("ReduceMean", &[1], 0, None).starts_with("sums up the channels of a feature map. ")
    );
}

#[test]
fn a_flattened_map_in_another_order_makes_no_picture() {
    let flattened = |order: &[i64], activation: bool| {
        let mut draft = Draft::new();
        draft.random("k", &[3, 3, 1, 3]);
        let convolution = with_ints(node("Conv", &["x", "k"], "a"), "pads", &[0, 1, 0, 1]);
        draft.push(convolution);
        draft.node_ints("Transpose", &["a"], "t", ("perm", order));
        let map = if activation {
            draft.node("Relu", &["t"], "r");
            "r"
        } else {
            "t"
        };
        draft
            .node("Flatten", &[map], "f")
            .random("w", &[48, 4])
            .node("Gemm", &["f", "w"], "y")
            .output("y");
        draft
    };
    assert_obstacle(
        &flattened(&[0, 3, 2, 1], false),
        "the operator Transpose “t” was found, which gives the dense layers its feature map in an order of axes that \
         is not known. Export the network with its feature map flattened as N x C x height x width, or as N x height \
         x width x C.",
    );
    assert_obstacle(
        &flattened(&[0, 2, 3, 1], true),
        "the operator Transpose “t” was found, behind which other operators follow before its feature map is \
         flattened. Export the network with that transposition right before the flattening, or without it.",
    );
    assert!(check(flattened(&[0, 2, 3, 1], false).model.encode_to_vec()).is_ok());
    // A map that meets the weights as it is.
    let mut draft = Draft::new();
    draft
        .random("k", &[3, 3, 3, 3])
        .node("Conv", &["x", "k"], "a")
        .random("w", &[2, 5])
        .node("MatMul", &["a", "w"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Conv “a” was found, whose feature map reaches the dense layers neither pooled over space nor \
         flattened. Use a convolutional image classifier that ends in a pooling or flattening and dense layers.",
    );
    let mut draft = Draft::with_features();
    draft
        .random("w", &[4, 5])
        .node("MatMul", &["a", "w"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the input itself was found, so there are only convolutions of 1 x 1 on the way. Use a convolutional image \
         classifier that ends in a pooling or flattening and dense layers.",
    );
}

#[test]
fn changed_scores_are_no_tokens() {
    let mut draft = classifier();
    draft
        .node("Softmax", &["z"], "s")
        .weight("floor", &[], vec![0.01])
        .node("Add", &["s", "floor"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Softmax “s” was found, which makes scores of logits, and what follows changes the scores. \
         Export the network with the logits or the scores of all classes as its output.",
    );
    // Attention stays what it is.
    let mut draft = Draft::with_features();
    draft
        .integers("tokens", &[1, 16, 3])
        .node("Reshape", &["a", "tokens"], "t")
        .node_ints("Transpose", &["t"], "k", ("perm", &[0, 2, 1]))
        .node("MatMul", &["t", "k"], "q")
        .weight("scale", &[], vec![0.5])
        .node("Mul", &["q", "scale"], "scaled")
        .node("Softmax", &["scaled"], "s")
        .node("Relu", &["s"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Softmax “s” was found, which works on a sequence of tokens or features. Use a convolutional \
         image classifier that ends in a pooling or flattening and dense layers.",
    );
}

#[test]
fn quantised_arithmetic_is_told_what_to_do() {
    let advice = "which computes with quantised numbers. Use the network before its quantisation, or quantise it in \
                  the QDQ format.";
    for (op, domain) in [
        ("QLinearMatMul", ""),
        ("MatMulInteger", ""),
        ("ConvInteger", ""),
        ("DynamicQuantizeLinear", ""),
        ("QGemm", "com.microsoft"),
        ("DynamicQuantizeMatMul", "com.microsoft"),
    ] {
        let mut draft = classifier();
        draft.push(foreign(op, &["z"], "y", domain)).output("y");
        assert_obstacle(
            &draft,
            &format!("the operator {op} “y” was found, {advice}"),
        );
    }
}

#[test]
fn optimised_files_are_told_what_to_do() {
    for (op, domain) in [
        ("ReorderOutput", "com.microsoft.nchwc"),
        ("FusedGemm", "com.microsoft"),
    ] {
        let mut draft = classifier();
        draft.push(foreign(op, &["z"], "y", domain)).output("y");
        assert_obstacle(
            &draft,
            &format!(
                "the operator {op} “y” was found, which ONNX Runtime's own optimiser writes. Use the file as it was \
                 exported, before ONNX Runtime optimised it: it does so itself."
            ),
        );
    }
    let error = check(b"\x18\0\0\0ORTM\0\0\0\0and so on".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "network.onnx is not an ONNX model: it is in ONNX Runtime's own format (.ort). Use the ONNX file that it was \
         made from."
    );
}

#[test]
fn a_choice_left_in_the_graph_is_named() {
    let squeeze = "the operator If “s” was found, which chooses what is computed while the network runs. Export the \
                   network with Flatten in place of its squeeze, or for pictures of one size, or have a simplifier \
                   such as onnxsim take that choice out of the file.";
    let branch = |op: &str, result: &str| proto::Graph {
        name: Some(op.to_owned()),
        node: vec![node(op, &["p"], result)],
        output: vec![value(result, data_type::FLOAT)],
        ..proto::Graph::default()
    };
    let chosen = || {
        let mut draft = Draft::with_features();
        draft
            .node("GlobalAveragePool", &["a"], "p")
            .integers("last", &[3])
            .integers("one", &[1])
            .node("Shape", &["p"], "shape")
            .node("Gather", &["shape", "last"], "size")
            .node("Equal", &["size", "one"], "is_one");
        let mut choice = node("If", &["is_one"], "s");
        for (name, graph) in [
            ("then_branch", branch("Squeeze", "then")),
            ("else_branch", branch("Identity", "else")),
        ] {
            choice.attribute.push(proto::Attribute {
                name: Some(name.into()),
                g: Some(Box::new(graph)),
                r#type: Some(attribute_type::GRAPH),
                ..proto::Attribute::default()
            });
        }
        draft
            .push(choice)
            .node("Flatten", &["s"], "f")
            .random("w", &[3, 4]);
        draft
    };
    for product in ["Gemm", "MatMul"] {
        let mut draft = chosen();
        draft.node(product, &["f", "w"], "y").output("y");
        assert_obstacle(&draft, squeeze);
        let mut draft = chosen();
        draft
            .node(product, &["f", "w"], "z")
            .random("b", &[4])
            .node("Add", &["z", "b"], "y")
            .output("y");
        assert_obstacle(&draft, squeeze);
    }
}

#[test]
fn dense_layers_in_groups_are_named() {
    let words = "which is a dense layer in several groups. Export the network with that convolution in one group, \
                 whose weights between groups are zero.";
    let grouped = || {
        let mut draft = Draft::new();
        draft
            .random("k", &[4, 3, 3, 3])
            .node("Conv", &["x", "k"], "a")
            .node("GlobalAveragePool", &["a"], "p")
            .random("v", &[6, 2, 1, 1])
            .node_int("Conv", &["p", "v"], "h", ("group", 2))
            .node("Relu", &["h"], "r");
        draft
    };
    let mut draft = grouped();
    draft
        .random("w", &[4, 3, 1, 1])
        .node_int("Conv", &["r", "w"], "z", ("group", 2))
        .node("Flatten", &["z"], "y")
        .output("y");
    assert_obstacle(&draft, &format!("the operator Conv “z” was found, {words}"));
    let mut draft = grouped();
    draft
        .node("Flatten", &["r"], "f")
        .random("w", &[6, 4])
        .node("Gemm", &["f", "w"], "y")
        .output("y");
    assert_obstacle(&draft, &format!("the operator Conv “h” was found, {words}"));
}
