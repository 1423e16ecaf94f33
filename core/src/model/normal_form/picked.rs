//! Indices that pick the only row or column which a pool has left, written as the squeezing that they are.

use std::collections::HashMap;

use crate::model::shape_arithmetic::{numbers, short_constant};
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{integers, with_ints};
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::Node;
use crate::onnx::shapes::absolute;

/// From this operator set on a squeeze takes its axes as an operand.
const AXES_AS_OPERAND: i64 = 13;

/// Rank of a map N x C x h x w.
const RANK: usize = 4;

/// What takes the place of a node.
enum Rewritten {
    /// A squeeze of this axis, written so.
    Squeeze(usize),
    /// What keeps its operand.
    Identity,
}

/// `graph` with `Squeeze` in the place of `Gather`, and `Identity` in that of `Slice`, where they pick all there is.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn squeeze(graph: Graph) -> Result<Graph, Fault> {
    let rewritten = find(&graph);
    if rewritten.is_empty() {
        return Ok(graph);
    }
    let (version, mut model) = (graph.opset(), graph.into_model());
    let Some(proto) = &mut model.graph else {
        return Err(Fault::NoGraph);
    };
    for (index, change) in rewritten {
        let node = &mut proto.node[index];
        node.input.truncate(1);
        node.attribute.clear();
        match change {
            Rewritten::Identity => node.op_type = Some("Identity".to_owned()),
            Rewritten::Squeeze(axis) => {
                node.op_type = Some("Squeeze".to_owned());
                let axes = [axis as i64];
                if version < AXES_AS_OPERAND {
                    *node = with_ints(std::mem::take(node), "axes", &axes);
                } else {
                    let name = format!("camoverlay/squeezed_{index}");
                    node.input.push(name.clone());
                    proto.initializer.push(integers(&name, &axes));
                }
            }
        }
    }
    Graph::new(model)
}

/// The nodes to rewrite, from the pools on: for each tensor that follows from one, which of its axes are of size 1.
fn find(graph: &Graph) -> Vec<(usize, Rewritten)> {
    let mut single: HashMap<&str, Vec<bool>> = HashMap::new();
    let mut rewritten = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let left = match node.op() {
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::GlobalLpPool => {
                Some(vec![false, false, true, true])
            }
            Op::Gather => single.get(node.operand(0)).and_then(|axes| {
                let axis = absolute(node.int("axis", 0), axes.len())?;
                let picks = short_constant(graph, node.operand(1))?;
                let is_only =
                    axes[axis] && matches!(picks.clone().integers()?.as_slice(), [0 | -1]);
                let mut left = axes.clone();
                if !is_only {
                    return None;
                }
                if picks.shape.is_empty() {
                    left.remove(axis);
                    rewritten.push((index, Rewritten::Squeeze(axis)));
                } else {
                    rewritten.push((index, Rewritten::Identity));
                }
                Some(left)
            }),
            Op::Slice => single.get(node.operand(0)).and_then(|axes| {
                let keeps_all = slices(graph, node)?
                    .into_iter()
                    .all(|[axis, start, end, step]| {
                        let Some(axis) = absolute(axis, axes.len()) else {
                            return false;
                        };
                        let is_open = start == 0 && end >= i64::from(i32::MAX);
                        let is_only = axes[axis] && matches!((start, end), (0 | -1, 1..));
                        (is_open || is_only) && step == 1
                    });
                keeps_all.then(|| {
                    rewritten.push((index, Rewritten::Identity));
                    axes.clone()
                })
            }),
            op if op.facts().places == Places::Reduce => reduced(graph, node),
            Op::Identity | Op::Cast | Op::Dropout | Op::Relu => {
                single.get(node.operand(0)).cloned()
            }
            _ => None,
        };
        if let Some(left) = left {
            single.insert(node.result(), left);
        }
    }
    rewritten
}

/// Axis, start, end and step of each cut of a slice.
fn slices(graph: &Graph, node: &Node) -> Option<Vec<[i64; 4]>> {
    let (starts, ends) = (
        numbers(graph, node, "starts", 1)?,
        numbers(graph, node, "ends", 2)?,
    );
    let has_axes = node.find("axes").is_some() || !node.operand(3).is_empty();
    let axes = match has_axes {
        true => numbers(graph, node, "axes", 3)?,
        false => (0..starts.len() as i64).collect(),
    };
    let steps = match node.operand(4) {
        "" => vec![1; starts.len()],
        steps => short_constant(graph, steps)?.integers()?,
    };
    let cut = |place: usize| {
        Some([
            *axes.get(place)?,
            *starts.get(place)?,
            *ends.get(place)?,
            *steps.get(place)?,
        ])
    };
    (0..starts.len()).map(cut).collect()
}

/// Which axes of what a reduction of a map over height and width returns are of size 1.
fn reduced(graph: &Graph, node: &Node) -> Option<Vec<bool>> {
    if node.int("keepdims", 1) == 0 {
        return None;
    }
    let axes = numbers(graph, node, "axes", 1)?;
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| absolute(axis, RANK)).collect();
    let axes = axes?;
    // Of tensors of another rank, these would not be height and width.
    let is_of_map =
        axes.contains(&2) && axes.contains(&3) || axes.contains(&1) && axes.contains(&2);
    is_of_map.then(|| (0..RANK).map(|axis| axes.contains(&axis)).collect())
}
