//! Where a cell of a feature map looks: how each operator moves places, from the picture on.
//!
//! An axis of a map is an affine function of the cell: cell i sees `size` pixels around
//! `offset` + `stride` · i. One pass over the nodes carries that along, in the order of the graph.

use std::collections::HashMap;

use super::image_input::Picture;
use super::shape_arithmetic::{MOST_NUMBERS, Sizes, UNKNOWN, short_constant};
use super::types::Layout;
use super::window::{Window, windows};
use crate::onnx::constant_fold::Constant;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places, Pool};
use crate::onnx::proto::Node;

/// The pixels of the network's input that reach one cell of the feature map through its
/// convolutions and pools, as (vertical, horizontal) pairs in pixels. Gates that look at the
/// whole picture (squeeze and excitation) are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceptiveField {
    /// Height and width of the field.
    pub size: [usize; 2],
    /// Distance between the centres of neighbouring cells.
    pub stride: [usize; 2],
    /// Centre of the first cell's field; the first pixel's centre is 0.5.
    pub offset: [f64; 2],
}

/// What the graph alone says of a tensor. Indices are those of nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// A map of more than one cell, each of which looks at its own place.
    Map(Map),
    /// One value for the whole picture, since this node.
    Single(usize),
    /// This node moves places in a way that is not known.
    Unknown(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map {
    rank: usize,
    /// Which axes are the vertical and the horizontal one.
    axes: [usize; 2],
    along: [Along; 2],
    /// The last node that took one of the picture's axes for the other, and the last that cut.
    turned: Option<usize>,
    cut: Option<usize>,
}

/// One axis of a map, in pixels of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Along {
    cells: usize,
    size: f64,
    stride: f64,
    offset: f64,
    /// Pixels of the picture.
    length: f64,
    /// What slices have cut off before the first cell and after the last one.
    cut: [f64; 2],
}

/// What a map that the graph knows is good for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Proof {
    /// Cell (i, j) looks at place (i, j).
    Holds,
    /// This node took rows for columns.
    Turned(usize),
    /// This node cut a part of the picture off.
    Cut(usize),
}

/// How much of a cell may be cut off without moving the heat.
const NEXT_TO_NOTHING: f64 = 0.25;

/// Positions of all tensors that follow from the picture.
pub struct Positions<'a> {
    graph: &'a Graph,
    tensors: HashMap<&'a str, Position>,
    /// What is computed of their shapes.
    sizes: Sizes<'a>,
}

impl<'a> Positions<'a> {
    /// Follows a picture of `height` x `width` pixels through `graph`.
    pub fn trace(graph: &'a Graph, picture: &'a Picture, [height, width]: [usize; 2]) -> Self {
        let along = |cells| Along {
            cells,
            size: 1.0,
            stride: 1.0,
            offset: 0.5,
            length: cells as f64,
            cut: [0.0; 2],
        };
        let start = Map {
            rank: 4,
            axes: axes(picture.layout),
            along: [along(height), along(width)],
            turned: None,
            cut: None,
        };
        let mut positions = Self {
            graph,
            tensors: HashMap::from([(picture.name.as_str(), Position::Map(start))]),
            sizes: Sizes::default(),
        };
        for (index, node) in graph.nodes().iter().enumerate() {
            if !node.output.iter().any(|output| graph.varies(output)) {
                let of = positions.of(node.operand(0)).and_then(Position::map);
                let shape = of.map(|map| map.shape());
                positions.sizes.learn(graph, node, shape);
                continue;
            }
            let seen: Vec<Position> = node
                .input
                .iter()
                .filter_map(|operand| positions.of(operand))
                .collect();
            if seen.is_empty() {
                continue;
            }
            let position = positions.through(index, node, &seen);
            let outputs = node.output.iter().filter(|output| !output.is_empty());
            positions
                .tensors
                .extend(outputs.map(|output| (output.as_str(), position)));
        }
        positions
    }

    pub fn of(&self, tensor: &str) -> Option<Position> {
        self.tensors.get(tensor).copied()
    }

    /// The position of what `node` makes of tensors of these positions.
    fn through(&self, index: usize, node: &Node, seen: &[Position]) -> Position {
        let unknown = seen
            .iter()
            .find(|seen| matches!(seen, Position::Unknown(_)));
        if node.op().facts().places == Places::Global {
            return Position::Single(index);
        }
        if let Some(&unknown) = unknown {
            return unknown;
        }
        let maps: Vec<Map> = seen.iter().filter_map(|seen| seen.map()).collect();
        if maps.is_empty() {
            return self.least_spatial(seen).unwrap_or(Position::Unknown(index));
        }
        match self.moved(index, node, &maps) {
            Some(Position::Map(map)) if map.cells() == [1, 1] => Position::Single(index),
            Some(Position::Map(map)) if map.cells().contains(&0) => Position::Unknown(index),
            Some(position) => position,
            None => Position::Unknown(index),
        }
    }

    /// Of pools that were joined, one by the maximum explains most.
    fn least_spatial(&self, seen: &[Position]) -> Option<Position> {
        let by_maximum = |position: &&Position| matches!(position, Position::Single(index) if is_maximum(&self.graph.nodes()[*index]));
        seen.iter().find(by_maximum).or(seen.first()).copied()
    }

    /// What `node` makes of `maps`; none where that is not known.
    fn moved(&self, index: usize, node: &Node, maps: &[Map]) -> Option<Position> {
        let first = *maps.first()?;
        let map = match node.op().facts().places {
            Places::Elementwise => merge(maps)?,
            Places::Window { kernel } => first.window(windows(self.graph, node, kernel)?)?,
            Places::Global => return Some(Position::Single(index)),
            Places::Reduce => return self.reduce(index, node, first),
            Places::Pad => self.pad(index, node, first)?,
            Places::Slice => self.slice(index, node, first)?,
            Places::Transpose => first.transpose(index, node.ints("perm"))?,
            Places::Concat => {
                let axis = absolute(node.int("axis", 1), first.rank)?;
                merge(maps).filter(|map| !map.axes.contains(&axis))?
            }
            Places::Split => {
                let axis = absolute(node.int("axis", 0), first.rank)?;
                Some(first).filter(|map| !map.axes.contains(&axis))?
            }
            Places::Gather => {
                let axis = absolute(node.int("axis", 0), first.rank)?;
                let keeps_rank = self.graph.constant_shape(node.operand(1))?.len() == 1;
                Some(first).filter(|map| keeps_rank && !map.axes.contains(&axis))?
            }
            Places::Unsqueeze => first.unsqueeze(&self.numbers(node, "axes", 1)?)?,
            Places::Squeeze => first.squeeze(&self.numbers(node, "axes", 1)?)?,
            Places::Reshape => first.reshape(&self.sizes(node, "shape", 1)?)?,
            Places::Resize => self.resize(node, first)?,
            Places::Blocks => first.blocks(node.int("blocksize", 1))?,
            Places::Matrix => {
                let keeps_places = maps.len() == 1
                    && self.of(node.operand(0)).and_then(Position::map) == Some(first)
                    && !self.graph.varies(node.operand(1))
                    && self.graph.constant_shape(node.operand(1))?.len() == 2;
                Some(first).filter(|map| keeps_places && !map.axes.contains(&(map.rank - 1)))?
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
            .map(|&axis| absolute(axis, map.rank))
            .collect();
        let reduced = reduced?;
        match map.axes.map(|axis| reduced.contains(&axis)) {
            [true, true] => Some(Position::Single(index)),
            [false, false] if node.int("keepdims", 1) != 0 => Some(Position::Map(map)),
            [false, false] => map.squeeze(&numbers).map(Position::Map),
            [true, false] | [false, true] => None,
        }
    }

    fn pad(&self, index: usize, node: &Node, mut map: Map) -> Option<Map> {
        let pads = self.numbers(node, "pads", 1)?;
        if !node.operand(3).is_empty() || pads.len() != 2 * map.rank {
            return None;
        }
        for (along, axis) in map.along.iter_mut().zip(map.axes) {
            let (before, after) = (pads[axis], pads[axis + map.rank]);
            let cells = i64::try_from(along.cells).ok()?.checked_add(before)?;
            along.cells = usize::try_from(cells.checked_add(after)?).ok()?;
            along.shift(before, after);
            // What is padded by less than nothing is cut off.
            for (cut, added) in along.cut.iter_mut().zip([before, after]) {
                if added < 0 {
                    map.cut = Some(index);
                    *cut -= added as f64 * along.stride;
                }
            }
        }
        Some(map)
    }

    fn slice(&self, index: usize, node: &Node, mut map: Map) -> Option<Map> {
        let starts = self.sizes(node, "starts", 1)?;
        let ends = self.sizes(node, "ends", 2)?;
        let all = || (0..starts.len() as i64).collect();
        let axes = if node.find("axes").is_some() || !node.operand(3).is_empty() {
            self.numbers(node, "axes", 3)?
        } else {
            all()
        };
        let steps = match node.operand(4) {
            "" => vec![1; starts.len()],
            _ => self.numbers(node, "steps", 4)?,
        };
        for (place, &axis) in axes.iter().enumerate() {
            let axis = absolute(axis, map.rank)?;
            let Some(along) = map.axes.iter().position(|&own| own == axis) else {
                continue;
            };
            let along = &mut map.along[along];
            let cells = i64::try_from(along.cells).ok()?;
            let from_start = |end: i64| {
                if end < 0 {
                    end.checked_add(cells)
                } else {
                    Some(end)
                }
            };
            let (start, end) = (*starts.get(place)?, *ends.get(place)?);
            if start == UNKNOWN || end == UNKNOWN {
                return None;
            }
            let start = from_start(start)?.clamp(0, cells);
            let end = from_start(end)?.clamp(0, cells);
            let step = *steps.get(place)?;
            if step < 1 || end <= start {
                return None;
            }
            along.shift(-start, end - cells);
            // What lies within a step is not cut off but passed over.
            if start >= step || cells - end >= step {
                map.cut = Some(index);
                along.cut[0] += start as f64 * along.stride;
                along.cut[1] += (cells - end) as f64 * along.stride;
            }
            along.cells = usize::try_from((end - start - 1) / step + 1).ok()?;
            along.stride *= step as f64;
        }
        Some(map)
    }

    fn resize(&self, node: &Node, mut map: Map) -> Option<Map> {
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
        let scales = scales.filter(|scales| !scales.is_empty());
        let sizes = match &scales {
            Some(_) => None,
            None => Some(self.sizes(node, "sizes", 3)?),
        };
        for (along, axis) in map.along.iter_mut().zip(map.axes) {
            let cells = along.cells as f64;
            let (new_cells, scale) = match (&scales, &sizes) {
                (Some(scales), _) => {
                    let scale = f64::from(*scales.get(axis)?);
                    ((cells * scale).floor(), scale)
                }
                (None, Some(sizes)) => {
                    let size = *sizes.get(axis)? as f64;
                    (size, size / cells)
                }
                (None, None) => return None,
            };
            if scale <= 0.0 || !(1.0..65_536.0).contains(&new_cells) {
                return None;
            }
            along.offset += along.stride * (0.5 / scale - 0.5);
            along.stride /= scale;
            along.cells = new_cells as usize;
        }
        Some(map)
    }

    /// As [`Self::numbers`], and where the graph computes them of shapes; some may be unknown.
    fn sizes(&self, node: &Node, attribute: &str, operand: usize) -> Option<Vec<i64>> {
        let given = self.numbers(node, attribute, operand);
        given.or_else(|| self.sizes.get(self.graph, node.operand(operand)))
    }

    /// The integers of an attribute, or of an operand where there is no such attribute.
    fn numbers(&self, node: &Node, attribute: &str, operand: usize) -> Option<Vec<i64>> {
        if let Some(numbers) = node.ints(attribute) {
            return (numbers.len() <= MOST_NUMBERS).then(|| numbers.to_vec());
        }
        short_constant(self.graph, node.operand(operand))?.integers()
    }
}

impl Position {
    fn map(self) -> Option<Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Single(_) | Self::Unknown(_) => None,
        }
    }
}

impl Map {
    /// Height and width in cells.
    pub fn cells(&self) -> [usize; 2] {
        self.along.map(|along| along.cells)
    }

    /// Its shape, as far as it is known: one picture, and its cells.
    fn shape(&self) -> Vec<i64> {
        let mut shape = vec![UNKNOWN; self.rank];
        if let Some(first) = shape.first_mut() {
            *first = 1;
        }
        for (along, axis) in self.along.iter().zip(self.axes) {
            if let Some(size) = shape.get_mut(axis) {
                *size = i64::try_from(along.cells).unwrap_or(UNKNOWN);
            }
        }
        shape
    }

    /// Whether a map of this layout has each cell at its place; none where it is no such map.
    pub fn proof(&self, layout: Layout) -> Option<Proof> {
        let [vertical, horizontal] = axes(layout);
        if self.rank != 4 {
            return None;
        }
        if self.axes == [horizontal, vertical] {
            return self.turned.map(Proof::Turned);
        }
        let is_cut = self.along.iter().any(|along| {
            let most = along.cut[0].max(along.cut[1]);
            most > NEXT_TO_NOTHING * along.stride
        });
        match self.cut {
            _ if self.axes != [vertical, horizontal] => None,
            Some(index) if is_cut => Some(Proof::Cut(index)),
            _ if self.along.iter().any(|along| !along.tiles_the_picture()) => None,
            _ => Some(Proof::Holds),
        }
    }

    /// What a cell sees; none where cells are closer than pixels.
    pub fn receptive_field(&self) -> Option<ReceptiveField> {
        let whole = |value: f64| {
            ((1.0..1e15).contains(&value) && value.fract() == 0.0).then_some(value as usize)
        };
        let [vertical, horizontal] = self.along;
        Some(ReceptiveField {
            size: [whole(vertical.size)?, whole(horizontal.size)?],
            stride: [whole(vertical.stride)?, whole(horizontal.stride)?],
            offset: [vertical.offset, horizontal.offset],
        })
    }

    fn window(mut self, windows: [Window; 2]) -> Option<Self> {
        if self.rank != 4 {
            return None;
        }
        for (along, axis) in self.along.iter_mut().zip(self.axes) {
            let window = windows.get(axis.checked_sub(2)?)?;
            let before = window.pad_before(along.cells);
            along.size += window.reach()? as f64 * along.stride;
            along.offset += (window.reach()? as f64 / 2.0 - before as f64) * along.stride;
            along.cells = window.cells(along.cells)?;
            along.stride *= window.stride as f64;
        }
        Some(self)
    }

    fn transpose(mut self, index: usize, order: Option<&[i64]>) -> Option<Self> {
        let was_upright = self.axes[0] < self.axes[1];
        let reversed: Vec<i64> = (0..self.rank as i64).rev().collect();
        let order = order.unwrap_or(&reversed);
        for axis in &mut self.axes {
            *axis = order
                .iter()
                .position(|&from| usize::try_from(from) == Ok(*axis))?;
        }
        if was_upright != (self.axes[0] < self.axes[1]) {
            self.turned = Some(index);
        }
        (order.len() == self.rank).then_some(self)
    }

    fn unsqueeze(mut self, inserted: &[i64]) -> Option<Self> {
        let rank = self.rank + inserted.len();
        let inserted: Option<Vec<usize>> =
            inserted.iter().map(|&axis| absolute(axis, rank)).collect();
        let inserted = inserted?;
        let mut kept = (0..rank).filter(|axis| !inserted.contains(axis));
        let kept: Vec<usize> = kept.by_ref().collect();
        for axis in &mut self.axes {
            *axis = *kept.get(*axis)?;
        }
        self.rank = rank;
        Some(self)
    }

    fn squeeze(mut self, removed: &[i64]) -> Option<Self> {
        let removed: Option<Vec<usize>> = removed
            .iter()
            .map(|&axis| absolute(axis, self.rank))
            .collect();
        let removed = removed?;
        for axis in &mut self.axes {
            if removed.contains(axis) {
                return None;
            }
            *axis -= removed.iter().filter(|&&other| other < *axis).count();
        }
        self.rank = self.rank.checked_sub(removed.len())?;
        Some(self)
    }

    /// A reshaping that leaves the two axes of the picture as they are, last or right behind the
    /// first one; -1 and 0 stand for what ONNX says.
    fn reshape(mut self, shape: &[i64]) -> Option<Self> {
        let rank = shape.len();
        let cells = self.cells();
        let are_kept = |at: usize| {
            let sizes = shape.get(at..at + 2);
            sizes.is_some_and(|sizes| {
                sizes
                    .iter()
                    .zip(cells)
                    .all(|(&size, cells)| usize::try_from(size) == Ok(cells))
            })
        };
        let [first, second] = self.axes;
        let last = rank.checked_sub(2)?;
        if [first + 2, second + 1] == [self.rank; 2] && are_kept(last) {
            self.axes = [last, last + 1];
        } else if [first, second] == [1, 2] && matches!(shape.first(), Some(0 | 1)) && are_kept(1) {
            self.axes = [1, 2];
        } else {
            return None;
        }
        self.rank = rank;
        Some(self)
    }

    fn blocks(mut self, side: i64) -> Option<Self> {
        let side = usize::try_from(side).ok().filter(|&side| side > 0)?;
        if self.rank != 4 {
            return None;
        }
        for along in &mut self.along {
            let reach = (side - 1) as f64;
            along.size += reach * along.stride;
            along.offset += reach / 2.0 * along.stride;
            along.stride *= side as f64;
            along.cells /= side;
        }
        Some(self)
    }
}

impl Along {
    /// Whether each cell looks at most about one cell beside where it is drawn: cells are drawn as
    /// tiles of the picture, side by side.
    fn tiles_the_picture(&self) -> bool {
        const MOST_BESIDE: f64 = 1.25;
        let tile = self.length / self.cells.max(1) as f64;
        [0, self.cells.saturating_sub(1)].into_iter().all(|cell| {
            let looks_at = self.offset + cell as f64 * self.stride;
            let drawn_at = (cell as f64 + 0.5) * tile;
            (looks_at - drawn_at).abs() <= MOST_BESIDE * self.stride.max(tile)
        })
    }

    /// Puts so many cells before the first one and after the last one; fewer than none cut.
    fn shift(&mut self, before: i64, after: i64) {
        self.offset -= before as f64 * self.stride;
        // What is padded here and cut there was never cut off.
        for (cut, added) in self.cut.iter_mut().zip([before, after]) {
            if added > 0 {
                *cut -= added as f64 * self.stride;
            }
        }
    }
}

/// The one map that element-wise operators make of several, if they lie on each other. Of branches
/// that meet, the one that sees most decides; what one of them sees is not cut off.
fn merge(maps: &[Map]) -> Option<Map> {
    let mut widest = *maps
        .iter()
        .max_by(|a, b| a.along[0].size.total_cmp(&b.along[0].size))?;
    for map in maps {
        let lies_on = |along: usize| {
            let (a, b) = (map.along[along], widest.along[along]);
            a.cells == b.cells && (a.stride - b.stride).abs() < 1e-3 * b.stride
        };
        if map.rank != widest.rank || map.axes != widest.axes || !lies_on(0) || !lies_on(1) {
            return None;
        }
    }
    for (along, axis) in widest.along.iter_mut().zip([0, 1]) {
        for (end, cut) in along.cut.iter_mut().enumerate() {
            let cuts = maps.iter().map(|map| map.along[axis].cut[end]);
            *cut = cuts.fold(*cut, f64::min);
        }
    }
    Some(widest)
}

fn axes(layout: Layout) -> [usize; 2] {
    match layout {
        Layout::ChannelsFirst => [2, 3],
        Layout::ChannelsLast => [1, 2],
    }
}

/// `axis`, counted from the end where negative.
fn absolute(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(i64::try_from(rank).ok()?)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Whether a node pools by the maximum.
pub fn is_maximum(node: &Node) -> bool {
    node.op().facts().pool == Some(Pool::Maximum)
}
