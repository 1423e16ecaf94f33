//! Tiles of planes of bytes, and what values they hold.

use super::simd::dispatched;

/// Columns of a tile. Rows of planes of our own are whole tiles, their last value repeated.
pub(super) const COLUMNS: usize = 64;

/// Rows of a tile.
pub(super) const ROWS: usize = 8;

/// Smallest and largest value of each tile of a plane.
pub(super) struct TileBounds {
    stride: usize,
    height: usize,
    /// Of the rows so far of the tiles being read, column by column.
    low: Vec<u8>,
    high: Vec<u8>,
    bounds: Vec<[u8; 2]>,
}

impl TileBounds {
    /// Bounds of tiles of `height` rows of `stride` bytes.
    pub fn new(stride: usize, height: usize) -> Self {
        Self {
            stride,
            height,
            low: vec![0; stride],
            high: vec![0; stride],
            bounds: vec![[0; 2]; stride / COLUMNS * height.div_ceil(ROWS)],
        }
    }

    /// Takes in row `y`; rows come in order.
    pub fn add_row(&mut self, y: usize, row: &[u8]) {
        if y.is_multiple_of(ROWS) {
            self.low.copy_from_slice(row);
            self.high.copy_from_slice(row);
        } else {
            widen(row, &mut self.low, &mut self.high);
        }
        if y % ROWS == ROWS - 1 || y == self.height - 1 {
            let per_row = self.stride / COLUMNS;
            let bounds = &mut self.bounds[y / ROWS * per_row..][..per_row];
            let columns = self
                .low
                .chunks_exact(COLUMNS)
                .zip(self.high.chunks_exact(COLUMNS));
            for (out, (low, high)) in bounds.iter_mut().zip(columns) {
                *out = [join(low, u8::min), join(high, u8::max)];
            }
        }
    }

    /// Bounds of all tiles, row by row.
    pub fn get(&self) -> &[[u8; 2]] {
        &self.bounds
    }
}

dispatched! {
    fn widen<;>(row: &[u8], low: &mut [u8], high: &mut [u8]) {
        for ((value, low), high) in row.iter().zip(low).zip(high) {
            *low = (*low).min(*value);
            *high = (*high).max(*value);
        }
    }
}

/// All values of a tile's columns in one.
fn join(columns: &[u8], join: impl Fn(u8, u8) -> u8) -> u8 {
    let (parts, _) = columns.as_chunks::<16>();
    let mut joined = parts[0];
    for part in &parts[1..] {
        for (joined, value) in joined.iter_mut().zip(part) {
            *joined = join(*joined, *value);
        }
    }
    joined.into_iter().fold(joined[0], join)
}
