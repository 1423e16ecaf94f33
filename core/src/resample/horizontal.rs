//! Rows scaled along themselves.

use super::coefficients::{Axis, Bytes};
use super::in_row::InRow;
use super::vertical::round_byte_rows;
use crate::simd::dispatched;

/// Bytes of a column of some rows.
const LANES: usize = 64;

/// One way of seeing the samples of a plane as pixels.
pub(crate) struct View {
    horizontal: Axis,
    /// Samples of a pixel.
    samples: usize,
    /// For machines that sum along rows; others do with columns.
    in_row: Option<InRow>,
}

impl View {
    /// Pixels of `samples` (1 to 4) samples, scaled along `horizontal`.
    pub fn new(horizontal: Axis, samples: usize) -> Self {
        let in_row = InRow::new(&horizontal, samples);
        Self {
            horizontal: if in_row.is_some() {
                horizontal
            } else {
                horizontal.for_bytes()
            },
            samples,
            in_row,
        }
    }

    /// Bytes of a scaled pixel: 1, 2 or 4.
    pub fn lanes(&self) -> usize {
        self.samples.next_power_of_two()
    }

    /// Rows that are scaled at once.
    pub fn rows(&self) -> usize {
        match &self.in_row {
            Some(in_row) => in_row.rows(),
            None => LANES / self.lanes(),
        }
    }

    /// Bytes that rows must have for [`Self::scale_rows`].
    pub fn reach(&self) -> usize {
        match &self.in_row {
            Some(in_row) => in_row.reach(),
            None => self.horizontal.input() * self.samples,
        }
    }

    /// Bytes of a row of scaled pixels.
    pub fn row_bytes(&self) -> usize {
        self.horizontal.output() * self.lanes()
    }

    /// Horizontal pass over the rows `source`, `stride` bytes apart, into `out`.
    pub fn scale_rows(&self, source: &[u8], stride: usize, scratch: &mut Scratch, out: &mut [u8]) {
        if let Some(in_row) = &self.in_row {
            let out = out.chunks_mut(in_row.rows() * self.row_bytes());
            for (source, out) in source.chunks(in_row.rows() * stride).zip(out) {
                let exact = |y, byte| self.exact_sample(&source[y * stride..], byte);
                in_row.scale_rows((source, stride), self.row_bytes(), out, exact);
            }
            return;
        }
        let rows = self.rows();
        let width = self.horizontal.input();
        let out = out.chunks_mut(rows * self.row_bytes());
        for (source, out) in source.chunks(rows * stride).zip(out) {
            let Scratch {
                columns,
                grouped: [pairs, quads],
                scaled_columns,
            } = scratch;
            match self.samples {
                1 => {
                    pair_rows::<1>(source, stride, width, pairs);
                    pair_rows::<2>(pairs, 2 * width, 2 * width, quads);
                    interleave::<4>(quads, 4 * width, columns);
                }
                2 => {
                    pair_rows::<2>(source, stride, 2 * width, pairs);
                    interleave::<4>(pairs, 4 * width, columns);
                }
                3 => interleave::<3>(source, stride, columns),
                _ => interleave::<4>(source, stride, columns),
            }
            let columns = Bytes {
                data: columns,
                stride: LANES,
            };
            let positions = 0..self.horizontal.output();
            round_byte_rows(columns, &self.horizontal, positions, LANES, scaled_columns);
            match self.lanes() {
                1 => separate::<1>(scaled_columns, out),
                2 => separate::<2>(scaled_columns, out),
                _ => separate::<4>(scaled_columns, out),
            }
        }
    }

    /// The same for rows that end with their last pixel.
    pub fn scale_short_rows(
        &self,
        source: &[u8],
        stride: usize,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) {
        if self.in_row.is_some() {
            let (rows, reach) = (self.rows(), self.reach());
            // Of frames that are cropped, the end of a row may not be needed.
            let bytes = reach.min(self.horizontal.input() * self.samples);
            let mut lines = std::mem::take(&mut scratch.columns);
            let out = out.chunks_mut(rows * self.row_bytes());
            for (source, out) in source.chunks(rows * stride).zip(out) {
                for (row, line) in source.chunks(stride).zip(lines.chunks_exact_mut(reach)) {
                    line[..bytes].copy_from_slice(&row[..bytes]);
                }
                self.scale_rows(&lines, reach, scratch, out);
            }
            scratch.columns = lines;
            return;
        }
        self.scale_rows(source, stride, scratch, out);
    }

    /// One byte of a scaled row by the defining sum.
    #[cold]
    fn exact_sample(&self, row: &[u8], byte: usize) -> u8 {
        let (pixel, sample) = (byte / self.lanes(), byte % self.lanes());
        let get = |x| f64::from(row[x * self.samples + sample]);
        self.horizontal.rounded_sum(pixel, get)
    }
}

/// Room for a few rows of a [`View`] on their way through the horizontal pass.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The rows, interleaved so that the horizontal pass, too, sums runs of bytes: of each column,
    /// [`LANES`] bytes. Where sums go along rows, short rows made long enough.
    columns: Vec<u8>,
    /// On the way there, pairs of rows and, of pixels of one byte, pairs of these.
    grouped: [Vec<u8>; 2],
    scaled_columns: Vec<u8>,
}

impl Scratch {
    /// A scratch for rows as [`View::scale_rows`] takes them, or for `short` ones too.
    pub fn new(view: &View, short: bool) -> Self {
        if view.in_row.is_some() {
            let bytes = if short { view.rows() * view.reach() } else { 0 };
            return Self {
                columns: vec![0; bytes],
                ..Self::default()
            };
        }
        let bytes = view.horizontal.input() * LANES;
        let grouped = |groups: usize| if view.samples + groups <= 3 { bytes } else { 0 };
        Self {
            columns: vec![0; bytes],
            grouped: [1, 2].map(|groups| vec![0; grouped(groups)]),
            scaled_columns: vec![0; view.horizontal.output() * LANES],
        }
    }
}

/// Columns of pixels of `BYTES` bytes in four bytes each, a few at a time so that they stay in
/// the cache.
fn interleave<const BYTES: usize>(rows: &[u8], stride: usize, columns: &mut [u8]) {
    const BLOCK: usize = 64;
    for (i, columns) in columns.chunks_mut(BLOCK * LANES).enumerate() {
        for (j, row) in rows.chunks(stride).enumerate() {
            let (pixels, _) = row[i * BLOCK * BYTES..].as_chunks::<BYTES>();
            let columns = columns.as_chunks_mut::<LANES>().0.iter_mut();
            for (column, pixel) in columns.zip(pixels) {
                let out = &mut column.as_chunks_mut::<4>().0[j];
                *out = std::array::from_fn(|i| pixel.get(i).copied().unwrap_or(0));
            }
        }
    }
}

/// Pairs of rows of `row_bytes` bytes, `stride` bytes apart, as rows with their words of `WORD`
/// bytes in turns. A row without a second one is paired with itself.
fn pair_rows<const WORD: usize>(rows: &[u8], stride: usize, row_bytes: usize, out: &mut [u8]) {
    let pairs = rows
        .chunks(2 * stride)
        .zip(out.chunks_exact_mut(2 * row_bytes));
    for (pair, out) in pairs {
        let second = pair.get(stride..stride + row_bytes).unwrap_or(pair);
        pair_words::<WORD>(&pair[..row_bytes], &second[..row_bytes], out);
    }
}

dispatched! {
    fn pair_words<WORD: usize;>(a: &[u8], b: &[u8], out: &mut [u8]) {
        let words = a.as_chunks::<WORD>().0.iter().zip(b.as_chunks::<WORD>().0);
        let out = out.as_chunks_mut::<WORD>().0.as_chunks_mut::<2>().0;
        for (out, (a, b)) in out.iter_mut().zip(words) {
            *out = [*a, *b];
        }
    }
}

/// Rows of pixels of `OUT` bytes from columns.
fn separate<const OUT: usize>(columns: &[u8], rows: &mut [u8]) {
    let (columns, _) = columns.as_chunks::<LANES>();
    for (j, row) in rows.chunks_mut(columns.len() * OUT).enumerate() {
        for (out, column) in row.as_chunks_mut::<OUT>().0.iter_mut().zip(columns) {
            *out = column.as_chunks::<OUT>().0[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounding::round_u8;
    use crate::simd::forced::each_level;

    #[test]
    fn scaled_rows_are_the_defining_sums() {
        let sizes = [
            (1, 1),
            (1, 5),
            (7, 3),
            (90, 19),
            (33, 33),
            (40, 90),
            (700, 9),
        ];
        let data: Vec<u8> = (0..5 * 4 * 700u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for (input, output) in sizes {
            for (samples, rows) in [(1, 5), (2, 3), (3, 4), (4, 1), (1, 1), (2, 5)] {
                let axis = || Axis::new(input, output, output as f64 / input as f64, 0.0);
                // The last row ends with its last pixel.
                let stride = input * samples + rows % 3;
                let data = &data[..stride * (rows - 1) + input * samples];
                let exact = axis();
                let expected = |y: usize, x: usize, sample: usize| {
                    let get = |x| f64::from(data[y * stride + x * samples + sample]);
                    round_u8(exact.exact_sum(x, get))
                };
                each_level(|level| {
                    let view = View::new(axis(), samples);
                    let mut scratch = Scratch::new(&view, true);
                    let mut out = vec![0; rows * view.row_bytes()];
                    view.scale_short_rows(data, stride, &mut scratch, &mut out);
                    for (y, row) in out.chunks_exact(view.row_bytes()).enumerate() {
                        for (x, pixel) in row.chunks_exact(view.lanes()).enumerate() {
                            for (sample, value) in pixel.iter().take(samples).enumerate() {
                                let what = (level, input, output, samples, y, x);
                                assert_eq!(*value, expected(y, x, sample), "{what:?}");
                            }
                        }
                    }
                });
            }
        }
    }
}
