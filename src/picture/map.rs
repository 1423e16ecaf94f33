//! Class maps scaled to frames.
//!
//! As in [`super::scale`], single precision decides wherever it certainly decides as double
//! precision does.

use super::resize::{Axis, Floats, nearest, round_u8, sum_rows};
use super::simd::{dispatched, multiply_add};
use super::tile;

/// Pixels of a row that are worked on at once.
const RUN: usize = tile::COLUMNS;

/// A class map: `height` rows of `width` values.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    pub values: &'a [f32],
    pub width: usize,
    pub height: usize,
}

impl MapView<'_> {
    /// Minimum and maximum; none where the map is flat (they differ by at most 1e-6 of the larger
    /// magnitude), where a value is not finite, or where values are missing.
    pub(super) fn extremes(&self) -> Option<(f64, f64)> {
        let values = self.values.get(..self.width.checked_mul(self.height)?)?;
        if !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let low = f64::from(values.iter().copied().reduce(f32::min)?);
        let high = f64::from(values.iter().copied().reduce(f32::max)?);
        (high - low > 1e-6 * low.abs().max(high.abs())).then_some((low, high))
    }
}

/// Scales maps of one size to frames of one size; see [`Axis`].
pub(super) struct MapScaler {
    across: Axis,
    down: Axis,
    /// The map scaled along the dimension with the smallest scale, in double precision, and
    /// whether that is the vertical one.
    first_pass: Vec<f64>,
    down_first: bool,
    /// The map scaled across, from `low` and `low + range` to 0 and 1; rows of `stride` values,
    /// the last repeated beyond the width.
    rows: Vec<f32>,
    stride: usize,
    low: f64,
    range: f64,
    /// Bound of the error of a value summed from `rows`.
    error: f32,
    /// Minimum and maximum of each row of the frame, summed from `rows`.
    ranges: Vec<[f32; 2]>,
}

impl MapScaler {
    pub fn new(map: MapView, width: usize, height: usize) -> Self {
        let scale_x = width as f64 / map.width as f64;
        let scale_y = height as f64 / map.height as f64;
        let down_first = scale_y <= scale_x;
        let between = if down_first {
            height * map.width
        } else {
            map.height * width
        };
        let stride = width.next_multiple_of(RUN);
        let down = Axis::new(map.height, height, scale_y, 0.0);
        Self {
            across: Axis::new(map.width, width, scale_x, 0.0),
            first_pass: vec![0.0; between],
            down_first,
            rows: vec![0.0; map.height * stride],
            stride,
            low: 0.0,
            range: 1.0,
            // Values of the rows are at most 1.5 in magnitude, and rounded themselves.
            error: 1.5 * (down.single_error() + f32::EPSILON),
            ranges: vec![[0.0; 2]; height],
            down,
        }
    }

    pub fn fits(&self, map: MapView) -> bool {
        self.across.input() == map.width && self.down.input() == map.height
    }

    /// Takes in the values of a map, whose minimum and maximum are given.
    pub fn load(&mut self, map: MapView, (low, high): (f64, f64)) {
        (self.low, self.range) = (low, high - low);
        let width = self.across.output();
        for y in 0..map.height {
            let values = &map.values[y * map.width..][..map.width];
            let row = &mut self.rows[y * self.stride..][..self.stride];
            for (x, out) in row[..width].iter_mut().enumerate() {
                let sum = self.across.exact_sum(x, |x| f64::from(values[x]));
                if !self.down_first {
                    self.first_pass[y * width + x] = sum;
                }
                *out = ((sum - low) / self.range) as f32;
            }
            let last = row[width - 1];
            row[width..].fill(last);
        }
        if self.down_first {
            let rows = self.first_pass.chunks_exact_mut(map.width);
            for (y, row) in rows.enumerate() {
                for (x, out) in row.iter_mut().enumerate() {
                    let value = |y: usize| f64::from(map.values[y * map.width + x]);
                    *out = self.down.exact_sum(y, value);
                }
            }
        }
    }

    /// The scaled map at one pixel; beyond the width, at the last one of the row.
    fn value(&self, x: usize, y: usize) -> f64 {
        let width = self.across.output();
        let x = x.min(width - 1);
        if self.down_first {
            let row = &self.first_pass[y * self.across.input()..];
            self.across.exact_sum(x, |x| row[x])
        } else {
            let sum = |y: usize| self.first_pass[y * width + x];
            self.down.exact_sum(y, sum)
        }
    }

    /// Minimum and maximum of the scaled map, if they differ.
    pub fn extremes(&mut self) -> Option<(f64, f64)> {
        let rows = Floats {
            data: &self.rows,
            stride: self.stride,
        };
        for (y, range) in self.ranges.iter_mut().enumerate() {
            *range = row_extremes(rows, &self.down, y);
        }
        let low = self.ranges.iter().fold(f32::INFINITY, |a, r| a.min(r[0])) + 2.0 * self.error;
        let high = self.ranges.iter().fold(-f32::INFINITY, |a, r| a.max(r[1])) - 2.0 * self.error;
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (y, range) in self.ranges.iter().enumerate() {
            if range[0] > low && range[1] < high {
                continue;
            }
            for x in (0..self.stride).step_by(RUN) {
                let sums = sum_rows::<_, false, RUN>(rows, &self.down, y, x);
                for (x, sum) in (x..).zip(sums) {
                    if sum <= low || sum >= high {
                        let value = self.value(x, y);
                        least = least.min(value);
                        most = most.max(value);
                    }
                }
            }
        }
        (most > least).then_some((least, most))
    }

    /// Heat indices of row `y`, whole runs: the scaled map from `least` and `most` to 0..1, 0
    /// below `threshold`, in steps of 1/255 rounded half up, at most 254.
    pub fn quantize_row(
        &self,
        y: usize,
        row: &mut [u8],
        (least, most): (f64, f64),
        threshold: f64,
    ) {
        let step = (most - least) / 255.0;
        let quantizer = Quantizer {
            factor: (self.range / step) as f32,
            offset: ((self.low - least) / step) as f32,
            // Nothing is below 0, nor below what is not a number.
            cut: if threshold > 0.0 {
                (threshold * 255.0) as f32
            } else {
                f32::NEG_INFINITY
            },
            error: (self.range / step) as f32 * self.error + 512.0 * f32::EPSILON,
        };
        let exact = |x: usize| {
            let value = (self.value(x, y) - least) / (most - least);
            if value < threshold {
                0
            } else {
                round_u8(value * 255.0).min(HOTTEST)
            }
        };
        let rows = Floats {
            data: &self.rows,
            stride: self.stride,
        };
        quantize(rows, &self.down, y, &quantizer, row, &exact);
    }
}

/// The last row of the heat table.
const HOTTEST: u8 = 254;

/// Takes sums over [`MapScaler::rows`] to heat indices before rounding.
struct Quantizer {
    factor: f32,
    offset: f32,
    /// The threshold, as heat index.
    cut: f32,
    /// Bound of the error of a heat index.
    error: f32,
}

dispatched! {
    /// Minimum and maximum of row `y` of the frame.
    fn row_extremes<;>(rows: Floats, down: &Axis, y: usize) -> [f32; 2] {
        let mut low = [f32::INFINITY; RUN];
        let mut high = [f32::NEG_INFINITY; RUN];
        for x in (0..rows.stride).step_by(RUN) {
            let sums = sum_rows::<_, FUSED, RUN>(rows, down, y, x);
            for lane in 0..RUN {
                low[lane] = if sums[lane] < low[lane] { sums[lane] } else { low[lane] };
                high[lane] = if sums[lane] > high[lane] { sums[lane] } else { high[lane] };
            }
        }
        [
            low.into_iter().fold(f32::INFINITY, f32::min),
            high.into_iter().fold(f32::NEG_INFINITY, f32::max),
        ]
    }
}

dispatched! {
    fn quantize<; F: Fn(usize) -> u8>(
        rows: Floats,
        down: &Axis,
        y: usize,
        quantizer: &Quantizer,
        out: &mut [u8],
        exact: &F,
    ) {
        let Quantizer { factor, offset, cut, error } = *quantizer;
        for (i, out) in out.as_chunks_mut::<RUN>().0.iter_mut().enumerate() {
            let sums = sum_rows::<_, FUSED, RUN>(rows, down, y, i * RUN);
            let index = |sum: f32| multiply_add::<FUSED>(sum, factor, offset).clamp(0.0, 255.0);
            let doubt = |index: f32| {
                (nearest(index).1 > 0.5 - error || index < cut + error) && index > cut - error
            };
            let mut doubtful = false;
            for (out, sum) in out.iter_mut().zip(sums) {
                let index = index(sum);
                *out = if index < cut { 0 } else { nearest(index).0.min(HOTTEST) };
                doubtful |= doubt(index);
            }
            if doubtful {
                for (lane, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
                    if doubt(index(sum)) {
                        *out = exact(i * RUN + lane);
                    }
                }
            }
        }
    }
}
