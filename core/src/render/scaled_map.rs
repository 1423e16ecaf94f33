//! Class maps scaled to frames.
//!
//! As in [`crate::resample::vertical`], single precision decides wherever it certainly decides as double
//! precision does.

use std::ops::Range;

use super::cell_grid::{CellAxis, CellGrid};
use super::column_group::{Bounds, ColumnGroup, Columns, ROW_BLOCK, TILE_COLUMNS, span};
use super::quantize::{Quantizer, index_bounds, quantize, sum_run};
use crate::frame::Orientation;
use crate::luma::tiles::{self, COLUMNS};
use crate::resample::coefficients::Axis;

/// A class map: `height` rows of `width` values.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    /// Row by row.
    pub values: &'a [f32],
    /// Cells of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl MapView<'_> {
    /// Minimum and maximum; none where the map is flat (they differ by at most 1e-6 of the larger
    /// magnitude), where a value is not finite, or where values are missing.
    pub(crate) fn extremes(&self) -> Option<(f64, f64)> {
        let values = self.values.get(..self.width.checked_mul(self.height)?)?;
        if !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let low = f64::from(values.iter().copied().reduce(f32::min)?);
        let high = f64::from(values.iter().copied().reduce(f32::max)?);
        (high - low > 1e-6 * low.abs().max(high.abs())).then_some((low, high))
    }
}

/// Scales maps of one size to frames of one size; see [`Axis`].
pub(crate) struct MapScaler {
    pub source: Source,
    pub groups: Vec<ColumnGroup>,
    /// Tiles in a row of them.
    per_row: usize,
    indices: Vec<[u8; 2]>,
    grid: Option<CellGrid>,
    /// Columns and rows of the frame that the network saw; none where it saw all.
    seen: Option<[Range<usize>; 2]>,
}

/// What [`ColumnGroup`]s are filled from.
pub(crate) struct Source {
    across: Axis,
    down: Axis,
    /// Whether the vertical dimension has the smallest scale, which comes first.
    down_first: bool,
    map: Vec<f64>,
    columns: Columns,
    /// Bound of the error of a value summed from the rows of a group.
    error: f32,
}

impl Source {
    /// Takes in the values of a map, whose minimum and maximum are given.
    pub fn load(&mut self, map: MapView, (low, high): (f64, f64)) {
        self.columns.middle = low + (high - low) / 2.0;
        self.columns.range = high - low;
        for (out, value) in self.map.iter_mut().zip(map.values) {
            *out = f64::from(*value);
        }
        let columns = self.columns.data.chunks_exact_mut(self.columns.stride);
        for (x, column) in columns.enumerate() {
            for (out, row) in column.iter_mut().zip(self.map.chunks_exact(map.width)) {
                *out = row[x];
            }
        }
    }

    pub fn fill(&self, group: &mut ColumnGroup) {
        group.fill(&self.columns, &self.across, &self.down);
    }

    /// The scaled map at one pixel; beyond the width, at the last one of the row.
    fn value(&self, x: usize, y: usize) -> f64 {
        let x = x.min(self.across.output() - 1);
        let get = |x: usize, y: usize| self.map[y * self.across.input() + x];
        if self.down_first {
            let column = |x| self.down.exact_sum(y, |y| get(x, y));
            self.across.exact_sum(x, column)
        } else {
            let row = |y| self.across.exact_sum(x, |x| get(x, y));
            self.down.exact_sum(y, row)
        }
    }
}

impl MapScaler {
    /// Scales maps of the size of `map` to frames of `width` x `height` pixels, exactly as the upright map to the
    /// upright frame, whose cells lie as `grid` says or, without, tile it.
    pub fn new(
        map: MapView,
        (width, height): (usize, usize),
        orientation: Orientation,
        grid: Option<CellGrid>,
    ) -> Self {
        let [x, y] = match grid.map(|grid| orientation.sides((grid.across, grid.down))) {
            Some((x, y)) => [x, y].map(Some),
            None => [None; 2],
        };
        let scale = |cells: usize, pixels: usize, placed: Option<CellAxis>| match placed {
            Some(placed) => placed.stride,
            None => pixels as f64 / cells as f64,
        };
        let scale_x = scale(map.width, width, x);
        let scale_y = scale(map.height, height, y);
        let seen = |placed: Option<CellAxis>, pixels: usize, mirrored: bool| {
            let seen = placed.map_or(0..pixels, |placed| placed.pixels(pixels));
            if mirrored {
                pixels - seen.end..pixels - seen.start
            } else {
                seen
            }
        };
        let axis = |input, output, scale, mirrored, placed: Option<CellAxis>| {
            let axis = Axis::new(
                input,
                output,
                scale,
                placed.map_or(0.0, |placed| placed.shift()),
            );
            let axis = if mirrored { axis.mirrored() } else { axis };
            match seen(placed, output, mirrored) {
                all if all == (0..output) => axis,
                part => axis.held(part),
            }
        };
        let seen = [
            seen(x, width, orientation.mirrored_x),
            seen(y, height, orientation.mirrored_y),
        ];
        let down = axis(map.height, height, scale_y, orientation.mirrored_y, y);
        let stride = map.height.next_multiple_of(ROW_BLOCK);
        Self {
            source: Source {
                across: axis(map.width, width, scale_x, orientation.mirrored_x, x),
                // Where both are alike, the one that is vertical in the upright picture.
                down_first: if orientation.transposed {
                    scale_y < scale_x
                } else {
                    scale_y <= scale_x
                },
                map: vec![0.0; map.height * map.width],
                columns: Columns {
                    data: vec![0.0; map.width * stride],
                    stride,
                    middle: 0.0,
                    range: 1.0,
                },
                // Values of the rows are at most 0.75 in magnitude, and rounded themselves.
                error: 0.75 * (down.single_error() + f32::EPSILON),
                down,
            },
            groups: ColumnGroup::all(width, height, map.height),
            per_row: width.div_ceil(COLUMNS),
            indices: vec![[0; 2]; width.div_ceil(COLUMNS) * height.div_ceil(tiles::ROWS)],
            grid,
            seen: (seen != [0..width, 0..height]).then_some(seen),
        }
    }

    pub fn fits(&self, map: MapView, grid: Option<CellGrid>) -> bool {
        let Source { across, down, .. } = &self.source;
        across.input() == map.width && down.input() == map.height && self.grid == grid
    }

    /// Width and height of the frame.
    pub fn size(&self) -> (usize, usize) {
        (self.source.across.output(), self.source.down.output())
    }

    /// Rows of the frame in row `row` of tiles.
    fn tile_rows(&self, row: usize) -> Range<usize> {
        row * tiles::ROWS..self.source.down.output().min((row + 1) * tiles::ROWS)
    }

    /// Calls `work` with group, row and tile column of each tile whose bounds reach below or above what
    /// `limits` says at that time.
    fn each_tile<T>(
        &self,
        state: &mut T,
        limits: impl Fn(&T) -> [f32; 2],
        work: impl Fn(&mut T, &ColumnGroup, usize, usize),
    ) {
        for group in &self.groups {
            for (row, bounds) in group.tiles().iter().enumerate() {
                if !bounds.reach_beyond(limits(state)) {
                    continue;
                }
                for tile_column in 0..group.tile_columns() {
                    let [low, high] = limits(state);
                    if bounds.low[tile_column] < low || bounds.high[tile_column] > high {
                        work(state, group, row, tile_column);
                    }
                }
            }
        }
    }

    /// Minimum and maximum of the scaled map, if they differ.
    ///
    /// Only tiles whose bounds leave them a chance are summed, the most promising first.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let Source { down, error, .. } = &self.source;
        // Bounds and sums are each off by the error at most.
        let margin = 2.0 * error;
        let rows = self.groups.iter().flat_map(ColumnGroup::tiles);
        let all = rows.fold(Bounds::NONE, |all, bounds| all.joined(bounds));
        let [lowest, highest] = all.span();
        let sum_tile = |found: &mut [f32; 2], group: &ColumnGroup, row, tile_column| {
            for y in self.tile_rows(row) {
                let [low, high] = span(&sum_run(group.rows(tile_column), down, y));
                *found = [found[0].min(low), found[1].max(high)];
            }
        };
        let mut found = [f32::INFINITY, f32::NEG_INFINITY];
        let promising = |_: &_| [lowest + margin, highest - margin];
        self.each_tile(&mut found, promising, sum_tile);
        let beyond = |found: &[f32; 2]| [found[0] + margin, found[1] - margin];
        self.each_tile(&mut found, beyond, sum_tile);

        let [low, high] = beyond(&found);
        let mut exact = (f64::INFINITY, f64::NEG_INFINITY);
        let limits = |_: &_| [low + margin, high - margin];
        self.each_tile(&mut exact, limits, |exact, group, row, tile_column| {
            for y in self.tile_rows(row) {
                let sums = sum_run(group.rows(tile_column), down, y);
                for (x, sum) in (group.first_column(tile_column)..).zip(sums) {
                    if sum <= low || sum >= high {
                        let value = self.source.value(x, y);
                        *exact = (exact.0.min(value), exact.1.max(value));
                    }
                }
            }
        });
        (exact.1 > exact.0).then_some(exact)
    }

    /// Whether each pixel of a row of the frame is at least `limit`, and was seen.
    pub fn reach(&self, y: usize, limit: f64, out: &mut [bool]) {
        let Source { columns, down, .. } = &self.source;
        let limit = ((limit - columns.middle) / columns.range) as f32;
        let seen = self.seen.as_ref();
        if seen.is_some_and(|[_, rows]| !rows.contains(&y)) {
            return out.fill(false);
        }
        for group in &self.groups {
            for tile_column in 0..group.tile_columns() {
                let sums = sum_run(group.rows(tile_column), down, y);
                let out = out[group.first_column(tile_column)..].iter_mut();
                for (out, sum) in out.zip(sums) {
                    *out = sum >= limit;
                }
            }
        }
        if let Some([columns, _]) = seen {
            out[..columns.start].fill(false);
            out[columns.end..].fill(false);
        }
    }

    /// How the scaled map becomes heat indices: from `least` and `most` to 0..1, 0 below
    /// `threshold`, in steps of 1/255 rounded half up, at most 254.
    pub fn quantizer(&self, (least, most): (f64, f64), threshold: f64) -> Quantizer {
        let step = (most - least) / 255.0;
        let Source { columns, error, .. } = &self.source;
        let factor = (columns.range / step) as f32;
        Quantizer {
            least,
            most,
            threshold,
            factor,
            offset: ((columns.middle - least) / step) as f32,
            // Nothing is below 0, nor below what is not a number.
            cut: if threshold > 0.0 {
                (threshold * 255.0) as f32
            } else {
                f32::NEG_INFINITY
            },
            error: factor * error + 512.0 * f32::EPSILON,
        }
    }

    /// Finds what the heat indices of each tile can be; see [`Self::indices`].
    pub fn bound_indices(&mut self, quantizer: &Quantizer) {
        for (row, indices) in self.indices.chunks_exact_mut(self.per_row).enumerate() {
            let tile_columns = indices.chunks_mut(TILE_COLUMNS);
            for (group, indices) in self.groups.iter().zip(tile_columns) {
                let [low, high] = index_bounds(&group.tiles()[row], quantizer);
                for (out, bounds) in indices.iter_mut().zip(low.into_iter().zip(high)) {
                    *out = bounds.into();
                }
            }
        }
        let Some([columns, rows]) = &self.seen else {
            return;
        };
        for (tile, bounds) in self.indices.iter_mut().enumerate() {
            let x = tile % self.per_row * COLUMNS;
            let y = tile / self.per_row * tiles::ROWS;
            let hidden = |at: usize, size: usize, seen: &Range<usize>| {
                (
                    at + size <= seen.start || seen.end <= at,
                    at < seen.start || seen.end < at + size,
                )
            };
            let (across, down) = (hidden(x, COLUMNS, columns), hidden(y, tiles::ROWS, rows));
            if across.0 || down.0 {
                *bounds = [0; 2];
            } else if across.1 || down.1 {
                bounds[0] = 0;
            }
        }
    }

    /// The least and the greatest heat index that each tile can have, row by row.
    pub fn indices(&self) -> &[[u8; 2]] {
        &self.indices
    }

    /// Heat indices of a row of tiles, in rows that are whole tiles.
    pub fn quantize_rows(&self, row: usize, quantizer: &Quantizer, out: &mut [u8]) {
        for column in 0..self.per_row {
            let out = &mut out[column * COLUMNS..];
            let tile = row * self.per_row + column;
            self.quantize_tile(tile, quantizer, out, self.per_row * COLUMNS);
        }
    }

    /// Heat indices of a tile, given by its number, into rows `stride` bytes apart.
    /// Says how many rows of the frame those are.
    pub fn quantize_tile(
        &self,
        tile: usize,
        quantizer: &Quantizer,
        out: &mut [u8],
        stride: usize,
    ) -> usize {
        let (row, column) = (tile / self.per_row, tile % self.per_row);
        let ys = self.tile_rows(row);
        let [coolest, hottest] = self.indices[tile];
        if coolest == hottest {
            for y in 0..ys.len() {
                out[y * stride..][..COLUMNS].fill(coolest);
            }
            return ys.len();
        }
        let exact = |x, y| quantizer.exact(self.source.value(column * COLUMNS + x, y));
        let rows = self.groups[column / TILE_COLUMNS].rows(column % TILE_COLUMNS);
        let down = &self.source.down;
        if coolest == 0 {
            quantize::<_, true>(rows, down, ys.clone(), quantizer, out, stride, &exact);
            self.hide_unseen(column, ys.clone(), out, stride);
        } else {
            quantize::<_, false>(rows, down, ys.clone(), quantizer, out, stride, &exact);
        }
        ys.len()
    }

    /// Takes the heat off what the network did not see of the rows `ys` of a tile column.
    fn hide_unseen(&self, column: usize, ys: Range<usize>, out: &mut [u8], stride: usize) {
        let Some([columns, rows]) = &self.seen else {
            return;
        };
        let first = column * COLUMNS;
        let kept = columns.start.saturating_sub(first).min(COLUMNS)
            ..columns.end.saturating_sub(first).min(COLUMNS);
        for (i, y) in ys.enumerate() {
            let row = &mut out[i * stride..][..COLUMNS];
            if rows.contains(&y) {
                row[..kept.start].fill(0);
                row[kept.end..].fill(0);
            } else {
                row.fill(0);
            }
        }
    }
}
