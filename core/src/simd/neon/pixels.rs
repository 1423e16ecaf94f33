//! Pixels to gray, and channels to pixels.

use std::arch::aarch64::*;

use crate::simd::vectors::GrayWeights;

/// The channels of 16 pixels.
#[inline(always)]
fn split<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    pixels: &[u8],
) -> [uint8x16_t; 3] {
    assert!(pixels.len() >= 16 * BYTES);
    // SAFETY: there are so many bytes; NEON is part of the target, also below.
    unsafe {
        let channels = if BYTES == 3 {
            let uint8x16x3_t(a, b, c) = vld3q_u8(pixels.as_ptr());
            [a, b, c, a]
        } else {
            let uint8x16x4_t(a, b, c, d) = vld4q_u8(pixels.as_ptr());
            [a, b, c, d]
        };
        [channels[R], channels[G], channels[B]]
    }
}

/// The products of 16 pixels' channels with half of the weights, added.
#[inline(always)]
fn products(channels: [uint8x16_t; 3], weights: [i16; 3]) -> [uint32x4_t; 4] {
    // SAFETY: see above.
    unsafe {
        let mut sums = [vdupq_n_u32(0); 4];
        for (channel, weight) in channels.into_iter().zip(weights) {
            let weight = weight as u16;
            let (low, high) = (vmovl_u8(vget_low_u8(channel)), vmovl_high_u8(channel));
            sums = [
                vmlal_n_u16(sums[0], vget_low_u16(low), weight),
                vmlal_high_n_u16(sums[1], low, weight),
                vmlal_n_u16(sums[2], vget_low_u16(high), weight),
                vmlal_high_n_u16(sums[3], high, weight),
            ];
        }
        sums
    }
}

#[inline(always)]
pub(super) fn grays<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    weights: &GrayWeights,
    pixels: &[u8],
) -> uint8x16_t {
    let channels = split::<BYTES, R, G, B>(pixels);
    let low = products(channels, weights.low);
    let mut sums = products(channels, weights.high);
    // SAFETY: see above.
    unsafe {
        for (sum, low) in sums.iter_mut().zip(low) {
            *sum = vsraq_n_u32::<15>(*sum, low);
        }
        let [a, b, c, d] = sums;
        let low = vrshrn_high_n_u32::<15>(vrshrn_n_u32::<15>(a), b);
        let high = vrshrn_high_n_u32::<15>(vrshrn_n_u32::<15>(c), d);
        vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high))
    }
}

#[inline(always)]
pub(super) fn gray_sums<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    weights: &GrayWeights,
    pixels: &[u8],
) -> [int32x4_t; 4] {
    let [a, b, c, d] = products(split::<BYTES, R, G, B>(pixels), weights.high);
    // SAFETY: see above.
    unsafe {
        [
            vreinterpretq_s32_u32(a),
            vreinterpretq_s32_u32(b),
            vreinterpretq_s32_u32(c),
            vreinterpretq_s32_u32(d),
        ]
    }
}

#[inline(always)]
pub(super) fn store<const BYTES: usize, const LEAD: usize>(
    [a, b, c]: [uint8x16_t; 3],
    pixels: &mut [u8],
) {
    assert!(pixels.len() >= 16 * BYTES);
    // SAFETY: there are so many bytes.
    unsafe {
        if BYTES == 3 {
            return vst3q_u8(pixels.as_mut_ptr(), uint8x16x3_t(a, b, c));
        }
        let uint8x16x4_t(first, .., last) = vld4q_u8(pixels.as_ptr());
        let all = if LEAD == 0 {
            uint8x16x4_t(a, b, c, last)
        } else {
            uint8x16x4_t(first, a, b, c)
        };
        vst4q_u8(pixels.as_mut_ptr(), all);
    }
}
