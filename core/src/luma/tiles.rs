//! Tiles of planes of bytes, and what values they hold.

use crate::simd::dispatched;

/// Columns of a tile. Rows of planes of our own are whole tiles.
pub(crate) const COLUMNS: usize = 64;

/// Rows of a tile.
pub(crate) const ROWS: usize = 8;

/// Smallest and largest sample of each tile of a row of tiles: of at most [`ROWS`] rows of `width`
/// samples, every `STEP`th byte from `OFFSET` on, `stride` bytes apart.
pub(crate) fn tile_bounds<const STEP: usize, const OFFSET: usize>(
    rows: &[u8],
    stride: usize,
    width: usize,
    out: &mut [[u8; 2]],
) {
    match STEP {
        1 => bounds::<1, 0, COLUMNS>(rows, stride, width, out),
        _ => bounds::<2, OFFSET, { 2 * COLUMNS }>(rows, stride, width, out),
    }
}

dispatched! {
    fn bounds<STEP: usize, OFFSET: usize, BYTES: usize;>(
        rows: &[u8],
        stride: usize,
        width: usize,
        out: &mut [[u8; 2]],
    ) {
        let whole = width / COLUMNS;
        for (i, out) in out.iter_mut().enumerate() {
            // Samples between those of a step are taken along, and left out at the end.
            let (mut low, mut high) = ([u8::MAX; BYTES], [u8::MIN; BYTES]);
            for row in rows.chunks(stride) {
                let row = &row[i * BYTES..];
                if i < whole {
                    let tile = low.iter_mut().zip(&mut high).zip(&row[..BYTES]);
                    for ((low, high), value) in tile {
                        *low = (*low).min(*value);
                        *high = (*high).max(*value);
                    }
                } else {
                    let samples = row.iter().skip(OFFSET).step_by(STEP);
                    for value in samples.take(width % COLUMNS) {
                        low[OFFSET] = low[OFFSET].min(*value);
                        high[OFFSET] = high[OFFSET].max(*value);
                    }
                }
            }
            let mut bounds = [u8::MAX, u8::MIN];
            for (low, high) in low.as_chunks::<STEP>().0.iter().zip(high.as_chunks::<STEP>().0) {
                bounds = [bounds[0].min(low[OFFSET]), bounds[1].max(high[OFFSET])];
            }
            *out = bounds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    #[test]
    fn bounds_are_those_of_each_tile() {
        let plane: Vec<u8> = (0..ROWS * 500)
            .map(|i| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3] / 2 + 40)
            .collect();
        each_level(|level| {
            for (width, rows) in (1..=200).map(|width| (width, 1 + width % ROWS)) {
                for step in [1, 2] {
                    let stride = width * step + width % 3 * 25;
                    // The last row ends with its own last byte.
                    let rows = &plane[..stride * (rows - 1) + width * step];
                    let mut out = vec![[0; 2]; width.div_ceil(COLUMNS)];
                    let offset = step / 2;
                    match step {
                        1 => tile_bounds::<1, 0>(rows, stride, width, &mut out),
                        _ => tile_bounds::<2, 1>(rows, stride, width, &mut out),
                    }
                    for (i, out) in out.into_iter().enumerate() {
                        let columns = i * COLUMNS..width.min((i + 1) * COLUMNS);
                        let tile = || {
                            let rows = rows.chunks(stride);
                            rows.flat_map(|row| columns.clone().map(|x| row[x * step + offset]))
                        };
                        let expected = [tile().min().unwrap(), tile().max().unwrap()];
                        assert_eq!(out, expected, "{level:?} {width} x {step}, tile {i}");
                    }
                }
            }
        });
    }
}
