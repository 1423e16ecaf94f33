//! What the graph alone tells of each tensor that follows from the picture.

use std::collections::HashMap;

use super::channels::{self, Count};
use super::image_input::Picture;
use super::moves::Moves;
use super::position::{Map, Position};
use super::shape_arithmetic::Sizes;
use crate::onnx::graph::Graph;
use crate::onnx::ops::Element;
use crate::onnx::proto::{Node, data_type};

/// What is known of one tensor.
#[derive(Debug, Clone, Copy)]
pub struct TensorFacts {
    /// ONNX's number of the type in which it is computed.
    pub element_type: i32,
    /// Of a feature map N x C x h x w; none where it is no such map.
    pub channels: Option<Count>,
    /// Which places of the picture its elements stand for.
    pub position: Position,
}

/// What is known of all tensors that follow from a picture of one size.
#[derive(Debug)]
pub struct Facts {
    tensors: HashMap<String, TensorFacts>,
    input_type: i32,
}

impl Facts {
    /// Follows a picture of `size`, height and width, through `graph`: one pass, in the order of its
    /// nodes.
    pub fn trace(graph: &Graph, picture: &Picture, size: [usize; 2]) -> Self {
        let input = TensorFacts {
            element_type: picture.element_type,
            channels: None,
            position: Position::Map(Map::of_picture(picture.layout, size)),
        };
        let mut tensors = HashMap::from([(picture.name.clone(), input)]);
        let mut sizes = Sizes::default();
        for (index, node) in graph.nodes().iter().enumerate() {
            let of = |tensor: &str| tensors.get(tensor).copied();
            if !node.output.iter().any(|output| graph.varies(output)) {
                let map = of(node.operand(0)).and_then(|facts| facts.position.map());
                sizes.learn(graph, node, map.map(|map| map.shape()));
                continue;
            }
            let operands: Vec<Option<TensorFacts>> =
                node.input.iter().map(|operand| of(operand)).collect();
            let Some(first) = operands.iter().flatten().next() else {
                continue;
            };
            let positions: Vec<Option<Position>> = operands
                .iter()
                .map(|facts| facts.map(|facts| facts.position))
                .collect();
            let moves = Moves {
                graph,
                sizes: &sizes,
            };
            let counts: Vec<Option<Count>> = operands
                .iter()
                .map(|facts| facts.and_then(|facts| facts.channels))
                .collect();
            let element_type = element_type(graph, node, first.element_type);
            let position = moves.through(index, node, &positions);
            let outputs = node.output.iter().enumerate();
            // An optional result that is not wanted has no name.
            for (place, output) in outputs.filter(|(_, output)| !output.is_empty()) {
                let facts = TensorFacts {
                    element_type,
                    channels: channels::made(graph, node, place, &counts),
                    position,
                };
                tensors.insert(output.clone(), facts);
            }
        }
        Self {
            tensors,
            input_type: picture.element_type,
        }
    }

    /// Where the elements of `tensor` look; none where it does not follow from the picture.
    pub fn position(&self, tensor: &str) -> Option<Position> {
        self.tensors.get(tensor).map(|facts| facts.position)
    }

    /// Number of channels of `tensor`, if operators that are not known keep it; none where it is no
    /// feature map N x C x h x w.
    pub fn channels(&self, tensor: &str) -> Option<usize> {
        Some(self.tensors.get(tensor)?.channels?.channels)
    }

    /// As [`Self::channels`], where each operator on the way is known.
    pub fn certain_channels(&self, tensor: &str) -> Option<usize> {
        let count = self.tensors.get(tensor)?.channels?;
        count.is_certain.then_some(count.channels)
    }

    /// In which type `tensor` is computed; that of the picture where it does not follow from it.
    pub fn element_type(&self, tensor: &str) -> i32 {
        self.tensors
            .get(tensor)
            .map_or(self.input_type, |facts| facts.element_type)
    }
}

/// In which type `node` computes, where its first operand that follows from the picture is of
/// `operand_type`.
fn element_type(graph: &Graph, node: &Node, operand_type: i32) -> i32 {
    let facts = node.op().facts();
    match facts.element {
        Element::Named => i32::try_from(node.int("to", 1)).unwrap_or(data_type::FLOAT),
        Element::Float => data_type::FLOAT,
        Element::Operands => {
            let weights = graph.initializer(node.operand(1));
            weights
                .filter(|_| facts.is_dense)
                .map_or(operand_type, |weights| weights.data_type())
        }
    }
}
