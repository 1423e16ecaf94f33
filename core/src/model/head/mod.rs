//! Finds, going back from a classifier's output, its logits, its head and the feature map before it.

pub(crate) mod outputs;

pub(crate) mod obstacle;

pub(crate) mod covering_kernel;

pub(crate) mod affine;

pub(crate) mod tap;

mod pooled;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::facts::Facts;
use super::layers::{dense_shape, differentiable_inputs, is_pointwise, keeps_values};
use super::moves::is_maximum;
use super::normal_form::classes::Told;
use super::position::Position;
use super::shape_arithmetic::numbers;
use super::types::{CellOrder, Head, HeadMatch, Layout, Scores};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::Node;
use crate::onnx::shapes::{Shapes, absolute};
use covering_kernel::before_covering_kernel;
use obstacle::{NoHead, OTHER_NETWORK, Obstacle};
use outputs::{Candidate, Found, MOST_OUTPUTS, Wanted};
use pooled::pooled;
use tap::Search;

/// Takes the classifier apart: from the output that most likely tells the classes, of those that are
/// `told` of.
///
/// # Errors
/// What stands between its first output and a feature map, or what is wrong with the wanted layer.
pub fn find(
    graph: &Graph,
    facts: &Facts,
    shapes: &Shapes,
    is_fixed: bool,
    told: &[Told],
    wanted: Wanted,
) -> Result<Found, NoHead> {
    let places = OnceCell::new();
    let mut first_refusal = None;
    let mut candidates = Vec::new();
    for told in told {
        let search = Search {
            graph,
            facts,
            shapes,
            places: &places,
            // What the logits are, where the rest of the network is explained by its gradient.
            logits: told.bounded.as_deref().unwrap_or(&told.logits),
            scores: told.scores,
        };
        let last = last_before(&search, told, is_fixed);
        let found = match (wanted.layer, last) {
            (None, last) => last.map_err(NoHead::Search),
            (Some(asked), Ok(last)) if last.0.features == asked => Ok(last),
            (Some(_), Err(obstacle)) if told.altered.is_some() => Err(NoHead::Search(obstacle)),
            (Some(asked), _) => {
                let asked = search.asked(asked).map_err(NoHead::Layer);
                asked.map(|head_match| (head_match, None))
            }
        };
        let found = found.and_then(|found| match no_row_of_classes(&search, told) {
            Some(obstacle) => Err(NoHead::Search(obstacle)),
            None => Ok(found),
        });
        match found {
            Ok((head_match, obstacle)) => candidates.push(Candidate {
                output: told.output.clone(),
                head_match,
                obstacle,
                has_scores: told.has_scores,
            }),
            Err(refusal) => {
                first_refusal.get_or_insert(refusal);
            }
        }
        if candidates.len() == MOST_OUTPUTS {
            break;
        }
    }
    outputs::choose(graph, facts, candidates, wanted).ok_or_else(|| {
        first_refusal.unwrap_or(NoHead::Search(Obstacle {
            found: "no output".to_owned(),
            reason: "which leaves nothing to explain",
            advice: OTHER_NETWORK,
        }))
    })
}

/// The head after the last feature map before the logits that are `told`; with what keeps it from being a pool or a
/// flattening, where it is neither.
fn last_before(
    search: &Search,
    told: &Told,
    is_fixed: bool,
) -> Result<(HeadMatch, Option<Obstacle>), Obstacle> {
    let (graph, facts) = (search.graph, search.facts);
    match find_told(graph, facts, told) {
        Ok(found) => {
            let found = before_covering_kernel(graph, facts, found);
            // What a pool has made one cell of has places before it.
            let head_match = if is_pooled_already(graph, facts, &found) {
                search.last().unwrap_or(found)
            } else if search.is_bypassed(&found) {
                // Pools of several sizes side by side, of which it is one.
                search.before_all_branches().unwrap_or(found)
            } else {
                search.with_tokens(found, is_fixed)
            };
            Ok((head_match, None))
        }
        Err(obstacle) if told.altered.is_some() => Err(obstacle),
        Err(obstacle) => match search.last() {
            Some(head_match) => Ok((head_match, Some(obstacle))),
            None => Err(obstacle),
        },
    }
}

/// What keeps an output from telling one row of classes: it has several, or scores were made of each value by itself.
fn no_row_of_classes(search: &Search, told: &Told) -> Option<Obstacle> {
    let (graph, shapes) = (search.graph, search.shapes);
    let shape = shapes.of(graph, search.logits)?;
    if shape.iter().filter(|&&size| size > 1).count() > 1 {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        return Some(Obstacle {
            found: format!("a result of {}", sizes.join(" x ")),
            reason: "which tells of several places or things, not which class the picture is of",
            advice: OTHER_NETWORK,
        });
    }
    let mut tensor = told.output.as_str();
    while let Some(node) = graph.producer(tensor) {
        if node.op() == Op::Softmax && graph.opset() >= 13 {
            let shape = shapes.of(graph, tensor)?;
            let axis = absolute(node.int("axis", -1), shape.len())?;
            let is_single = shape[axis] == 1 && shape.iter().any(|&size| size > 1);
            return is_single.then(|| Obstacle {
                found: obstacle::name(node),
                reason: "which makes a score of each value by itself, not among the classes",
                advice: "Export the network with its Softmax over the axis of the classes, or without it.",
            });
        }
        if !keeps_values(graph, node) {
            return None;
        }
        tensor = node.operand(0);
    }
    None
}

/// Whether the features are the one cell that a pool over the whole map has left.
fn is_pooled_already(graph: &Graph, facts: &Facts, found: &HeadMatch) -> bool {
    let Some(Position::Single(index)) = facts.position(&found.features) else {
        return false;
    };
    let node = &graph.nodes()[index];
    matches!(node.op().facts().places, Places::Global | Places::Reduce) || is_maximum(node)
}

/// The head that makes the logits that an output tells. Bounds that are put to them last hide, where they are reached,
/// what the logits follow from, and so does a division by the features' length; weights of an affine head tell it all
/// the same.
fn find_told(graph: &Graph, facts: &Facts, told: &Told) -> Result<HeadMatch, Obstacle> {
    if let Some(index) = told.altered {
        return Err(Obstacle::altered(&graph.nodes()[index]));
    }
    let free = find_before(graph, facts, &told.logits, told.scores);
    match (&told.bounded, free) {
        (None, free) => free,
        (Some(bounded), Ok(free)) if matches!(free.head, Head::Channels | Head::Dense { .. }) => {
            Ok(HeadMatch {
                logits: bounded.clone(),
                ..free
            })
        }
        (Some(bounded), _) => find_before(graph, facts, bounded, told.scores),
    }
}

fn find_before(
    graph: &Graph,
    facts: &Facts,
    logits: &str,
    scores: Scores,
) -> Result<HeadMatch, Obstacle> {
    let mut tail: Vec<usize> = Vec::new();
    let mut flattened = None;
    let mut frontier = BTreeSet::new();
    frontier.extend(graph.producer_index(logits));
    let obstacle = loop {
        let Some(index) = frontier.pop_last() else {
            break Obstacle::input(graph, &tail);
        };
        let node = &graph.nodes()[index];
        if frontier.is_empty()
            && let Some((features, layout)) = global_mean(graph, facts, node, &tail)
        {
            tail.push(index);
            let features = before_transpose(graph, features, layout, &mut tail);
            let (features, layout) = features;
            let features = (features, CellOrder::Map(layout));
            return Ok(pooled(graph, logits, scores, features, index, tail));
        }
        let is_spatial = match node.op().facts().places {
            Places::Window { .. } => !is_pointwise(graph, node),
            places => places == Places::Global,
        };
        if is_grouped_dense(graph, facts, node) {
            return Err(Obstacle::in_groups(node));
        }
        let Some(operands) = differentiable_inputs(graph, node).filter(|_| !is_spatial) else {
            break Obstacle::of_node(graph, facts, node, &tail);
        };
        tail.push(index);
        if frontier.is_empty()
            && matches!(node.op(), Op::Flatten | Op::Reshape)
            && facts
                .channels(before_last(graph, node.operand(0)).0)
                .is_some()
        {
            flattened = Some((tail.len(), node.operand(0)));
        }
        let mut reached_input = false;
        for operand in operands.into_iter().map(|index| node.operand(index)) {
            match graph.producer_index(operand) {
                Some(producer) => frontier.insert(producer),
                None => {
                    reached_input = true;
                    break;
                }
            };
        }
        if reached_input {
            break Obstacle::input(graph, &tail);
        }
    };
    let Some((length, features)) = flattened else {
        return Err(obstacle);
    };
    tail.truncate(length);
    let (features, layout) = before_transpose(graph, features, Layout::ChannelsFirst, &mut tail);
    tail.reverse();
    Ok(HeadMatch {
        logits: logits.to_owned(),
        scores,
        features: features.to_owned(),
        order: CellOrder::Map(layout),
        head: Head::FlattenedLayers,
        tail,
        pool: None,
        beside: Vec::new(),
    })
}

/// Whether `node` is a convolution of 1 x 1 in several groups on features of a single cell.
fn is_grouped_dense(graph: &Graph, facts: &Facts, node: &Node) -> bool {
    let shape = || graph.constant_shape(node.operand(1));
    node.op() == Op::Conv
        && node.int("group", 1) > 1
        && matches!(facts.position(node.operand(0)), Some(Position::Single(_)))
        && shape().is_some_and(|shape| matches!(shape.as_slice(), [_, _, 1, 1]))
}

/// Takes the feature map before a transposition to N x h x w x C rather than after it.
fn before_transpose<'a>(
    graph: &'a Graph,
    features: &'a str,
    layout: Layout,
    tail: &mut Vec<usize>,
) -> (&'a str, Layout) {
    match before_last(graph, features) {
        (before, Some(transpose)) => {
            tail.push(transpose);
            (before, Layout::ChannelsFirst)
        }
        (_, None) => (features, layout),
    }
}

/// The tensor of which `tensor` is a transposition to N x h x w x C, and the node that makes it;
/// `tensor` itself where it is none.
fn before_last<'a>(graph: &'a Graph, tensor: &'a str) -> (&'a str, Option<usize>) {
    let transpose = graph.producer_index(tensor).filter(|&index| {
        let node = &graph.nodes()[index];
        node.op() == Op::Transpose && node.ints("perm") == Some(&[0, 2, 3, 1])
    });
    match transpose {
        Some(index) => (graph.nodes()[index].operand(0), transpose),
        None => (tensor, None),
    }
}

/// The feature map and its layout, if the node averages a feature map over all of space.
fn global_mean<'a>(
    graph: &'a Graph,
    facts: &Facts,
    node: &'a Node,
    layers: &[usize],
) -> Option<(&'a str, Layout)> {
    let input = node.operand(0);
    match node.op() {
        Op::GlobalAveragePool => Some((input, Layout::ChannelsFirst)),
        Op::ReduceMean => {
            let axes = mean_axes(graph, node, 4)?;
            match axes.iter().copied().collect::<Vec<_>>().as_slice() {
                [2, 3] => Some((input, Layout::ChannelsFirst)),
                [1, 2] => Some((input, Layout::ChannelsLast)),
                _ => mean_of_means(graph, facts, node).map(|input| (input, Layout::ChannelsFirst)),
            }
        }
        Op::AveragePool => {
            // Its kernel covers the map if one value a channel is left for the dense layer.
            let mut layers = layers.iter().rev().map(|&index| &graph.nodes()[index]);
            let (inputs, _) = layers.find_map(|layer| dense_shape(graph, layer))?;
            let counts_padding = node.int("count_include_pad", 0) != 0
                && node
                    .ints("pads")
                    .is_some_and(|pads| pads.iter().any(|&pad| pad != 0));
            (!counts_padding && facts.channels(input) == Some(inputs))
                .then_some((input, Layout::ChannelsFirst))
        }
        _ => None,
    }
}

/// The axes of a `ReduceMean` of a tensor of `rank`, as an attribute or as an input.
fn mean_axes(graph: &Graph, node: &Node, rank: i64) -> Option<BTreeSet<i64>> {
    let axes = numbers(graph, node, "axes", 1)?;
    let positive = |axis: i64| if axis < 0 { axis + rank } else { axis };
    Some(axes.into_iter().map(positive).collect())
}

/// What `node` averages over one axis of space after another node has averaged it over the other.
fn mean_of_means<'a>(graph: &'a Graph, facts: &Facts, node: &Node) -> Option<&'a str> {
    let inner = graph
        .producer(node.operand(0))
        .filter(|inner| inner.op() == Op::ReduceMean)?;
    let features = inner.operand(0);
    facts.channels(features)?;
    let first = mean_axes(graph, inner, 4)?;
    let keeps_rank = inner.int("keepdims", 1) != 0;
    let second = mean_axes(graph, node, if keeps_rank { 4 } else { 3 })?;
    let other = match first.iter().copied().collect::<Vec<_>>().as_slice() {
        [3] => 2,
        [2] if keeps_rank => 3,
        [2] => 2,
        _ => return None,
    };
    (second == BTreeSet::from([other])).then_some(features)
}
