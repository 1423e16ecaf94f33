//! How each operator moves regions from its operands to its result.

use std::collections::HashMap;

use super::grid::TokenGrid;
use super::regions::{Atlas, NOWHERE, Rectangle, Region, Regions};
use crate::model::facts::Facts;
use crate::model::position::{Map, Position};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::Node;
use crate::onnx::shapes::{Equation, Shapes, absolute, sliced, split_sizes};
use crate::onnx::window::{kernel, windows};

/// More than any picture.
const ANYWHERE: Rectangle = Rectangle {
    low: [-1e6; 2],
    high: [1e6; 2],
};

/// Longest axis that is followed.
const MOST_CELLS: usize = 1 << 20;

/// Most regions that are kept of all tensors together.
const MOST_IN_ALL: usize = 1 << 24;

/// What is known of the elements of tensors that are no feature maps.
#[derive(Debug)]
pub struct TokenPlaces {
    atlas: Atlas,
    regions: HashMap<String, Regions>,
    /// Indices of the nodes that sum up elements of several regions.
    mixing: Vec<usize>,
    /// Indices of the nodes whose results were not followed.
    lost: Vec<usize>,
}

impl TokenPlaces {
    /// Follows what `facts` knows to be maps, through tensors of these `shapes`.
    pub fn trace(graph: &Graph, facts: &Facts, shapes: &Shapes) -> Self {
        let mut trace = Trace {
            graph,
            facts,
            shapes,
            places: Self {
                atlas: Atlas::default(),
                regions: HashMap::new(),
                mixing: Vec::new(),
                lost: Vec::new(),
            },
        };
        let mut left = MOST_IN_ALL;
        for (index, node) in graph.nodes().iter().enumerate() {
            if !graph.varies(node.result()) {
                continue;
            }
            for (place, output) in node.output.iter().enumerate() {
                let is_map = matches!(facts.position(output), Some(Position::Map(_)));
                if output.is_empty() || is_map {
                    continue;
                }
                let regions = trace.through(index, node, place);
                match regions.filter(|regions| regions.values.len() <= left) {
                    Some(regions) => {
                        left -= regions.values.len();
                        trace.places.regions.insert(output.clone(), regions);
                    }
                    None => trace.places.lost.push(index),
                }
            }
        }
        trace.places
    }

    /// The grid in which the elements of `tensor` lie.
    pub fn grid(&self, tensor: &str) -> Option<TokenGrid> {
        TokenGrid::of(self.regions.get(tensor)?, &self.atlas)
    }

    /// Whether the node of this index sums up elements of several regions.
    pub fn mixes(&self, node: usize) -> bool {
        self.mixing.binary_search(&node).is_ok()
    }

    /// As [`mixes`](Self::mixes), or what the node does is not known.
    pub fn may_mix(&self, node: usize) -> bool {
        self.mixes(node) || self.lost.binary_search(&node).is_ok()
    }

    /// Whether elements of `tensor` along some axis stand for different regions.
    pub fn is_spread_out(&self, tensor: &str) -> bool {
        self.regions
            .get(tensor)
            .is_some_and(|regions| regions.sizes.iter().any(|&size| size > 1))
    }
}

struct Trace<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    shapes: &'a Shapes,
    places: TokenPlaces,
}

impl Trace<'_> {
    fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.shapes.of(self.graph, tensor)
    }

    /// The regions of the `index`th operand; what does not follow from the picture stands for none.
    fn operand(&mut self, node: &Node, index: usize) -> Option<Regions> {
        let tensor = node.operand(index);
        if let Some(known) = self.places.regions.get(tensor) {
            return Some(known.clone());
        }
        let shape = self.shape(tensor)?;
        match self.facts.position(tensor) {
            Some(Position::Map(map)) => self.of_map(&map, shape),
            // Of the picture, but of which place is not known.
            _ if self.graph.varies(tensor) => {
                let anywhere = self.places.atlas.region(ANYWHERE);
                let sizes = vec![1; shape.len()];
                Regions::new(shape, sizes, vec![anywhere])
            }
            _ => {
                let sizes = vec![1; shape.len()];
                Regions::new(shape, sizes, vec![NOWHERE])
            }
        }
    }

    fn of_map(&mut self, map: &Map, shape: Vec<usize>) -> Option<Regions> {
        let axes = map.axes();
        let mut sizes = vec![1; shape.len()];
        for (axis, cells) in axes.into_iter().zip(map.cells()) {
            if *shape.get(axis)? != cells {
                return None;
            }
            sizes[axis] = cells;
        }
        let tiles = map.tiles();
        let atlas = &mut self.places.atlas;
        Regions::make(shape, sizes, |index| {
            let along = [0, 1].map(|axis| {
                let (offset, stride) = tiles[axis];
                (offset + (index[axes[axis]] as f64 - 0.5) * stride, stride)
            });
            atlas.region(Rectangle {
                low: along.map(|(low, _)| low as f32),
                high: along.map(|(low, stride)| (low + stride) as f32),
            })
        })
    }

    fn through(&mut self, index: usize, node: &Node, place: usize) -> Option<Regions> {
        let facts = node.op().facts();
        // What is looked at cell by cell along an axis is bounded.
        let shape = self.shape(node.output.get(place)?)?;
        if shape.iter().any(|&size| size > MOST_CELLS) {
            return None;
        }
        match node.op() {
            Op::MatMul | Op::Gemm | Op::Einsum => self.product(index, node),
            Op::Softmax | Op::LogSoftmax | Op::LayerNormalization | Op::ScatterND => {
                (place == 0).then(|| self.operand(node, 0))?
            }
            Op::Conv => self.convolve(index, node),
            Op::Transpose => {
                let regions = self.operand(node, 0)?;
                let order: Vec<usize> = match node.ints("perm") {
                    Some(order) => order
                        .iter()
                        .map(|&axis| usize::try_from(axis).ok())
                        .collect::<Option<_>>()?,
                    None => (0..regions.rank()).rev().collect(),
                };
                regions.transposed(&order)
            }
            Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze => {
                let shape = self.shape(node.result())?;
                self.operand(node, 0)?.reshaped(shape)
            }
            Op::Expand => {
                let shape = self.shape(node.result())?;
                self.operand(node, 0)?.spread(&shape)
            }
            Op::Tile => {
                let mut regions = self.operand(node, 0)?;
                for (axis, size) in self.shape(node.result())?.into_iter().enumerate() {
                    let own = *regions.shape.get(axis)?;
                    let cells: Vec<_> = (0..size).map(|cell| Some(cell % own.max(1))).collect();
                    regions = regions.picked(axis, &cells)?;
                }
                Some(regions)
            }
            Op::Concat => {
                let parts = (0..node.input.len())
                    .map(|index| self.operand(node, index))
                    .collect::<Option<Vec<_>>>()?;
                let axis = absolute(node.int("axis", 1), parts.first()?.rank())?;
                Regions::joined(&parts, axis)
            }
            Op::Split => {
                let regions = self.operand(node, 0)?;
                let axis = absolute(node.int("axis", 0), regions.rank())?;
                let sizes = split_sizes(self.graph, self.shapes, node, regions.shape[axis])?;
                let start: usize = sizes.get(..place)?.iter().sum();
                let cells: Vec<_> = (start..start + sizes[place]).map(Some).collect();
                regions.picked(axis, &cells)
            }
            Op::Slice => {
                let mut regions = self.operand(node, 0)?;
                let slices = self.shapes.slices(self.graph, node, regions.rank())?;
                for (&axis, [start, end, step]) in slices.axes.iter().zip(slices.bounds) {
                    let run = sliced(regions.shape[axis], start, end, step)?;
                    let cells: Vec<_> = run.cells().map(Some).collect();
                    regions = regions.picked(axis, &cells)?;
                }
                Some(regions)
            }
            Op::Gather => self.gather(node),
            Op::GatherND => self.gather_nd(node),
            Op::Pad => self.pad(node),
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::GlobalLpPool => {
                let regions = self.operand(node, 0)?;
                let axes: Vec<usize> = (2..regions.rank()).collect();
                self.reduce(index, regions, &axes)
            }
            Op::AveragePool | Op::MaxPool | Op::LpPool => {
                let regions = (place == 0).then(|| self.operand(node, 0))??;
                self.windows(index, node, regions)
            }
            _ if facts.places == Places::Reduce => self.sum_up(index, node),
            // Normalisations over some axes included: each element remains what it is.
            _ if facts.places == Places::Elementwise
                || facts.spreads
                || matches!(
                    node.op(),
                    Op::And
                        | Op::Equal
                        | Op::Greater
                        | Op::GreaterOrEqual
                        | Op::Less
                        | Op::LessOrEqual
                        | Op::LpNormalization
                        | Op::MeanVarianceNormalization
                        | Op::RotaryEmbedding
                        | Op::Sin
                        | Op::Cos
                        | Op::IsNaN
                        | Op::IsInf
                ) =>
            {
                (place == 0).then(|| self.elementwise(node))?
            }
            _ => None,
        }
    }

    fn note_mixing(&mut self, index: usize) {
        if self.places.mixing.last() != Some(&index) {
            self.places.mixing.push(index);
        }
    }

    fn elementwise(&mut self, node: &Node) -> Option<Regions> {
        let mut merged: Option<Regions> = None;
        let count = if node.op().facts().spreads {
            node.input.len()
        } else {
            node.input.len().min(2)
        };
        for index in 0..count {
            let tensor = node.operand(index);
            let is_there = !tensor.is_empty()
                && (index == 0 || node.op().facts().spreads || self.graph.varies(tensor));
            if !is_there {
                continue;
            }
            let regions = self.operand(node, index)?;
            merged = Some(match merged {
                None => regions,
                Some(earlier) => {
                    let atlas = &self.places.atlas;
                    earlier.merged(&regions, |a, b| atlas.narrower(a, b))?
                }
            });
        }
        merged
    }

    /// A sum over axes: of a matrix product, a mean or a maximum.
    fn reduce(&mut self, index: usize, regions: Regions, axes: &[usize]) -> Option<Regions> {
        if axes
            .iter()
            .any(|&axis| regions.sizes.get(axis).is_some_and(|&size| size > 1))
        {
            self.note_mixing(index);
        }
        regions.united(axes, &mut self.places.atlas)
    }

    fn sum_up(&mut self, index: usize, node: &Node) -> Option<Regions> {
        let regions = self.operand(node, 0)?;
        let axes = self.shapes.reduced_axes(self.graph, node, regions.rank())?;
        let shape = self.shape(node.result())?;
        let reduced = self.reduce(index, regions, &axes)?;
        if node.int("keepdims", 1) != 0 {
            return Some(reduced);
        }
        let squeezed = axes
            .iter()
            .rev()
            .try_fold(reduced, |left, &axis| left.squeezed(axis))?;
        (squeezed.shape == shape).then_some(squeezed)
    }

    fn gather(&mut self, node: &Node) -> Option<Regions> {
        let regions = self.operand(node, 0)?;
        let axis = absolute(node.int("axis", 0), regions.rank())?;
        let length = regions.shape[axis];
        let shape = self.shape(node.result())?;
        let of_indices = self.shape(node.operand(1))?;
        let cells: Vec<Option<usize>> = match self.shapes.integers(self.graph, node.operand(1)) {
            Some(indices) => indices
                .into_iter()
                .map(|index| absolute(index, length))
                .collect(),
            // Whichever they are, where all stand for the same.
            None if regions.sizes[axis] == 1 => vec![Some(0); of_indices.iter().product()],
            None => return None,
        };
        let picked = regions.picked(axis, &cells)?;
        if of_indices.len() == 1 {
            Some(picked)
        } else {
            picked.reshaped(shape)
        }
    }

    fn gather_nd(&mut self, node: &Node) -> Option<Regions> {
        let regions = self.operand(node, 0)?;
        let shape = self.shape(node.result())?;
        let of_indices = self.shape(node.operand(1))?;
        let indices = self.shapes.integers(self.graph, node.operand(1))?;
        let (&depth, before) = of_indices.split_last()?;
        if node.int("batch_dims", 0) != 0 || depth == 0 || depth > regions.rank() {
            return None;
        }
        let picks: Vec<Vec<usize>> = indices
            .chunks_exact(depth)
            .map(|pick| {
                let along = pick.iter().zip(&regions.shape);
                along
                    .map(|(&index, &length)| absolute(index, length))
                    .collect::<Option<_>>()
            })
            .collect::<Option<_>>()?;
        let rest = &regions.sizes[depth..];
        let sizes = [&[picks.len()], rest].concat();
        let flat = [&[picks.len()], &regions.shape[depth..]].concat();
        let picked = Regions::make(flat, sizes, |index| {
            regions.at(picks[index[0]].iter().chain(&index[1..]).copied())
        })?;
        debug_assert_eq!(before.iter().product::<usize>(), picks.len());
        picked.reshaped(shape)
    }

    fn pad(&mut self, node: &Node) -> Option<Regions> {
        let mut regions = self.operand(node, 0)?;
        for (axis, [before, after]) in self.shapes.pads(self.graph, node, regions.rank())? {
            if (before, after) != (0, 0) {
                let length = i64::try_from(regions.shape[axis]).ok()?;
                let cells = (-before..length + after)
                    .map(|cell| usize::try_from(cell).ok().filter(|_| cell < length));
                regions = regions.picked(axis, &cells.collect::<Vec<_>>())?;
            }
        }
        Some(regions)
    }

    fn convolve(&mut self, index: usize, node: &Node) -> Option<Regions> {
        let kernel = self.shape(node.operand(1))?;
        let regions = self.operand(node, 0)?;
        let all = |name: &str, value| {
            node.ints(name)
                .is_none_or(|found| found.iter().all(|&found| found == value))
        };
        let is_pointwise =
            kernel.get(2..)?.iter().all(|&size| size == 1) && all("strides", 1) && all("pads", 0);
        let mut regions = self.reduce(index, regions, &[1])?;
        *regions.shape.get_mut(1)? = *kernel.first()?;
        if is_pointwise {
            Some(regions)
        } else {
            self.windows(index, node, regions)
        }
    }

    /// What windows over rows and columns make of a grid.
    fn windows(&mut self, index: usize, node: &Node, regions: Regions) -> Option<Regions> {
        let shape = self.shape(node.result())?;
        self.note_mixing(index);
        let collapsed = regions.collapsed();
        let lies_in_rows = collapsed.rank() == 4 && collapsed.sizes[..2] == [1, 1];
        let map = lies_in_rows
            .then(|| self.padded_map(&collapsed))
            .flatten()
            .and_then(|map| {
                let kernel = kernel(node, || self.shape(node.operand(1)))?;
                map.window(windows(node, &kernel)?.try_into().ok()?)
            });
        match map {
            Some(map) => self.of_map(&map, shape),
            None => {
                let axes: Vec<usize> = (2..collapsed.rank()).collect();
                let union = collapsed.united(&axes, &mut self.places.atlas)?;
                let channels: Vec<_> = (0..*shape.get(1)?).map(|_| Some(0)).collect();
                union.picked(1, &channels)?.spread(&shape)
            }
        }
    }

    /// The map that rows and columns of regions, 1 x 1 x height x width, are, with the cells around it that a pad has added.
    fn padded_map(&self, regions: &Regions) -> Option<Map> {
        let mut inner = regions.clone();
        let mut pads = [[0; 2]; 2];
        for (axis, pads) in [2, 3].into_iter().zip(&mut pads) {
            let length = regions.sizes[axis];
            let is_pad = |cell: &usize| {
                let across = regions.sizes[5 - axis];
                (0..across).all(|other| {
                    let index = match axis {
                        2 => [0, 0, *cell, other],
                        _ => [0, 0, other, *cell],
                    };
                    regions.at(index.into_iter()) == NOWHERE
                })
            };
            *pads = [
                (0..length).take_while(is_pad).count(),
                (0..length).rev().take_while(is_pad).count(),
            ];
            let within: Vec<Option<usize>> =
                (pads[0]..length.checked_sub(pads[1])?).map(Some).collect();
            inner = inner.picked(axis, &within)?;
        }
        let grid = TokenGrid::of(&inner, &self.places.atlas).filter(TokenGrid::is_in_order)?;
        let size = [0, 1].map(|axis| (grid.cells[axis] as f64 * grid.stride[axis]) as usize);
        let cells = [0, 1].map(|axis| grid.cells[axis] + pads[axis][0] + pads[axis][1]);
        let offset =
            [0, 1].map(|axis| grid.offset[axis] - pads[axis][0] as f64 * grid.stride[axis]);
        Some(Map::of_grid(cells, offset, grid.stride, size))
    }

    /// A matrix product. Each of its factors stands for regions along the axes that are left of it; the result for those
    /// of the factor that is the same for all that is summed up: the weights of attention, row by row of the queries. Of
    /// two such the narrower, the first of equals.
    fn product(&mut self, index: usize, node: &Node) -> Option<Regions> {
        let shape = self.shape(node.result())?;
        let equation = match node.op() {
            Op::Einsum => Equation::of(node)?,
            _ => self.equation(node)?,
        };
        let mut best: Option<(Regions, bool)> = None;
        for (place, letters) in equation.operands.iter().enumerate() {
            let regions = self.operand(node, place)?;
            if regions.rank() != letters.len() {
                return None;
            }
            if regions.values.iter().all(|&region| region == NOWHERE) {
                continue;
            }
            let summed: Vec<usize> = (0..letters.len())
                .filter(|&axis| !equation.result.contains(&letters[axis]))
                .collect();
            let is_same = summed.iter().all(|&axis| regions.sizes[axis] == 1);
            let united = self.reduce(index, regions, &summed)?;
            let laid = lay_out(&united, letters, &equation.result, &shape)?;
            best = Some(match best {
                None => (laid, is_same),
                Some((earlier, true)) if !is_same => (earlier, true),
                Some((_, false)) if is_same => (laid, true),
                Some((earlier, both)) => {
                    let atlas = &mut self.places.atlas;
                    let choose = |a: Region, b: Region| match both {
                        true => atlas.narrower(a, b),
                        false => atlas.union(a, b),
                    };
                    (earlier.merged(&laid, choose)?, both)
                }
            });
        }
        match best {
            Some((regions, _)) => Some(regions),
            None => {
                let sizes = vec![1; shape.len()];
                Regions::new(shape, sizes, vec![NOWHERE])
            }
        }
    }

    /// The product of two tensors as an equation of letters.
    fn equation(&self, node: &Node) -> Option<Equation> {
        let rank = |index| Some(self.shape(node.operand(index))?.len());
        let (first, second) = (rank(0)?, rank(1)?);
        if first < 2 || second < 2 {
            return None;
        }
        let batch = |rank: usize| (0..rank - 2).map(move |axis| b'A' + (rank - 3 - axis) as u8);
        let turned = |transpose: &str, pair: [u8; 2]| match node.int(transpose, 0) {
            0 => pair,
            _ => [pair[1], pair[0]],
        };
        if first.max(second) > 20 {
            return None;
        }
        let longest = first.max(second);
        Some(Equation {
            operands: vec![
                batch(first).chain(turned("transA", *b"mk")).collect(),
                batch(second).chain(turned("transB", *b"kn")).collect(),
            ],
            result: batch(longest).chain(*b"mn").collect(),
        })
    }
}

/// `regions`, whose axes are called `letters`, spread out to a tensor of `shape` whose axes are called `result`.
fn lay_out(regions: &Regions, letters: &[u8], result: &[u8], shape: &[usize]) -> Option<Regions> {
    let kept: Vec<usize> = result
        .iter()
        .filter_map(|letter| letters.iter().position(|own| own == letter))
        .collect();
    let dropped: Vec<usize> = (0..letters.len())
        .filter(|axis| !kept.contains(axis))
        .collect();
    let order: Vec<usize> = dropped.iter().chain(&kept).copied().collect();
    let mut laid = regions.transposed(&order)?;
    for _ in &dropped {
        laid = laid.squeezed(0)?;
    }
    for (axis, letter) in result.iter().enumerate() {
        if !letters.contains(letter) {
            laid = laid.unsqueezed(axis)?;
        }
    }
    laid.spread(shape)
}
