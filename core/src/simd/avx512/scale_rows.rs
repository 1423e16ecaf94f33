//! Weighted sums along rows of bytes with AVX-512's byte dot products.
//!
//! Each lane of a vector takes four taps of its own sample at once, picked from the row with a byte
//! permutation, so that rows need not be turned into columns and back.

use std::arch::x86_64::*;

use super::Avx512;
use super::digits::{FRACTION, digits};
use super::lookup::{each_bit, mask};

/// Samples that are made at once.
const LANES: usize = 16;

/// Bytes that a lane can pick its taps from.
const WINDOW: usize = 128;

/// Rows that are worked on at once, so that weights are read less often.
pub(crate) const ROWS: usize = 4;

/// Weights for pixels of several samples.
pub(crate) struct RowWeights {
    /// Samples of a pixel, and bytes of a scaled one: the next power of two.
    samples: usize,
    blocks: Vec<Block>,
    /// Words of four taps that a sample has.
    quads: usize,
    /// For each block and each of its words, three parts of the weights; see [`digits`].
    words: Vec<[[i32; LANES]; 3]>,
    /// Bound of the error of a sum, in units of 2^-22.
    doubt: i32,
}

/// [`LANES`] samples of a scaled row.
struct Block {
    /// First byte of the row that they are made of.
    first: usize,
    /// The first four taps of each, counted from there.
    pick: [u8; 4 * LANES],
}

/// The weights of one output position: of source positions that follow each other.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    /// Adds up the weights of positions that borders mirror onto each other.
    fn new(index: &[usize], exact: &[f64], error: &mut f64) -> Option<Self> {
        let (first, last) = (*index.iter().min()?, *index.iter().max()?);
        let mut weights = vec![0; last + 1 - first];
        *error = 0.0;
        for (index, exact) in index.iter().zip(exact) {
            let scaled = exact * f64::from(1 << FRACTION);
            let weight = scaled.round();
            *error += (scaled - weight).abs();
            weights[index - first] += weight as i32;
        }
        let magnitude: i32 = weights.iter().map(|weight| weight.abs()).sum();
        (magnitude <= 2 << FRACTION).then_some(Self { first, weights })
    }
}

impl RowWeights {
    /// Weights for pixels of `samples` (1 to 4) bytes, from the source positions of each output position and the
    /// weights of these. None where samples are too far from each other, or where sums might exceed 32 bits.
    pub fn new<'a>(
        taps: impl Iterator<Item = (&'a [usize], &'a [f64])>,
        samples: usize,
    ) -> Option<Self> {
        let mut doubt = 0;
        let taps = taps.map(|(index, exact)| {
            let mut error = 0.0;
            let taps = Taps::new(index, exact, &mut error);
            doubt = doubt.max((255.0 * error) as i32 + 1);
            taps
        });
        let taps = taps.collect::<Option<Vec<_>>>()?;
        let longest = taps.iter().map(|taps| taps.weights.len()).max()?;
        let mut weights = Self {
            samples,
            blocks: Vec::new(),
            quads: longest.div_ceil(4),
            words: Vec::new(),
            doubt,
        };
        let lanes = samples.next_power_of_two();
        for taps in taps.chunks(LANES / lanes) {
            let first = taps.iter().map(|taps| taps.first).min()?;
            let mut pick = [0; 4 * LANES];
            let start = weights.words.len();
            weights.words.resize(start + weights.quads, [[0; LANES]; 3]);
            for lane in 0..taps.len() * lanes {
                let (taps, sample) = (&taps[lane / lanes], lane % lanes);
                if sample >= samples {
                    continue;
                }
                for (i, pick) in pick[4 * lane..][..4].iter_mut().enumerate() {
                    let byte = (taps.first - first + i) * samples + sample;
                    *pick = u8::try_from(byte)
                        .ok()
                        .filter(|byte| usize::from(*byte) < WINDOW)?;
                }
                let words = weights.words[start..].iter_mut();
                for (words, four) in words.zip(taps.weights.chunks(4)) {
                    for (words, part) in words.iter_mut().zip(digits(four)?) {
                        words[lane] = part;
                    }
                }
            }
            let first = first * samples;
            weights.blocks.push(Block { first, pick });
        }
        Some(weights)
    }

    /// Bytes that each row must have.
    pub fn reach(&self) -> usize {
        let first = self.blocks.iter().map(|block| block.first).max();
        first.unwrap_or(0) + 4 * self.samples * (self.quads - 1) + WINDOW
    }
}

impl Avx512 {
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
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { scale_rows(weights, rows, row_bytes, out, exact) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn scale_rows(
    weights: &RowWeights,
    (rows, stride): (&[u8], usize),
    row_bytes: usize,
    out: &mut [u8],
    exact: impl Fn(usize, usize) -> u8,
) {
    let count = out.len() / row_bytes;
    assert!((1..=ROWS).contains(&count));
    let last = (count - 1).saturating_mul(stride);
    assert!(last.saturating_add(weights.reach()) <= rows.len());
    let starts: [_; ROWS] = std::array::from_fn(|row| row.min(count - 1) * stride);
    let half = _mm512_set1_epi32(1 << (FRACTION - 1));
    let doubt = _mm512_set1_epi32(weights.doubt);
    let fraction = _mm512_set1_epi32((1 << FRACTION) - 1);
    let limit = _mm512_set1_epi32(2 * weights.doubt);
    let words = weights.words.chunks_exact(weights.quads);
    for (i, (block, words)) in weights.blocks.iter().zip(words).enumerate() {
        // SAFETY: reads the 64 bytes of the array.
        let pick = unsafe { _mm512_loadu_si512(block.pick.as_ptr().cast()) };
        let mut sums = [[_mm512_setzero_si512(); 3]; ROWS];
        for (quad, words) in words.iter().enumerate() {
            let words = words.each_ref().map(|words| {
                // SAFETY: reads the 64 bytes of the array.
                unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
            });
            let at = block.first + 4 * weights.samples * quad;
            for (sums, start) in sums.iter_mut().zip(starts) {
                // SAFETY: the row has `reach` bytes, as asserted above: at least a window
                // from `at` on.
                let taps = unsafe {
                    let start = rows.as_ptr().add(start + at);
                    let low = _mm512_loadu_si512(start.cast());
                    let high = _mm512_loadu_si512(start.add(64).cast());
                    _mm512_permutex2var_epi8(low, pick, high)
                };
                for (sum, word) in sums.iter_mut().zip(words) {
                    *sum = _mm512_dpbusd_epi32(*sum, taps, word);
                }
            }
        }
        let x = LANES * i;
        let valid = mask((row_bytes - x).min(LANES)) as u16;
        let rows = out.chunks_exact_mut(row_bytes).zip(sums).enumerate();
        for (y, (row, [high, middle, low])) in rows {
            let out = &mut row[x..];
            let sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), middle);
            let low = _mm512_add_epi32(low, half);
            let sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(sum), low);
            let whole = _mm512_srai_epi32::<FRACTION>(sum);
            let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512()));
            // SAFETY: the mask has no more bits than `out` has bytes.
            unsafe { _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), valid, bytes) };
            // In doubt is what comes as near as the error to where the rounded value changes.
            let near = _mm512_and_si512(_mm512_add_epi32(sum, doubt), fraction);
            let doubtful = _mm512_mask_cmple_epi32_mask(valid, near, limit);
            each_bit(doubtful.into(), |lane| out[lane] = exact(y, x + lane));
        }
    }
}
