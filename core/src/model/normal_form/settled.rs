//! Settings that exporters compute of sizes, as those of a padding that depends on the picture's, written as what they are
//! for the one size that a network takes.

use std::collections::BTreeMap;

use crate::model::image_input::Picture;
use crate::model::types::Layout;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{floats, integers};
use crate::onnx::ops::Op;
use crate::onnx::proto;
use crate::onnx::shapes::Shapes;

/// Most numbers of a setting: a few for each axis.
const MOST_NUMBERS: usize = 64;

/// `graph` with weights in the place of computed sizes, pads, bounds, axes and counts, where it takes one size of picture.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn written_down(graph: Graph, picture: &Picture) -> Result<Graph, Fault> {
    let Some((width, height)) = picture.fixed() else {
        return Ok(graph);
    };
    let shape = match picture.layout {
        Layout::ChannelsFirst => [picture.batch, picture.channels, height, width],
        Layout::ChannelsLast => [picture.batch, height, width, picture.channels],
    };
    let mut shapes = None;
    let mut weights: BTreeMap<String, proto::Tensor> = BTreeMap::new();
    let mut changes = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        for operand in settings(node.op()) {
            let tensor = node.operand(operand);
            let is_computed = graph
                .producer(tensor)
                .is_some_and(|producer| producer.op() != Op::Constant);
            if !is_computed || graph.varies(tensor) {
                continue;
            }
            let shapes =
                shapes.get_or_insert_with(|| Shapes::infer(&graph, &[(&picture.name, &shape)]));
            let Some(numbers) = shapes.numbers(&graph, tensor) else {
                continue;
            };
            if numbers.shape.len() > 1 || numbers.values.len() > MOST_NUMBERS {
                continue;
            }
            let name = format!("camoverlay/settled/{tensor}");
            let dims: Vec<i64> = numbers.shape.iter().map(|&size| size as i64).collect();
            let weight = match numbers.is_integer {
                true => proto::Tensor {
                    dims,
                    ..integers(&name, &numbers.integers())
                },
                false => {
                    let values = numbers.values.iter().map(|&value| value as f32);
                    floats(&name, &dims, values.collect())
                }
            };
            weights.insert(name.clone(), weight);
            changes.push((index, operand, name));
        }
    }
    if changes.is_empty() {
        return Ok(graph);
    }
    let mut model = graph.into_model();
    let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
    for (index, operand, name) in changes {
        proto.node[index].input[operand] = name;
    }
    proto.initializer.extend(weights.into_values());
    Graph::new(model)
}

/// The operands of an operator that are settings in int64, or the scales of a resizing in single precision.
fn settings(op: Op) -> std::ops::Range<usize> {
    match op {
        Op::ConstantOfShape => 0..1,
        Op::Expand
        | Op::Pad
        | Op::ReduceMax
        | Op::ReduceMean
        | Op::ReduceSum
        | Op::Reshape
        | Op::Split
        | Op::Squeeze
        | Op::Tile
        | Op::TopK
        | Op::Unsqueeze => 1..2,
        Op::Slice => 1..5,
        Op::Resize => 2..4,
        _ => 0..0,
    }
}
