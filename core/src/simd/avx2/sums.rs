//! Weighted sums of rows of bytes, two rows at a time.

use std::arch::x86_64::*;

use super::registers::each_bit;
use crate::simd::vectors::Rounding;

#[inline(always)]
pub(super) fn multiply_add(
    mut sums: [__m256i; 4],
    [a, b]: [__m256i; 2],
    [first, second]: [i16; 2],
) -> [__m256i; 4] {
    // SAFETY: an `Avx2` is at hand wherever this is called; so below.
    unsafe {
        let zero = _mm256_setzero_si256();
        let weights = _mm256_set1_epi32(i32::from(first as u16) | i32::from(second) << 16);
        let (low, high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
        let pairs = [
            _mm256_unpacklo_epi8(low, zero),
            _mm256_unpackhi_epi8(low, zero),
            _mm256_unpacklo_epi8(high, zero),
            _mm256_unpackhi_epi8(high, zero),
        ];
        for (sum, pairs) in sums.iter_mut().zip(pairs) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, weights));
        }
        sums
    }
}

#[inline(always)]
pub(super) fn round(
    sums: [__m256i; 4],
    rounding: Rounding,
    doubtful: impl FnMut(usize),
) -> __m256i {
    // SAFETY: see above.
    let (rounded, bits) = unsafe {
        let offset = _mm256_set1_epi32(rounding.offset);
        let fraction = _mm256_set1_epi32((1 << rounding.fraction) - 1);
        let doubt = _mm256_set1_epi32(rounding.doubt);
        let limit = _mm256_set1_epi32(2 * rounding.doubt);
        let shift = _mm_cvtsi32_si128(rounding.fraction as i32);
        let (mut whole, mut sure) = (sums, sums);
        for ((whole, sure), sum) in whole.iter_mut().zip(&mut sure).zip(sums) {
            let sum = _mm256_add_epi32(sum, offset);
            *whole = _mm256_sra_epi32(sum, shift);
            // In doubt is what comes as near as the error to where the rounded value changes.
            let near = _mm256_and_si256(_mm256_add_epi32(sum, doubt), fraction);
            *sure = _mm256_cmpgt_epi32(near, limit);
        }
        let [a, b, c, d] = whole;
        let rounded = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let [a, b, c, d] = sure;
        let sure = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        (rounded, !_mm256_movemask_epi8(sure) as u32)
    };
    each_bit(bits, doubtful);
    rounded
}

#[inline(always)]
pub(super) fn extremes(low: [__m256i; 4], high: [__m256i; 4]) -> [i32; 2] {
    // SAFETY: see above.
    unsafe {
        let [a, b, c, d] = low;
        let low = _mm256_min_epi32(_mm256_min_epi32(a, b), _mm256_min_epi32(c, d));
        let [a, b, c, d] = high;
        let high = _mm256_max_epi32(_mm256_max_epi32(a, b), _mm256_max_epi32(c, d));
        let (low, high) = (lanes(low), lanes(high));
        [
            low.into_iter().fold(i32::MAX, i32::min),
            high.into_iter().fold(i32::MIN, i32::max),
        ]
    }
}

#[inline(always)]
fn lanes(sum: __m256i) -> [i32; 8] {
    let mut lanes = [0; 8];
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
    lanes
}
