//! Constants that have a number for each cell of a map, and so fix how many cells there are.

use super::facts::Facts;
use super::position::Position;
use crate::onnx::graph::Graph;
use crate::onnx::proto::Node;

/// Whether a node of `graph` spreads a map and a constant out to one size, of which the constant's
/// is more than one cell along height or width.
pub fn is_in(graph: &Graph, facts: &Facts) -> bool {
    graph
        .nodes()
        .iter()
        .any(|node| node.op().facts().spreads && meets_space(graph, facts, node))
}

fn meets_space(graph: &Graph, facts: &Facts, node: &Node) -> bool {
    let map = node.input.iter().find_map(|operand| {
        let position = facts.position(operand);
        position.and_then(Position::map)
    });
    let Some(map) = map else { return false };
    let constants = node.input.iter().filter(|operand| !graph.varies(operand));
    constants
        .filter_map(|operand| graph.constant_shape(operand))
        .any(|shape| {
            // Sizes are matched from the last axis on.
            let size = |axis: usize| Some(shape[(axis + shape.len()).checked_sub(map.rank())?]);
            map.axes()
                .into_iter()
                .any(|axis| size(axis).is_some_and(|size| size > 1))
        })
}
