//! Refusals, word by word: what was found, and what helps.

use prost::Message;

use crate::model::check;
use crate::onnx::node::{node, value, with_int, with_ints};
use crate::onnx::proto::{self, attribute_type, data_type};
use crate::testing::Draft;

const LEAD: &str = "network.onnx cannot be explained: going back from its output in search of a \
                    spatial feature map, ";

/// The words with which a network is refused before ONNX Runtime sees it.
pub fn refusal(draft: &Draft) -> String {
    check(draft.model.encode_to_vec()).unwrap_err().to_string()
}

fn assert_obstacle(draft: &Draft, words: &str) {
    assert_eq!(refusal(draft), format!("{LEAD}{words}"));
}

pub fn foreign(op: &str, inputs: &[&str], output: &str, domain: &str) -> proto::Node {
    proto::Node {
        domain: Some(domain.into()),
        ..node(op, inputs, output)
    }
}

#[test]
fn changed_scores_are_no_tokens() {
    let mut draft = Draft::classifier();
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
        let mut draft = Draft::classifier();
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
        ("NhwcConv", "com.microsoft"),
    ] {
        let mut draft = Draft::classifier();
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
fn what_is_no_row_of_classes_is_no_classifier() {
    // A part of a feature map.
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
    // A mean over one of height and width, or over the channels.
    for (axis, words) in [
        (
            2,
            "averages a feature map over one of height and width alone. ",
        ),
        (1, "sums up the channels of a feature map. "),
    ] {
        let mut draft = Draft::with_features();
        let mean = with_ints(node("ReduceMean", &["a"], "p"), "axes", &[axis]);
        draft
            .push(with_int(mean, "keepdims", 0))
            .random("w", &[4, 4]);
        draft.node("MatMul", &["p", "w"], "y").output("y");
        let lead = format!("{LEAD}the operator ReduceMean “p” was found, which {words}");
        assert!(refusal(&draft).starts_with(&lead), "{}", refusal(&draft));
    }
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
