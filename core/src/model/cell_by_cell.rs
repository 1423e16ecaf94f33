//! The logits that each cell of the features makes alone, as nodes of the same graph: the head run anew for each of them.
//!
//! What stands for no place, such as a class token, is left as it is. Byun and Lee, "ReciproCAM: Lightweight Gradient-free
//! Class Activation Map for Post-hoc Explanations", CVPR Workshops 2024; for transformers Byun and Lee, "ViT-ReciproCAM:
//! Gradient and Attention-Free Visual Explanations for Vision Transformer", 2023.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::gradient::ALONE;
use super::types::{CellOrder, HeadMatch, Layout};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::{captured, cast, node, rename, sized, value, with_graph, with_int};
use crate::onnx::proto::{self, Node, data_type};

/// The operator that counts cells is there from this operator set on.
const LEAST_OPSET: i64 = 11;

/// Where [`ALONE`] holds, (cells + 1) rows of logits, the last that of features without any cell, else none; the tensor's
/// name. None where the head cannot be run anew.
pub fn logits(
    builder: &mut GraphBuilder,
    graph: &Graph,
    facts: &Facts,
    head_match: &HeadMatch,
) -> Option<String> {
    let tail = || head_match.tail.iter().map(|&index| &graph.nodes()[index]);
    let mut inner = HashSet::new();
    tail().for_each(|layer| captured(layer, &mut inner));
    if graph.opset() < LEAST_OPSET || !inner.is_empty() || !head_match.beside.is_empty() {
        return None;
    }
    builder.compute_in(data_type::FLOAT);
    let (then, rows) = builder.aside(|builder| {
        let cells = Cells::of(builder, head_match);
        let body = body(builder, tail(), facts, head_match, &cells);
        builder.push_with("Loop", &[&cells.runs, ""], |node| with_graph(node, body))
    });
    let nothing = builder.plain_floats(&[]);
    let (otherwise, none) = builder.aside(|builder| builder.push("Identity", &[&nothing]));
    Some(builder.either(ALONE, (then, &rows), (otherwise, &none)))
}

/// Which cell each value of the features belongs to.
struct Cells {
    /// Numbers of cells, int64, spread out along the axes of one cell's values.
    numbers: String,
    /// Truth values of the same shape: what belongs to none, where there is such.
    others: Option<String>,
    /// How many there are, and one.
    runs: String,
}

impl Cells {
    fn of(builder: &mut GraphBuilder, head_match: &HeadMatch) -> Self {
        let one = builder.integer(1);
        match &head_match.order {
            CellOrder::Map(layout) => {
                let (axes, around) = match layout {
                    Layout::ChannelsFirst => ([2, 3], [2, 0]),
                    Layout::ChannelsLast => ([1, 2], [1, 1]),
                };
                let shape = builder.push("Shape", &[&head_match.features]);
                let sides = builder.gather(&shape, 0, &axes);
                let [height, width] = [0, 1].map(|place| {
                    let place = builder.integer(place);
                    builder.push("Gather", &[&sides, &place])
                });
                let count = builder.mul(&height, &width);
                let zero = builder.integer(0);
                let numbers = builder.push("Range", &[&zero, &count, &one]);
                let around = around.map(|count| builder.integers(&vec![1; count]));
                let spread = [&around[0], &sides, &around[1]].map(String::as_str);
                let spread = builder.push_with("Concat", &spread, |node| with_int(node, "axis", 0));
                Self {
                    numbers: builder.push("Reshape", &[&numbers, &spread]),
                    others: None,
                    runs: builder.push("Add", &[&count, &one]),
                }
            }
            CellOrder::Tokens(grid) => {
                let mut numbers = vec![-1; grid.tokens];
                for (cell, &token) in grid.order.iter().enumerate() {
                    numbers[token] = cell as i64;
                }
                let has_others = grid.tokens > grid.order.len();
                let mut spread = grid.shape.clone();
                grid.channels.iter().for_each(|&axis| spread[axis] = 1);
                let numbers = builder.integers(&numbers);
                let numbers = builder.reshape(&numbers, &spread);
                let none = builder.integer(-1);
                let others = has_others.then(|| builder.push("Equal", &[&numbers, &none]));
                let runs = builder.integer(grid.order.len() as i64 + 1);
                Self {
                    numbers,
                    others,
                    runs,
                }
            }
        }
    }
}

/// One run of the head: the logits of features that keep the cell of the run's number.
fn body<'a>(
    builder: &mut GraphBuilder,
    tail: impl Iterator<Item = &'a Node>,
    facts: &Facts,
    head_match: &HeadMatch,
    cells: &Cells,
) -> proto::Graph {
    const RUN: &str = "camoverlay/alone_run";
    const GOES_ON: &str = "camoverlay/alone_goes_on";
    const STILL: &str = "camoverlay/alone_still";
    const ROW: &str = "camoverlay/alone_row";
    let features = &head_match.features;
    let (mut nodes, masked) = builder.aside(|builder| {
        builder.push_as(STILL, "Identity", &[GOES_ON]);
        let mut is_kept = builder.push("Equal", &[&cells.numbers, RUN]);
        if let Some(others) = &cells.others {
            is_kept = builder.push("Or", &[&is_kept, others]);
        }
        builder.compute_in(facts.element_type(features));
        let mask = builder.as_float(&is_kept);
        builder.compute_in(data_type::FLOAT);
        builder.mul(features, &mask)
    });
    let mut renamed = HashMap::from([(features.clone(), masked)]);
    for layer in tail {
        let results = layer.output.iter().filter(|name| !name.is_empty());
        renamed.extend(results.map(|name| (name.clone(), format!("{name}/camoverlay_alone"))));
        let mut layer = layer.clone();
        rename(&mut layer, &renamed);
        nodes.push(layer);
    }
    let logits = &renamed[&head_match.logits];
    nodes.push(match facts.element_type(&head_match.logits) {
        data_type::FLOAT => node("Identity", &[logits], ROW),
        _ => cast(logits, data_type::FLOAT, ROW),
    });
    proto::Graph {
        // The attribute has its name.
        name: Some("body".to_owned()),
        node: nodes,
        input: vec![
            sized(value(RUN, data_type::INT64), &[]),
            sized(value(GOES_ON, data_type::BOOL), &[]),
        ],
        output: vec![
            sized(value(STILL, data_type::BOOL), &[]),
            value(ROW, data_type::FLOAT),
        ],
        ..proto::Graph::default()
    }
}
