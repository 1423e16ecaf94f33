//! A class map scaled across to some columns of a frame, and what values its tiles can have.

use crate::luma::tiles::{self, COLUMNS};
use crate::resample::coefficients::Axis;
use crate::simd::{Aligned, dispatched, multiply_add};

/// Strips of a panel: as many as a vector of most machines has numbers.
pub(crate) const STRIPS: usize = 8;

/// Map rows that are scaled across at once.
pub(crate) const BLOCK: usize = 8;

/// The columns of a map, to be scaled across.
pub(crate) struct Columns {
    /// Column by column, whole [`BLOCK`]s of rows.
    pub data: Vec<f64>,
    pub stride: usize,
    /// The value that becomes 0, and what becomes 1.
    pub middle: f64,
    pub range: f64,
}

/// At most [`STRIPS`] strips, columns of tiles that lie side by side.
pub(crate) struct Panel {
    /// The first column of the frame.
    first: usize,
    height: usize,
    /// The rows of the map for one strip after the other; beyond the frame's width the last value
    /// repeated.
    rows: Vec<Run>,
    /// Of each of these, the strips of a row together.
    row_bounds: Vec<Bounds>,
    /// Of each tile as it is summed from the rows, the strips of a row of tiles together.
    tiles: Vec<Bounds>,
}

/// Values of a run of pixels.
pub(crate) type Run = Aligned<[f32; COLUMNS]>;

/// What the values of each strip lie in; strips that are missing repeat the last one.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub low: [f32; STRIPS],
    pub high: [f32; STRIPS],
}

impl Bounds {
    /// Of no values.
    pub const NONE: Self = Self {
        low: [f32::INFINITY; STRIPS],
        high: [f32::NEG_INFINITY; STRIPS],
    };

    /// Whether any are below or above the two `limits`.
    pub fn reach_beyond(&self, [low, high]: [f32; 2]) -> bool {
        let bounds = self.low.iter().zip(&self.high);
        bounds.fold(false, |any, (least, most)| {
            any | (*least < low) | (*most > high)
        })
    }

    pub fn joined(mut self, other: &Self) -> Self {
        for strip in 0..STRIPS {
            self.low[strip] = self.low[strip].min(other.low[strip]);
            self.high[strip] = self.high[strip].max(other.high[strip]);
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

impl Panel {
    /// The panels of a frame of `width` x `height` pixels, for maps of `map_height` rows.
    pub fn all(width: usize, height: usize, map_height: usize) -> Vec<Self> {
        let panel = |first: usize| {
            let strips = (width - first).div_ceil(COLUMNS).min(STRIPS);
            Self {
                first,
                height: map_height,
                rows: vec![Aligned([0.0; COLUMNS]); strips * map_height],
                row_bounds: vec![Bounds::NONE; map_height],
                tiles: vec![Bounds::NONE; height.div_ceil(tiles::ROWS)],
            }
        };
        let firsts = (0..width).step_by(STRIPS * COLUMNS);
        firsts.map(panel).collect()
    }

    /// Takes in the columns of a map.
    pub fn fill(&mut self, columns: &Columns, across: &Axis, down: &Axis) {
        let strips = self.rows.chunks_exact_mut(self.height);
        for (strip, rows) in strips.enumerate() {
            let first = self.first + strip * COLUMNS;
            scale_across(columns, across, first, rows);
            bound_rows(rows, strip, &mut self.row_bounds);
        }
        bound_tiles(&self.row_bounds, down, &mut self.tiles);
    }

    /// Strips that are not missing.
    pub fn strips(&self) -> usize {
        self.rows.len() / self.height
    }

    /// The rows of the map in one strip.
    pub fn rows(&self, strip: usize) -> &[Run] {
        &self.rows[strip * self.height..][..self.height]
    }

    /// The first column of the frame in one strip.
    pub fn first_column(&self, strip: usize) -> usize {
        self.first + strip * COLUMNS
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
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let mut scaled = [[0.0; BLOCK]; COLUMNS];
            for (x, scaled) in scaled.iter_mut().enumerate() {
                let x = (first + x).min(across.output() - 1);
                let mut sums = [0.0; BLOCK];
                for (&x, &weight) in across.index(x).iter().zip(across.exact_weight(x)) {
                    let column = &columns.data[x * columns.stride + block * BLOCK..][..BLOCK];
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
    /// Bounds of each of the `rows` of a strip.
    fn bound_rows<;>(rows: &[Run], strip: usize, out: &mut [Bounds]) {
        for (row, bounds) in rows.iter().zip(out) {
            let [low, high] = span(&row.0);
            bounds.low[strip..].fill(low);
            bounds.high[strip..].fill(high);
        }
    }
}

dispatched! {
    /// Bounds of each row of tiles from those of the rows of the map that it is summed from.
    fn bound_tiles<;>(rows: &[Bounds], down: &Axis, out: &mut [Bounds]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = Bounds::NONE;
            for y in i * tiles::ROWS..down.output().min((i + 1) * tiles::ROWS) {
                let (mut low, mut high) = ([0.0; STRIPS], [0.0; STRIPS]);
                for (&y, &weight) in down.index(y).iter().zip(down.weight(y)) {
                    let Bounds { low: least, high: most } = &rows[y];
                    let (least, most) = if weight < 0.0 { (most, least) } else { (least, most) };
                    for strip in 0..STRIPS {
                        low[strip] = multiply_add::<FUSED>(weight, least[strip], low[strip]);
                        high[strip] = multiply_add::<FUSED>(weight, most[strip], high[strip]);
                    }
                }
                for strip in 0..STRIPS {
                    out.low[strip] = if low[strip] < out.low[strip] { low[strip] } else { out.low[strip] };
                    out.high[strip] = if high[strip] > out.high[strip] { high[strip] } else { out.high[strip] };
                }
            }
        }
    }
}
