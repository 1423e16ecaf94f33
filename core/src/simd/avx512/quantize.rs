//! Sums of rows, quantised, 64 columns at a time.
//!
//! Steps are taken with 16 bits after the point; where these leave one open, the definition decides.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::each_bit;
use crate::simd::Aligned;

/// Columns at a time.
const COLUMNS: usize = 64;

/// Bits after the point.
const FRACTION: u32 = 16;

/// The whole part of a number.
const WHOLE: usize = FRACTION as usize / 8;

/// What arithmetic with so many bits adds to the error of a number, in its last bit.
const ROUNDING: i32 = 2;

/// Numbers in a register.
const LANES: usize = 16;

/// What is in no doubt.
const SURE: i32 = (1 << FRACTION) - 1;

/// The whole parts of the numbers in two registers.
const WHOLE_PARTS: [u8; 64] = {
    let mut from = [0; 64];
    let mut i = 0;
    while i < 32 {
        from[i] = (4 * i + WHOLE) as u8;
        i += 1;
    }
    from
};

/// How a number becomes a step: `factor * number + offset`, rounded half up, `greatest` at most; 0 where that is below
/// `cut` before rounding.
pub(crate) struct Steps {
    factor: f32,
    offset: f32,
    cut: f32,
    greatest: u8,
    /// Bound of the error of a step before rounding, in units of its last bit.
    doubt: i32,
}

impl Steps {
    /// Steps that are off by `error` at most before rounding. None where that is so much that most would be in doubt.
    pub fn new(factor: f32, offset: f32, cut: f32, greatest: u8, error: f32) -> Option<Self> {
        let units = error * (1 << FRACTION) as f32;
        (units < (1 << (FRACTION - 4)) as f32).then(|| Self {
            factor,
            offset,
            cut,
            greatest,
            doubt: units as i32 + 1 + ROUNDING,
        })
    }
}

impl Avx512 {
    /// Steps of sums of `rows`, each sum of the rows and with the weights that one item of `taps` names, into rows of
    /// `out`, which are as many bytes apart as it says; where sums leave a step open, by `exact`, which is given column
    /// and row. `CUT` tells whether any may be below the cut.
    pub fn quantize<'a, const CUT: bool>(
        self,
        rows: &[Aligned<[f32; COLUMNS]>],
        taps: impl Iterator<Item = (&'a [usize], &'a [f32])>,
        steps: &Steps,
        out: (&mut [u8], usize),
        exact: impl Fn(usize, usize) -> u8,
    ) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { quantize::<CUT>(rows, taps, steps, out, exact) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn quantize<'a, const CUT: bool>(
    rows: &[Aligned<[f32; COLUMNS]>],
    taps: impl Iterator<Item = (&'a [usize], &'a [f32])>,
    steps: &Steps,
    (out, stride): (&mut [u8], usize),
    exact: impl Fn(usize, usize) -> u8,
) {
    let doubt = steps.doubt;
    let one = (1 << FRACTION) as f32;
    let factor = _mm512_set1_ps(steps.factor * one);
    // Halves are rounded up, and all are as far too high as they are in doubt.
    let offset = _mm512_set1_ps((steps.offset + 0.5) * one + doubt as f32);
    let cut = ((steps.cut + 0.5) * one) as i32;
    let (cut, cut_low) = (
        _mm512_set1_epi32(cut.saturating_add(doubt)),
        _mm512_set1_epi32(cut),
    );
    let limit = _mm512_set1_epi32(2 * doubt);
    let sure = _mm512_set1_epi32(SURE);
    // SAFETY: reads the 64 bytes of the array.
    let whole_parts = unsafe { _mm512_loadu_si512(WHOLE_PARTS.as_ptr().cast()) };
    let greatest = _mm512_set1_epi8(steps.greatest as i8);
    for ((y, (index, weight)), out) in taps.enumerate().zip(out.chunks_mut(stride)) {
        let Some(out) = out.first_chunk_mut::<COLUMNS>() else {
            return;
        };
        let mut sums = [_mm512_setzero_ps(); COLUMNS / LANES];
        for (&row, &weight) in index.iter().zip(weight) {
            let weight = _mm512_set1_ps(weight);
            for (sum, values) in sums.iter_mut().zip(rows[row].0.as_chunks::<LANES>().0) {
                // SAFETY: reads the 16 numbers of the array.
                let values = unsafe { _mm512_loadu_ps(values.as_ptr()) };
                *sum = _mm512_fmadd_ps(weight, values, *sum);
            }
        }
        let mut numbers = sums.map(|sum| _mm512_cvtps_epi32(_mm512_fmadd_ps(sum, factor, offset)));
        // How far each is from where its step changes, no more than twice the doubt where it may.
        let mut distances = [sure; COLUMNS / LANES];
        for (number, distance) in numbers.iter_mut().zip(&mut distances) {
            if CUT {
                let hot = _mm512_cmpge_epi32_mask(*number, cut);
                let from_cut = _mm512_sub_epi32(*number, cut_low);
                *distance = _mm512_mask_and_epi32(sure, hot, *number, sure);
                *distance = _mm512_min_epu32(*distance, from_cut);
                *number = _mm512_maskz_mov_epi32(hot, *number);
            } else {
                *distance = _mm512_and_si512(*number, sure);
            }
        }
        let [a, b, c, d] = numbers;
        let first = _mm512_permutex2var_epi8(a, whole_parts, b);
        let second = _mm512_permutex2var_epi8(c, whole_parts, d);
        let quantized = _mm512_inserti64x4::<1>(first, _mm512_castsi512_si256(second));
        let quantized = _mm512_min_epu8(quantized, greatest);
        // SAFETY: writes the 64 bytes of the array.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), quantized) };

        let [a, b, c, d] = distances;
        let nearest = _mm512_min_epu32(_mm512_min_epu32(a, b), _mm512_min_epu32(c, d));
        if _mm512_cmple_epu32_mask(nearest, limit) == 0 {
            continue;
        }
        for (i, distance) in distances.into_iter().enumerate() {
            each_bit(_mm512_cmple_epu32_mask(distance, limit).into(), |lane| {
                let x = i * LANES + lane;
                out[x] = exact(x, y);
            });
        }
    }
}
