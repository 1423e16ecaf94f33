//! AVX2: registers of 32 bytes.

#![allow(
    unsafe_code,
    reason = "vector instructions: each is used where it was found, and on memory that it was given"
)]

mod lanes;
mod pixels;
mod registers;
mod sums;

use std::arch::x86_64::*;

use registers::{each_bit, load, twice};

use super::level::Level;
use super::table::Table;
use super::vectors::{GrayWeights, Rounding, Vectors};

/// That the instructions of [`Level::Avx2`] are there.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// None where another level is to run.
    #[inline]
    pub fn current() -> Option<Self> {
        match Level::current() {
            Level::Avx2 => Some(Self(())),
            Level::Avx512 | Level::Baseline => None,
        }
    }
}

/// Entries of a table that a shuffle chooses from.
const WINDOW: usize = 16;

// SAFETY of all blocks here and in the modules below, unless they say more: there is an `Avx2` only on a machine that
// was seen to have its instructions, and these touch registers only.
impl Vectors for Avx2 {
    const BYTES: usize = 32;
    const WINDOW: usize = WINDOW;

    type Bytes = __m256i;
    /// Those of the lower eight bytes of each half, then those of the upper ones.
    type Words = [__m256i; 2];
    /// In quarters of halves, alike.
    type Sums = [__m256i; 4];
    /// A row in each half.
    type Rows = __m256i;
    type Lanes = __m256i;
    type Part = [__m256i; 2];
    type Pattern = __m256i;

    #[inline(always)]
    fn splat(self, byte: u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn load(self, from: &[u8]) -> __m256i {
        assert!(from.len() >= Self::BYTES);
        // SAFETY: there are so many bytes.
        unsafe { load(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, bytes: __m256i, to: &mut [u8]) {
        assert!(to.len() >= Self::BYTES);
        // SAFETY: there are so many bytes.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
    }

    #[inline(always)]
    unsafe fn load_from(self, from: *const u8) -> __m256i {
        // SAFETY: the caller's.
        unsafe { load(from) }
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_add_epi8(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_sub_epi8(a, b) }
    }

    #[inline(always)]
    fn subtract_saturating(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_subs_epu8(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_min_epu8(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_max_epu8(a, b) }
    }

    #[inline(always)]
    fn extremes(self, low: __m256i, high: __m256i) -> [u8; 2] {
        // SAFETY: see above.
        unsafe {
            let (a, b) = (
                _mm256_castsi256_si128(low),
                _mm256_extracti128_si256::<1>(low),
            );
            let low = _mm_min_epu8(a, b);
            let (a, b) = (
                _mm256_castsi256_si128(high),
                _mm256_extracti128_si256::<1>(high),
            );
            let high = _mm_max_epu8(a, b);
            [least(low), !least(_mm_xor_si128(high, _mm_set1_epi8(-1)))]
        }
    }

    #[inline(always)]
    fn look_up<const N: usize>(self, table: &Table, base: usize, places: __m256i) -> __m256i {
        let (windows, _) = table[base.min(256 - N * WINDOW)..].as_chunks::<WINDOW>();
        // SAFETY: see above.
        unsafe {
            let mut found = _mm256_shuffle_epi8(twice(&windows[0]), in_window(places));
            for (i, window) in windows[..N].iter().enumerate().skip(1) {
                let places = _mm256_sub_epi8(places, _mm256_set1_epi8((i * WINDOW) as i8));
                let more = _mm256_shuffle_epi8(twice(window), in_window(places));
                found = _mm256_or_si256(found, more);
            }
            found
        }
    }

    #[inline(always)]
    fn evens(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_set1_epi16(0xff);
            let packed = _mm256_packus_epi16(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
        }
    }

    #[inline(always)]
    fn odds(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let packed = _mm256_packus_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
        }
    }

    #[inline(always)]
    fn interleave(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let (low, high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
            [
                _mm256_permute2x128_si256::<0x20>(low, high),
                _mm256_permute2x128_si256::<0x31>(low, high),
            ]
        }
    }

    #[inline(always)]
    fn evens_twice(self, a: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_and_si256(a, _mm256_set1_epi16(0xff));
            _mm256_or_si256(low, _mm256_slli_epi16::<8>(low))
        }
    }

    #[inline(always)]
    fn alternate(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_set1_epi16(0xff);
            _mm256_or_si256(_mm256_and_si256(low, a), _mm256_andnot_si256(low, b))
        }
    }

    #[inline(always)]
    fn splat_words(self, word: u16) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_set1_epi16(word as i16); 2] }
    }

    #[inline(always)]
    fn words(self, low: __m256i, high: __m256i) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_unpacklo_epi8(low, high),
                _mm256_unpackhi_epi8(low, high),
            ]
        }
    }

    #[inline(always)]
    fn high_bytes(self, [a, b]: [__m256i; 2]) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_packus_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b)) }
    }

    #[inline(always)]
    fn add_words(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_add_epi16(a[0], b[0]), _mm256_add_epi16(a[1], b[1])] }
    }

    #[inline(always)]
    fn min_words(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_min_epu16(a[0], b[0]), _mm256_min_epu16(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_low(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_mullo_epi16(a[0], b[0]),
                _mm256_mullo_epi16(a[1], b[1]),
            ]
        }
    }

    #[inline(always)]
    fn multiply_high(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            [
                _mm256_mulhi_epu16(a[0], b[0]),
                _mm256_mulhi_epu16(a[1], b[1]),
            ]
        }
    }

    #[inline(always)]
    fn add_wide(self, a: [[__m256i; 2]; 2], b: [[__m256i; 2]; 2]) -> [[__m256i; 2]; 2] {
        let mut high = self.add_words(a[0], b[0]);
        let low = self.add_words(a[1], b[1]);
        for i in 0..2 {
            // SAFETY: see above.
            unsafe {
                // A sum below what was added to has carried.
                let stays = _mm256_cmpeq_epi16(_mm256_max_epu16(low[i], a[1][i]), low[i]);
                let carry = _mm256_add_epi16(stays, _mm256_set1_epi16(1));
                high[i] = _mm256_add_epi16(high[i], carry);
            }
        }
        [high, low]
    }

    #[inline(always)]
    fn halve_words(self, [a, b]: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_srli_epi16::<1>(a), _mm256_srli_epi16::<1>(b)] }
    }

    #[inline(always)]
    fn low_bytes(self, [a, b]: [__m256i; 2]) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_packus_epi16(a, b) }
    }

    #[inline(always)]
    fn not_below(self, a: [__m256i; 2], b: [__m256i; 2]) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_cmpeq_epi16(_mm256_max_epu16(a[0], b[0]), a[0]);
            let high = _mm256_cmpeq_epi16(_mm256_max_epu16(a[1], b[1]), a[1]);
            _mm256_packs_epi16(low, high)
        }
    }

    #[inline(always)]
    fn correct(self, a: [__m256i; 2], steps: __m256i, at: u8, correction: i16) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let found = _mm256_cmpeq_epi8(steps, self.splat(at));
            let correction = _mm256_set1_epi16(correction);
            let [low, high] = self.words(found, found);
            let (low, high) = (
                _mm256_and_si256(low, correction),
                _mm256_and_si256(high, correction),
            );
            self.add_words(a, [low, high])
        }
    }

    #[inline(always)]
    fn slope(self, steps: __m256i, whole: u16, fraction: i16) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let (whole, fraction) = (_mm256_set1_epi16(whole as i16), _mm256_set1_epi16(fraction));
            let [a, b] = self.words(steps, _mm256_setzero_si256());
            self.add_words(
                [_mm256_mullo_epi16(a, whole), _mm256_mullo_epi16(b, whole)],
                [
                    _mm256_mulhrs_epi16(a, fraction),
                    _mm256_mulhrs_epi16(b, fraction),
                ],
            )
        }
    }

    #[inline(always)]
    fn multiples(self, bytes: __m256i, [low, high]: [u16; 2]) -> ([__m256i; 2], __m256i) {
        // SAFETY: see above.
        unsafe {
            let (low, high) = (
                _mm256_set1_epi16(low as i16),
                _mm256_set1_epi16(high as i16),
            );
            let zero = _mm256_setzero_si256();
            let scaled = self.words(zero, bytes);
            let whole = self.words(bytes, zero);
            // Units of 2^-8, and of 1.
            let mut words = [zero; 2];
            let mut above = [zero; 2];
            for i in 0..2 {
                let small = _mm256_mulhi_epu16(scaled[i], low);
                let large = _mm256_mullo_epi16(whole[i], high);
                above[i] = _mm256_add_epi16(large, _mm256_srli_epi16::<8>(small));
                let lowest = _mm256_and_si256(small, _mm256_set1_epi16(0xff));
                words[i] = _mm256_or_si256(_mm256_slli_epi16::<8>(above[i]), lowest);
            }
            (words, self.high_bytes(above))
        }
    }

    #[inline(always)]
    fn each_at_most(self, words: [__m256i; 2], limit: u16, work: impl FnMut(usize)) {
        // SAFETY: see above.
        let bits = unsafe {
            let limit = _mm256_set1_epi16(limit as i16);
            let [a, b] = words;
            let a = _mm256_cmpeq_epi16(_mm256_min_epu16(a, limit), a);
            let b = _mm256_cmpeq_epi16(_mm256_min_epu16(b, limit), b);
            _mm256_movemask_epi8(_mm256_packs_epi16(a, b)) as u32
        };
        each_bit(bits, work);
    }

    #[inline(always)]
    fn grays<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> __m256i {
        pixels::grays::<BYTES, R, G, B>(weights, pixels)
    }

    #[inline(always)]
    fn gray_sums<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> [__m256i; 4] {
        pixels::gray_sums::<BYTES, R, G, B>(weights, pixels)
    }

    #[inline(always)]
    fn store_pixels<const BYTES: usize, const LEAD: usize>(
        self,
        channels: [__m256i; 3],
        pixels: &mut [u8],
    ) {
        pixels::store::<BYTES, LEAD>(channels, pixels);
    }

    #[inline(always)]
    fn splat_sums(self, sum: i32) -> [__m256i; 4] {
        // SAFETY: see above.
        unsafe { [_mm256_set1_epi32(sum); 4] }
    }

    #[inline(always)]
    fn min_sums(self, mut a: [__m256i; 4], b: [__m256i; 4]) -> [__m256i; 4] {
        for (a, b) in a.iter_mut().zip(b) {
            // SAFETY: see above.
            *a = unsafe { _mm256_min_epi32(*a, b) };
        }
        a
    }

    #[inline(always)]
    fn max_sums(self, mut a: [__m256i; 4], b: [__m256i; 4]) -> [__m256i; 4] {
        for (a, b) in a.iter_mut().zip(b) {
            // SAFETY: see above.
            *a = unsafe { _mm256_max_epi32(*a, b) };
        }
        a
    }

    #[inline(always)]
    fn extreme_sums(self, low: [__m256i; 4], high: [__m256i; 4]) -> [i32; 2] {
        sums::extremes(low, high)
    }

    #[inline(always)]
    fn multiply_add(
        self,
        sums: [__m256i; 4],
        rows: [__m256i; 2],
        weights: [i16; 2],
    ) -> [__m256i; 4] {
        sums::multiply_add(sums, rows, weights)
    }

    #[inline(always)]
    fn halve(self, mut sums: [__m256i; 4], times: u32) -> [__m256i; 4] {
        for sum in &mut sums {
            // SAFETY: see above.
            *sum = unsafe { _mm256_sra_epi32(*sum, _mm_cvtsi32_si128(times as i32)) };
        }
        sums
    }

    #[inline(always)]
    fn round(self, sums: [__m256i; 4], rounding: Rounding, doubtful: impl FnMut(usize)) -> __m256i {
        sums::round(sums, rounding, doubtful)
    }

    fn order(samples: usize) -> [usize; 8] {
        lanes::order(samples)
    }

    #[inline(always)]
    fn pattern(self, order: [usize; 8]) -> __m256i {
        lanes::pattern(order)
    }

    #[inline(always)]
    fn zero_lanes(self) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load_rows(self, rows: [*const u8; 2]) -> __m256i {
        // SAFETY: the caller's.
        unsafe { lanes::load_rows(rows) }
    }

    #[inline(always)]
    fn add_products(
        self,
        lanes: __m256i,
        rows: __m256i,
        pattern: __m256i,
        weights: &[i16; 8],
    ) -> __m256i {
        lanes::add_products(lanes, rows, pattern, weights)
    }

    #[inline(always)]
    fn add_up<const SAMPLES: usize>(self, rows: [__m256i; 2]) -> [__m256i; 2] {
        lanes::add_up::<SAMPLES>(rows)
    }

    #[inline(always)]
    fn round_block<const SAMPLES: usize>(
        self,
        pixels: [[__m256i; 2]; 8],
        rounding: Rounding,
        doubtful: impl FnMut(usize, usize),
    ) -> [[u8; 8]; 4] {
        lanes::round_block::<SAMPLES>(pixels, rounding, doubtful)
    }
}

/// The least byte.
#[inline(always)]
fn least(bytes: __m128i) -> u8 {
    // SAFETY: as above.
    unsafe {
        // Of each word, then of all.
        let words = _mm_min_epu8(bytes, _mm_srli_epi16::<8>(bytes));
        _mm_cvtsi128_si32(_mm_minpos_epu16(words)) as u8
    }
}

/// Places of a window of [`WINDOW`] entries as a shuffle takes them; it makes 0 of those beyond.
#[inline(always)]
fn in_window(places: __m256i) -> __m256i {
    // SAFETY: as above.
    unsafe { _mm256_adds_epu8(places, _mm256_set1_epi8(0x70)) }
}
