//! A class map scaled across to some columns of a frame, and what values its tiles can have.

use crate::luma::tiles::{self, COLUMNS};
use crate::resample::coefficients::Axis;
use crate::simd::{Aligned, dispatched, multiply_add};

/// Tile columns of a group: as many as a vector of most machines has numbers.
pub(crate) const TILE_COLUMNS: usize = 8;

/// Map rows that are scaled across at once.
pub(crate) const ROW_BLOCK: usize = 8;

/// The columns of a map, to be scaled across.
pub(crate) struct Columns {
    /// Column by column, whole [`ROW_BLOCK`]s of rows.
    pub data: Vec<f64>,
    pub stride: usize,
    /// The value that becomes 0, and what becomes 1.
    pub middle: f64,
    pub range: f64,
}

/// At most [`TILE_COLUMNS`] tile columns that lie side by side: all tiles below each other are one.
pub(crate) struct ColumnGroup {
    /// The first column of the frame.
    first: usize,
    height: usize,
    /// The rows of the map for one tile column after the other; beyond the frame's width the last value
    /// repeated.
    rows: Vec<Run>,
    /// Of each of these, the tile columns of a row together.
    row_bounds: Vec<Bounds>,
    /// Of each tile as it is summed from the rows, the tile columns of a row of tiles together.
    tiles: Vec<Bounds>,
}

/// Values of a run of pixels.
pub(crate) type Run = Aligned<[f32; COLUMNS]>;

/// What the values of each tile column lie in; tile columns that are missing repeat the last one.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub low: [f32; TILE_COLUMNS],
    pub high: [f32; TILE_COLUMNS],
}

impl Bounds {
    /// Of no values.
    pub const NONE: Self = Self {
        low: [f32::INFINITY; TILE_COLUMNS],
        high: [f32::NEG_INFINITY; TILE_COLUMNS],
    };

    /// Whether any are below or above the two `limits`.
    pub fn reach_beyond(&self, [low, high]: [f32; 2]) -> bool {
        let bounds = self.low.iter().zip(&self.high);
        bounds.fold(false, |any, (least, most)| {
            any | (*least < low) | (*most > high)
        })
    }

    pub fn joined(mut self, other: &Self) -> Self {
        for column in 0..TILE_COLUMNS {
            self.low[column] = self.low[column].min(other.low[column]);
            self.high[column] = self.high[column].max(other.high[column]);
        }
        self
    }

    /// What all lie in.
    pub fn span(&self) -> [f32; 2] {
        let low = self.low.into_iter().fold(f32::INFINITY, f32::min);
        let high = self.high.into_iter().fold(f32::NEG_INFINITY, f32::max);
        [low, high]
    }
}

impl ColumnGroup {
    /// The groups of a frame of `width` x `height` pixels, for maps of `map_height` rows.
    pub fn all(width: usize, height: usize, map_height: usize) -> Vec<Self> {
        let group = |first: usize| {
            let tile_columns = (width - first).div_ceil(COLUMNS).min(TILE_COLUMNS);
            Self {
                first,
                height: map_height,
                rows: vec![Aligned([0.0; COLUMNS]); tile_columns * map_height],
                row_bounds: vec![Bounds::NONE; map_height],
                tiles: vec![Bounds::NONE; height.div_ceil(tiles::ROWS)],
            }
        };
        let firsts = (0..width).step_by(TILE_COLUMNS * COLUMNS);
        firsts.map(group).collect()
    }

    /// Takes in the columns of a map.
    pub fn fill(&mut self, columns: &Columns, across: &Axis, down: &Axis) {
        let tile_columns = self.rows.chunks_exact_mut(self.height);
        for (tile_column, rows) in tile_columns.enumerate() {
            let first = self.first + tile_column * COLUMNS;
            scale_across(columns, across, first, rows);
            bound_rows(rows, tile_column, &mut self.row_bounds);
        }
        bound_tiles(&self.row_bounds, down, &mut self.tiles);
    }

    /// Tile columns that are not missing.
    pub fn tile_columns(&self) -> usize {
        self.rows.len() / self.height
    }

    /// The rows of the map in one tile column.
    pub fn rows(&self, tile_column: usize) -> &[Run] {
        &self.rows[tile_column * self.height..][..self.height]
    }

    /// The first column of the frame in one tile column.
    pub fn first_column(&self, tile_column: usize) -> usize {
        self.first + tile_column * COLUMNS
    }

    /// Bounds of the values in each row of tiles.
    pub fn tiles(&self) -> &[Bounds] {
        &self.tiles
    }
}

/// Least and greatest of the values of a run of pixels.
#[inline(always)]
pub(crate) fn span(values: &[f32; COLUMNS]) -> [f32; 2] {
    const LANES: usize = 16;
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for part in values.as_chunks::<LANES>().0 {
        for ((low, high), value) in low.iter_mut().zip(&mut high).zip(part) {
            // Plain comparisons: no value is a NaN.
            *low = if value < low { *value } else { *low };
            *high = if value > high { *value } else { *high };
        }
    }
    [
        low.into_iter().fold(f32::INFINITY, f32::min),
        high.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

dispatched! {
    /// The map scaled across to a run of columns from `first` on.
    fn scale_across<;>(columns: &Columns, across: &Axis, first: usize, out: &mut [Run]) {
        let (middle, factor) = (columns.middle, 1.0 / columns.range);
        for (block, out) in out.chunks_mut(ROW_BLOCK).enumerate() {
            let mut scaled = [[0.0; ROW_BLOCK]; COLUMNS];
            for (x, scaled) in scaled.iter_mut().enumerate() {
                let x = (first + x).min(across.output() - 1);
                let mut sums = [0.0; ROW_BLOCK];
                for (&x, &weight) in across.index(x).iter().zip(across.exact_weight(x)) {
                    let column = &columns.data[x * columns.stride + block * ROW_BLOCK..][..ROW_BLOCK];
                    for (sum, value) in sums.iter_mut().zip(column) {
                        *sum += weight * value;
                    }
                }
                *scaled = sums.map(|sum| ((sum - middle) * factor) as f32);
            }
            for (y, row) in out.iter_mut().enumerate() {
                for (value, scaled) in row.0.iter_mut().zip(&scaled) {
                    *value = scaled[y];
                }
            }
        }
    }
}

dispatched! {
    /// Bounds of each of the `rows` of a tile column.
    fn bound_rows<;>(rows: &[Run], tile_column: usize, out: &mut [Bounds]) {
        for (row, bounds) in rows.iter().zip(out) {
            let [low, high] = span(&row.0);
            bounds.low[tile_column..].fill(low);
            bounds.high[tile_column..].fill(high);
        }
    }
}

dispatched! {
    /// Bounds of each row of tiles from those of the rows of the map that it is summed from.
    fn bound_tiles<;>(rows: &[Bounds], down: &Axis, out: &mut [Bounds]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = Bounds::NONE;
            for y in i * tiles::ROWS..down.output().min((i + 1) * tiles::ROWS) {
                let (mut low, mut high) = ([0.0; TILE_COLUMNS], [0.0; TILE_COLUMNS]);
                for (&y, &weight) in down.index(y).iter().zip(down.weight(y)) {
                    let Bounds { low: least, high: most } = &rows[y];
                    let (least, most) = if weight < 0.0 { (most, least) } else { (least, most) };
                    for column in 0..TILE_COLUMNS {
                        low[column] = multiply_add::<FUSED>(weight, least[column], low[column]);
                        high[column] = multiply_add::<FUSED>(weight, most[column], high[column]);
                    }
                }
                for column in 0..TILE_COLUMNS {
                    let (low, high) = (low[column], high[column]);
                    let (least, most) = (&mut out.low[column], &mut out.high[column]);
                    *least = if low < *least { low } else { *least };
                    *most = if high > *most { high } else { *most };
                }
            }
        }
    }
}
