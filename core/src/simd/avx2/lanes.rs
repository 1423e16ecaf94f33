//! Weighted sums along rows of bytes: of two rows at once, each in a half of a register.

use std::arch::x86_64::*;

use super::registers::{each_bit, twice};
use crate::simd::vectors::Rounding;

/// What each lane adds up: two words that follow each other.
pub(super) const fn order(samples: usize) -> [usize; 8] {
    let lanes = samples.next_power_of_two();
    let mut order = [0; 8];
    let mut word = 0;
    while word < 8 {
        let (lane, second) = (word / 2, word % 2);
        let (tap, sample) = (lane / lanes * 2 + second, lane % lanes);
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
pub(super) fn pattern(order: [usize; 8]) -> __m256i {
    let mut from = [0x80; 16];
    for (word, byte) in order.into_iter().enumerate() {
        from[2 * word] = byte as u8;
    }
    twice(&from)
}

/// # Safety
/// 16 bytes can be read from each pointer on.
#[inline(always)]
pub(super) unsafe fn load_rows([first, second]: [*const u8; 2]) -> __m256i {
    // SAFETY: the caller's. An `Avx2` is at hand wherever this is called; so below.
    unsafe {
        let first = _mm256_castsi128_si256(_mm_loadu_si128(first.cast()));
        _mm256_inserti128_si256::<1>(first, _mm_loadu_si128(second.cast()))
    }
}

#[inline(always)]
pub(super) fn add_products(
    lanes: __m256i,
    rows: __m256i,
    pattern: __m256i,
    weights: &[i16; 8],
) -> __m256i {
    // SAFETY: see above; reads the 16 bytes of the array.
    unsafe {
        let weights = _mm256_broadcastsi128_si256(_mm_loadu_si128(weights.as_ptr().cast()));
        let words = _mm256_shuffle_epi8(rows, pattern);
        _mm256_add_epi32(lanes, _mm256_madd_epi16(words, weights))
    }
}

/// Lanes of rows 0 and 2 in the lower half, of 1 and 3 in the upper: a sample's two halves beside each other; or two
/// samples; or four, rows 0 and 1 first.
#[inline(always)]
pub(super) fn add_up<const SAMPLES: usize>([a, b]: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: see above.
    unsafe {
        match SAMPLES {
            1 => [_mm256_hadd_epi32(a, b); 2],
            2 => {
                let (low, high) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
                [_mm256_add_epi32(low, high); 2]
            }
            _ => [a, b],
        }
    }
}

/// For each of eight bytes of two rows, where it is in half a block.
const fn rows(samples: usize) -> [u8; 16] {
    let mut from = [0; 16];
    let mut i = 0;
    while i < 16 {
        let (row, byte) = (i / 8, i % 8);
        let (pixel, sample) = (byte / samples, byte % samples);
        from[i] = (pixel * 2 * samples + row * samples + sample) as u8;
        i += 1;
    }
    from
}

#[inline(always)]
pub(super) fn round_block<const SAMPLES: usize>(
    pixels: [[__m256i; 2]; 8],
    rounding: Rounding,
    mut doubtful: impl FnMut(usize, usize),
) -> [[u8; 8]; 4] {
    let mut out = [0; 32];
    // SAFETY: see above; reads and writes the bytes of arrays.
    let bits = unsafe {
        let sums = match SAMPLES {
            1 => [
                _mm256_hadd_epi32(pixels[0][0], pixels[1][0]),
                _mm256_hadd_epi32(pixels[2][0], pixels[3][0]),
                _mm256_hadd_epi32(pixels[4][0], pixels[5][0]),
                _mm256_hadd_epi32(pixels[6][0], pixels[7][0]),
            ],
            2 => [pixels[0][0], pixels[1][0], pixels[2][0], pixels[3][0]],
            _ => [pixels[0][0], pixels[0][1], pixels[1][0], pixels[1][1]],
        };
        let from = twice(const { &rows(SAMPLES) });
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
        let rounded = _mm256_shuffle_epi8(rounded, from);
        _mm256_storeu_si256(out.as_mut_ptr().cast(), rounded);
        let [a, b, c, d] = sure;
        let sure = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        !_mm256_movemask_epi8(_mm256_shuffle_epi8(sure, from)) as u32
    };
    // Rows 0, 2, 1, 3.
    each_bit(bits, |i| doubtful(i / 8 % 2 * 2 + i / 16, i % 8));
    let (rows, _) = out.as_chunks::<8>();
    [rows[0], rows[2], rows[1], rows[3]]
}
