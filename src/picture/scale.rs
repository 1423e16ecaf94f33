//! Planes of frames scaled to a few 8-bit samples.
//!
//! Sums are taken in single precision. Where the error bound of such a sum leaves open which way
//! it rounds, the defining double precision sum decides: results are exact, whatever the order
//! and the fusing of the fast sums.

use std::ops::Range;

use super::resize::{Axis, Bytes, Source, Words, nearest, round_u8, sum_rows};
#[cfg(target_arch = "x86_64")]
use super::simd::Level;
use super::simd::dispatched;
use super::view::{Depth, Plane};
#[cfg(target_arch = "x86_64")]
use super::vnni;

/// Columns that are summed at once.
const LANES: usize = 64;

dispatched! {
    /// Output row `at` of `axis` over the rows of `source`, rounded.
    fn round_row<; S: Source>(source: S, axis: &Axis, at: usize, out: &mut [u8]) {
        let (wide, rest) = out.as_chunks_mut::<LANES>();
        let start = wide.len() * LANES;
        for (i, out) in wide.iter_mut().enumerate() {
            round_columns::<S, FUSED, LANES>(source, axis, at, i * LANES, out);
        }
        for (i, out) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            round_columns::<S, FUSED, 1>(source, axis, at, start + i, out);
        }
    }
}

/// The output rows `rows` of `axis` over the rows of `source`, each of `width` bytes, with the
/// machine's own instructions for such sums.
pub(super) fn round_byte_rows(
    source: Bytes,
    axis: &Axis,
    rows: Range<usize>,
    width: usize,
    out: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if let (Level::Avx512, Some(weights)) = (Level::current(), axis.integer_weights()) {
        let exact = |at, x| exact_sample(source, axis, at, x);
        // SAFETY: the level is current only on a machine that was seen to have its instructions.
        unsafe { vnni::round_rows(source, weights, rows, width, out, exact) };
        return;
    }
    for (at, out) in rows.zip(out.chunks_exact_mut(width)) {
        round_row(source, axis, at, out);
    }
}

/// One sample of an output row by the defining sum.
#[cold]
#[inline(never)]
fn exact_sample(source: impl Source, axis: &Axis, at: usize, x: usize) -> u8 {
    round_u8(axis.exact_sum(at, |y| f64::from(source.load::<1>(x, y)[0])))
}

/// The columns from `x` on of one output row.
#[inline(always)]
fn round_columns<S: Source, const FUSED: bool, const N: usize>(
    source: S,
    axis: &Axis,
    at: usize,
    x: usize,
    out: &mut [u8; N],
) {
    let sums = sum_rows::<S, FUSED, N>(source, axis, at, x);
    let sure = 0.5 - 256.0 * axis.single_error();
    let mut doubtful = false;
    for (out, sum) in out.iter_mut().zip(sums) {
        let (value, distance) = nearest(sum.clamp(0.0, 255.0));
        *out = value;
        doubtful |= distance > sure;
    }
    if doubtful {
        for (i, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
            if nearest(sum.clamp(0.0, 255.0)).1 > sure {
                *out = exact_sample(source, axis, at, x + i);
            }
        }
    }
}

/// One way of seeing the samples of a plane as pixels.
pub(super) struct View {
    horizontal: Axis,
    /// Samples of a pixel.
    samples: usize,
}

impl View {
    /// Pixels of `samples` (1 to 4) samples, scaled along `horizontal`.
    pub fn new(horizontal: Axis, samples: usize) -> Self {
        Self {
            horizontal: horizontal.for_bytes(),
            samples,
        }
    }

    /// Bytes of a scaled pixel: 1, 2 or 4.
    pub fn lanes(&self) -> usize {
        self.samples.next_power_of_two()
    }

    /// Rows that are scaled at once.
    fn rows(&self) -> usize {
        LANES / self.lanes()
    }

    /// Bytes of a row of scaled pixels.
    fn row_bytes(&self) -> usize {
        self.horizontal.output() * self.lanes()
    }

    /// Horizontal pass over the rows `source`, `stride` bytes apart, into `out`.
    fn scale_rows(&self, source: &[u8], stride: usize, desk: &mut Desk, out: &mut [u8]) {
        let rows = self.rows();
        let width = self.horizontal.input();
        let out = out.chunks_mut(rows * self.row_bytes());
        for (source, out) in source.chunks(rows * stride).zip(out) {
            let Desk {
                columns,
                grouped: [pairs, quads],
                scaled_columns,
            } = desk;
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
}

/// Room for a few rows of a [`View`] on their way through the horizontal pass.
struct Desk {
    /// The rows, interleaved so that the horizontal pass, too, sums runs of bytes: of each column,
    /// [`LANES`] bytes.
    columns: Vec<u8>,
    /// On the way there, pairs of rows and, of pixels of one byte, pairs of these.
    grouped: [Vec<u8>; 2],
    scaled_columns: Vec<u8>,
}

impl Desk {
    fn new(view: &View) -> Self {
        let bytes = view.horizontal.input() * LANES;
        let grouped = |groups: usize| if view.samples + groups <= 3 { bytes } else { 0 };
        Self {
            columns: vec![0; bytes],
            grouped: [1, 2].map(|groups| vec![0; grouped(groups)]),
            scaled_columns: vec![0; view.horizontal.output() * LANES],
        }
    }
}

/// Some rows of a scaled plane, with what it takes to make them.
pub(super) struct ScaledRows {
    rows: Range<usize>,
    /// Rows after the first pass: some of them, or all that are needed where the horizontal pass
    /// comes first.
    between: Vec<u8>,
    /// For each view of the plane.
    views: Vec<(Desk, Pixels)>,
}

impl ScaledRows {
    /// The rows in the `index`th view of the plane.
    pub fn view(&self, index: usize) -> &Pixels {
        &self.views[index].1
    }
}

/// Scaled pixels, row by row.
pub(super) struct Pixels {
    /// Bytes of a pixel: 1, 2 or 4.
    lanes: usize,
    data: Vec<u8>,
}

impl Pixels {
    /// Copies sample `offset` of each pixel.
    pub fn copy_samples(&self, offset: usize, out: &mut [u8]) {
        match (self.lanes, offset) {
            (1, _) => out.copy_from_slice(&self.data),
            (2, 0) => copy_samples::<2, 0>(&self.data, out),
            (2, _) => copy_samples::<2, 1>(&self.data, out),
            (_, 0) => copy_samples::<4, 0>(&self.data, out),
            (_, 1) => copy_samples::<4, 1>(&self.data, out),
            (_, 2) => copy_samples::<4, 2>(&self.data, out),
            _ => copy_samples::<4, 3>(&self.data, out),
        }
    }
}

dispatched! {
    fn copy_samples<STEP: usize, OFFSET: usize;>(pixels: &[u8], out: &mut [u8]) {
        for (out, pixel) in out.iter_mut().zip(pixels.as_chunks::<STEP>().0) {
            *out = pixel[OFFSET];
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

/// Scales one plane, in as many views as it needs.
pub(super) struct PlaneScaler {
    depth: Depth,
    /// Samples of a row.
    row_samples: usize,
    vertical: Axis,
    vertical_first: bool,
    views: Vec<View>,
}

impl PlaneScaler {
    /// Scales a plane with rows of `row_samples` samples along `vertical`, and along each view's
    /// own axis. The horizontal pass can come first for 8-bit samples in a single view.
    pub fn new(
        depth: Depth,
        row_samples: usize,
        vertical: Axis,
        vertical_first: bool,
        views: Vec<View>,
    ) -> Self {
        Self {
            depth,
            row_samples,
            vertical: vertical.for_bytes(),
            vertical_first,
            views,
        }
    }

    /// Room for `rows` of the scaled plane.
    pub fn rows(&self, rows: Range<usize>) -> ScaledRows {
        let between = if self.vertical_first {
            self.row_samples * self.views.iter().map(View::rows).max().unwrap_or(0)
        } else {
            self.views.iter().map(View::row_bytes).sum::<usize>() * self.vertical.input()
        };
        let pixels = |view: &View| Pixels {
            lanes: view.lanes(),
            data: vec![0; view.row_bytes() * rows.len()],
        };
        let views = self
            .views
            .iter()
            .map(|view| (Desk::new(view), pixels(view)));
        ScaledRows {
            between: vec![0; between],
            views: views.collect(),
            rows,
        }
    }

    /// Scales what `out` is to hold of the plane.
    pub fn scale(&self, plane: Plane, out: &mut ScaledRows) {
        if self.vertical_first {
            match self.depth {
                Depth::Eight => {
                    let source = Bytes {
                        data: plane.data,
                        stride: plane.stride,
                    };
                    self.scale_down_first(out, |rows, out| {
                        round_byte_rows(source, &self.vertical, rows, self.row_samples, out);
                    });
                }
                Depth::TenLow | Depth::TenHigh => {
                    let source = Words {
                        data: plane.data,
                        stride: plane.stride,
                        unit: match self.depth {
                            Depth::TenLow => 1.0 / 4.0,
                            _ => 1.0 / 256.0,
                        },
                    };
                    self.scale_down_first(out, |rows, out| {
                        for (y, out) in rows.zip(out.chunks_exact_mut(self.row_samples)) {
                            round_row(source, &self.vertical, y, out);
                        }
                    });
                }
            }
        } else if let ([view], [(desk, pixels)]) = (&self.views[..], &mut out.views[..]) {
            let taps = out.rows.clone().flat_map(|y| self.vertical.index(y));
            let (first, last) = taps.fold((usize::MAX, 0), |(first, last), &y| {
                (first.min(y), last.max(y))
            });
            let row_bytes = view.row_bytes();
            view.scale_rows(
                &plane.data[first * plane.stride..last * plane.stride + self.row_samples],
                plane.stride,
                desk,
                &mut out.between[first * row_bytes..],
            );
            let between = Bytes {
                data: &out.between,
                stride: row_bytes,
            };
            let rows = out.rows.clone();
            round_byte_rows(between, &self.vertical, rows, row_bytes, &mut pixels.data);
        }
    }

    /// `round_rows` makes some rows of the vertical pass.
    fn scale_down_first(&self, out: &mut ScaledRows, round_rows: impl Fn(Range<usize>, &mut [u8])) {
        let batch = out.between.len() / self.row_samples;
        for first in out.rows.clone().step_by(batch) {
            let rows = batch.min(out.rows.end - first);
            let lines = &mut out.between[..rows * self.row_samples];
            round_rows(first..first + rows, lines);
            for (view, (desk, pixels)) in self.views.iter().zip(&mut out.views) {
                let at = (first - out.rows.start) * view.row_bytes();
                view.scale_rows(lines, self.row_samples, desk, &mut pixels.data[at..]);
            }
        }
    }
}
