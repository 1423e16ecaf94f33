//! Attention as one operator, written out: softmax(s Q Kᵀ + mask) V for each head. Vaswani et al., "Attention Is All You
//! Need", NeurIPS 2017, section 3.2.

use crate::model::layers::is_truth;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::with_int;
use crate::onnx::proto::Node;

/// What attention is computed of.
struct Heads {
    /// Queries, keys and values: 1 x heads x tokens x width.
    tensors: [String; 3],
    /// The factor of the products; none: one over the root of the width.
    scale: Option<f32>,
    /// What is added to them, one for each query and key.
    mask: Option<String>,
    /// The mask holds truth values instead, which let them count.
    is_choice: bool,
    /// c tanh(x / c) bounds them, unless it is 0.
    bound: f32,
}

/// `Attention` of the standard, from operator set 23 on: of queries, keys and values in heads, or in rows that hold one
/// head after the other. Caches and causal attention are left.
pub fn standard(builder: &mut GraphBuilder, graph: &Graph, node: &Node) -> Option<String> {
    let is_left = ["is_causal", "qk_matmul_output_mode"]
        .iter()
        .any(|name| node.int(name, 0) != 0)
        || node.input.iter().skip(4).any(|operand| !operand.is_empty());
    if is_left {
        return None;
    }
    let heads = ["q_num_heads", "kv_num_heads"].map(|name| node.int(name, 0));
    let is_in_rows = heads[0] > 0;
    let mut tensors = [0, 1, 2].map(|index| node.operand(index).to_owned());
    if is_in_rows {
        // Several heads of queries for one of keys and values are not told apart from the rest.
        if heads[0] != heads[1] {
            return None;
        }
        tensors = tensors.map(|tensor| in_heads(builder, &tensor, heads[0]));
    }
    let found = Heads {
        tensors,
        scale: node.find("scale").and_then(|scale| scale.f),
        mask: Some(node.operand(3).to_owned()).filter(|mask| !mask.is_empty()),
        is_choice: is_truth(graph, node.operand(3)),
        bound: node.float("softcap", 0.0),
    };
    let made = attend(builder, found);
    Some(if is_in_rows {
        in_rows(builder, &made)
    } else {
        made
    })
}

/// `MultiHeadAttention` of ONNX Runtime: of rows of queries, keys and values, with what is added to them.
pub fn multi_head(builder: &mut GraphBuilder, node: &Node) -> Option<String> {
    let heads = node.int("num_heads", 0);
    let is_there = |index: usize| !node.operand(index).is_empty();
    let has_rows = is_there(1) && is_there(2);
    let has_more = is_there(4) || (6..node.input.len()).any(is_there);
    if heads < 1 || !has_rows || has_more || node.int("unidirectional", 0) != 0 {
        return None;
    }
    let mut tensors = [0, 1, 2].map(|index| node.operand(index).to_owned());
    if is_there(3) {
        let biases = builder.split(node.operand(3), 0, 3);
        for (tensor, bias) in tensors.iter_mut().zip(&biases) {
            *tensor = builder.push("Add", &[tensor.as_str(), bias.as_str()]);
        }
    }
    let found = Heads {
        tensors: tensors.map(|tensor| in_heads(builder, &tensor, heads)),
        scale: of_runtime(node),
        mask: Some(node.operand(5).to_owned()).filter(|mask| !mask.is_empty()),
        is_choice: false,
        bound: 0.0,
    };
    let made = attend(builder, found);
    Some(in_rows(builder, &made))
}

/// `Attention` of ONNX Runtime: of rows that it multiplies with the weights of queries, keys and values itself.
pub fn packed(builder: &mut GraphBuilder, graph: &Graph, node: &Node) -> Option<String> {
    let heads = node.int("num_heads", 0);
    let is_there = |index: usize| !node.operand(index).is_empty();
    let has_more = is_there(3) || is_there(4) || (6..node.input.len()).any(is_there);
    let settings = ["unidirectional", "do_rotary", "past_present_share_buffer"];
    let is_plain = settings.iter().all(|name| node.int(name, 0) == 0);
    let has_own_sizes = node.find("qkv_hidden_sizes").is_some();
    graph.initializer(node.operand(1))?;
    if heads < 1 || has_more || has_own_sizes || !is_plain {
        return None;
    }
    let mut rows = builder.push("MatMul", &[node.operand(0), node.operand(1)]);
    if is_there(2) {
        rows = builder.push("Add", &[&rows, node.operand(2)]);
    }
    let parts: [String; 3] = builder.split(&rows, 2, 3).try_into().ok()?;
    let found = Heads {
        tensors: parts.map(|tensor| in_heads(builder, &tensor, heads)),
        scale: of_runtime(node),
        mask: Some(node.operand(5).to_owned()).filter(|mask| !mask.is_empty()),
        is_choice: false,
        bound: 0.0,
    };
    let made = attend(builder, found);
    Some(in_rows(builder, &made))
}

/// ONNX Runtime takes a scale of 0 for one that is not given.
fn of_runtime(node: &Node) -> Option<f32> {
    node.find("scale")
        .and_then(|scale| scale.f)
        .filter(|&scale| scale != 0.0)
}

/// 1 x tokens x (heads · width) as 1 x heads x tokens x width
fn in_heads(builder: &mut GraphBuilder, rows: &str, heads: i64) -> String {
    let shape = builder.integers(&[0, 0, heads, -1]);
    let split = builder.push("Reshape", &[rows, &shape]);
    builder.transpose(&split, &[0, 2, 1, 3])
}

/// 1 x heads x tokens x width as 1 x tokens x (heads · width)
fn in_rows(builder: &mut GraphBuilder, heads: &str) -> String {
    let rows = builder.transpose(heads, &[0, 2, 1, 3]);
    let shape = builder.integers(&[0, 0, -1]);
    builder.push("Reshape", &[&rows, &shape])
}

fn attend(builder: &mut GraphBuilder, heads: Heads) -> String {
    let [q, k, v] = heads.tensors;
    let turned = builder.transpose(&k, &[0, 1, 3, 2]);
    let products = builder.push("MatMul", &[&q, &turned]);
    let mut scores = match heads.scale {
        Some(scale) => builder.scale(&products, scale),
        None => {
            // The width of a head, as the file itself would have to say it.
            let shape = builder.push("Shape", &[&q]);
            let last = builder.integers(&[3]);
            let width = builder.push("Gather", &[&shape, &last]);
            let width = builder.as_float(&width);
            let root = builder.push("Sqrt", &[&width]);
            builder.push("Div", &[&products, &root])
        }
    };
    if heads.bound > 0.0 {
        let small = builder.scale(&scores, 1.0 / heads.bound);
        let bounded = builder.push("Tanh", &[&small]);
        scores = builder.scale(&bounded, heads.bound);
    }
    if let Some(mask) = heads.mask {
        scores = if heads.is_choice {
            let lowest = builder.scalar(f32::MIN / 2.0);
            builder.push("Where", &[&mask, &scores, &lowest])
        } else {
            builder.push("Add", &[&scores, &mask])
        };
    }
    let weights = builder.push_with("Softmax", &[&scores], |made| with_int(made, "axis", -1));
    builder.push("MatMul", &[&weights, &v])
}
