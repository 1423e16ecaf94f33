//! Rewrites a classifier so that one run returns what a class map needs.

pub(crate) mod bounded;
mod cpu;
mod declared;
mod further;
pub mod uniform;

use std::collections::{BTreeSet, HashSet};

use prost::Message;

use self::bounded::Excess;
use super::facts::Facts;
use super::gradient::{ALONE, CLASS, DETAIL, Gradient, SHARE, SLOT, Sums};
use super::image_input::Picture;
use super::tokens::grid::TokenGrid;
use super::types::{CellOrder, HeadMatch, Layout};
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{
    captured, cast, floats, integers, node, sized, transpose, value, with_int,
};
use crate::onnx::ops::Op;
use crate::onnx::proto::{self, Attribute, Node, attribute_type, data_type};

/// Name of the picture that the rewritten graph takes.
pub const IMAGE: &str = "camoverlay/image";

/// Why a graph is not handed to ONNX Runtime.
pub enum Refusal {
    Fault(Fault),
    Excess(Excess),
}

/// The serialised graph that takes [`IMAGE`] (1 x 3, or 1, x H x W, float32) and returns the features
/// (1 x C x h x w, float32) and the logits (float32, one value a class), in this order; of several pictures, if it is to run
/// such, as many.
///
/// With a gradient it also takes [`CLASS`] and [`SLOT`] and returns the gradient (float32), one
/// value a channel where the head pools and one for each feature where it does not. With
/// [`Sums`] it takes [`DETAIL`], which has to be true for that, and returns
/// then the sums over the channels of features times gradient, one value a cell. With rows of classes it takes [`SHARE`].
/// What attention gains follows, 1 x 1 x h x w, then features and gradient of each layer that is explained beside the first,
/// and, with [`ALONE`] for an input, the logits of each cell alone, one row after the other.
///
/// What only helps ONNX Runtime's own processor code is done if that is to run it: `for_cpu`. Then a graph with a gradient has
/// what depends on the class for [further ones](further::append) too, last of all: other providers leave loops to that code.
///
/// No more than `limit` bytes are taken for weights and for what is computed of them before the first run.
///
/// # Errors
/// [`Fault::TooLarge`], a graph that was not well formed, or what takes more memory than that.
pub fn rewrite(
    graph: Graph,
    facts: &Facts,
    picture: &Picture,
    head_match: &HeadMatch,
    gradient: Option<Gradient>,
    limit: u64,
    for_cpu: bool,
) -> Result<Vec<u8>, Refusal> {
    let features_type = facts.element_type(&head_match.features);
    let logits_type = facts.element_type(&head_match.logits);
    let pads = pads_before_maxima(&graph, facts);
    let version = graph.opset();
    let tells_further = for_cpu && gradient.is_some();
    let mut model = graph.into_model();
    tell_constants(&mut model);
    let proto = model.graph.as_mut().ok_or(Refusal::Fault(Fault::NoGraph))?;
    if let Some(pool) = head_match.pool.and_then(|pool| proto.node.get_mut(pool))
        && pool.op() == Op::AveragePool
    {
        pool.op_type = Some("GlobalAveragePool".to_owned());
        pool.attribute.clear();
    }
    keep_pads(proto, &pads, version);
    take_image(proto, picture);
    proto.output.clear();
    expose(
        proto,
        &head_match.features,
        features_type,
        Some(&head_match.order),
    );
    expose(proto, &head_match.logits, logits_type, None);
    if let Some(Gradient {
        builder,
        tensor,
        beside,
        sums,
        attention,
        rows,
        alone,
    }) = gradient
    {
        let choice = [(CLASS, &[1, 1][..]), (SLOT, &[1])];
        proto
            .input
            .extend(choice.map(|(name, dims)| sized(value(name, data_type::INT64), dims)));
        if sums.is_some() {
            proto
                .input
                .push(sized(value(DETAIL, data_type::BOOL), &[1]));
        }
        if rows.is_some() {
            proto
                .input
                .push(sized(value(SHARE, data_type::FLOAT), &[1]));
        }
        if alone.is_some() {
            proto.input.push(sized(value(ALONE, data_type::BOOL), &[1]));
        }
        proto.node.extend(builder.nodes);
        proto.initializer.extend(builder.constants);
        let order = Some(&head_match.order).filter(|_| head_match.pool.is_none());
        expose(proto, &tensor, features_type, order);
        if let Some(Sums { tensor, layer }) = sums {
            let made = layer.last().map(|node| node.result().to_owned());
            let place = proto
                .node
                .iter()
                .position(|node| Some(node.result()) == made.as_deref());
            if let Some(place) = place {
                proto.node.splice(place..=place, layer);
            }
            expose(proto, &tensor, data_type::FLOAT, None);
        }
        if let (Some(tensor), CellOrder::Tokens(grid)) = (attention, &head_match.order) {
            // One value a token, where the features have several.
            let order = CellOrder::Tokens(TokenGrid {
                shape: vec![1, grid.tokens],
                channels: vec![0],
                ..grid.clone()
            });
            expose(proto, &tensor, data_type::FLOAT, Some(&order));
        }
        for (tap, gradient) in head_match.beside.iter().zip(beside) {
            for tensor in [&tap.features, &gradient] {
                let element_type = facts.element_type(&tap.features);
                expose(proto, tensor, element_type, Some(&tap.order));
            }
        }
        if let Some(alone) = alone {
            expose(proto, &alone, data_type::FLOAT, None);
        }
        if for_cpu {
            cpu::keep_as_stored(proto, &builder.row_weights);
        }
    }
    drop_unused(proto);
    bounded::bound(&mut model, limit).map_err(Refusal::Excess)?;
    if let Some(proto) = model.graph.as_mut().filter(|_| tells_further) {
        // Its loop has as many rounds as are asked for.
        further::append(proto);
    }
    encoded(&model)
}

/// From this version on, weights that are inputs too are told from constants.
fn tell_constants(model: &mut proto::Model) {
    model.ir_version = model.ir_version.max(Some(4));
}

fn encoded(model: &proto::Model) -> Result<Vec<u8>, Refusal> {
    if model.encoded_len() > i32::MAX as usize {
        return Err(Refusal::Fault(Fault::TooLarge));
    }
    Ok(model.encode_to_vec())
}

/// Indices of the nodes that pad with zeros what a `MaxPool` takes, as Keras' ResNets do.
fn pads_before_maxima(graph: &Graph, facts: &Facts) -> BTreeSet<usize> {
    let is_zero = |tensor: &str| {
        tensor.is_empty()
            || graph
                .constant(tensor)
                .and_then(|value| value.floats())
                .is_some_and(|value| value.iter().all(|&value| value == 0.0))
    };
    let pools = graph.nodes().iter().filter(|node| node.op() == Op::MaxPool);
    pools
        .filter_map(|pool| graph.producer_index(pool.operand(0)))
        .filter(|&index| {
            let pad = &graph.nodes()[index];
            pad.op() == Op::Pad
                && pad.float("value", 0.0) == 0.0
                && is_zero(pad.operand(2))
                && facts.element_type(pad.operand(0)) == data_type::FLOAT
        })
        .collect()
}

/// Keeps ONNX Runtime (1.24, no longer 1.32) from moving zeros into the pads of a `MaxPool`, where
/// they would count as minus infinity: it moves nothing but zeros, and this is next to nothing.
fn keep_pads(proto: &mut proto::Graph, pads: &BTreeSet<usize>, version: i64) {
    const TINY: f32 = f32::from_bits(1);
    const NAME: &str = "camoverlay/tiny";
    for &index in pads {
        let Some(pad) = proto.node.get_mut(index) else {
            continue;
        };
        if version < 11 {
            pad.attribute
                .retain(|attribute| attribute.name() != "value");
            pad.attribute.push(Attribute {
                name: Some("value".to_owned()),
                f: Some(TINY),
                r#type: Some(attribute_type::FLOAT),
                ..Attribute::default()
            });
        } else {
            pad.input.resize(pad.input.len().max(3), String::new());
            pad.input[2] = NAME.to_owned();
        }
    }
    if version >= 11 && !pads.is_empty() {
        proto.initializer.push(floats(NAME, &[], vec![TINY]));
    }
}

/// Puts [`IMAGE`] in the place of the network's own input.
fn take_image(proto: &mut proto::Graph, picture: &Picture) {
    let [height, width] = picture
        .sides
        .map(|side| side.map_or(-1, |side| side as i64));
    let channels = picture.channels as i64;
    let pictures = if picture.several { -1 } else { 1 };
    let image = sized(
        value(IMAGE, data_type::FLOAT),
        &[pictures, channels, height, width],
    );
    proto.input = vec![image];
    let mut nodes = Vec::new();
    let mut tensor = IMAGE.to_owned();
    if picture.layout == Layout::ChannelsLast {
        let transposed = "camoverlay/image_last".to_owned();
        nodes.push(transpose(&tensor, &[0, 2, 3, 1], &transposed));
        tensor = transposed;
    }
    nodes.push(match picture.element_type {
        data_type::FLOAT => node("Identity", &[&tensor], &picture.name),
        other => cast(&tensor, other, &picture.name),
    });
    proto.node.splice(0..0, nodes);
}

/// Adds `tensor` to the graph's outputs, as float32; as 1 x channels x height x width where the `order` of its cells is
/// given.
fn expose(proto: &mut proto::Graph, tensor: &str, element_type: i32, order: Option<&CellOrder>) {
    let mut tensor = tensor.to_owned();
    let mut step = |proto: &mut proto::Graph, suffix: &str, made: &dyn Fn(&str, &str) -> Node| {
        let result = format!("{tensor}/camoverlay_{suffix}");
        proto.node.push(made(&tensor, &result));
        tensor = result;
    };
    if element_type != data_type::FLOAT {
        step(proto, "float", &|from, to| cast(from, data_type::FLOAT, to));
    }
    match order {
        None | Some(CellOrder::Map(Layout::ChannelsFirst)) => {}
        Some(CellOrder::Map(Layout::ChannelsLast)) => {
            step(proto, "first", &|from, to| {
                transpose(from, &[0, 3, 1, 2], to)
            });
        }
        Some(CellOrder::Tokens(grid)) => {
            // Channels first and tokens behind them, of which those that are cells are taken in their order.
            let is_token_axis = |axis: &usize| !grid.channels.contains(axis);
            let tokens = (0..grid.shape.len()).filter(is_token_axis);
            let axes = grid.channels.iter().copied().chain(tokens);
            let axes: Vec<i64> = axes.map(|axis| axis as i64).collect();
            if !axes.is_sorted() {
                step(proto, "first", &|from, to| transpose(from, &axes, to));
            }
            let [rows, columns] = grid.cells.map(|cells| cells as i64);
            if !grid.is_in_order() {
                let shape = constant(proto, &[-1, grid.tokens as i64]);
                step(proto, "tokens", &|from, to| {
                    node("Reshape", &[from, &shape], to)
                });
                let cells: Vec<i64> = grid.order.iter().map(|&token| token as i64).collect();
                let cells = constant(proto, &cells);
                step(proto, "cells", &|from, to| {
                    with_int(node("Gather", &[from, &cells], to), "axis", 1)
                });
            }
            let shape = constant(proto, &[1, -1, rows, columns]);
            step(proto, "map", &|from, to| {
                node("Reshape", &[from, &shape], to)
            });
        }
    }
    proto.output.push(value(&tensor, data_type::FLOAT));
}

/// Adds a vector of int64, and says its name.
fn constant(proto: &mut proto::Graph, values: &[i64]) -> String {
    let name = format!("camoverlay/constant_{}", proto.initializer.len());
    proto.initializer.push(integers(&name, values));
    name
}

/// Removes nodes and weights that none of the outputs needs.
fn drop_unused(proto: &mut proto::Graph) {
    let mut needed: HashSet<String> = proto
        .output
        .iter()
        .map(|output| output.name().to_owned())
        .collect();
    let mut kept = BTreeSet::new();
    for (index, node) in proto.node.iter().enumerate().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            kept.insert(index);
            needed.extend(node.input.iter().cloned());
            captured(node, &mut needed);
        }
    }
    let mut index = 0;
    proto.node.retain(|_| {
        index += 1;
        kept.contains(&(index - 1))
    });
    proto
        .initializer
        .retain(|tensor| needed.contains(tensor.name()));
    proto.sparse_initializer.retain(|sparse| {
        sparse
            .values
            .as_ref()
            .is_some_and(|values| needed.contains(values.name()))
    });
    proto.input.retain(|input| needed.contains(input.name()));
    proto.value_info.clear();
    proto.quantization_annotation.clear();
}
