//! What networks do to their logits or scores last, and that changes nothing about which class is the best.

use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// The operand that `node` keeps within constant bounds.
pub fn bounds<'a>(graph: &Graph, node: &'a Node) -> Option<&'a str> {
    match node.op() {
        Op::Clip => Some(node.operand(0)),
        Op::Max | Op::Min => {
            let [first, second] = node.input.as_slice() else {
                return None;
            };
            let (operand, bound) = match graph.varies(first) {
                true => (first, second),
                false => (second, first),
            };
            graph.constant(bound).map(|_| operand.as_str())
        }
        _ => None,
    }
}

/// The operand that `node` multiplies with, or divides by, one positive number.
pub fn scaled<'a>(graph: &Graph, node: &'a Node) -> Option<&'a str> {
    let (operand, factor) = match (node.op(), graph.varies(node.operand(0))) {
        (Op::Mul | Op::Div, true) => (node.operand(0), node.operand(1)),
        (Op::Mul, false) => (node.operand(1), node.operand(0)),
        (_, _) => return None,
    };
    let factor = graph.constant(factor)?.floats()?;
    matches!(factor.as_slice(), [factor] if *factor > 0.0).then_some(operand)
}
