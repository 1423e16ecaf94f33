//! Weighted sums along rows of bytes: 16 bytes of a row at a time, of whose samples lanes add up pairs.

use std::arch::x86_64::*;

use super::{each_bit, load};
use crate::simd::vectors::Rounding;

/// Each lane takes two words, four lanes with the samples of pixels in turns: words of 16 bytes, two taps a lane.
pub(super) fn order<const SAMPLES: usize>() -> [usize; 16] {
    let lanes = SAMPLES.next_power_of_two();
    std::array::from_fn(|word| {
        let (lane, second) = (word / 2, word % 2);
        let tap = lane / lanes * 2 + second;
        // What a pixel of three samples has no fourth of is weighted with 0.
        tap * SAMPLES + (lane % lanes).min(SAMPLES - 1)
    })
}

#[inline(always)]
pub(super) fn pattern(order: [usize; 16]) -> __m256i {
    let mut from = [0x80; 32];
    for (word, byte) in order.into_iter().enumerate() {
        from[2 * word] = byte as u8;
    }
    // SAFETY: reads the 32 bytes of the array.
    unsafe { load(from.as_ptr()) }
}

/// Of one sample, the four rows; of two, two rows twice; else each row.
#[inline(always)]
pub(super) fn add_up<const SAMPLES: usize>(rows: [__m256i; 4]) -> [__m128i; 4] {
    // SAFETY: an `Avx2` is at hand wherever this is called; so below.
    unsafe {
        let mut halves = [_mm_setzero_si128(); 4];
        for (half, row) in halves.iter_mut().zip(rows) {
            let high = _mm256_extracti128_si256::<1>(row);
            *half = _mm_add_epi32(_mm256_castsi256_si128(row), high);
        }
        let [a, b, c, d] = halves;
        match SAMPLES {
            1 => [_mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d)); 4],
            2 => {
                let ab = _mm_add_epi32(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
                let cd = _mm_add_epi32(_mm_unpacklo_epi64(c, d), _mm_unpackhi_epi64(c, d));
                [ab, cd, ab, cd]
            }
            _ => [a, b, c, d],
        }
    }
}

/// For each byte of four rows, where it is in a block.
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
    pixels: [[__m128i; 4]; 4],
    rounding: Rounding,
    mut doubtful: impl FnMut(usize, usize),
) -> [[u8; 4]; 4] {
    let block = match SAMPLES {
        1 => [pixels[0][0], pixels[1][0], pixels[2][0], pixels[3][0]],
        2 => [pixels[0][0], pixels[0][1], pixels[1][0], pixels[1][1]],
        _ => pixels[0],
    };
    let mut out = [0; 16];
    // SAFETY: see above; reads and writes the 16 bytes of arrays.
    let bits = unsafe {
        let from = _mm_loadu_si128(const { &rows(SAMPLES) }.as_ptr().cast());
        let offset = _mm_set1_epi32(rounding.offset);
        let fraction = _mm_set1_epi32((1 << rounding.fraction) - 1);
        let doubt = _mm_set1_epi32(rounding.doubt);
        let limit = _mm_set1_epi32(2 * rounding.doubt);
        let shift = _mm_cvtsi32_si128(rounding.fraction as i32);
        let (mut whole, mut sure) = (block, block);
        for ((whole, sure), sum) in whole.iter_mut().zip(&mut sure).zip(block) {
            let sum = _mm_add_epi32(sum, offset);
            *whole = _mm_sra_epi32(sum, shift);
            let near = _mm_and_si128(_mm_add_epi32(sum, doubt), fraction);
            *sure = _mm_cmpgt_epi32(near, limit);
        }
        let [a, b, c, d] = whole;
        let rounded = _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
        _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_shuffle_epi8(rounded, from));
        let [a, b, c, d] = sure;
        let sure = _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
        !_mm_movemask_epi8(_mm_shuffle_epi8(sure, from)) as u32 & 0xffff
    };
    each_bit(bits, |i| doubtful(i / 4, i % 4));
    let (rows, _) = out.as_chunks::<4>();
    std::array::from_fn(|row| rows[row])
}
