//! What rules are read from: a graph, the shapes of its tensors, and which of their axes may change from run to run.

use std::collections::HashMap;

use crate::model::facts::Facts;
use crate::model::position::Position;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::proto::Node;
use crate::onnx::shapes::{Shapes, absolute};

/// Most numbers of a constant that a rule makes.
pub const MOST_CONSTANTS: usize = 1 << 22;

/// A graph whose tail is differentiated.
pub struct Context<'a> {
    pub graph: &'a Graph,
    pub facts: &'a Facts,
    pub shapes: &'a Shapes,
    /// The network takes one size of picture: all shapes are what they are found to be.
    pub is_fixed: bool,
    /// Of softmaxes that are [computed in part](crate::model::narrowed), the share of their rows that is.
    pub shares: &'a HashMap<String, f32>,
}

impl Context<'_> {
    pub fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.shapes.of(self.graph, tensor)
    }

    pub fn rank(&self, tensor: &str) -> Option<usize> {
        self.shapes.rank(self.graph, tensor)
    }

    /// The shape of `tensor`, if pictures of other sizes have the same.
    pub fn fixed_shape(&self, tensor: &str) -> Option<Vec<usize>> {
        let shape = self.shape(tensor)?;
        (0..shape.len())
            .all(|axis| self.is_fixed_axis(tensor, axis))
            .then_some(shape)
    }

    /// Elements of `tensor` along `axis`, if pictures of other sizes have as many.
    pub fn fixed_length(&self, tensor: &str, axis: usize) -> Option<usize> {
        let length = *self.shape(tensor)?.get(axis)?;
        self.is_fixed_axis(tensor, axis).then_some(length)
    }

    fn is_fixed_axis(&self, tensor: &str, axis: usize) -> bool {
        self.is_fixed
            || match self.facts.position(tensor) {
                Some(Position::Map(map)) => !map.axes().contains(&axis),
                Some(Position::Single(_)) | None => true,
                Some(Position::Unknown(_)) => false,
            }
    }

    /// The axis that an attribute of `node` names, of a tensor of `rank`.
    pub fn axis(node: &Node, default: i64, rank: usize) -> Option<usize> {
        absolute(node.int("axis", default), rank)
    }

    /// Sums `dx`, which has the shape of `result`, over the axes along which `operand` was spread out to it.
    pub fn sum_spread(
        &self,
        builder: &mut GraphBuilder,
        dx: String,
        operand: &str,
        result: &str,
    ) -> Option<String> {
        let (own, made) = (self.shape(operand)?, self.shape(result)?);
        if own == made {
            return Some(dx);
        }
        let missing = made.len().checked_sub(own.len())?;
        let axes: Vec<i64> = (0..made.len())
            .filter(|&axis| axis < missing || own[axis - missing] == 1 && made[axis] != 1)
            .map(|axis| axis as i64)
            .collect();
        let sum = if axes.is_empty() {
            dx
        } else {
            builder.reduce("ReduceSum", &dx, &axes)
        };
        Some(if missing == 0 {
            sum
        } else {
            builder.reshape_like(&sum, operand)
        })
    }
}
