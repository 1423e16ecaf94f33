//! The two passes of 8-bit scaling.
//!
//! Sums are taken in single precision. Where the error bound of such a sum leaves open which way
//! it rounds, the defining double precision sum decides: results are exact, whatever the order
//! and the fusing of the fast sums.

use super::resize::{Axis, nearest, round_u8, sum_rows};
use super::simd::dispatched;

/// Columns that are summed at once.
const LANES: usize = 64;

/// Rows that the horizontal pass scales at once, as so many 4-byte pixels.
pub(super) const ROWS: usize = LANES / 4;

dispatched! {
    /// Vertical pass: output row `at` of `axis` over the rows of `source`, `stride` bytes apart.
    pub(super) fn round_rows<;>(
        source: &[u8],
        stride: usize,
        axis: &Axis,
        at: usize,
        out: &mut [u8],
    ) {
        let (wide, rest) = out.as_chunks_mut::<LANES>();
        let start = wide.len() * LANES;
        for (i, out) in wide.iter_mut().enumerate() {
            round_columns::<FUSED, LANES>(source, stride, axis, at, i * LANES, out);
        }
        for (i, out) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            round_columns::<FUSED, 1>(source, stride, axis, at, start + i, out);
        }
    }
}

/// The columns from `x` on of one output row.
#[inline(always)]
fn round_columns<const FUSED: bool, const N: usize>(
    source: &[u8],
    stride: usize,
    axis: &Axis,
    at: usize,
    x: usize,
    out: &mut [u8; N],
) {
    let sums: [f32; N] =
        sum_rows::<_, FUSED, N>(source, stride, axis.index(at), axis.weight(at), x);
    let sure = 0.5 - 255.0 * axis.single_error();
    let mut doubtful = false;
    for (out, sum) in out.iter_mut().zip(sums) {
        let (value, distance) = nearest(sum.clamp(0.0, 255.0));
        *out = value;
        doubtful |= distance > sure;
    }
    if doubtful {
        for (i, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
            if nearest(sum.clamp(0.0, 255.0)).1 > sure {
                *out = round_u8(axis.exact_sum(at, |y| f64::from(source[y * stride + x + i])));
            }
        }
    }
}

/// The same pixel of [`ROWS`] rows.
pub(super) type Column = [[u8; 4]; ROWS];

/// Horizontal pass over rows of pixels, whatever their bytes mean.
///
/// Rows are interleaved so that this pass, too, sums whole runs of bytes.
pub(super) struct Columns {
    axis: Axis,
    bytes: usize,
    source: Vec<Column>,
    scaled: Vec<Column>,
}

impl Columns {
    /// Scales rows of pixels of `bytes` (3 or 4) bytes along `axis`.
    pub fn new(axis: Axis, bytes: usize) -> Self {
        Self {
            bytes,
            source: vec![Column::default(); axis.input()],
            scaled: vec![Column::default(); axis.output()],
            axis,
        }
    }

    pub fn out_width(&self) -> usize {
        self.axis.output()
    }

    /// Bytes of a row to scale.
    pub fn row_bytes(&self) -> usize {
        self.axis.input() * self.bytes
    }

    /// Scales up to [`ROWS`] rows, `stride` bytes apart in `source`. What the columns hold
    /// of further rows means nothing.
    pub fn scale(&mut self, source: &[u8], stride: usize) -> &[Column] {
        match self.bytes {
            3 => interleave::<3>(source, stride, &mut self.source),
            _ => interleave::<4>(source, stride, &mut self.source),
        }
        round_positions(
            self.source.as_flattened().as_flattened(),
            &self.axis,
            &mut self.scaled,
        );
        &self.scaled
    }
}

/// Columns of up to [`ROWS`] rows of pixels, a few at a time so that they stay in the cache.
fn interleave<const BYTES: usize>(source: &[u8], stride: usize, columns: &mut [Column]) {
    const BLOCK: usize = 64;
    for (i, columns) in columns.chunks_mut(BLOCK).enumerate() {
        for (j, row) in source.chunks(stride).take(ROWS).enumerate() {
            let (pixels, _) = row[i * BLOCK * BYTES..].as_chunks::<BYTES>();
            for (column, pixel) in columns.iter_mut().zip(pixels) {
                column[j] = std::array::from_fn(|i| pixel.get(i).copied().unwrap_or(0));
            }
        }
    }
}

dispatched! {
    /// Each output position of `axis` over interleaved rows.
    fn round_positions<;>(source: &[u8], axis: &Axis, out: &mut [Column]) {
        for (at, out) in out.as_flattened_mut().as_flattened_mut().as_chunks_mut().0.iter_mut().enumerate() {
            round_columns::<FUSED, LANES>(source, LANES, axis, at, 0, out);
        }
    }
}
