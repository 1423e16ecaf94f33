//! The shapes of a graph's tensors, and the settings of its nodes that are computed of them.

use std::collections::HashMap;

use super::arithmetic::{absolute, element_count};
use super::numbers::Numbers;
use crate::onnx::graph::{Graph, LARGEST_TENSOR};
use crate::onnx::proto::Node;

/// Most elements of a tensor whose numbers are looked at: indices of a picture's tokens, and sizes.
pub const MOST_NUMBERS: usize = 1 << 16;

/// Shapes by the name of the tensor, weights included.
#[derive(Debug, Default)]
pub struct Shapes {
    pub(super) shapes: HashMap<String, Vec<usize>>,
    /// Of what follows from shapes and constants alone.
    pub(super) numbers: HashMap<String, Numbers>,
}

impl Shapes {
    /// The shape of `tensor`.
    pub fn of(&self, graph: &Graph, tensor: &str) -> Option<Vec<usize>> {
        if let Some(shape) = self.shapes.get(tensor) {
            return Some(shape.clone());
        }
        let dims = &graph.initializer(tensor)?.dims;
        dims.iter()
            .map(|&size| usize::try_from(size).ok())
            .collect()
    }

    /// Number of axes of `tensor`.
    pub fn rank(&self, graph: &Graph, tensor: &str) -> Option<usize> {
        Some(self.of(graph, tensor)?.len())
    }

    /// The numbers of `tensor`, where it follows from shapes and constants and is not large.
    pub fn numbers(&self, graph: &Graph, tensor: &str) -> Option<Numbers> {
        if let Some(numbers) = self.numbers.get(tensor) {
            return Some(numbers.clone());
        }
        let count = element_count(&self.of(graph, tensor)?)?;
        let is_small = count <= MOST_NUMBERS && graph.initializer(tensor).is_some();
        is_small
            .then(|| graph.constant(tensor).map(Numbers::from))
            .flatten()
    }

    /// As [`numbers`](Self::numbers), of whole numbers in their order.
    pub fn integers(&self, graph: &Graph, tensor: &str) -> Option<Vec<i64>> {
        let numbers = self.numbers(graph, tensor)?;
        numbers.is_integer.then(|| numbers.integers())
    }

    /// The integers of an attribute of `node`, or of an operand where there is no such attribute.
    pub fn setting(
        &self,
        graph: &Graph,
        node: &Node,
        attribute: &str,
        operand: usize,
    ) -> Option<Vec<i64>> {
        match node.ints(attribute) {
            Some(numbers) => Some(numbers.to_vec()),
            None => self.integers(graph, node.operand(operand)),
        }
    }

    /// The axes that an attribute or operand of `node` names, of a tensor of `rank`, in ascending order; none where it
    /// names none.
    pub fn axes(
        &self,
        graph: &Graph,
        node: &Node,
        operand: usize,
        rank: usize,
    ) -> Option<Vec<usize>> {
        let axes = self.setting(graph, node, "axes", operand)?;
        let mut axes: Vec<usize> = axes
            .into_iter()
            .map(|axis| absolute(axis, rank))
            .collect::<Option<_>>()?;
        axes.sort_unstable();
        let is_distinct = axes.windows(2).all(|pair| pair[0] != pair[1]);
        is_distinct.then_some(axes)
    }

    /// The axes over which `node` sums up a tensor of `rank`, in ascending order; all of them where it names none.
    pub fn reduced_axes(&self, graph: &Graph, node: &Node, rank: usize) -> Option<Vec<usize>> {
        let names_axes = node.find("axes").is_some() || !node.operand(1).is_empty();
        if names_axes {
            self.axes(graph, node, 1, rank)
        } else if node.int("noop_with_empty_axes", 0) != 0 {
            Some(Vec::new())
        } else {
            Some((0..rank).collect())
        }
    }

    /// Cells that a `Pad` puts before and after a tensor of `rank`, by axis; fewer than none are cut off.
    pub fn pads(&self, graph: &Graph, node: &Node, rank: usize) -> Option<Vec<(usize, [i64; 2])>> {
        let pads = self.setting(graph, node, "pads", 1)?;
        let axes = match node.operand(3) {
            "" => (0..rank).collect(),
            axes => self
                .integers(graph, axes)?
                .into_iter()
                .map(|axis| absolute(axis, rank))
                .collect::<Option<Vec<_>>>()?,
        };
        let is_sane = |pad: &i64| pad.unsigned_abs() < LARGEST_TENSOR as u64;
        let pads = (0..axes.len()).map(|place| {
            let pad = |place: usize| pads.get(place).copied().filter(is_sane);
            Some((axes[place], [pad(place)?, pad(place + axes.len())?]))
        });
        pads.collect()
    }
}

/// (starts, ends, axes, steps) of a `Slice` of a tensor of `rank`.
pub struct Slices {
    pub axes: Vec<usize>,
    /// (start, end, step), one for each axis.
    pub bounds: Vec<[i64; 3]>,
}

impl Shapes {
    /// What a `Slice` takes of a tensor of `rank`.
    pub fn slices(&self, graph: &Graph, node: &Node, rank: usize) -> Option<Slices> {
        let starts = self.setting(graph, node, "starts", 1)?;
        let ends = self.setting(graph, node, "ends", 2)?;
        let axes = if node.find("axes").is_some() || !node.operand(3).is_empty() {
            let axes = self.setting(graph, node, "axes", 3)?;
            axes.into_iter()
                .map(|axis| absolute(axis, rank))
                .collect::<Option<_>>()?
        } else {
            (0..starts.len()).collect::<Vec<usize>>()
        };
        let steps = match node.operand(4) {
            "" => vec![1; starts.len()],
            steps => self.integers(graph, steps)?,
        };
        let bounds = (0..axes.len())
            .map(|at| Some([*starts.get(at)?, *ends.get(at)?, *steps.get(at)?]))
            .collect::<Option<_>>()?;
        axes.iter()
            .all(|&axis| axis < rank)
            .then_some(Slices { axes, bounds })
    }
}
