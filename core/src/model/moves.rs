//! How each operator moves places: from the positions of its operands to that of its result.

use super::position::{Map, Position, merge};
use super::shape_arithmetic::{MOST_NUMBERS, Sizes, numbers, short_constant};
use crate::onnx::constant_fold::Constant;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places, Pool};
use crate::onnx::proto::Node;
use crate::onnx::shapes::absolute;
use crate::onnx::window::{kernel, windows};

/// What the operators' settings are read from.
pub struct Moves<'a> {
    pub graph: &'a Graph,
    /// What was computed of shapes so far.
    pub sizes: &'a Sizes<'a>,
}

impl Moves<'_> {
    /// The position of what the `index`th node makes of operands of these positions; none is that of
    /// an operand that does not follow from the picture.
    pub fn through(&self, index: usize, node: &Node, operands: &[Option<Position>]) -> Position {
        if node.op().facts().places == Places::Global {
            return Position::Single(index);
        }
        let seen = || operands.iter().copied().flatten();
        if let Some(unknown) = seen().find(|seen| matches!(seen, Position::Unknown(_))) {
            return unknown;
        }
        let maps: Vec<Map> = seen().filter_map(Position::map).collect();
        if maps.is_empty() {
            // Of pools that were joined, one by the maximum explains most.
            let by_maximum = seen().find(|position| {
                matches!(position, Position::Single(index) if is_maximum(&self.graph.nodes()[*index]))
            });
            return by_maximum
                .or_else(|| seen().next())
                .unwrap_or(Position::Unknown(index));
        }
        let is_first = operands.first().copied().flatten().and_then(Position::map) == Some(maps[0]);
        match self.moved(index, node, &maps, is_first) {
            Some(Position::Map(map)) if map.cells() == [1, 1] => Position::Single(index),
            Some(Position::Map(map)) if map.cells().contains(&0) => Position::Unknown(index),
            Some(position) => position,
            None => Position::Unknown(index),
        }
    }

    /// What `node` makes of `maps`, the first of which `is_first` among its operands; none where that
    /// is not known.
    fn moved(&self, index: usize, node: &Node, maps: &[Map], is_first: bool) -> Option<Position> {
        let first = *maps.first()?;
        let is_of_space = |axis: usize| first.axes().contains(&axis);
        let map = match node.op().facts().places {
            Places::Elementwise => merge(maps)?,
            Places::Window { kernel: weights } => {
                let kernel = kernel(node, || self.graph.constant_shape(node.operand(weights)))?;
                first.window(windows(node, &kernel)?.try_into().ok()?)?
            }
            Places::Global => return Some(Position::Single(index)),
            Places::Reduce => return self.reduce(index, node, first),
            Places::Pad => self.pad(index, node, first)?,
            Places::Slice => self.slice(index, node, first)?,
            Places::Transpose => first.transpose(index, node.ints("perm"))?,
            Places::Concat => {
                let axis = absolute(node.int("axis", 1), first.rank())?;
                merge(maps).filter(|map| !map.axes().contains(&axis))?
            }
            Places::Split => {
                let axis = absolute(node.int("axis", 0), first.rank())?;
                Some(first).filter(|_| !is_of_space(axis))?
            }
            Places::Gather => {
                let axis = absolute(node.int("axis", 0), first.rank())?;
                let keeps_rank = self.graph.constant_shape(node.operand(1))?.len() == 1;
                Some(first).filter(|_| keeps_rank && !is_of_space(axis))?
            }
            Places::Unsqueeze => first.unsqueeze(&self.numbers(node, "axes", 1)?)?,
            Places::Squeeze => first.squeeze(&self.numbers(node, "axes", 1)?)?,
            Places::Reshape => first.reshape(&self.sizes(node, "shape", 1)?)?,
            Places::Resize => self.resize(node, first)?,
            Places::Blocks => first.blocks(node.int("blocksize", 1))?,
            Places::Matrix => {
                let keeps_places = is_first
                    && maps.len() == 1
                    && !self.graph.varies(node.operand(1))
                    && self.graph.constant_shape(node.operand(1))?.len() == 2;
                Some(first).filter(|map| keeps_places && !is_of_space(map.rank() - 1))?
            }
            Places::Unknown => return None,
        };
        Some(Position::Map(map))
    }

    fn reduce(&self, index: usize, node: &Node, map: Map) -> Option<Position> {
        let given = node.find("axes").is_some() || !node.operand(1).is_empty();
        if !given {
            return Some(Position::Single(index));
        }
        let numbers = self.numbers(node, "axes", 1)?;
        let reduced: Option<Vec<usize>> = numbers
            .iter()
            .map(|&axis| absolute(axis, map.rank()))
            .collect();
        let reduced = reduced?;
        match map.axes().map(|axis| reduced.contains(&axis)) {
            [true, true] => Some(Position::Single(index)),
            [false, false] if node.int("keepdims", 1) != 0 => Some(Position::Map(map)),
            [false, false] => map.squeeze(&numbers).map(Position::Map),
            [true, false] | [false, true] => None,
        }
    }

    fn pad(&self, index: usize, node: &Node, map: Map) -> Option<Map> {
        let pads = self.numbers(node, "pads", 1)?;
        let names_axes = !node.operand(3).is_empty();
        map.pad(index, &pads).filter(|_| !names_axes)
    }

    fn slice(&self, index: usize, node: &Node, map: Map) -> Option<Map> {
        let starts = self.sizes(node, "starts", 1)?;
        let ends = self.sizes(node, "ends", 2)?;
        let axes = if node.find("axes").is_some() || !node.operand(3).is_empty() {
            self.numbers(node, "axes", 3)?
        } else {
            (0..starts.len() as i64).collect()
        };
        let steps = match node.operand(4) {
            "" => vec![1; starts.len()],
            _ => self.numbers(node, "steps", 4)?,
        };
        axes.iter()
            .enumerate()
            .try_fold(map, |map, (place, &axis)| {
                let bounds = [starts.get(place)?, ends.get(place)?, steps.get(place)?];
                let made = map.slice(index, axis, bounds.map(|&bound| bound))?;
                // One of many rows, however far the next would be, does not stand for the whole picture.
                let keeps_one = made
                    .cells()
                    .into_iter()
                    .zip(map.cells())
                    .any(|(made, before)| made == 1 && before > 1);
                (bounds[2].unsigned_abs() < 2 || !keeps_one).then_some(made)
            })
    }

    fn resize(&self, node: &Node, map: Map) -> Option<Map> {
        let mode = node.find("coordinate_transformation_mode");
        if mode.and_then(|mode| mode.s.as_deref()) == Some(b"tf_crop_and_resize") {
            return None;
        }
        let is_upsample = node.op() == Op::Upsample;
        let scales_at = if is_upsample || self.graph.opset() < 11 {
            1
        } else {
            2
        };
        let scales = match node.find("scales") {
            Some(scales) => Some(scales.floats.clone()),
            None => {
                let given = short_constant(self.graph, node.operand(scales_at));
                given.and_then(Constant::floats)
            }
        };
        if let Some(scales) = scales.filter(|scales| !scales.is_empty()) {
            return map.resize(|axis, cells| {
                let scale = f64::from(*scales.get(axis)?);
                Some(((cells * scale).floor(), scale))
            });
        }
        let sizes = self.sizes(node, "sizes", 3)?;
        map.resize(|axis, cells| {
            let size = *sizes.get(axis)? as f64;
            Some((size, size / cells))
        })
    }

    /// As [`Self::numbers`], and where the graph computes them of shapes; some may be unknown.
    fn sizes(&self, node: &Node, attribute: &str, operand: usize) -> Option<Vec<i64>> {
        let given = self.numbers(node, attribute, operand);
        given.or_else(|| self.sizes.get(self.graph, node.operand(operand)))
    }

    /// As [`numbers`], where they are few.
    fn numbers(&self, node: &Node, attribute: &str, operand: usize) -> Option<Vec<i64>> {
        let found = numbers(self.graph, node, attribute, operand)?;
        (found.len() <= MOST_NUMBERS).then_some(found)
    }
}

/// Whether a node pools by the maximum.
pub fn is_maximum(node: &Node) -> bool {
    node.op().facts().pool == Some(Pool::Maximum)
}
