//! How many classes a tensor of logits has, before anything of the graph is run.

use crate::model::layers::{dense_shape, keeps_values};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto;

/// How many nodes to look back for that.
const FARTHEST: usize = 256;

/// Whether `tensor` is a single number, as layers or the shape of the output that it is returned as tell.
pub fn is_single(graph: &Graph, tensor: &str, output: Option<&proto::ValueInfo>) -> bool {
    match columns(graph, tensor) {
        Some(columns) => columns == 1,
        None => {
            let dims = output.and_then(Graph::input_type).map(|(_, dims)| dims);
            dims.is_some_and(|dims| match dims.split_first() {
                Some((_, rest)) if !rest.is_empty() => rest.iter().all(|&size| size == Some(1)),
                _ => false,
            })
        }
    }
}

/// How many numbers `tensor` holds, from the layers that make them.
pub fn columns(graph: &Graph, tensor: &str) -> Option<usize> {
    count_columns(graph, tensor, &mut FARTHEST.to_owned())
}

/// The same, in no more than so many `steps`: what branches and joins again and again is not followed.
fn count_columns(graph: &Graph, tensor: &str, steps: &mut usize) -> Option<usize> {
    *steps = steps.checked_sub(1)?;
    let node = graph.producer(tensor)?;
    if let Some((_, outputs)) = dense_shape(graph, node) {
        return Some(outputs);
    }
    if keeps_values(graph, node) {
        return count_columns(graph, node.operand(0), steps);
    }
    match node.op() {
        Op::Concat => {
            let mut sum = 0usize;
            for part in &node.input {
                sum = sum.checked_add(count_columns(graph, part, steps)?)?;
            }
            Some(sum)
        }
        op if op.facts().places == Places::Elementwise => {
            let mut widest = None;
            for operand in node.input.iter().filter(|operand| !operand.is_empty()) {
                let count = match graph.varies(operand) {
                    true => count_columns(graph, operand, steps)?,
                    // Settings are numbers too; a wider constant spreads what it meets.
                    false => {
                        let sizes = graph.constant_shape(operand)?;
                        let count = |count: usize, size: &usize| count.checked_mul(*size);
                        sizes.iter().try_fold(1, count)?
                    }
                };
                widest = widest.max(Some(count));
            }
            widest
        }
        _ => None,
    }
}
