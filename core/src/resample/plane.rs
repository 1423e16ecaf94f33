//! Planes of frames scaled to a few 8-bit samples.
//!
//! Sums are taken in single precision. Where the error bound of such a sum leaves open which way
//! it rounds, the defining double precision sum decides: results are exact, whatever the order
//! and the fusing of the fast sums.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

use std::ops::Range;

use super::coefficients::{Axis, Bytes, Source, Words, sum_rows};
use super::horizontal::{Scratch, View};
#[cfg(target_arch = "x86_64")]
use super::vnni;
use crate::frame::{Depth, Plane};
use crate::rounding::{nearest, round_u8};
#[cfg(target_arch = "x86_64")]
use crate::simd::Level;
use crate::simd::dispatched;

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
pub(crate) fn round_byte_rows(
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

/// Some rows of a scaled plane, with what it takes to make them.
pub(crate) struct ScaledRows {
    /// Rows after the first pass: some of them, or all that are needed where the horizontal pass
    /// comes first.
    between: Vec<u8>,
    /// For each view of the plane.
    views: Vec<(Scratch, Pixels)>,
}

impl ScaledRows {
    /// The rows in the `index`th view of the plane.
    pub fn view(&self, index: usize) -> &Pixels {
        &self.views[index].1
    }
}

/// Scaled pixels, row by row.
pub(crate) struct Pixels {
    /// Bytes of a pixel: 1, 2 or 4.
    lanes: usize,
    data: Vec<u8>,
}

impl Pixels {
    /// Copies sample `offset` of each pixel.
    pub fn copy_samples(&self, offset: usize, out: &mut [u8]) {
        match (self.lanes, offset) {
            (1, _) => out.copy_from_slice(&self.data[..out.len()]),
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

/// Fewest rows that are scaled along themselves at a time.
const FEWEST_ROWS: usize = 8;

/// Scales one plane, in as many views as it needs.
pub(crate) struct PlaneScaler {
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

    /// Bytes between rows after a vertical pass.
    fn line(&self) -> usize {
        let reach = self.views.iter().map(View::reach).max();
        reach.unwrap_or(0).max(self.row_samples)
    }

    /// Room for `rows` rows of the scaled plane.
    pub fn rows(&self, rows: usize) -> ScaledRows {
        let between = if self.vertical_first {
            self.line() * self.views.iter().map(View::rows).max().unwrap_or(0)
        } else {
            self.views.iter().map(View::row_bytes).sum::<usize>() * self.vertical.input()
        };
        let pixels = |view: &View| Pixels {
            lanes: view.lanes(),
            data: vec![0; view.row_bytes() * rows],
        };
        let views = self
            .views
            .iter()
            .map(|view| (Scratch::new(view, !self.vertical_first), pixels(view)));
        ScaledRows {
            between: vec![0; between],
            views: views.collect(),
        }
    }

    /// Makes `rows` of the scaled plane, no more than `out` has room for. `on_read` is told row by
    /// row, or every few rows, up to where the plane was read.
    pub fn scale(
        &self,
        plane: Plane,
        rows: Range<usize>,
        out: &mut ScaledRows,
        on_read: impl FnMut(usize),
    ) {
        if !self.vertical_first {
            return self.scale_across_first(plane, rows, out, on_read);
        }
        match self.depth {
            Depth::Eight => {
                let source = Bytes {
                    data: plane.data,
                    stride: plane.stride,
                };
                let round_row = |y, out: &mut [u8]| {
                    round_byte_rows(source, &self.vertical, y..y + 1, out.len(), out);
                };
                self.scale_down_first(rows, out, round_row, on_read);
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
                let round_row = |y, out: &mut [u8]| round_row(source, &self.vertical, y, out);
                self.scale_down_first(rows, out, round_row, on_read);
            }
        }
    }

    /// What the first rows of `rows` are made of: the least and the greatest row of the plane.
    fn sources(&self, rows: Range<usize>) -> (usize, usize) {
        let taps = rows.flat_map(|y| self.vertical.index(y));
        taps.fold((usize::MAX, 0), |(first, last), &y| {
            (first.min(y), last.max(y))
        })
    }

    fn scale_across_first(
        &self,
        plane: Plane,
        rows: Range<usize>,
        out: &mut ScaledRows,
        mut on_read: impl FnMut(usize),
    ) {
        let ([view], [(scratch, pixels)]) = (&self.views[..], &mut out.views[..]) else {
            return;
        };
        let (first, last) = self.sources(rows.clone());
        let row_bytes = view.row_bytes();
        let step = view.rows().max(FEWEST_ROWS);
        for first in (first..=last).step_by(step) {
            let last = last.min(first + step - 1);
            view.scale_short_rows(
                &plane.data[first * plane.stride..last * plane.stride + self.row_samples],
                plane.stride,
                scratch,
                &mut out.between[first * row_bytes..(last + 1) * row_bytes],
            );
            on_read(last + 1);
        }
        let between = Bytes {
            data: &out.between,
            stride: row_bytes,
        };
        let scaled = &mut pixels.data[..rows.len() * row_bytes];
        round_byte_rows(between, &self.vertical, rows, row_bytes, scaled);
    }

    /// `round_row` makes a row of the vertical pass.
    fn scale_down_first(
        &self,
        rows: Range<usize>,
        out: &mut ScaledRows,
        round_row: impl Fn(usize, &mut [u8]),
        mut on_read: impl FnMut(usize),
    ) {
        let line = self.line();
        let batch = out.between.len() / line;
        for first in rows.clone().step_by(batch) {
            let count = batch.min(rows.end - first);
            let lines = &mut out.between[..count * line];
            for (y, out) in (first..).zip(lines.chunks_exact_mut(line)) {
                round_row(y, &mut out[..self.row_samples]);
                on_read(self.sources(y..y + 1).1 + 1);
            }
            for (view, (scratch, pixels)) in self.views.iter().zip(&mut out.views) {
                let at = (first - rows.start) * view.row_bytes();
                let scaled = &mut pixels.data[at..][..count * view.row_bytes()];
                view.scale_rows(lines, line, scratch, scaled);
            }
        }
    }
}
