//! Where a cell of a feature map looks, and what moves it.
//!
//! An axis of a map is an affine function of the cell: cell i sees `size` pixels around
//! `offset` + `stride` · i.

use super::shape_arithmetic::UNKNOWN;
use super::types::Layout;
use crate::onnx::shapes::absolute;
use crate::onnx::window::Window;

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

/// Share of the picture's side that cells may leave out without moving the heat. Two cells or more whose
/// fields are twice as large as their stride always leave out less.
const MOST_UNSEEN: f64 = 0.25;

impl Position {
    pub fn map(self) -> Option<Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Single(_) | Self::Unknown(_) => None,
        }
    }
}

impl Map {
    /// That of the picture itself, whose cells are its pixels.
    pub fn of_picture(layout: Layout, [height, width]: [usize; 2]) -> Self {
        let along = |cells| Along {
            cells,
            size: 1.0,
            stride: 1.0,
            offset: 0.5,
            length: cells as f64,
            cut: [0.0; 2],
        };
        Self {
            rank: 4,
            axes: axes(layout),
            along: [along(height), along(width)],
            turned: None,
            cut: None,
        }
    }

    /// Of cells N x C x h x w of a picture of `size`, whose centres lie at these distances from the top and left edge.
    pub fn of_grid(
        cells: [usize; 2],
        offset: [f64; 2],
        stride: [f64; 2],
        size: [usize; 2],
    ) -> Self {
        let along = [0, 1].map(|axis| Along {
            cells: cells[axis],
            size: stride[axis],
            stride: stride[axis],
            offset: offset[axis],
            length: size[axis] as f64,
            cut: [0.0; 2],
        });
        Self {
            rank: 4,
            axes: axes(Layout::ChannelsFirst),
            along,
            turned: None,
            cut: None,
        }
    }

    /// Centre of the first cell and distance of neighbours, vertical and horizontal, in pixels.
    pub fn tiles(&self) -> [(f64, f64); 2] {
        self.along.map(|along| (along.offset, along.stride))
    }

    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Which axes are the vertical and the horizontal one.
    pub fn axes(&self) -> [usize; 2] {
        self.axes
    }

    /// Height and width in cells.
    pub fn cells(&self) -> [usize; 2] {
        self.along.map(|along| along.cells)
    }

    /// Its shape, as far as it is known: one picture, and its cells.
    pub fn shape(&self) -> Vec<i64> {
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

    pub fn window(mut self, windows: [Window; 2]) -> Option<Self> {
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

    pub fn transpose(mut self, index: usize, order: Option<&[i64]>) -> Option<Self> {
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

    pub fn unsqueeze(mut self, inserted: &[i64]) -> Option<Self> {
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

    pub fn squeeze(mut self, removed: &[i64]) -> Option<Self> {
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
    pub fn reshape(mut self, shape: &[i64]) -> Option<Self> {
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

    /// The padding of node `index`: `pads` cells before each axis, then those after each; cut off
    /// where fewer than none.
    pub fn pad(mut self, index: usize, pads: &[i64]) -> Option<Self> {
        if pads.len() != 2 * self.rank {
            return None;
        }
        for (along, axis) in self.along.iter_mut().zip(self.axes) {
            let (before, after) = (pads[axis], pads[axis + self.rank]);
            let cells = i64::try_from(along.cells).ok()?.checked_add(before)?;
            along.cells = usize::try_from(cells.checked_add(after)?).ok()?;
            along.shift(before, after);
            for (cut, added) in along.cut.iter_mut().zip([before, after]) {
                if added < 0 {
                    self.cut = Some(index);
                    *cut -= added as f64 * along.stride;
                }
            }
        }
        Some(self)
    }

    /// What the slice of node `index` along `axis` leaves; negative bounds count from the end.
    pub fn slice(mut self, index: usize, axis: i64, [start, end, step]: [i64; 3]) -> Option<Self> {
        let axis = absolute(axis, self.rank)?;
        let Some(along) = self.axes.iter().position(|&own| own == axis) else {
            return Some(self);
        };
        if start == UNKNOWN || end == UNKNOWN {
            return None;
        }
        let along = &mut self.along[along];
        let cells = i64::try_from(along.cells).ok()?;
        let from_start = |bound: i64| {
            if bound < 0 {
                bound.checked_add(cells)
            } else {
                Some(bound)
            }
        };
        let start = from_start(start)?.clamp(0, cells);
        let end = from_start(end)?.clamp(0, cells);
        if step < 1 || end <= start {
            return None;
        }
        along.shift(-start, end - cells);
        // What lies within a step is not cut off but passed over.
        if start >= step || cells - end >= step {
            self.cut = Some(index);
            along.cut[0] += start as f64 * along.stride;
            along.cut[1] += (cells - end) as f64 * along.stride;
        }
        along.cells = usize::try_from((end - start - 1) / step + 1).ok()?;
        along.stride *= step as f64;
        Some(self)
    }

    /// A resizing that makes `scale(axis, cells)` = (cells, scale) of the cells along each axis.
    pub fn resize(mut self, scale: impl Fn(usize, f64) -> Option<(f64, f64)>) -> Option<Self> {
        for (along, axis) in self.along.iter_mut().zip(self.axes) {
            let (cells, scale) = scale(axis, along.cells as f64)?;
            if scale <= 0.0 || !(1.0..65_536.0).contains(&cells) {
                return None;
            }
            along.offset += along.stride * (0.5 / scale - 0.5);
            along.stride /= scale;
            along.cells = cells as usize;
        }
        Some(self)
    }

    /// Blocks of `side` x `side` cells that become one cell each.
    pub fn blocks(mut self, side: i64) -> Option<Self> {
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
    /// tiles of the picture, side by side. Half a cell is enough where a part of the picture reaches
    /// none, so that what is drawn there is of another place.
    fn tiles_the_picture(&self) -> bool {
        let tile = self.length / self.cells.max(1) as f64;
        let most_beside = if self.unseen() > MOST_UNSEEN * self.length {
            0.5 * self.stride.min(tile)
        } else {
            1.25 * self.stride.max(tile)
        };
        [0, self.cells.saturating_sub(1)].into_iter().all(|cell| {
            let looks_at = self.offset + cell as f64 * self.stride;
            let drawn_at = (cell as f64 + 0.5) * tile;
            (looks_at - drawn_at).abs() <= most_beside
        })
    }

    /// Pixels before the first cell's field and after the last one's, that no cell sees.
    fn unseen(&self) -> f64 {
        let first = self.offset - self.size / 2.0;
        let last = first + self.size + self.cells.saturating_sub(1) as f64 * self.stride;
        first.max(0.0) + (self.length - last).max(0.0)
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

/// The one map that element-wise operators make of several. Where they do not lie on each other those decide that tile
/// the picture: a gate that was made on fewer cells and enlarged works where its cells were drawn.
pub fn merge(maps: &[Map]) -> Option<Map> {
    join(maps).or_else(|| {
        let first = maps.first()?;
        let is_as_large = |map: &Map| map.axes == first.axes && map.cells() == first.cells();
        let tiles = |map: &&Map| map.along.iter().all(Along::tiles_the_picture);
        let tiling: Vec<Map> = maps.iter().filter(tiles).copied().collect();
        let is_gated = tiling.len() < maps.len() && maps.iter().all(is_as_large);
        is_gated.then(|| join(&tiling))?
    })
}

/// The one map of several that lie on each other. Of branches that meet, the one that sees most decides; what one of
/// them sees is not cut off.
fn join(maps: &[Map]) -> Option<Map> {
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
