//! How much a network computes, in products of two numbers.

use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;
use crate::onnx::shapes::{Equation, Shapes};

/// Products that `node` takes: those of its convolution or matrix product; 0 for all others, which take next to none, and
/// where shapes are not known.
pub fn products(graph: &Graph, shapes: &Shapes, node: &Node) -> u64 {
    counted(graph, shapes, node).unwrap_or(0)
}

fn counted(graph: &Graph, shapes: &Shapes, node: &Node) -> Option<u64> {
    let operand = |index: usize| shapes.of(graph, node.operand(index));
    let count = |sizes: &[usize]| {
        sizes.iter().try_fold(1u64, |count, &size| {
            count.checked_mul(u64::try_from(size).ok()?)
        })
    };
    let made = count(&shapes.of(graph, node.result())?)?;
    match node.op() {
        // Each value made, or taken, meets one kernel.
        Op::Conv => made.checked_mul(count(operand(1)?.get(1..)?)?),
        Op::ConvTranspose => count(&operand(0)?)?.checked_mul(count(operand(1)?.get(1..)?)?),
        Op::MatMul => made.checked_mul(u64::try_from(*operand(0)?.last()?).ok()?),
        Op::Gemm => {
            let summed = usize::from(node.int("transA", 0) == 0);
            made.checked_mul(u64::try_from(*operand(0)?.get(summed)?).ok()?)
        }
        Op::Einsum => {
            let equation = Equation::of(node)?;
            let mut sizes = std::collections::BTreeMap::new();
            for (index, letters) in equation.operands.iter().enumerate() {
                sizes.extend(letters.iter().copied().zip(operand(index)?));
            }
            count(&sizes.into_values().collect::<Vec<_>>())
        }
        _ => Some(0),
    }
}

/// Bytes of what the nodes of a `tail` make, in single precision: a gradient keeps all of it at hand, and makes as much
/// again.
pub fn bytes_of_tail(graph: &Graph, shapes: &Shapes, tail: &[usize]) -> u64 {
    let outputs = tail.iter().flat_map(|&index| &graph.nodes()[index].output);
    let elements = outputs.filter_map(|output| {
        let shape = shapes.of(graph, output)?;
        Some(
            shape
                .iter()
                .fold(1u64, |count, &size| count.saturating_mul(size as u64)),
        )
    });
    elements
        .fold(0u64, u64::saturating_add)
        .saturating_mul(2 * size_of::<f32>() as u64)
}
