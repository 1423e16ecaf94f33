//! The same vector of features at every place, as nodes in front of what follows the features: what one place of a picture
//! says to a head of layers.

use std::collections::HashSet;

use super::{Refusal, bounded, drop_unused, expose, keep_pads, pads_before_maxima, take_image};
use crate::model::facts::Facts;
use crate::model::image_input::Picture;
use crate::model::types::{CellOrder, HeadMatch, Layout};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{captured, sized, value};
use crate::onnx::proto::data_type;

/// Name of the features of one place, one value a channel.
pub const VECTOR: &str = "camoverlay/vector";

/// The operator that chooses between tensors is there from this operator set on.
const LEAST_OPSET: i64 = 9;

/// The serialised graph that takes a picture and [`VECTOR`] (C float32) and returns the logits (float32, one value a class) of
/// features that are that vector in every cell. What stands for no place, such as a class token, and what goes around the
/// features stay the picture's. None where the head cannot be run anew: where it reads other layers that are explained too, or
/// from graphs within.
///
/// # Errors
/// As [`rewrite`](super::rewrite).
pub fn uniform(
    graph: Graph,
    facts: &Facts,
    picture: &Picture,
    head_match: &HeadMatch,
    limit: u64,
) -> Result<Option<Vec<u8>>, Refusal> {
    let mut inner = HashSet::new();
    for &index in &head_match.tail {
        captured(&graph.nodes()[index], &mut inner);
    }
    let Some(&first) = head_match.tail.iter().min() else {
        return Ok(None);
    };
    if graph.opset() < LEAST_OPSET || !inner.is_empty() || !head_match.beside.is_empty() {
        return Ok(None);
    }
    let features_type = facts.element_type(&head_match.features);
    let logits_type = facts.element_type(&head_match.logits);
    let pads = pads_before_maxima(&graph, facts);
    let version = graph.opset();
    let mut builder = GraphBuilder::named("camoverlay/uniform", version);
    builder.compute_in(features_type);
    let vector = match features_type {
        data_type::FLOAT => VECTOR.to_owned(),
        _ => builder.as_float(VECTOR),
    };
    let everywhere = spread(&mut builder, &vector, head_match);
    let mut model = graph.into_model();
    super::tell_constants(&mut model);
    let proto = model.graph.as_mut().ok_or(Refusal::Fault(Fault::NoGraph))?;
    for &index in &head_match.tail {
        for operand in &mut proto.node[index].input {
            if *operand == head_match.features {
                operand.clone_from(&everywhere);
            }
        }
    }
    keep_pads(proto, &pads, version);
    proto.node.splice(first..first, builder.nodes);
    proto.initializer.extend(builder.constants);
    take_image(proto, picture);
    proto
        .input
        .push(sized(value(VECTOR, data_type::FLOAT), &[-1]));
    proto.output.clear();
    expose(proto, &head_match.logits, logits_type, None);
    drop_unused(proto);
    bounded::bound(&mut model, limit).map_err(Refusal::Excess)?;
    super::encoded(&model).map(Some)
}

/// The features with `vector` in every cell; its name.
fn spread(builder: &mut GraphBuilder, vector: &str, head_match: &HeadMatch) -> String {
    let features = &head_match.features;
    match &head_match.order {
        CellOrder::Map(layout) => {
            let sizes = match layout {
                Layout::ChannelsFirst => [1, -1, 1, 1],
                Layout::ChannelsLast => [1, 1, 1, -1],
            };
            let sizes = builder.integers(&sizes);
            let vector = builder.push("Reshape", &[vector, &sizes]);
            builder.expand_like(&vector, features)
        }
        CellOrder::Tokens(grid) => {
            let only = |axes: &dyn Fn(usize) -> bool| {
                let sizes = grid.shape.iter().enumerate();
                let sizes = sizes.map(|(axis, &size)| if axes(axis) { size } else { 1 });
                sizes.collect::<Vec<_>>()
            };
            let is_channel = |axis| grid.channels.contains(&axis);
            let vector = builder.reshape(vector, &only(&is_channel));
            let vector = builder.expand_like(&vector, features);
            if grid.tokens == grid.order.len() {
                return vector;
            }
            let mut is_other = vec![1; grid.tokens];
            for &token in &grid.order {
                is_other[token] = 0;
            }
            let is_other = builder.integers(&is_other);
            let is_other = builder.reshape(&is_other, &only(&|axis| !is_channel(axis)));
            let zero = builder.integer(0);
            let is_cell = builder.push("Equal", &[&is_other, &zero]);
            builder.push("Where", &[&is_cell, &vector, features])
        }
    }
}
