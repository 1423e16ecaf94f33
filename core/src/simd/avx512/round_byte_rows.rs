//! Weighted sums of rows of bytes with AVX-512's byte dot products.
//!
//! Scaling spends most of its time in these sums, and products of four bytes at once take less
//! than half the time of single precision ones.

use std::arch::x86_64::*;
use std::ops::Range;

use super::Avx512;
use super::digits::{FRACTION, digits};
use super::lookup::{each_bit, mask};

/// Integer weights, each in three signed bytes (in units of 2^-6, 2^-14 and 2^-22), and four taps in a word.
pub(crate) struct Weights {
    quads: usize,
    /// For each output position, `quads` times the words of the three parts.
    words: Vec<[i32; 3]>,
    /// For each output position, source positions of the taps, as many as four times `quads`.
    index: Vec<usize>,
    /// For each output position, the greatest of these.
    last: Vec<usize>,
    /// Bound of the error of a sum, in units of 2^-22.
    doubt: i32,
}

impl Weights {
    /// The weights `exact` of the source positions `index`, `taps` of each for an output
    /// position. None where sums might exceed 32 bits.
    pub fn new(exact: &[f64], index: &[usize], taps: usize) -> Option<Self> {
        let quads = taps.div_ceil(4);
        let mut weights = Self {
            quads,
            words: Vec::new(),
            index: Vec::new(),
            last: Vec::new(),
            doubt: 0,
        };
        for (exact, index) in exact.chunks_exact(taps).zip(index.chunks_exact(taps)) {
            let mut magnitude = 0;
            let mut error = 0.0;
            for (exact, index) in exact.chunks(4).zip(index.chunks(4)) {
                let mut four = [0; 4];
                for (weight, exact) in four.iter_mut().zip(exact) {
                    let scaled = exact * f64::from(1 << FRACTION);
                    *weight = scaled.round() as i32;
                    magnitude += weight.unsigned_abs();
                    error += (scaled - f64::from(*weight)).abs();
                }
                weights.words.push(digits(&four)?);
                let last = index[index.len() - 1];
                weights.index.extend(
                    index
                        .iter()
                        .copied()
                        .chain(std::iter::repeat_n(last, 4 - index.len())),
                );
            }
            if magnitude > 2 << FRACTION {
                return None;
            }
            weights.last.push(index.iter().copied().max()?);
            weights.doubt = weights.doubt.max((255.0 * error) as i32 + 1);
        }
        Some(weights)
    }
}

/// Bytes that are summed at once.
const LANES: usize = 64;

impl Avx512 {
    /// The output rows `rows` of the weights over those of `source`, which are as many bytes apart as it says, each of
    /// `width` bytes, rounded to 8 bits; where the integer sum leaves the rounding open, by `exact`, which is given row
    /// and column.
    pub fn round_byte_rows(
        self,
        source: (&[u8], usize),
        weights: &Weights,
        rows: Range<usize>,
        width: usize,
        out: &mut [u8],
        exact: impl Fn(usize, usize) -> u8,
    ) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { round_byte_rows(source, weights, rows, width, out, exact) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn round_byte_rows(
    (data, stride): (&[u8], usize),
    weights: &Weights,
    rows: Range<usize>,
    width: usize,
    out: &mut [u8],
    exact: impl Fn(usize, usize) -> u8,
) {
    for (at, out) in rows.zip(out.chunks_exact_mut(width)) {
        let start = weights.last[at].saturating_mul(stride);
        assert!(start.saturating_add(width) <= data.len());
        for (i, out) in out.chunks_mut(LANES).enumerate() {
            let x = LANES * i;
            let words = &weights.words[at * weights.quads..][..weights.quads];
            let (rows, _) =
                weights.index[at * 4 * weights.quads..][..4 * weights.quads].as_chunks::<4>();
            let mask = mask(out.len());
            let mut sums = [[_mm512_setzero_si512(); 3]; 4];
            for (rows, words) in rows.iter().zip(words) {
                let [a, b, c, d] = rows.map(|row| {
                    // SAFETY: each row has `out.len()` bytes from `x` on, since the last of them has, as
                    // asserted above; the mask has the load touch no others.
                    unsafe {
                        let start = data.as_ptr().add(row * stride + x);
                        _mm512_maskz_loadu_epi8(mask, start.cast())
                    }
                });
                let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
                let (ef, gh) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
                let taps = [
                    _mm512_unpacklo_epi16(ab, cd),
                    _mm512_unpackhi_epi16(ab, cd),
                    _mm512_unpacklo_epi16(ef, gh),
                    _mm512_unpackhi_epi16(ef, gh),
                ];
                for part in 0..3 {
                    let word = _mm512_set1_epi32(words[part]);
                    for (sums, taps) in sums.iter_mut().zip(taps) {
                        sums[part] = _mm512_dpbusd_epi32(sums[part], taps, word);
                    }
                }
            }
            let half = _mm512_set1_epi32(1 << (FRACTION - 1));
            let sums = sums.map(|[high, middle, low]| {
                let sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), middle);
                _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32::<8>(sum), low), half)
            });
            let [a, b, c, d] = sums.map(|sum| _mm512_srai_epi32::<FRACTION>(sum));
            let rounded = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
            // SAFETY: the mask has the store touch the bytes of `out` alone.
            unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, rounded) };

            // In doubt is what comes as near as the error to where the rounded value changes.
            let doubt = _mm512_set1_epi32(weights.doubt);
            let fraction = _mm512_set1_epi32((1 << FRACTION) - 1);
            let limit = _mm512_set1_epi32(2 * weights.doubt);
            let near = sums.map(|sum| _mm512_and_si512(_mm512_add_epi32(sum, doubt), fraction));
            let nearest = _mm512_min_epi32(
                _mm512_min_epi32(near[0], near[1]),
                _mm512_min_epi32(near[2], near[3]),
            );
            if _mm512_cmple_epi32_mask(nearest, limit) == 0 {
                continue;
            }
            for (quarter, near) in near.into_iter().enumerate() {
                each_bit(_mm512_cmple_epi32_mask(near, limit).into(), |lane| {
                    let column = lane / 4 * 16 + quarter * 4 + lane % 4;
                    if let Some(out) = out.get_mut(column) {
                        *out = exact(at, x + column);
                    }
                });
            }
        }
    }
}
