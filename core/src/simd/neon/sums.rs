//! Weighted sums of rows of bytes, two rows at a time.

use std::arch::aarch64::*;

use crate::simd::vectors::Rounding;

#[inline(always)]
pub(super) fn multiply_add(
    mut sums: [int32x4_t; 4],
    rows: [uint8x16_t; 2],
    weights: [i16; 2],
) -> [int32x4_t; 4] {
    for (row, weight) in rows.into_iter().zip(weights) {
        // SAFETY: NEON is part of the target; so below.
        unsafe {
            let low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(row)));
            let high = vreinterpretq_s16_u16(vmovl_high_u8(row));
            sums = [
                vmlal_n_s16(sums[0], vget_low_s16(low), weight),
                vmlal_high_n_s16(sums[1], low, weight),
                vmlal_n_s16(sums[2], vget_low_s16(high), weight),
                vmlal_high_n_s16(sums[3], high, weight),
            ];
        }
    }
    sums
}

/// Rounded sums, and all bits of those in doubt.
#[inline(always)]
pub(super) fn round(sums: [int32x4_t; 4], rounding: Rounding) -> (uint8x16_t, uint8x16_t) {
    // SAFETY: see above.
    unsafe {
        let offset = vdupq_n_s32(rounding.offset);
        let fraction = vdupq_n_s32((1 << rounding.fraction) - 1);
        let doubt = vdupq_n_s32(rounding.doubt);
        let limit = vdupq_n_s32(2 * rounding.doubt);
        let shift = vdupq_n_s32(-(rounding.fraction as i32));
        let mut whole = sums;
        let mut near = [vdupq_n_u32(0); 4];
        for ((whole, near), sum) in whole.iter_mut().zip(&mut near).zip(sums) {
            let sum = vaddq_s32(sum, offset);
            *whole = vshlq_s32(sum, shift);
            // In doubt is what comes as near as the error to where the rounded value changes.
            *near = vcleq_s32(vandq_s32(vaddq_s32(sum, doubt), fraction), limit);
        }
        let [a, b, c, d] = whole;
        let low = vqmovn_high_s32(vqmovn_s32(a), b);
        let high = vqmovn_high_s32(vqmovn_s32(c), d);
        let rounded = vqmovun_high_s16(vqmovun_s16(low), high);
        let [a, b, c, d] = near;
        let low = vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
        let high = vuzp1q_u16(vreinterpretq_u16_u32(c), vreinterpretq_u16_u32(d));
        let doubts = vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
        (rounded, doubts)
    }
}

#[inline(always)]
pub(super) fn extremes(low: [int32x4_t; 4], high: [int32x4_t; 4]) -> [i32; 2] {
    // SAFETY: see above.
    unsafe {
        let [a, b, c, d] = low;
        let low = vminq_s32(vminq_s32(a, b), vminq_s32(c, d));
        let [a, b, c, d] = high;
        let high = vmaxq_s32(vmaxq_s32(a, b), vmaxq_s32(c, d));
        [vminvq_s32(low), vmaxvq_s32(high)]
    }
}
