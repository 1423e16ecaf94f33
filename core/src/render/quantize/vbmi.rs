//! Heat indices in vector registers, a row of a strip at a time.
//!
//! Indices are taken with 16 bits after the point; where these leave one open, the definition decides.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{HOTTEST, Quantizer};
use crate::luma::tiles::COLUMNS;
use crate::render::panel::Run;
use crate::resample::coefficients::Axis;
use crate::simd::avx512::lookup::each_bit;

/// Bits after the point.
const FRACTION: u32 = 16;

/// The whole part of a number.
const WHOLE: usize = FRACTION as usize / 8;

/// Steps that arithmetic with so many bits adds to the error of an index.
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

impl Quantizer {
    /// Bound of the error of an index, in steps. None where it is so large that most indices would be
    /// in doubt.
    pub(crate) fn doubt(&self) -> Option<i32> {
        let steps = self.error * (1 << FRACTION) as f32;
        (steps < (1 << (FRACTION - 4)) as f32).then(|| steps as i32 + 1 + ROUNDING)
    }
}

/// [`crate::render::quantize::quantize`], where indices are off by `doubt` steps at most.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(crate) fn quantize<const CUT: bool>(
    rows: &[Run],
    down: &Axis,
    ys: Range<usize>,
    (quantizer, doubt): (&Quantizer, i32),
    (out, stride): (&mut [u8], usize),
    exact: &impl Fn(usize, usize) -> u8,
) {
    let one = (1 << FRACTION) as f32;
    let factor = _mm512_set1_ps(quantizer.factor * one);
    // Halves are rounded up, and all are as far too high as they are in doubt.
    let offset = _mm512_set1_ps((quantizer.offset + 0.5) * one + doubt as f32);
    let cut = ((quantizer.cut + 0.5) * one) as i32;
    let (cut, cut_low) = (
        _mm512_set1_epi32(cut.saturating_add(doubt)),
        _mm512_set1_epi32(cut),
    );
    let limit = _mm512_set1_epi32(2 * doubt);
    let sure = _mm512_set1_epi32(SURE);
    // SAFETY: reads the 64 bytes of the array.
    let whole_parts = unsafe { _mm512_loadu_si512(WHOLE_PARTS.as_ptr().cast()) };
    let hottest = _mm512_set1_epi8(HOTTEST as i8);
    for (y, out) in ys.zip(out.chunks_mut(stride)) {
        let Some(out) = out.first_chunk_mut::<COLUMNS>() else {
            return;
        };
        let mut sums = [_mm512_setzero_ps(); COLUMNS / LANES];
        for (&row, &weight) in down.index(y).iter().zip(down.weight(y)) {
            let weight = _mm512_set1_ps(weight);
            for (sum, values) in sums.iter_mut().zip(rows[row].0.as_chunks::<LANES>().0) {
                // SAFETY: reads the 16 numbers of the array.
                let values = unsafe { _mm512_loadu_ps(values.as_ptr()) };
                *sum = _mm512_fmadd_ps(weight, values, *sum);
            }
        }
        let mut numbers = sums.map(|sum| _mm512_cvtps_epi32(_mm512_fmadd_ps(sum, factor, offset)));
        // How far each is from where its index changes, no more than twice the doubt where it may.
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
        let indices = _mm512_inserti64x4::<1>(first, _mm512_castsi512_si256(second));
        let indices = _mm512_min_epu8(indices, hottest);
        // SAFETY: writes the 64 bytes of the array.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), indices) };

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
