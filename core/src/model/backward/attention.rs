//! Gradients of attention as one operator (Vaswani et al., "Attention Is All You Need", 2017, section 3.2.1).

use super::context::Context;
use super::summing::softmax_slope;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::with_int;
use crate::onnx::ops::Op;
use crate::onnx::proto::{Node, data_type};

/// dQ, dK or dV (the `index`th operand) of Y = softmax(s Q Kᵀ + mask) V, whose weights are computed anew.
pub fn attention(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let plain = ["is_causal", "qk_matmul_output_mode"];
    let is_plain = plain.iter().all(|name| node.int(name, 0) == 0)
        && node.float("softcap", 0.0) == 0.0
        && node.operand(4).is_empty()
        && node.operand(5).is_empty();
    let shapes = [0, 1, 2].map(|operand| context.shape(node.operand(operand)));
    let [Some(query), Some(key), Some(value)] = shapes else {
        return None;
    };
    let rows = |name: &str| usize::try_from(node.int(name, 0)).ok();
    // Heads lie along an axis of their own, or in blocks of the last one.
    let heads = match query.len() {
        4 => query[1],
        _ => rows("q_num_heads")?,
    };
    let same_heads = match key.len() {
        4 => key[1] == heads && value[1] == heads,
        _ => rows("kv_num_heads")? == heads,
    };
    if !is_plain || !same_heads || heads == 0 || index > 2 {
        return None;
    }
    let by_head = |builder: &mut GraphBuilder, tensor: &str, shape: &[usize]| match shape {
        &[batch, length, width] => {
            let split = builder.reshape(tensor, &[batch, length, heads, width / heads]);
            builder.transpose(&split, &[0, 2, 1, 3])
        }
        _ => tensor.to_owned(),
    };
    for operand in 0..3 {
        context.fixed_shape(node.operand(operand))?;
    }
    let q = by_head(builder, node.operand(0), &query);
    let k = by_head(builder, node.operand(1), &key);
    let v = by_head(builder, node.operand(2), &value);
    let of_result = context.shape(node.result())?;
    let dy = by_head(builder, dy, &of_result);
    let width = match *query.as_slice() {
        [_, _, _, width] => width,
        [_, _, width] => width / heads,
        _ => return None,
    };
    let scale = node.float("scale", 1.0 / (width as f32).sqrt());
    let turned = [0, 1, 3, 2];
    let k_turned = builder.transpose(&k, &turned);
    let scores = builder.push("MatMul", &[&q, &k_turned]);
    let mut scores = builder.scale(&scores, scale);
    if !node.operand(3).is_empty() {
        let mask = node.operand(3);
        scores = match is_truth(context.graph, mask) {
            true => {
                let lowest = builder.scalar(f32::MIN / 2.0);
                builder.push("Where", &[mask, &scores, &lowest])
            }
            false => builder.push("Add", &[&scores, mask]),
        };
    }
    let weights = builder.push_with("Softmax", &[&scores], |node| with_int(node, "axis", -1));
    let dx = if index == 2 {
        let weights = builder.transpose(&weights, &turned);
        builder.push("MatMul", &[&weights, &dy])
    } else {
        let v_turned = builder.transpose(&v, &turned);
        let of_weights = builder.push("MatMul", &[&dy, &v_turned]);
        let of_scores = softmax_slope(builder, &weights, &of_weights, &[-1]);
        let of_scores = builder.scale(&of_scores, scale);
        if index == 0 {
            builder.push("MatMul", &[&of_scores, &k])
        } else {
            let of_scores = builder.transpose(&of_scores, &turned);
            builder.push("MatMul", &[&of_scores, &q])
        }
    };
    let shape = match index {
        0 => query,
        1 => key,
        _ => value,
    };
    Some(if shape.len() == 3 {
        let rows = builder.transpose(&dx, &[0, 2, 1, 3]);
        builder.reshape(&rows, &shape)
    } else {
        dx
    })
}

/// Whether `tensor` holds truth values.
fn is_truth(graph: &Graph, tensor: &str) -> bool {
    if let Some(weight) = graph.initializer(tensor) {
        return weight.data_type() == data_type::BOOL;
    }
    graph.producer(tensor).is_some_and(|node| match node.op() {
        Op::And | Op::Or | Op::Xor | Op::Not | Op::IsNaN | Op::IsInf => true,
        Op::Equal | Op::Greater | Op::GreaterOrEqual | Op::Less | Op::LessOrEqual => true,
        Op::Cast => node.int("to", 1) == i64::from(data_type::BOOL),
        op if op.facts().values == crate::onnx::ops::Values::Keeps || op == Op::Expand => {
            node.operand(0) != tensor && is_truth(graph, node.operand(0))
        }
        _ => false,
    })
}
