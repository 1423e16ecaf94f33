//! Heads that compare the direction of the features with one of each class.
//!
//! A cosine times a scale is what a dense layer makes of the features, divided by their length: a positive number that is
//! the same for all classes of a picture. It changes how far apart scores are, not what speaks for a class, and its own
//! gradient would hide that: features that point where a class does cannot point there any more.

use super::steps::scaled;
use crate::model::layers::{dense_shape, keeps_values};
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// How many nodes to look back.
const FARTHEST: usize = 16;

/// Index of the dense layer without a bias that makes `logits` of a vector divided by its length, up to a positive scale,
/// and that vector; none where something else makes them.
pub fn behind<'a>(graph: &'a Graph, logits: &'a str) -> Option<(usize, &'a str)> {
    let mut tensor = logits;
    for _ in 0..FARTHEST {
        let index = graph.producer_index(tensor)?;
        let node = &graph.nodes()[index];
        if dense_shape(graph, node).is_some() {
            let divided = graph.producer(node.operand(0))?;
            let vector = divided.operand(0);
            let is_cosine = matches!(node.op(), Op::Gemm | Op::MatMul)
                && node.operand(2).is_empty()
                && divided.op() == Op::Div
                && is_length(graph, divided.operand(1), vector);
            return is_cosine.then_some((index, vector));
        }
        tensor = match scaled(graph, node) {
            Some(operand) => operand,
            None if keeps_values(graph, node) => node.operand(0),
            None => return None,
        };
    }
    None
}

/// Whether `tensor` is the length of `vector`, perhaps kept from being 0.
fn is_length(graph: &Graph, tensor: &str, vector: &str) -> bool {
    let is_square = |node: &Node| match node.op() {
        Op::Mul => node.operand(0) == vector && node.operand(1) == vector,
        Op::Pow => {
            let exponent = graph
                .constant(node.operand(1))
                .and_then(|found| found.floats());
            node.operand(0) == vector && exponent.is_some_and(|exponent| exponent == [2.0])
        }
        _ => false,
    };
    let mut tensor = tensor;
    let mut has_root = false;
    for _ in 0..FARTHEST {
        let Some(node) = graph.producer(tensor) else {
            return false;
        };
        match node.op() {
            Op::ReduceL2 => return node.operand(0) == vector,
            Op::ReduceSum if has_root => {
                return graph.producer(node.operand(0)).is_some_and(is_square);
            }
            Op::Sqrt => has_root = true,
            Op::Clip | Op::Expand | Op::Identity | Op::Cast => {}
            Op::Max | Op::Add if !graph.varies(node.operand(1)) => {}
            _ => return false,
        }
        tensor = node.operand(0);
    }
    false
}
