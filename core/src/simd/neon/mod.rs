//! NEON: registers of 16 bytes, and look-ups in tables of 64 entries. Every AArch64 has it.

#![allow(
    unsafe_code,
    reason = "vector instructions of the target, on memory that they were given"
)]

mod lanes;
mod pixels;
mod registers;
mod sums;

use std::arch::aarch64::*;

use registers::each_set;

use super::level::Level;
use super::table::Table;
use super::vectors::{GrayWeights, Rounding, Vectors};

/// That the instructions of [`Level::Neon`] are there.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// None where another level is to run.
    #[inline]
    pub fn current() -> Option<Self> {
        match Level::current() {
            Level::Neon => Some(Self(())),
            Level::Baseline => None,
        }
    }
}

/// Entries of a table that a look-up chooses from.
const WINDOW: usize = 64;

// SAFETY of all blocks here and in the modules below, unless they say more: NEON is part of the target, and these touch
// registers only.
impl Vectors for Neon {
    const BYTES: usize = 16;
    const WINDOW: usize = WINDOW;

    type Bytes = uint8x16_t;
    type Words = [uint16x8_t; 2];
    type Sums = [int32x4_t; 4];
    type Rows = [uint8x16_t; 2];
    type Lanes = [int32x4_t; 2];
    type Part = [int32x4_t; 4];
    type Pattern = uint8x16_t;

    #[inline(always)]
    fn splat(self, byte: u8) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    fn load(self, from: &[u8]) -> uint8x16_t {
        assert!(from.len() >= Self::BYTES);
        // SAFETY: there are so many bytes.
        unsafe { vld1q_u8(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, bytes: uint8x16_t, to: &mut [u8]) {
        assert!(to.len() >= Self::BYTES);
        // SAFETY: there are so many bytes.
        unsafe { vst1q_u8(to.as_mut_ptr(), bytes) };
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const u8) -> uint8x16_t {
        // SAFETY: the caller's.
        unsafe { vld1q_u8(from) }
    }

    #[inline(always)]
    fn add(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vaddq_u8(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vsubq_u8(a, b) }
    }

    #[inline(always)]
    fn subtract_saturating(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vqsubq_u8(a, b) }
    }

    #[inline(always)]
    fn min(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vminq_u8(a, b) }
    }

    #[inline(always)]
    fn max(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vmaxq_u8(a, b) }
    }

    #[inline(always)]
    fn extremes(self, low: uint8x16_t, high: uint8x16_t) -> [u8; 2] {
        // SAFETY: see above.
        unsafe { [vminvq_u8(low), vmaxvq_u8(high)] }
    }

    #[inline(always)]
    fn look_up<const N: usize>(self, table: &Table, base: usize, places: uint8x16_t) -> uint8x16_t {
        let (windows, _) = table[base.min(256 - N * WINDOW)..].as_chunks::<WINDOW>();
        // SAFETY: see above; reads the 64 bytes of arrays.
        unsafe {
            // Places beyond a window find 0, and later what was there.
            let mut found = vqtbl4q_u8(vld1q_u8_x4(windows[0].as_ptr()), places);
            for (i, window) in windows[..N].iter().enumerate().skip(1) {
                let places = vsubq_u8(places, vdupq_n_u8((i * WINDOW) as u8));
                found = vqtbx4q_u8(found, vld1q_u8_x4(window.as_ptr()), places);
            }
            found
        }
    }

    #[inline(always)]
    fn evens(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vuzp1q_u8(a, b) }
    }

    #[inline(always)]
    fn odds(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vuzp2q_u8(a, b) }
    }

    #[inline(always)]
    fn interleave(self, a: uint8x16_t, b: uint8x16_t) -> [uint8x16_t; 2] {
        // SAFETY: see above.
        unsafe { [vzip1q_u8(a, b), vzip2q_u8(a, b)] }
    }

    #[inline(always)]
    fn evens_twice(self, a: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vtrn1q_u8(a, a) }
    }

    #[inline(always)]
    fn alternate(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vbslq_u8(vreinterpretq_u8_u16(vdupq_n_u16(0xff)), a, b) }
    }

    #[inline(always)]
    fn splat_words(self, word: u16) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe { [vdupq_n_u16(word); 2] }
    }

    #[inline(always)]
    fn words(self, low: uint8x16_t, high: uint8x16_t) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe {
            [
                vreinterpretq_u16_u8(vzip1q_u8(low, high)),
                vreinterpretq_u16_u8(vzip2q_u8(low, high)),
            ]
        }
    }

    #[inline(always)]
    fn high_bytes(self, [a, b]: [uint16x8_t; 2]) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vuzp2q_u8(vreinterpretq_u8_u16(a), vreinterpretq_u8_u16(b)) }
    }

    #[inline(always)]
    fn add_words(self, a: [uint16x8_t; 2], b: [uint16x8_t; 2]) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe { [vaddq_u16(a[0], b[0]), vaddq_u16(a[1], b[1])] }
    }

    #[inline(always)]
    fn min_words(self, a: [uint16x8_t; 2], b: [uint16x8_t; 2]) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe { [vminq_u16(a[0], b[0]), vminq_u16(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_low(self, a: [uint16x8_t; 2], b: [uint16x8_t; 2]) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe { [vmulq_u16(a[0], b[0]), vmulq_u16(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_high(self, mut a: [uint16x8_t; 2], b: [uint16x8_t; 2]) -> [uint16x8_t; 2] {
        for (a, b) in a.iter_mut().zip(b) {
            // SAFETY: see above.
            unsafe {
                let low = vmull_u16(vget_low_u16(*a), vget_low_u16(b));
                let high = vmull_high_u16(*a, b);
                *a = vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
            }
        }
        a
    }

    #[inline(always)]
    fn add_wide(self, a: [[uint16x8_t; 2]; 2], b: [[uint16x8_t; 2]; 2]) -> [[uint16x8_t; 2]; 2] {
        let mut high = self.add_words(a[0], b[0]);
        let low = self.add_words(a[1], b[1]);
        for i in 0..2 {
            // A sum below what was added to has carried: all bits of it are set.
            // SAFETY: see above.
            high[i] = unsafe { vsubq_u16(high[i], vcltq_u16(low[i], a[1][i])) };
        }
        [high, low]
    }

    #[inline(always)]
    fn halve_words(self, [a, b]: [uint16x8_t; 2]) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe { [vshrq_n_u16::<1>(a), vshrq_n_u16::<1>(b)] }
    }

    #[inline(always)]
    fn low_bytes(self, [a, b]: [uint16x8_t; 2]) -> uint8x16_t {
        // SAFETY: see above.
        unsafe { vuzp1q_u8(vreinterpretq_u8_u16(a), vreinterpretq_u8_u16(b)) }
    }

    #[inline(always)]
    fn not_below(self, a: [uint16x8_t; 2], b: [uint16x8_t; 2]) -> uint8x16_t {
        // SAFETY: see above.
        unsafe {
            let (low, high) = (vcgeq_u16(a[0], b[0]), vcgeq_u16(a[1], b[1]));
            vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high))
        }
    }

    #[inline(always)]
    fn correct(
        self,
        a: [uint16x8_t; 2],
        steps: uint8x16_t,
        at: u8,
        correction: i16,
    ) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe {
            let found = vceqq_u8(steps, vdupq_n_u8(at));
            let correction = vdupq_n_u16(correction as u16);
            let [low, high] = self.words(found, found);
            self.add_words(a, [vandq_u16(low, correction), vandq_u16(high, correction)])
        }
    }

    #[inline(always)]
    fn slope(self, steps: uint8x16_t, whole: u16, fraction: i16) -> [uint16x8_t; 2] {
        // SAFETY: see above.
        unsafe {
            let fraction = vdupq_n_s16(fraction);
            let [a, b] = [vmovl_u8(vget_low_u8(steps)), vmovl_high_u8(steps)];
            // Twice the product and half of 2^16, divided by 2^16.
            let low = vqrdmulhq_s16(vreinterpretq_s16_u16(a), fraction);
            let high = vqrdmulhq_s16(vreinterpretq_s16_u16(b), fraction);
            [
                vmlaq_n_u16(vreinterpretq_u16_s16(low), a, whole),
                vmlaq_n_u16(vreinterpretq_u16_s16(high), b, whole),
            ]
        }
    }

    #[inline(always)]
    fn multiples(self, bytes: uint8x16_t, [low, high]: [u16; 2]) -> ([uint16x8_t; 2], uint8x16_t) {
        // SAFETY: see above.
        unsafe {
            let factor = u32::from(low) | u32::from(high) << 16;
            let [a, b] = [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)];
            // Modulo 2^32, of which the lowest byte is cut.
            let a_low = vmulq_n_u32(vmovl_u16(vget_low_u16(a)), factor);
            let a_high = vmulq_n_u32(vmovl_high_u16(a), factor);
            let b_low = vmulq_n_u32(vmovl_u16(vget_low_u16(b)), factor);
            let b_high = vmulq_n_u32(vmovl_high_u16(b), factor);
            let words = [
                vshrn_high_n_u32::<8>(vshrn_n_u32::<8>(a_low), a_high),
                vshrn_high_n_u32::<8>(vshrn_n_u32::<8>(b_low), b_high),
            ];
            let above =
                |low, high| vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
            let above = [above(a_low, a_high), above(b_low, b_high)];
            (words, self.high_bytes(above))
        }
    }

    #[inline(always)]
    fn each_at_most(self, words: [uint16x8_t; 2], limit: u16, work: impl FnMut(usize)) {
        // SAFETY: see above.
        let found = unsafe {
            let limit = vdupq_n_u16(limit);
            let (low, high) = (vcleq_u16(words[0], limit), vcleq_u16(words[1], limit));
            vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high))
        };
        each_set(found, work);
    }

    #[inline(always)]
    fn grays<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> uint8x16_t {
        pixels::grays::<BYTES, R, G, B>(weights, pixels)
    }

    #[inline(always)]
    fn gray_sums<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> [int32x4_t; 4] {
        pixels::gray_sums::<BYTES, R, G, B>(weights, pixels)
    }

    #[inline(always)]
    fn store_pixels<const BYTES: usize, const LEAD: usize>(
        self,
        channels: [uint8x16_t; 3],
        pixels: &mut [u8],
    ) {
        pixels::store::<BYTES, LEAD>(channels, pixels);
    }

    #[inline(always)]
    fn splat_sums(self, sum: i32) -> [int32x4_t; 4] {
        // SAFETY: see above.
        unsafe { [vdupq_n_s32(sum); 4] }
    }

    #[inline(always)]
    fn min_sums(self, mut a: [int32x4_t; 4], b: [int32x4_t; 4]) -> [int32x4_t; 4] {
        for (a, b) in a.iter_mut().zip(b) {
            // SAFETY: see above.
            *a = unsafe { vminq_s32(*a, b) };
        }
        a
    }

    #[inline(always)]
    fn max_sums(self, mut a: [int32x4_t; 4], b: [int32x4_t; 4]) -> [int32x4_t; 4] {
        for (a, b) in a.iter_mut().zip(b) {
            // SAFETY: see above.
            *a = unsafe { vmaxq_s32(*a, b) };
        }
        a
    }

    #[inline(always)]
    fn extreme_sums(self, low: [int32x4_t; 4], high: [int32x4_t; 4]) -> [i32; 2] {
        sums::extremes(low, high)
    }

    #[inline(always)]
    fn multiply_add(
        self,
        sums: [int32x4_t; 4],
        rows: [uint8x16_t; 2],
        weights: [i16; 2],
    ) -> [int32x4_t; 4] {
        sums::multiply_add(sums, rows, weights)
    }

    #[inline(always)]
    fn halve(self, mut sums: [int32x4_t; 4], times: u32) -> [int32x4_t; 4] {
        for sum in &mut sums {
            // SAFETY: see above.
            *sum = unsafe { vshlq_s32(*sum, vdupq_n_s32(-(times as i32))) };
        }
        sums
    }

    #[inline(always)]
    fn round(
        self,
        sums: [int32x4_t; 4],
        rounding: Rounding,
        doubtful: impl FnMut(usize),
    ) -> uint8x16_t {
        let (rounded, doubts) = sums::round(sums, rounding);
        each_set(doubts, doubtful);
        rounded
    }

    fn order(samples: usize) -> [usize; 8] {
        lanes::order(samples)
    }

    #[inline(always)]
    fn pattern(self, order: [usize; 8]) -> uint8x16_t {
        lanes::pattern(order)
    }

    #[inline(always)]
    fn zero_lanes(self) -> [int32x4_t; 2] {
        // SAFETY: see above.
        unsafe { [vdupq_n_s32(0); 2] }
    }

    #[inline(always)]
    unsafe fn load_rows(self, rows: [*const u8; 2]) -> [uint8x16_t; 2] {
        // SAFETY: the caller's.
        unsafe { [vld1q_u8(rows[0]), vld1q_u8(rows[1])] }
    }

    #[inline(always)]
    fn add_products(
        self,
        lanes: [int32x4_t; 2],
        rows: [uint8x16_t; 2],
        pattern: uint8x16_t,
        weights: &[i16; 8],
    ) -> [int32x4_t; 2] {
        lanes::add_products(lanes, rows, pattern, weights)
    }

    #[inline(always)]
    fn add_up<const SAMPLES: usize>(self, rows: [[int32x4_t; 2]; 2]) -> [int32x4_t; 4] {
        lanes::add_up::<SAMPLES>(rows)
    }

    #[inline(always)]
    fn round_block<const SAMPLES: usize>(
        self,
        pixels: [[int32x4_t; 4]; 8],
        rounding: Rounding,
        doubtful: impl FnMut(usize, usize),
    ) -> [[u8; 8]; 4] {
        lanes::round_block::<SAMPLES>(pixels, rounding, doubtful)
    }
}
