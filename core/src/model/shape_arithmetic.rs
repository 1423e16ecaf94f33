//! What exporters compute of shapes while the network runs: the sizes that a reshaping is given.

use std::collections::HashMap;

use crate::onnx::constant_fold::Constant;
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// A size that the graph alone does not tell.
pub const UNKNOWN: i64 = i64::MIN;

/// Most numbers of a shape, or of what says how an operator moves places.
pub const MOST_NUMBERS: usize = 64;

/// The constant `tensor`, if it is one of few numbers in a row.
pub fn short_constant(graph: &Graph, tensor: &str) -> Option<Constant> {
    let shape = graph.constant_shape(tensor)?;
    let is_short = shape.len() <= 1 && shape.iter().all(|&size| size <= MOST_NUMBERS);
    is_short.then(|| graph.constant(tensor))?
}

/// The integers of an attribute of `node`, or of a constant operand where there is no such attribute.
pub fn numbers(graph: &Graph, node: &Node, attribute: &str, operand: usize) -> Option<Vec<i64>> {
    match node.ints(attribute) {
        Some(numbers) => Some(numbers.to_vec()),
        None => short_constant(graph, node.operand(operand))?.integers(),
    }
}

/// The integers that follow from shapes of tensors, as far as they are known.
#[derive(Default)]
pub struct Sizes<'a> {
    known: HashMap<&'a str, Vec<i64>>,
}

impl<'a> Sizes<'a> {
    /// The integers in `tensor`, [`UNKNOWN`] where they are not known; none where it holds none.
    pub fn get(&self, graph: &Graph, tensor: &str) -> Option<Vec<i64>> {
        if let Some(known) = self.known.get(tensor) {
            return Some(known.clone());
        }
        short_constant(graph, tensor)?.integers()
    }

    /// Takes in the result of `node`, whose operands were taken in before; `shape` is that of its
    /// first operand, where that is known.
    pub fn learn(&mut self, graph: &Graph, node: &'a Node, shape: Option<Vec<i64>>) {
        if let Some(numbers) = self.compute(graph, node, shape)
            && numbers.len() <= MOST_NUMBERS
        {
            self.known.insert(node.result(), numbers);
        }
    }

    fn compute(&self, graph: &Graph, node: &Node, shape: Option<Vec<i64>>) -> Option<Vec<i64>> {
        let operand = |index: usize| self.get(graph, node.operand(index));
        if node.op() == Op::Shape {
            let first = node.int("start", 0) == 0 && node.find("end").is_none();
            return shape.filter(|_| first);
        }
        // Only what shapes made is followed: the rest is constant anyway.
        let follows = node
            .input
            .iter()
            .any(|input| self.known.contains_key(input.as_str()));
        if !follows {
            return None;
        }
        let pick = |numbers: &[i64], index: i64| {
            let length = i64::try_from(numbers.len()).ok()?;
            let index = if index < 0 { index + length } else { index };
            numbers.get(usize::try_from(index).ok()?).copied()
        };
        match node.op() {
            Op::Identity | Op::Cast | Op::Squeeze | Op::Unsqueeze => operand(0),
            Op::Gather if node.int("axis", 0) == 0 => {
                let numbers = operand(0)?;
                let indices = operand(1)?;
                indices.iter().map(|&index| pick(&numbers, index)).collect()
            }
            Op::Concat => {
                let parts: Option<Vec<Vec<i64>>> = (0..node.input.len()).map(operand).collect();
                Some(parts?.concat())
            }
            Op::Slice if node.operand(4).is_empty() => {
                let numbers = operand(0)?;
                let bound = |index: usize| {
                    let length = i64::try_from(numbers.len()).ok()?;
                    let bound = *operand(index)?.first().filter(|&&bound| bound != UNKNOWN)?;
                    let bound = if bound < 0 { bound + length } else { bound };
                    usize::try_from(bound.clamp(0, length)).ok()
                };
                numbers.get(bound(1)?..bound(2)?).map(<[i64]>::to_vec)
            }
            op @ (Op::Add | Op::Sub | Op::Mul | Op::Div) => {
                let (a, b) = (operand(0)?, operand(1)?);
                let length = a.len().max(b.len());
                let at = |numbers: &[i64], index: usize| match numbers {
                    [one] => Some(*one),
                    several => several.get(index).copied(),
                };
                (0..length)
                    .map(|index| {
                        let (a, b) = (at(&a, index)?, at(&b, index)?);
                        if a == UNKNOWN || b == UNKNOWN {
                            return Some(UNKNOWN);
                        }
                        match op {
                            Op::Add => a.checked_add(b),
                            Op::Sub => a.checked_sub(b),
                            Op::Mul => a.checked_mul(b),
                            _ => a.checked_div(b),
                        }
                    })
                    .collect()
            }
            _ => None,
        }
    }
}
