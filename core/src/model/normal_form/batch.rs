//! Networks for several pictures at a time, made networks for one.
//!
//! What is computed for the first of them stays as it was: layers that keep pictures apart do so whatever their number.

use std::collections::HashMap;

use crate::model::image_input::Picture;
use crate::model::shape_arithmetic::{numbers, short_constant};
use crate::onnx::constant_fold::Constant;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{integers, node, with_ints};
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::{self, Node};

/// Rank of a map N x C x h x w.
const RANK: usize = 4;

/// How an operand of a node is to be replaced.
enum Change {
    /// By these numbers.
    Numbers(Vec<i64>),
    /// By its first row.
    FirstRow,
}

/// `graph`, which takes `batch` pictures at a time, for one. Sizes that are computed of shapes follow by themselves;
/// those that stand in the file are divided where they begin with the number of pictures.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn take_one(graph: Graph, picture: &Picture, batch: usize) -> Result<Graph, Fault> {
    let changes = changes(&graph, picture, batch);
    let (version, mut model) = (graph.opset(), graph.into_model());
    let Some(proto) = &mut model.graph else {
        return Err(Fault::NoGraph);
    };
    let mut added = Vec::new();
    for ((index, operand), change) in changes {
        let name = format!("camoverlay/one_{index}_{operand}");
        let Some(input) = proto.node[index].input.get_mut(operand) else {
            continue;
        };
        let old = std::mem::replace(input, name.clone());
        match change {
            Change::Numbers(numbers) => proto.initializer.push(integers(&name, &numbers)),
            Change::FirstRow => added.extend(first_row(proto, version, &old, &name)),
        }
    }
    proto.node.extend(added);
    Graph::new(model)
}

/// The node that takes the first row of `tensor`.
fn first_row(proto: &mut proto::Graph, version: i64, tensor: &str, name: &str) -> Option<Node> {
    if version < 10 {
        let slice = with_ints(node("Slice", &[tensor], name), "axes", &[0]);
        return Some(with_ints(with_ints(slice, "starts", &[0]), "ends", &[1]));
    }
    let bounds = ["starts", "ends", "axes"].map(|bound| format!("{name}/{bound}"));
    for (bound, value) in bounds.iter().zip([0, 1, 0]) {
        proto.initializer.push(integers(bound, &[value]));
    }
    let [starts, ends, axes] = &bounds;
    Some(node("Slice", &[tensor, starts, ends, axes], name))
}

/// What is to be changed, by node and operand.
fn changes(graph: &Graph, picture: &Picture, batch: usize) -> HashMap<(usize, usize), Change> {
    let mut changes = HashMap::new();
    // The axis along which the pictures lie, of tensors of which that is known.
    let mut along: HashMap<&str, usize> = HashMap::from([(picture.name.as_str(), 0)]);
    for (index, node) in graph.nodes().iter().enumerate() {
        let axes = node
            .input
            .iter()
            .filter_map(|operand| along.get(operand.as_str()));
        let Some(axis) = axes.copied().min() else {
            continue;
        };
        if axis > 0 {
            // As attention has them between its heads.
            if let Some(axis) = moved(graph, node, axis) {
                along.extend(node.output.iter().map(|output| (output.as_str(), axis)));
            }
            continue;
        }
        let places = node.op().facts().places;
        let axis = match node.op() {
            Op::Reshape => match reshaped(graph, node, batch) {
                Some(Some(numbers)) => {
                    changes.insert((index, 1), Change::Numbers(numbers));
                    Some(0)
                }
                Some(None) => Some(0),
                None => None,
            },
            Op::Expand => {
                if let Some(sizes) = first_size(graph, node.operand(1), batch) {
                    changes.insert((index, 1), Change::Numbers(sizes));
                }
                Some(0)
            }
            _ => moved(graph, node, 0),
        };
        // What each picture is joined with, or what is added to it, may be stored once for each.
        let is_joined = places == Places::Concat && node.int("axis", 1) != 0;
        let operands = node.input.iter().enumerate();
        let stored = operands.filter(|(_, operand)| !graph.varies(operand));
        for (place, operand) in stored.filter(|_| is_joined || node.op().facts().spreads) {
            let expand = graph.producer_index(operand);
            let expand = expand.filter(|&at| graph.nodes()[at].op() == Op::Expand);
            if let Some(at) = expand {
                let sizes = first_size(graph, graph.nodes()[at].operand(1), batch);
                changes.extend(sizes.map(|sizes| ((at, 1), Change::Numbers(sizes))));
            } else if graph.constant_shape(operand).is_some_and(|shape| {
                // What is spread out may have fewer axes, unless it has as many as a map.
                let has_all_axes = is_joined || shape.len() == RANK;
                has_all_axes && shape.len() > 1 && shape[0] == batch
            }) {
                changes.insert((index, place), Change::FirstRow);
            }
        }
        if let Some(axis) = axis {
            along.extend(node.output.iter().map(|output| (output.as_str(), axis)));
        }
    }
    changes
}

/// The axis of its results along which the pictures lie that lie along `axis` of what `node` takes; none where they lie along
/// none any more, or it is not known.
fn moved(graph: &Graph, node: &Node, axis: usize) -> Option<usize> {
    let own = i64::try_from(axis).ok()?;
    let before = |axes: &[i64]| axes.iter().filter(|&&one| (0..own).contains(&one)).count();
    match node.op() {
        Op::Transpose => node.ints("perm")?.iter().position(|&from| from == own),
        Op::Squeeze => {
            let axes = numbers(graph, node, "axes", 1)?;
            (!axes.contains(&own)).then(|| axis - before(&axes))
        }
        Op::Unsqueeze => {
            // Counted in the result.
            let mut place = own;
            let mut axes = numbers(graph, node, "axes", 1)?;
            axes.sort_unstable();
            for one in axes {
                place += i64::from((0..=place).contains(&one));
            }
            usize::try_from(place).ok()
        }
        Op::Gather => {
            let picks = short_constant(graph, node.operand(1));
            let is_one = picks.is_some_and(|picks| picks.shape.is_empty());
            let picked = node.int("axis", 0);
            (picked != own).then(|| axis - usize::from(is_one && (0..own).contains(&picked)))
        }
        Op::Reshape | Op::Flatten if axis > 0 => None,
        _ => Some(axis),
    }
}

/// The sizes that a reshaping is given instead, none where it may keep its own; no answer where pictures do not lie
/// along its first axis afterwards.
fn reshaped(graph: &Graph, node: &Node, batch: usize) -> Option<Option<Vec<i64>>> {
    let Some(sizes) = short_constant(graph, node.operand(1)).and_then(Constant::integers) else {
        // Computed of shapes.
        return Some(None);
    };
    let batch = i64::try_from(batch).ok()?;
    match *sizes.first()? {
        0 | -1 => Some(None),
        first if first > 0 && first % batch == 0 => {
            let mut sizes = sizes;
            sizes[0] = first / batch;
            Some(Some(sizes))
        }
        _ => None,
    }
}

/// The sizes in `tensor` with 1 in the place of the number of pictures, if they begin with that.
fn first_size(graph: &Graph, tensor: &str, batch: usize) -> Option<Vec<i64>> {
    let mut sizes = short_constant(graph, tensor)?.integers()?;
    let first = sizes.first_mut()?;
    if usize::try_from(*first) != Ok(batch) {
        return None;
    }
    *first = 1;
    Some(sizes)
}
