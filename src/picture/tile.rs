//! Tiles of planes of bytes, and what values they hold.

use super::simd::dispatched;

/// Columns of a tile. Rows of planes of our own are whole tiles, their last value repeated.
pub(super) const COLUMNS: usize = 64;

/// Rows of a tile.
pub(super) const ROWS: usize = 8;

dispatched! {
    /// Smallest and largest value of each tile of a row of tiles: of at most [`ROWS`] rows of `stride` bytes.
    pub(super) fn tile_bounds<;>(rows: &[u8], stride: usize, out: &mut [[u8; 2]]) {
        for (i, out) in out.iter_mut().enumerate() {
            let (mut low, mut high) = ([u8::MAX; COLUMNS], [u8::MIN; COLUMNS]);
            for row in rows.chunks_exact(stride) {
                let run = &row.as_chunks::<COLUMNS>().0[i];
                for ((low, high), value) in low.iter_mut().zip(&mut high).zip(run) {
                    *low = (*low).min(*value);
                    *high = (*high).max(*value);
                }
            }
            *out = [
                low.into_iter().fold(u8::MAX, u8::min),
                high.into_iter().fold(u8::MIN, u8::max),
            ];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::simd::forced::each_level;

    #[test]
    fn bounds_are_those_of_each_tile() {
        let stride = 3 * COLUMNS;
        each_level(|level| {
            for rows in 1..=ROWS {
                let plane: Vec<u8> = (0..rows * stride)
                    .map(|i| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3] / 2 + 40)
                    .collect();
                let mut bounds = [[0; 2]; 3];
                tile_bounds(&plane, stride, &mut bounds);
                for (i, bounds) in bounds.into_iter().enumerate() {
                    let tile = || plane.chunks(stride).flat_map(|row| &row[i * COLUMNS..][..COLUMNS]);
                    let expected = [*tile().min().unwrap(), *tile().max().unwrap()];
                    assert_eq!(bounds, expected, "{level:?}, {rows} rows, tile {i}");
                }
            }
        });
    }
}
