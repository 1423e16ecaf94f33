//! Class maps scaled to frames.
//!
//! As in [`super::scale`], single precision decides wherever it certainly decides as double
//! precision does.

use super::resize::{Axis, Floats, nearest, round_u8, sum_rows};
use super::simd::{dispatched, multiply_add};
use super::tile;

/// Pixels of a row that are worked on at once.
const RUN: usize = tile::COLUMNS;

/// Map rows that are scaled across at once.
const BLOCK: usize = 8;

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
    /// The map as it came, and its columns, [`BLOCK`]s of values.
    map: Vec<f64>,
    columns: Vec<f64>,
    /// The map scaled along the dimension with the smallest scale, in double precision, and
    /// whether that is the vertical one: rows then, else columns as above.
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
    /// Bounds of each run of `rows`, and of each run of the frame as summed from `rows`.
    row_bounds: Bounds,
    bounds: Bounds,
    /// Least and greatest value in the bounds of each row of the frame.
    spans: Vec<[f32; 2]>,
}

/// Least and greatest values of runs, in rows of [`Self::per_row`]: whole vectors, of which the first
/// `runs` count and the rest repeat the last of these.
struct Bounds {
    low: Vec<f32>,
    high: Vec<f32>,
    runs: usize,
    per_row: usize,
}

/// Numbers that are taken at once.
const LANES: usize = 16;

impl Bounds {
    fn new(runs: usize, rows: usize) -> Self {
        let per_row = runs.next_multiple_of(LANES);
        Self {
            runs,
            low: vec![0.0; per_row * rows],
            high: vec![0.0; per_row * rows],
            per_row,
        }
    }

    /// The runs of row `y`: least values, greatest values.
    fn row(&self, y: usize) -> (&[f32], &[f32]) {
        let runs = y * self.per_row..y * self.per_row + self.runs;
        (&self.low[runs.clone()], &self.high[runs])
    }
}

impl MapScaler {
    pub fn new(map: MapView, width: usize, height: usize) -> Self {
        let scale_x = width as f64 / map.width as f64;
        let scale_y = height as f64 / map.height as f64;
        let down_first = scale_y <= scale_x;
        let column = map.height.next_multiple_of(BLOCK);
        let between = if down_first {
            height * map.width
        } else {
            column * width
        };
        let stride = width.next_multiple_of(RUN);
        let down = Axis::new(map.height, height, scale_y, 0.0);
        Self {
            across: Axis::new(map.width, width, scale_x, 0.0),
            map: vec![0.0; map.height * map.width],
            columns: vec![0.0; map.width * column],
            first_pass: vec![0.0; between],
            down_first,
            rows: vec![0.0; map.height * stride],
            stride,
            low: 0.0,
            range: 1.0,
            // Values of the rows are at most 1.5 in magnitude, and rounded themselves.
            error: 1.5 * (down.single_error() + f32::EPSILON),
            row_bounds: Bounds::new(stride / RUN, map.height),
            bounds: Bounds::new(stride / RUN, height),
            spans: vec![[0.0; 2]; height],
            down,
        }
    }

    pub fn fits(&self, map: MapView) -> bool {
        self.across.input() == map.width && self.down.input() == map.height
    }

    /// Takes in the values of a map, whose minimum and maximum are given.
    pub fn load(&mut self, map: MapView, (low, high): (f64, f64)) {
        (self.low, self.range) = (low, high - low);
        for (out, value) in self.map.iter_mut().zip(map.values) {
            *out = f64::from(*value);
        }
        let column = map.height.next_multiple_of(BLOCK);
        for (x, out) in self.columns.chunks_exact_mut(column).enumerate() {
            for (out, row) in out.iter_mut().zip(self.map.chunks_exact(map.width)) {
                *out = row[x];
            }
        }
        if self.down_first {
            for (y, out) in self.first_pass.chunks_exact_mut(map.width).enumerate() {
                sum_doubles(&self.map, &self.down, y, out);
            }
        }
        let width = self.across.output();
        let mut sums = [0.0; BLOCK];
        for x in 0..width {
            for (i, first) in (0..map.height).step_by(BLOCK).enumerate() {
                sum_block(&self.columns, column, i * BLOCK, &self.across, x, &mut sums);
                if !self.down_first {
                    self.first_pass[x * column + i * BLOCK..][..BLOCK].copy_from_slice(&sums);
                }
                for (y, sum) in (first..map.height).zip(sums) {
                    self.rows[y * self.stride + x] = ((sum - low) / self.range) as f32;
                }
            }
        }
        for row in self.rows.chunks_exact_mut(self.stride) {
            let last = row[width - 1];
            row[width..].fill(last);
        }
        let per_row = self.bounds.per_row;
        let Bounds { low, high, .. } = &mut self.row_bounds;
        let bounds = low
            .chunks_exact_mut(per_row)
            .zip(high.chunks_exact_mut(per_row));
        for (row, (low, high)) in self.rows.chunks_exact(self.stride).zip(bounds) {
            bound_runs(row, low, high);
        }
        let bounds = self.bounds.low.chunks_exact_mut(per_row);
        let bounds = bounds.zip(self.bounds.high.chunks_exact_mut(per_row));
        for (y, ((low, high), span)) in bounds.zip(&mut self.spans).enumerate() {
            let Bounds {
                low: row_low,
                high: row_high,
                ..
            } = &self.row_bounds;
            *span = bound_row(row_low, row_high, &self.down, y, low, high);
        }
    }

    /// The scaled map at one pixel; beyond the width, at the last one of the row.
    fn value(&self, x: usize, y: usize) -> f64 {
        let x = x.min(self.across.output() - 1);
        if self.down_first {
            let row = &self.first_pass[y * self.across.input()..];
            self.across.exact_sum(x, |x| row[x])
        } else {
            let column = &self.first_pass[x * self.down.input().next_multiple_of(BLOCK)..];
            self.down.exact_sum(y, |y| column[y])
        }
    }

    /// Run `run` of row `y` of the frame, summed from `rows`.
    fn run(&self, y: usize, run: usize) -> [f32; RUN] {
        let rows = Floats {
            data: &self.rows,
            stride: self.stride,
        };
        sum_rows::<_, false, RUN>(rows, &self.down, y, run * RUN)
    }

    /// Minimum and maximum of the scaled map, if they differ.
    ///
    /// Only runs whose bounds leave them a chance are summed, those of the most promising rows first.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        // Bounds and sums are each off by the error at most.
        let margin = 2.0 * self.error;
        let spans = || self.spans.iter().enumerate();
        let (lowest, _) = spans().min_by(|a, b| a.1[0].total_cmp(&b.1[0]))?;
        let (highest, _) = spans().max_by(|a, b| a.1[1].total_cmp(&b.1[1]))?;
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for y in [lowest, highest].into_iter().chain(0..self.spans.len()) {
            let [least, most] = self.spans[y];
            if least >= low + margin && most <= high - margin {
                continue;
            }
            let (least, most) = self.bounds.row(y);
            for (run, (&least, &most)) in least.iter().zip(most).enumerate() {
                if least < low + margin || most > high - margin {
                    let [least, most] = span(&self.run(y, run));
                    (low, high) = (low.min(least), high.max(most));
                }
            }
        }
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let chance = |low_bound: f32, high_bound: f32| {
            low_bound <= low + 2.0 * margin || high_bound >= high - 2.0 * margin
        };
        for (y, _) in spans().filter(|(_, span)| chance(span[0], span[1])) {
            let (low_bounds, high_bounds) = self.bounds.row(y);
            for (run, bounds) in low_bounds.iter().zip(high_bounds).enumerate() {
                if !chance(*bounds.0, *bounds.1) {
                    continue;
                }
                for (x, sum) in (run * RUN..).zip(self.run(y, run)) {
                    if sum <= low + margin || sum >= high - margin {
                        let value = self.value(x, y);
                        (least, most) = (least.min(value), most.max(value));
                    }
                }
            }
        }
        (most > least).then_some((least, most))
    }

    /// How the scaled map becomes heat indices: from `least` and `most` to 0..1, 0 below
    /// `threshold`, in steps of 1/255 rounded half up, at most 254.
    pub fn quantizer(&self, (least, most): (f64, f64), threshold: f64) -> Quantizer {
        let step = (most - least) / 255.0;
        let factor = (self.range / step) as f32;
        Quantizer {
            least,
            most,
            threshold,
            factor,
            offset: ((self.low - least) / step) as f32,
            // Nothing is below 0, nor below what is not a number.
            cut: if threshold > 0.0 {
                (threshold * 255.0) as f32
            } else {
                f32::NEG_INFINITY
            },
            error: factor * self.error + 512.0 * f32::EPSILON,
        }
    }

    /// Heat indices of row `y`, whole runs.
    pub fn quantize_row(&self, y: usize, row: &mut [u8], quantizer: &Quantizer) {
        let exact = |x: usize| quantizer.exact(self.value(x, y));
        let rows = Floats {
            data: &self.rows,
            stride: self.stride,
        };
        let (_, highest) = self.bounds.row(y);
        quantize(rows, &self.down, y, highest, quantizer, row, &exact);
    }
}

/// The last row of the heat table.
const HOTTEST: u8 = 254;

/// Takes the scaled map to heat indices.
pub(super) struct Quantizer {
    least: f64,
    most: f64,
    threshold: f64,
    /// From sums over [`MapScaler::rows`] to indices before rounding.
    factor: f32,
    offset: f32,
    /// The threshold, as heat index.
    cut: f32,
    /// Bound of the error of a heat index before rounding.
    error: f32,
}

impl Quantizer {
    /// The heat index of a value of the map by its definition.
    fn exact(&self, value: f64) -> u8 {
        let value = (value - self.least) / (self.most - self.least);
        if value < self.threshold {
            0
        } else {
            round_u8(value * 255.0).min(HOTTEST)
        }
    }
}

dispatched! {
    /// Position `at` of `down` over the rows of a map, as wide as `out`, in the order of
    /// [`Axis::exact_sum`].
    fn sum_doubles<;>(map: &[f64], down: &Axis, at: usize, out: &mut [f64]) {
        out.fill(0.0);
        for (&y, &weight) in down.index(at).iter().zip(down.exact_weight(at)) {
            let row = &map[y * out.len()..][..out.len()];
            for (out, value) in out.iter_mut().zip(row) {
                *out += weight * value;
            }
        }
    }
}

dispatched! {
    /// Position `at` of `across` for the rows `first..first + BLOCK` of a map, given as columns of
    /// `stride` values, in the order of [`Axis::exact_sum`].
    fn sum_block<;>(
        columns: &[f64],
        stride: usize,
        first: usize,
        across: &Axis,
        at: usize,
        out: &mut [f64; BLOCK],
    ) {
        let mut sums = [0.0; BLOCK];
        for (&x, &weight) in across.index(at).iter().zip(across.exact_weight(at)) {
            let column = &columns[x * stride + first..][..BLOCK];
            for (sum, value) in sums.iter_mut().zip(column) {
                *sum += weight * value;
            }
        }
        *out = sums;
    }
}

/// Least and greatest of some values, whole vectors of them.
#[inline(always)]
fn span(values: &[f32]) -> [f32; 2] {
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for part in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            low[lane] = if part[lane] < low[lane] {
                part[lane]
            } else {
                low[lane]
            };
            high[lane] = if part[lane] > high[lane] {
                part[lane]
            } else {
                high[lane]
            };
        }
    }
    [
        low.into_iter().fold(f32::INFINITY, f32::min),
        high.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

dispatched! {
    /// Least and greatest value of each run of a row, the last of them repeated.
    fn bound_runs<;>(row: &[f32], low: &mut [f32], high: &mut [f32]) {
        let runs = row.as_chunks::<RUN>().0;
        for (run, (low, high)) in runs.iter().zip(low.iter_mut().zip(high.iter_mut())) {
            [*low, *high] = span(run);
        }
        let last = runs.len() - 1;
        let (least, most) = (low[last], high[last]);
        low[last..].fill(least);
        high[last..].fill(most);
    }
}

dispatched! {
    /// Bounds of each run of row `y` of the frame, from those of the rows it is summed from, and
    /// what they all lie in.
    fn bound_row<;>(
        row_low: &[f32],
        row_high: &[f32],
        down: &Axis,
        y: usize,
        low: &mut [f32],
        high: &mut [f32],
    ) -> [f32; 2] {
        low.fill(0.0);
        high.fill(0.0);
        let runs = low.len();
        for (&y, &weight) in down.index(y).iter().zip(down.weight(y)) {
            let (least, most) = (&row_low[y * runs..][..runs], &row_high[y * runs..][..runs]);
            let (least, most) = if weight < 0.0 { (most, least) } else { (least, most) };
            for (out, bound) in low.iter_mut().zip(least) {
                *out += weight * bound;
            }
            for (out, bound) in high.iter_mut().zip(most) {
                *out += weight * bound;
            }
        }
        [span(low)[0], span(high)[1]]
    }
}

dispatched! {
    fn quantize<; F: Fn(usize) -> u8>(
        rows: Floats,
        down: &Axis,
        y: usize,
        highest: &[f32],
        quantizer: &Quantizer,
        out: &mut [u8],
        exact: &F,
    ) {
        let Quantizer { factor, offset, cut, error, .. } = *quantizer;
        let runs = out.as_chunks_mut::<RUN>().0.iter_mut().zip(highest);
        for (i, (out, &highest)) in runs.enumerate() {
            // The bound has an error of its own.
            if highest * factor + offset < cut - 2.0 * error {
                *out = [0; RUN];
                continue;
            }
            let sums = sum_rows::<_, FUSED, RUN>(rows, down, y, i * RUN);
            let index = |sum: f32| multiply_add::<FUSED>(sum, factor, offset).clamp(0.0, 255.0);
            let doubt = |index: f32| {
                (nearest(index).1 > 0.5 - error || index < cut + error) && index > cut - error
            };
            let mut doubtful = [false; RUN / LANES];
            let parts = out.as_chunks_mut::<LANES>().0.iter_mut();
            let parts = parts.zip(sums.as_chunks::<LANES>().0);
            for ((out, sums), doubtful) in parts.zip(&mut doubtful) {
                for (out, sum) in out.iter_mut().zip(sums) {
                    let index = index(*sum);
                    *out = if index < cut { 0 } else { nearest(index).0.min(HOTTEST) };
                    *doubtful |= doubt(index);
                }
            }
            // Doubts are rare, and lanes looked at one by one are slow.
            for part in (0..doubtful.len()).filter(|part| doubtful[*part]) {
                for lane in part * LANES..(part + 1) * LANES {
                    if doubt(index(sums[lane])) {
                        out[lane] = exact(i * RUN + lane);
                    }
                }
            }
        }
    }
}
