//! Weighted sums along rows of bytes.

use std::arch::aarch64::*;

use super::registers::each_set;
use super::sums;
use crate::simd::vectors::Rounding;

/// What each lane adds up: two words, four of them apart.
pub(super) const fn order(samples: usize) -> [usize; 8] {
    let lanes = samples.next_power_of_two();
    let mut order = [0; 8];
    let mut word = 0;
    while word < 8 {
        let (tap, sample) = (word / lanes, word % lanes);
        // What a pixel of three samples has no fourth of is weighted with 0.
        let sample = if sample < samples {
            sample
        } else {
            samples - 1
        };
        order[word] = tap * samples + sample;
        word += 1;
    }
    order
}

#[inline(always)]
pub(super) fn pattern(order: [usize; 8]) -> uint8x16_t {
    // Look-ups beyond the table find 0.
    let mut from = [0xff; 16];
    for (word, byte) in order.into_iter().enumerate() {
        from[2 * word] = byte as u8;
    }
    // SAFETY: reads the 16 bytes of the array. NEON is part of the target; so below.
    unsafe { vld1q_u8(from.as_ptr()) }
}

#[inline(always)]
pub(super) fn add_products(
    mut lanes: [int32x4_t; 2],
    rows: [uint8x16_t; 2],
    pattern: uint8x16_t,
    weights: &[i16; 8],
) -> [int32x4_t; 2] {
    // SAFETY: see above; reads the 16 bytes of the array.
    unsafe {
        let weights = vld1q_s16(weights.as_ptr());
        for (lanes, row) in lanes.iter_mut().zip(rows) {
            let words = vreinterpretq_s16_u8(vqtbl1q_u8(row, pattern));
            *lanes = vmlal_s16(*lanes, vget_low_s16(words), vget_low_s16(weights));
            *lanes = vmlal_high_s16(*lanes, words, weights);
        }
    }
    lanes
}

/// Of one sample, the four rows; of two, two rows twice; else each row.
#[inline(always)]
pub(super) fn add_up<const SAMPLES: usize>(
    [[a, b], [c, d]]: [[int32x4_t; 2]; 2],
) -> [int32x4_t; 4] {
    // SAFETY: see above.
    unsafe {
        match SAMPLES {
            1 => [vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)); 4],
            2 => {
                let (low, high) = (twos::<1>(a, b), twos::<2>(a, b));
                let first = vaddq_s32(low, high);
                let (low, high) = (twos::<1>(c, d), twos::<2>(c, d));
                let second = vaddq_s32(low, high);
                [first, second, first, second]
            }
            _ => [a, b, c, d],
        }
    }
}

/// The first (1) or the second (2) pairs of `a` and `b`.
#[inline(always)]
fn twos<const PAIR: usize>(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    // SAFETY: see above.
    unsafe {
        let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
        let pairs = if PAIR == 1 {
            vtrn1q_s64(a, b)
        } else {
            vtrn2q_s64(a, b)
        };
        vreinterpretq_s32_s64(pairs)
    }
}

/// For each of four bytes of four rows, where it is among the sums of as many pixels.
const fn rows(samples: usize) -> [u8; 16] {
    let mut from = [0; 16];
    let mut i = 0;
    while i < 16 {
        let (row, byte) = (i / 4, i % 4);
        let (pixel, sample) = (byte / samples, byte % samples);
        from[i] = (pixel * 4 * samples + row * samples + sample) as u8;
        i += 1;
    }
    from
}

#[inline(always)]
pub(super) fn round_block<const SAMPLES: usize>(
    pixels: [[int32x4_t; 4]; 8],
    rounding: Rounding,
    mut doubtful: impl FnMut(usize, usize),
) -> [[u8; 8]; 4] {
    let mut out = [[0; 8]; 4];
    for half in 0..2 {
        let first = half * 4 / SAMPLES;
        let sums = match SAMPLES {
            1 => [
                pixels[first][0],
                pixels[first + 1][0],
                pixels[first + 2][0],
                pixels[first + 3][0],
            ],
            2 => [
                pixels[first][0],
                pixels[first][1],
                pixels[first + 1][0],
                pixels[first + 1][1],
            ],
            _ => pixels[first],
        };
        let (rounded, doubts) = sums::round(sums, rounding);
        let mut bytes = [0; 16];
        // SAFETY: see above; reads and writes the 16 bytes of arrays.
        let doubts = unsafe {
            let from = vld1q_u8(const { &rows(SAMPLES) }.as_ptr());
            vst1q_u8(bytes.as_mut_ptr(), vqtbl1q_u8(rounded, from));
            vqtbl1q_u8(doubts, from)
        };
        each_set(doubts, |i| doubtful(i / 4, half * 4 + i % 4));
        for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
            out[half * 4..][..4].copy_from_slice(bytes);
        }
    }
    out
}
