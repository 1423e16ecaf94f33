//! Refusals, word by word: what was found, and what helps.

use prost::Message;

use crate::model::{Scores, Target, check};
use crate::onnx::node::node;
use crate::onnx::proto;
use crate::testing::{Draft, ask, noise};

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
fn the_best_classes_alone_are_no_detector() {
    let mut draft = classifier();
    draft.integers("two", &[2]);
    let mut best = node("TopK", &["z", "two"], "values");
    best.output.push("indices".into());
    draft.push(best).output("values").output("indices");
    assert_obstacle(
        &draft,
        "the operator TopK “values” was found, which leaves the best classes alone, not a score for each class. \
         Export the network with the logits or the scores of all classes as its output.",
    );
    let mut draft = classifier();
    draft.node("ArgMax", &["z"], "y").output("y");
    assert_obstacle(
        &draft,
        "the operator ArgMax “y” was found, which leaves the best classes alone, not a score for each class. \
         Export the network with the logits or the scores of all classes as its output.",
    );
}

#[test]
fn joined_heads_are_no_detector() {
    let mut draft = classifier();
    draft.random("v", &[3, 2]).node("MatMul", &["f", "v"], "u");
    draft
        .node_int("Concat", &["z", "u"], "y", ("axis", 1))
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Concat “y” was found, which joins the results of several layers. Use a classifier whose \
         classes come from one layer, or write its layers as one before the export.",
    );
}

#[test]
fn an_index_behind_a_pool_picks_no_token() {
    let mut draft = Draft::with_features();
    draft
        .node("GlobalAveragePool", &["a"], "p")
        .integers("first", &[0]);
    draft
        .node_int("Gather", &["p", "first"], "column", ("axis", 3))
        .node_int("Gather", &["column", "first"], "row", ("axis", 2))
        .node("Flatten", &["row"], "f")
        .random("w", &[3, 4])
        .node("MatMul", &["f", "w"], "y")
        .output("y");
    assert_obstacle(
        &draft,
        "the operator Gather “row” was found, which picks by an index what a pool has left of each channel. \
         Export the network with Flatten or Squeeze behind its pool in place of the index.",
    );
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
fn scores_in_percent_are_scores() {
    let mut draft = classifier();
    draft
        .node("Softmax", &["z"], "s")
        .weight("hundred", &[], vec![100.0])
        .node("Mul", &["s", "hundred"], "y")
        .output("y");
    let Some(opened) = draft.open() else { return };
    let mut classifier = opened.unwrap();
    let activation = ask(&mut classifier, &noise(48, 3), Target::Rank(0)).unwrap();
    assert_eq!(
        (activation.logits.len(), activation.scores),
        (4, Scores::Softmax)
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
