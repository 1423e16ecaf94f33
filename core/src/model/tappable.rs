//! The layers of a network that can be explained.

use super::cost;
use super::facts::Facts;
use super::head::tap::Search;
use super::places;
use super::position::{Map, Proof};
use super::types::{CellOrder, HeadMatch, Layout};
use crate::onnx::graph::Graph;
use crate::onnx::ops::Values;
use crate::onnx::shapes::Shapes;

/// A tensor with places from which the logits follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Name of the tensor.
    pub tensor: String,
    /// The operator that makes it.
    pub operator: String,
    /// Numbers of a cell; none where they are not known.
    pub channels: Option<usize>,
    /// Rows and columns.
    pub cells: [usize; 2],
    /// Height and width in pixels of what a cell sees through convolutions and pools; none for tokens.
    pub receptive_field: Option<[usize; 2]>,
    /// What its gradient takes, as a share of what the network itself does, in products.
    pub cost: f64,
    /// It is the one that is explained where no other is asked for.
    pub is_chosen: bool,
}

/// All layers of the network that `search` looks at, for a picture of `size`, of which `chosen` is the one that is explained, in the order of the
/// graph. Mere views of others are left out.
pub fn layers(
    search: &Search,
    graph: &Graph,
    facts: &Facts,
    shapes: &Shapes,
    chosen: &HeadMatch,
    size: [usize; 2],
) -> Vec<Layer> {
    let all: u64 = graph
        .nodes()
        .iter()
        .map(|node| cost::products(graph, shapes, node))
        .sum();
    let mut layers = Vec::new();
    for node in graph.nodes() {
        let tensor = node.result();
        let is_view = node.op().facts().values == Values::Keeps;
        if !graph.varies(tensor) || is_view && chosen.features != tensor {
            continue;
        }
        let found = search.at(tensor);
        let Some(found) = found.filter(|found| search.is_summed_up(found)) else {
            continue;
        };
        let (cells, channels, receptive_field) = match &found.order {
            CellOrder::Map(_) => {
                let map = facts.position(tensor).and_then(|position| position.map());
                let Some(map) = map.filter(is_upright) else {
                    continue;
                };
                let shape = shapes.of(graph, tensor);
                let cells: usize = map.cells().iter().product();
                let channels = shape.map(|shape| shape.iter().product::<usize>() / cells.max(1));
                (
                    map.cells(),
                    channels,
                    map.receptive_field().map(|field| field.size),
                )
            }
            CellOrder::Tokens(grid) if places::of_grid(grid, size).is_some() => {
                (grid.cells, Some(grid.channel_count()), None)
            }
            CellOrder::Tokens(_) => continue,
        };
        let tail = found
            .tail
            .iter()
            .map(|&index| cost::products(graph, shapes, &graph.nodes()[index]));
        layers.push(Layer {
            tensor: tensor.to_owned(),
            operator: node.op_type().to_owned(),
            channels,
            cells,
            receptive_field,
            cost: tail.sum::<u64>() as f64 / all.max(1) as f64,
            is_chosen: chosen.features == tensor,
        });
    }
    layers
}

fn is_upright(map: &Map) -> bool {
    [Layout::ChannelsFirst, Layout::ChannelsLast]
        .into_iter()
        .any(|layout| map.proof(layout) == Some(Proof::Holds))
}
