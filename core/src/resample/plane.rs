//! Planes of frames scaled to a few 8-bit samples.

use std::ops::Range;

use super::coefficients::{Axis, Bytes, Words};
use super::horizontal::{Scratch, View};
use super::vertical::{round_byte_rows, round_row};
use crate::frame::{Depth, Plane};
use crate::simd::dispatched;

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
        let unit = match self.depth {
            Depth::Eight => {
                let source = Bytes {
                    data: plane.data,
                    stride: plane.stride,
                };
                let round_row = |y, out: &mut [u8]| {
                    round_byte_rows(source, &self.vertical, y..y + 1, out.len(), out);
                };
                return self.scale_down_first(rows, out, round_row, on_read);
            }
            Depth::TenLow => 1.0 / 4.0,
            Depth::TenHigh => 1.0 / 256.0,
        };
        let source = Words {
            data: plane.data,
            stride: plane.stride,
            unit,
        };
        let round_row = |y, out: &mut [u8]| round_row(source, &self.vertical, y, out);
        self.scale_down_first(rows, out, round_row, on_read);
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
