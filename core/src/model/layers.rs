//! What single layers are: what they keep, multiply with, and pass a gradient back through.
//!
//! Which operators come into question is told by [`ops`](crate::onnx::ops); here their attributes
//! and operands are looked at.

use crate::onnx::graph::Graph;
use crate::onnx::ops::{Gradient, Op, Places, Values};
use crate::onnx::proto::{Node, data_type};

/// Whether the node returns, of a single vector, the same numbers in the same order; for the two
/// operators of quantisation up to its rounding.
pub fn keeps_values(graph: &Graph, node: &Node) -> bool {
    match node.op().facts().values {
        Values::Keeps => true,
        Values::Picks => gathers_all(graph, node),
        Values::OfShape | Values::Changes => false,
    }
}

/// A `Gather` of the first, second, third and so on of a vector, as some exporters of PyTorch
/// write a view with other strides.
fn gathers_all(graph: &Graph, node: &Node) -> bool {
    let indices = || graph.constant(node.operand(1))?.integers();
    graph.varies(node.operand(0))
        && node.int("axis", 0) == 0
        && indices().is_some_and(|indices| {
            indices.len() > 1
                && indices
                    .iter()
                    .zip(0..)
                    .all(|(&index, place)| index == place)
        })
}

/// A 1 x 1 convolution of stride 1 in one group: a dense layer for each position.
pub fn is_pointwise(graph: &Graph, node: &Node) -> bool {
    let shape = graph.constant_shape(node.operand(1));
    slides(graph, node) && shape.is_some_and(|shape| shape[2..] == [1, 1])
}

/// Whether the node is a convolution over space of constant weights whose kernel steps from cell to
/// cell and stays inside the map.
pub fn slides(graph: &Graph, node: &Node) -> bool {
    let all = |attribute: &str, value: i64| {
        node.ints(attribute)
            .is_none_or(|found| found.iter().all(|&found| found == value))
    };
    let unpadded = |kind: &[u8]| matches!(kind, b"NOTSET" | b"VALID");
    let kind = node.find("auto_pad").and_then(|found| found.s.as_deref());
    let shape = graph.constant_shape(node.operand(1));
    node.op() == Op::Conv
        && shape.is_some_and(|shape| {
            shape.len() == 4
                && (shape[2..] == [1, 1] || kind.is_none_or(unpadded) && all("dilations", 1))
        })
        && node.int("group", 1) == 1
        && all("strides", 1)
        && all("pads", 0)
}

/// (inputs, outputs) of a dense layer: `Gemm`, `MatMul` or 1 x 1 `Conv` with constant weights.
pub fn dense_shape(graph: &Graph, node: &Node) -> Option<(usize, usize)> {
    let shape = graph.constant_shape(node.operand(1))?;
    match (node.op(), shape.as_slice()) {
        (Op::Gemm, &[outputs, inputs]) if node.int("transB", 0) != 0 => Some((inputs, outputs)),
        (Op::Gemm | Op::MatMul, &[inputs, outputs]) => Some((inputs, outputs)),
        (Op::Conv, &[outputs, inputs, 1, 1]) => Some((inputs, outputs)),
        _ => None,
    }
}

/// Indices of the operands of `node` through which a gradient flows back to the features; none
/// for operators that a head is not expected to have.
pub fn differentiable_inputs(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    let facts = node.op().facts();
    let varying: Vec<usize> = (0..node.input.len())
        .filter(|&index| graph.varies(node.operand(index)))
        .collect();
    let inputs = match facts.gradient {
        Gradient::None => return None,
        Gradient::All => varying,
        Gradient::First => vec![0],
        Gradient::FirstAlone => Some(varying).filter(|varying| *varying == [0])?,
    };
    let is_plain = match facts.values {
        Values::Keeps | Values::Picks => keeps_values(graph, node),
        Values::OfShape | Values::Changes if facts.is_dense => is_plain_layer(graph, node),
        Values::OfShape | Values::Changes => {
            facts.places != Places::Reduce || node.int("keepdims", 1) == 1
        }
    };
    is_plain.then_some(inputs)
}

/// Whether a dense layer or convolution is of the kind that has a gradient here.
fn is_plain_layer(graph: &Graph, node: &Node) -> bool {
    if matches!(node.op().facts().places, Places::Window { .. }) {
        slides(graph, node)
    } else {
        node.int("transA", 0) == 0 && dense_shape(graph, node).is_some()
    }
}

/// Whether `tensor` holds truth values.
pub fn is_truth(graph: &Graph, tensor: &str) -> bool {
    if let Some(weight) = graph.initializer(tensor) {
        return weight.data_type() == data_type::BOOL;
    }
    graph.producer(tensor).is_some_and(|node| match node.op() {
        Op::And | Op::Or | Op::Xor | Op::Not | Op::IsNaN | Op::IsInf => true,
        Op::Equal | Op::Greater | Op::GreaterOrEqual | Op::Less | Op::LessOrEqual => true,
        Op::Cast => node.int("to", 1) == i64::from(data_type::BOOL),
        op if op.facts().values == Values::Keeps || op == Op::Expand => {
            node.operand(0) != tensor && is_truth(graph, node.operand(0))
        }
        _ => false,
    })
}
