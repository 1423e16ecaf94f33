//! Dense layers that are written as convolutions, as in fully convolutional forms of VGG.

use crate::model::facts::Facts;
use crate::model::layers::{differentiable_inputs, is_pointwise};
use crate::model::position::Position;
use crate::model::types::{CellOrder, Head, HeadMatch, Layout};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Pool};

/// Takes the feature map before a convolution whose kernel covers it, if `head_match`'s map follows
/// from one: that is a dense layer on every value of a map, and leaves a map of a single cell.
pub fn before_covering_kernel(graph: &Graph, facts: &Facts, head_match: HeadMatch) -> HeadMatch {
    let pool_is_known = head_match.pool.is_none_or(|pool| {
        let pool = &graph.nodes()[pool];
        pool.op().facts().pool == Some(Pool::Mean) && differentiable_inputs(graph, pool).is_some()
    });
    if !pool_is_known || head_match.order != CellOrder::Map(Layout::ChannelsFirst) {
        return head_match;
    }
    let is_one_cell = |tensor: &str| matches!(facts.position(tensor), Some(Position::Single(_)));
    let mut passed = Vec::new();
    let mut tensor = head_match.features.as_str();
    while let Some(index) = graph.producer_index(tensor) {
        let node = &graph.nodes()[index];
        if node.op() == Op::BatchNormalization
            || differentiable_inputs(graph, node) != Some(vec![0])
        {
            break;
        }
        passed.push(index);
        let operand = node.operand(0);
        if node.op() == Op::Conv && !is_pointwise(graph, node) {
            if !is_one_cell(node.result()) || facts.channels(operand).is_none() {
                break;
            }
            passed.reverse();
            passed.extend(&head_match.tail);
            return HeadMatch {
                features: operand.to_owned(),
                head: Head::FlattenedLayers,
                tail: passed,
                pool: None,
                ..head_match
            };
        }
        tensor = operand;
    }
    head_match
}
