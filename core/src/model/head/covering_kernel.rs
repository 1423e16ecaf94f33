//! Dense layers that are written as convolutions, as in fully convolutional forms of VGG.

use super::affine;
use super::{Anatomy, Head, Layout, channels};
use crate::model::backward::rules;
use crate::model::position::{Position, Positions};
use crate::onnx::graph::Graph;

/// Takes the feature map before a convolution whose kernel covers it, if `anatomy`'s map follows
/// from one: that is a dense layer on every value of a map, and leaves a map of a single cell.
pub fn before_covering_kernel(graph: &Graph, positions: &Positions, anatomy: Anatomy) -> Anatomy {
    let pool_is_known = anatomy.pool.is_none_or(|pool| {
        let pool = &graph.nodes()[pool];
        matches!(pool.op(), "GlobalAveragePool" | "ReduceMean")
            && rules::operands(graph, pool).is_some()
    });
    if !pool_is_known || anatomy.layout != Layout::ChannelsFirst {
        return anatomy;
    }
    let is_one_cell = |tensor: &str| matches!(positions.of(tensor), Some(Position::Single(_)));
    let mut passed = Vec::new();
    let mut tensor = anatomy.features.as_str();
    while let Some(index) = graph.producer_index(tensor) {
        let node = &graph.nodes()[index];
        if node.op() == "BatchNormalization" || rules::operands(graph, node) != Some(vec![0]) {
            break;
        }
        passed.push(index);
        let operand = node.operand(0);
        if node.op() == "Conv" && !affine::is_pointwise(graph, node) {
            if !is_one_cell(node.result()) || channels(graph, operand).is_none() {
                break;
            }
            passed.reverse();
            passed.extend(&anatomy.tail);
            return Anatomy {
                features: operand.to_owned(),
                head: Head::FlattenedLayers,
                tail: passed,
                pool: None,
                ..anatomy
            };
        }
        tensor = operand;
    }
    anatomy
}
