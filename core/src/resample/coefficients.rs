//! Bicubic resampling of one dimension.

use std::ops::Range;

use crate::rounding::round_u8;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::round_byte_rows;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::kernels::row_pairs;
use crate::simd::multiply_add;

/// The taps of each output position along one dimension: Keys' cubic convolution with a = -0.5
/// (R. G. Keys, 1981), half-pixel centres, widened by `1 / scale` when shrinking, normalised to
/// sum 1, mirrored at the borders (`a b c | c b a`).
pub(crate) struct Axis {
    input: usize,
    output: usize,
    taps: usize,
    /// The defining sum begins with the last tap.
    mirrored: bool,
    /// `output` x `taps` source positions, mirrored into `0..input`.
    index: Vec<usize>,
    /// `output` x `taps` weights.
    exact: Vec<f64>,
    weight: Vec<f32>,
    #[cfg(target_arch = "x86_64")]
    integer: Option<round_byte_rows::Weights>,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pairs: Option<row_pairs::Weights>,
}

impl Axis {
    /// Taps that take `input` samples to `output` samples, `scale` output samples to an input
    /// one; all three must be positive. Positions in the input are `shift` samples further than
    /// where both signals begin together.
    pub fn new(input: usize, output: usize, scale: f64, shift: f64) -> Self {
        let shrink = scale.min(1.0);
        let width = 4.0 / shrink;
        let span = width.ceil() as usize + 2;
        let mut rows: Vec<(isize, Vec<f64>)> = Vec::with_capacity(output);
        for x in 1..=output {
            let centre = x as f64 / scale + 0.5 * (1.0 - 1.0 / scale) + shift;
            let left = (centre - width / 2.0).floor();
            let mut weights: Vec<f64> = (0..span)
                .map(|k| shrink * keys(shrink * (centre - (left + k as f64))))
                .collect();
            let sum = pairwise_sum(&weights);
            for weight in &mut weights {
                *weight /= sum;
            }
            let leading = weights.iter().take_while(|w| **w == 0.0).count();
            let trailing = weights.iter().rev().take_while(|w| **w == 0.0).count();
            weights.truncate(span - trailing);
            weights.drain(..leading);
            rows.push((left as isize - 1 + leading as isize, weights));
        }
        let taps = rows.iter().map(|(_, w)| w.len()).max().unwrap_or(0);
        let mut axis = Self {
            input,
            output,
            taps,
            mirrored: false,
            index: Vec::with_capacity(output * taps),
            exact: Vec::with_capacity(output * taps),
            weight: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            integer: None,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            pairs: None,
        };
        for (first, weights) in rows {
            for k in 0..taps {
                axis.index.push(mirror(first + k as isize, input));
                axis.exact.push(weights.get(k).copied().unwrap_or(0.0));
            }
        }
        axis.weight = axis.exact.iter().map(|w| *w as f32).collect();
        axis
    }

    /// The axis that does to a mirrored signal what this one does to the signal, to the last bit. Not for bytes.
    pub fn mirrored(mut self) -> Self {
        self.mirrored = !self.mirrored;
        self.index.reverse();
        for index in &mut self.index {
            *index = self.input - 1 - *index;
        }
        self.exact.reverse();
        self.weight.reverse();
        self
    }

    /// The same axis, of which the output positions outside of `kept` repeat the nearest one inside. Not for bytes.
    pub fn held(mut self, kept: Range<usize>) -> Self {
        let last = kept.end.saturating_sub(1).max(kept.start);
        for at in (0..self.output).filter(|at| !kept.contains(at)) {
            let from = at.clamp(kept.start, last).min(self.output - 1) * self.taps;
            let from = from..from + self.taps;
            self.index.copy_within(from.clone(), at * self.taps);
            self.exact.copy_within(from.clone(), at * self.taps);
            self.weight.copy_within(from, at * self.taps);
        }
        self
    }

    /// The same axis with what sums of bytes need.
    pub fn for_bytes(self) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            integer: round_byte_rows::Weights::new(&self.exact, &self.index, self.taps),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            pairs: row_pairs::Weights::new(&self.exact, &self.index, self.taps),
            ..self
        }
    }

    pub fn input(&self) -> usize {
        self.input
    }

    pub fn output(&self) -> usize {
        self.output
    }

    /// Source positions of output position `at`.
    pub fn index(&self, at: usize) -> &[usize] {
        &self.index[at * self.taps..][..self.taps]
    }

    /// Weights of output position `at`, beside [`Self::index`].
    pub fn weight(&self, at: usize) -> &[f32] {
        &self.weight[at * self.taps..][..self.taps]
    }

    /// The same in double precision.
    pub fn exact_weight(&self, at: usize) -> &[f64] {
        &self.exact[at * self.taps..][..self.taps]
    }

    /// [`Self::index`] and [`Self::exact_weight`] of each output position.
    pub fn exact_taps(&self) -> impl Iterator<Item = (&[usize], &[f64])> {
        (0..self.output).map(|at| (self.index(at), self.exact_weight(at)))
    }

    /// The weights as integers, where they can be.
    #[cfg(target_arch = "x86_64")]
    pub fn integer_weights(&self) -> Option<&round_byte_rows::Weights> {
        self.integer.as_ref()
    }

    /// The weights in 16 bits, where they can be.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub fn pair_weights(&self) -> Option<&row_pairs::Weights> {
        self.pairs.as_ref()
    }

    /// The sum that defines the sample at output position `at`, of the source samples `get`.
    pub fn exact_sum(&self, at: usize, get: impl Fn(usize) -> f64) -> f64 {
        let taps = self.index(at).iter().zip(self.exact_weight(at));
        let add = |sum, (&i, &w): (&usize, &f64)| sum + w * get(i);
        if self.mirrored {
            taps.rev().fold(0.0, add)
        } else {
            taps.fold(0.0, add)
        }
    }

    /// [`Self::exact_sum`] of samples of 8 bits, rounded: sooner known, in all but the cases that it decides.
    pub fn rounded_sum(&self, at: usize, get: impl Fn(usize) -> f64) -> u8 {
        /// More than sums in another order can be off.
        const NEAR: f64 = 1e-9;
        let (index, _) = self.index(at).as_chunks::<4>();
        let (weights, rest) = self.exact_weight(at).as_chunks::<4>();
        // Four sums at a time: each addition would wait for the one before.
        let mut sums = [0.0; 4];
        for (index, weights) in index.iter().zip(weights) {
            for ((sum, &index), weight) in sums.iter_mut().zip(index).zip(weights) {
                *sum += weight * get(index);
            }
        }
        let done = self.taps - rest.len();
        for ((sum, &index), weight) in sums.iter_mut().zip(&self.index(at)[done..]).zip(rest) {
            *sum += weight * get(index);
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        let sum = sum.clamp(0.0, 255.0) + 0.5;
        let rounded = sum as u8;
        let beyond = sum - f64::from(rounded);
        if beyond > NEAR && beyond < 1.0 - NEAR {
            return rounded;
        }
        round_u8(self.exact_sum(at, get))
    }

    /// How far, relative to the largest magnitude of its input, a single precision sum over the
    /// taps can be from the exact one. Magnitudes of the weights sum to at most 1.5.
    pub fn single_error(&self) -> f32 {
        (self.taps as f32 + 4.0) * 1.5 * (f32::EPSILON / 2.0)
    }
}

/// Keys' kernel with a = -0.5.
pub(crate) fn keys(t: f64) -> f64 {
    let t = t.abs();
    if t <= 1.0 {
        (1.5 * t - 2.5) * t * t + 1.0
    } else if t <= 2.0 {
        ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    } else {
        0.0
    }
}

/// Position `i` of an endless signal that is its first `n` samples, mirrored again and again.
pub(crate) fn mirror(i: isize, n: usize) -> usize {
    let i = i.rem_euclid(2 * n as isize) as usize;
    i.min(2 * n - 1 - i)
}

/// The sum in numpy's order, so that samples half-way between two levels round as they do there.
fn pairwise_sum(x: &[f64]) -> f64 {
    if x.len() < 8 {
        return x.iter().sum();
    }
    if x.len() > 128 {
        let half = x.len() / 2;
        let (a, b) = x.split_at(half - half % 8);
        return pairwise_sum(a) + pairwise_sum(b);
    }
    let (blocks, rest) = x.as_chunks::<8>();
    let r = blocks.iter().skip(1).fold(blocks[0], |mut r, block| {
        r.iter_mut().zip(block).for_each(|(r, x)| *r += x);
        r
    });
    let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(sum, |sum, x| sum + x)
}

/// Rows of samples.
pub(crate) trait Source: Copy {
    /// The samples `x..x + N` of row `y`.
    fn load<const N: usize>(self, x: usize, y: usize) -> [f32; N];
}

/// Rows of 8-bit samples, `stride` bytes apart.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    pub data: &'a [u8],
    pub stride: usize,
}

impl Source for Bytes<'_> {
    #[inline(always)]
    fn load<const N: usize>(self, x: usize, y: usize) -> [f32; N] {
        let mut samples = [0.0; N];
        let row = &self.data[y * self.stride + x..][..N];
        for (sample, byte) in samples.iter_mut().zip(row) {
            *sample = f32::from(*byte);
        }
        samples
    }
}

/// Rows of little-endian 16-bit samples, `stride` bytes apart, multiplied with `unit`.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    pub data: &'a [u8],
    pub stride: usize,
    pub unit: f32,
}

impl Source for Words<'_> {
    #[inline(always)]
    fn load<const N: usize>(self, x: usize, y: usize) -> [f32; N] {
        let mut samples = [0.0; N];
        let row = &self.data[y * self.stride + 2 * x..][..2 * N];
        for (sample, bytes) in samples.iter_mut().zip(row.as_chunks::<2>().0) {
            *sample = f32::from(u16::from_le_bytes(*bytes)) * self.unit;
        }
        samples
    }
}

/// Output row `at` of `axis` over the rows of `source`, in the columns `x..x + N`.
#[inline(always)]
pub(crate) fn sum_rows<S: Source, const FUSED: bool, const N: usize>(
    source: S,
    axis: &Axis,
    at: usize,
    x: usize,
) -> [f32; N] {
    let mut sums = [0.0; N];
    for (&y, &weight) in axis.index(at).iter().zip(axis.weight(at)) {
        for (sum, sample) in sums.iter_mut().zip(source.load::<N>(x, y)) {
            *sum = multiply_add::<FUSED>(weight, sample, *sum);
        }
    }
    sums
}
