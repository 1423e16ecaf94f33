//! The shape of every tensor of a graph, for inputs of given shapes.
//!
//! Sizes that the graph computes of other shapes are computed here as well ([`numbers`]). A tensor whose shape does not
//! follow, because of an operator that is not known here or of numbers that are not small, has none.

mod arithmetic;
mod fold;
mod numbers;
mod rules;
mod table;

use std::collections::HashMap;

use super::graph::Graph;
use super::ops::Op;
use super::proto::Node;

pub use arithmetic::{absolute, broadcast, element_count, sliced};
pub use rules::{Equation, split_sizes, whole};
pub use table::Shapes;

/// Most numbers of all tensors together that are looked at; those of few, as sizes are, do not count.
const MOST_IN_ALL: usize = 1 << 24;
const FEW: usize = 64;

/// Most fractions that are looked at: coordinates from which indices follow, not weights that were picked.
const MOST_FRACTIONS: usize = 1 << 14;

impl Shapes {
    /// Follows tensors of the shapes `inputs` through `graph`, in the order of its nodes.
    pub fn infer(graph: &Graph, inputs: &[(&str, &[usize])]) -> Self {
        let known = inputs
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
        let mut shapes = Self {
            shapes: known.collect(),
            numbers: HashMap::new(),
        };
        let mut left = MOST_IN_ALL;
        for node in graph.nodes() {
            let made = rules::results(graph, &shapes, node).unwrap_or_default();
            for (output, shape) in node.output.iter().zip(made) {
                if let Some(shape) = shape.filter(|_| !output.is_empty()) {
                    shapes.shapes.insert(output.clone(), shape);
                }
            }
            let result = node.result();
            if !graph.varies(result)
                && (left > 0 || is_of_few(graph, &shapes, node))
                && let Some(numbers) = fold::computed(graph, &shapes, node)
                && (numbers.is_integer || numbers.values.len() <= MOST_FRACTIONS)
            {
                if numbers.values.len() > FEW {
                    left = left.saturating_sub(numbers.values.len());
                }
                shapes
                    .shapes
                    .insert(result.to_owned(), numbers.shape.clone());
                shapes.numbers.insert(result.to_owned(), numbers);
            }
        }
        shapes
    }
}

/// Whether `node` makes few numbers.
fn is_of_few(graph: &Graph, shapes: &Shapes, node: &Node) -> bool {
    let result = node.result();
    let shape = match node.op() {
        Op::Shape | Op::Size => return true,
        Op::Constant => graph.constant_shape(result),
        _ => shapes.of(graph, result),
    };
    let count = shape.and_then(|shape| element_count(&shape));
    count.is_some_and(|count| count <= FEW)
}
