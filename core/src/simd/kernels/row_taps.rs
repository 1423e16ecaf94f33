//! Weighted sums along rows of bytes, 16 bytes at a time, so that rows need not be turned into columns and back.

use super::Native;
use super::kernel;
use super::row_pairs::Errors;
use crate::simd::vectors::{Rounding, Vectors};

/// Rows that are worked on at once, so that weights are read less often.
pub(crate) const ROWS: usize = 4;

/// Bytes of the result that are made at once, of each row.
const BLOCK: usize = 8;

/// Bytes that are read at once, for so many steps.
const LOAD: usize = 16;
const STEPS: usize = 2;

/// Weights of a step.
const STEP: usize = 8;

/// Weights for pixels of several samples.
pub(crate) struct RowWeights {
    /// Samples of a pixel.
    samples: usize,
    /// The first byte of each pixel's sources; whole blocks of pixels.
    first: Vec<usize>,
    /// Steps that a pixel takes.
    steps: usize,
    /// For each pixel and each of its steps.
    words: Vec<[i16; STEP]>,
    /// Which byte each is for.
    order: [usize; STEP],
    rounding: Rounding,
    /// Weights with more bits, for sums that are in doubt: for each pixel so many, whether it has them or not.
    fine: Vec<i32>,
    longest: usize,
    fine_rounding: Rounding,
}

/// Bits after the point of weights for sums that are in doubt.
const FINE: u32 = 29;

/// The weights of one output position: of source positions that follow each other.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

impl Taps {
    /// Adds up the weights of positions that borders mirror onto each other.
    fn new(index: &[usize], exact: &[f64]) -> Option<Self> {
        let taps = || index.iter().zip(exact).filter(|tap| *tap.1 != 0.0);
        let first = *taps().map(|tap| tap.0).min()?;
        let last = *taps().map(|tap| tap.0).max()?;
        let mut weights = vec![0.0; last + 1 - first];
        taps().for_each(|(index, exact)| weights[index - first] += exact);
        Some(Self { first, weights })
    }
}

impl RowWeights {
    /// Weights for pixels of `samples` (1 to 4) bytes, from the source positions of each output position and the
    /// weights of these. None where sums might exceed 32 bits.
    pub fn new<'a>(
        taps: impl Iterator<Item = (&'a [usize], &'a [f64])>,
        samples: usize,
    ) -> Option<Self> {
        let taps = taps.map(|(index, exact)| Taps::new(index, exact));
        let mut taps = taps.collect::<Option<Vec<_>>>()?;
        let total = |taps: &Taps| taps.weights.iter().map(|weight| weight.abs()).sum::<f64>();
        if taps.iter().any(|taps| total(taps) > 2.0) {
            return None;
        }
        let weights = taps.iter().flat_map(|taps| &taps.weights);
        let greatest = weights.fold(0.0, |greatest: f64, weight| greatest.max(weight.abs()));
        let scale = |bits: u32| f64::from(1u32 << bits);
        let fraction = (0..=20)
            .rev()
            .find(|bits| greatest * scale(*bits) <= 32_767.0)?;
        let quantised = |weight: f64| (weight * scale(fraction)).round();
        let rounding = |bits: u32| {
            let errors = taps.iter().map(|taps| {
                let mut errors = Errors::default();
                for weight in &taps.weights {
                    let scaled = weight * scale(bits);
                    errors.add(scaled - scaled.round());
                }
                errors
            });
            Some(errors.reduce(Errors::joined)?.rounding(bits))
        };
        let (rounding, fine_rounding) = (rounding(fraction)?, rounding(FINE)?);

        let order = Native::order(samples);
        let per_step = STEP / samples.next_power_of_two();
        let longest = taps.iter().map(|taps| taps.weights.len()).max()?;
        let steps = longest.div_ceil(per_step);
        // Whole blocks: what is missing is made of nothing.
        let block = BLOCK / samples.next_power_of_two();
        while taps.len() % block != 0 {
            let (first, weights) = (taps[0].first, Vec::new());
            taps.push(Taps { first, weights });
        }
        let mut words = Vec::with_capacity(taps.len() * steps);
        for taps in &taps {
            for step in 0..steps {
                let mut seen = [false; LOAD];
                words.push(order.map(|byte| {
                    // A fourth sample that is none repeats one.
                    let repeated = std::mem::replace(&mut seen[byte], true);
                    let weight = taps.weights.get(step * per_step + byte / samples);
                    match weight {
                        Some(weight) if !repeated => quantised(*weight) as i16,
                        _ => 0,
                    }
                }));
            }
        }
        let fine = taps.iter().flat_map(|taps| {
            let weight = |tap| taps.weights.get(tap).copied().unwrap_or(0.0);
            (0..longest).map(move |tap| (weight(tap) * scale(FINE)).round() as i32)
        });
        Some(Self {
            samples,
            fine: fine.collect(),
            longest,
            fine_rounding,
            first: taps.iter().map(|taps| taps.first * samples).collect(),
            steps,
            words,
            order,
            rounding,
        })
    }

    /// Bytes between steps.
    fn stride(&self) -> usize {
        STEP / self.samples.next_power_of_two() * self.samples
    }

    /// A byte of the result by finer weights, if these are enough to tell.
    #[inline(always)]
    fn finer(&self, row: &[u8], byte: usize) -> Option<u8> {
        let lanes = self.samples.next_power_of_two();
        let (pixel, sample) = (byte / lanes, byte % lanes);
        let taps = &self.fine[pixel * self.longest..][..self.longest];
        let row = &row[self.first[pixel] + sample..];
        let bytes = row.iter().step_by(self.samples);
        let products = taps
            .iter()
            .zip(bytes)
            .map(|(weight, byte)| i64::from(*weight) * i64::from(*byte));
        let Rounding {
            fraction,
            offset,
            doubt,
        } = self.fine_rounding;
        let sum = products.sum::<i64>() + i64::from(offset);
        let near = (sum + i64::from(doubt)) & ((1 << fraction) - 1);
        (near > i64::from(2 * doubt)).then(|| (sum >> fraction).clamp(0, 255) as u8)
    }

    /// Bytes that each row must have.
    pub fn reach(&self) -> usize {
        let first = self.first.iter().max();
        let loads = self.steps.div_ceil(STEPS);
        first.unwrap_or(&0) + (loads - 1) * STEPS * self.stride() + LOAD
    }
}

impl Native {
    /// Scales up to [`ROWS`] rows of [`RowWeights::reach`] bytes, which are as many bytes apart as `rows` says, into
    /// rows of `row_bytes` bytes, rounded to 8 bits; where the integer sum leaves the rounding open, by `exact`, which
    /// is given the row and the byte of the result.
    pub fn scale_rows(
        self,
        weights: &RowWeights,
        rows: (&[u8], usize),
        row_bytes: usize,
        out: &mut [u8],
        exact: impl Fn(usize, usize) -> u8,
    ) {
        match weights.samples {
            1 => self.scale_rows_of::<_, 1>(weights, rows, row_bytes, out, exact),
            2 => self.scale_rows_of::<_, 2>(weights, rows, row_bytes, out, exact),
            _ => self.scale_rows_of::<_, 4>(weights, rows, row_bytes, out, exact),
        }
    }
}

/// [`LOAD`] bytes of each of two rows.
///
/// # Safety
/// There are so many, `at` bytes after their starts.
#[inline(always)]
unsafe fn two_rows<V: Vectors>(v: V, rows: &[u8], starts: &[usize; 2], at: usize) -> V::Rows {
    let rows = rows.as_ptr();
    // SAFETY: the caller's.
    unsafe { v.load_rows([rows.add(starts[0] + at), rows.add(starts[1] + at)]) }
}

kernel! {
    fn scale_rows_of<SAMPLES: usize; F: Fn(usize, usize) -> u8>(
        v,
        weights: &RowWeights,
        rows: (&[u8], usize),
        row_bytes: usize,
        out: &mut [u8],
        exact: F,
    ) {
        let (rows, stride) = rows;
        let count = out.len() / row_bytes;
        assert!((1..=ROWS).contains(&count));
        let last = (count - 1).saturating_mul(stride);
        assert!(last.saturating_add(weights.reach()) <= rows.len());
        let start = |row: usize| row.min(count - 1) * stride;
        let starts = [[start(0), start(1)], [start(2), start(3)]];
        let step = weights.stride();
        let patterns = [
            v.pattern(weights.order),
            v.pattern(weights.order.map(|byte| byte + step)),
        ];
        let pixels = BLOCK / SAMPLES;
        let words = weights.words.chunks_exact(weights.steps * pixels);
        for (i, (first, words)) in weights.first.chunks_exact(pixels).zip(words).enumerate() {
            let mut parts = [v.add_up::<SAMPLES>([v.zero_lanes(); ROWS / 2]); BLOCK];
            let words = words.chunks_exact(weights.steps);
            for ((part, first), words) in parts.iter_mut().zip(first).zip(words) {
                let mut lanes = [v.zero_lanes(); ROWS / 2];
                let (loads, rest) = words.as_chunks::<STEPS>();
                let mut at = *first;
                for words in loads {
                    for (lanes, starts) in lanes.iter_mut().zip(&starts) {
                        // SAFETY: each row has `reach` bytes, as asserted above: at least so many from `at` on.
                        let rows = unsafe { two_rows(v, rows, starts, at) };
                        *lanes = v.add_products(*lanes, rows, patterns[0], &words[0]);
                        *lanes = v.add_products(*lanes, rows, patterns[1], &words[1]);
                    }
                    at += STEPS * step;
                }
                for words in rest {
                    for (lanes, starts) in lanes.iter_mut().zip(&starts) {
                        // SAFETY: as above.
                        let rows = unsafe { two_rows(v, rows, starts, at) };
                        *lanes = v.add_products(*lanes, rows, patterns[0], words);
                    }
                }
                *part = v.add_up::<SAMPLES>(lanes);
            }
            let x = BLOCK * i;
            let mut doubtful = [[0; 2]; BLOCK * ROWS];
            let mut doubts = 0;
            let block = v.round_block::<SAMPLES>(parts, weights.rounding, |row, byte| {
                doubtful[doubts] = [row, byte];
                doubts += 1;
            });
            for (row, block) in out.chunks_exact_mut(row_bytes).zip(block) {
                match row[x..].first_chunk_mut() {
                    Some(out) => *out = block,
                    None => row[x..].copy_from_slice(&block[..row_bytes - x]),
                }
            }
            for [row, byte] in &doubtful[..doubts] {
                let byte = x + byte;
                if *row < count && byte < row_bytes {
                    let finer = weights.finer(&rows[row * stride..], byte);
                    out[row * row_bytes + byte] = finer.unwrap_or_else(|| exact(*row, byte));
                }
            }
        }
    }
}
