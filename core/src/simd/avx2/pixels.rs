//! Pixels to gray, and channels to pixels.

use std::arch::x86_64::*;

use super::registers::{load, twice};
use crate::simd::vectors::GrayWeights;

/// What shuffles make 0.
const NONE: u8 = 0x80;

/// Which bytes of four pixels, of `BYTES` bytes each from byte `skip` on, become words: channels `a` and `b` in turns.
const fn pairs(bytes: usize, skip: usize, a: Option<usize>, b: Option<usize>) -> [u8; 16] {
    let mut from = [NONE; 16];
    let mut pixel = 0;
    while pixel < 4 {
        if let Some(a) = a {
            from[4 * pixel] = (skip + pixel * bytes + a) as u8;
        }
        if let Some(b) = b {
            from[4 * pixel + 2] = (skip + pixel * bytes + b) as u8;
        }
        pixel += 1;
    }
    from
}

const fn both(a: [u8; 16], b: [u8; 16]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut i = 0;
    while i < 16 {
        (out[i], out[16 + i]) = (a[i], b[i]);
        i += 1;
    }
    out
}

/// The red and green, then the blue words of eight pixels of `BYTES` bytes.
#[inline(always)]
fn split<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    pixels: &[u8],
) -> [__m256i; 2] {
    assert!(pixels.len() >= 8 * BYTES);
    // Of pixels of three bytes, the last 16 of 24 bytes have the upper four from their byte 4 on.
    let skip = const { 4 * (BYTES == 3) as usize };
    let red_green = const {
        let skip = 4 * (BYTES == 3) as usize;
        &both(
            pairs(BYTES, 0, Some(R), Some(G)),
            pairs(BYTES, skip, Some(R), Some(G)),
        )
    };
    let blue = const {
        let skip = 4 * (BYTES == 3) as usize;
        &both(
            pairs(BYTES, 0, Some(B), None),
            pairs(BYTES, skip, Some(B), None),
        )
    };
    // SAFETY: reads the first 16, and 16 from the upper four pixels less `skip` bytes on: up to the last byte of eight
    // pixels, which there are. An `Avx2` is at hand.
    unsafe {
        let low = _mm_loadu_si128(pixels.as_ptr().cast());
        let high = _mm_loadu_si128(pixels.as_ptr().add(4 * BYTES - skip).cast());
        let pixels = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
        let (red_green, blue) = (load(red_green.as_ptr()), load(blue.as_ptr()));
        [
            _mm256_shuffle_epi8(pixels, red_green),
            _mm256_shuffle_epi8(pixels, blue),
        ]
    }
}

/// The products of eight pixels' channels with half of the weights, added.
#[inline(always)]
fn products([red_green, blue]: [__m256i; 2], [r, g, b]: [i16; 3]) -> __m256i {
    let pair = |a: i16, b: i16| i32::from(a as u16) | i32::from(b) << 16;
    // SAFETY: an `Avx2` is at hand.
    unsafe {
        _mm256_add_epi32(
            _mm256_madd_epi16(red_green, _mm256_set1_epi32(pair(r, g))),
            _mm256_madd_epi16(blue, _mm256_set1_epi32(pair(b, 0))),
        )
    }
}

#[inline(always)]
pub(super) fn grays<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    weights: &GrayWeights,
    pixels: &[u8],
) -> __m256i {
    assert!(pixels.len() >= 32 * BYTES);
    // SAFETY: an `Avx2` is at hand.
    unsafe {
        let mut grays = [_mm256_setzero_si256(); 4];
        for (part, gray) in grays.iter_mut().enumerate() {
            let words = split::<BYTES, R, G, B>(&pixels[8 * BYTES * part..]);
            let low = _mm256_srli_epi32::<15>(products(words, weights.low));
            let high = _mm256_add_epi32(products(words, weights.high), _mm256_set1_epi32(1 << 14));
            *gray = _mm256_srli_epi32::<15>(_mm256_add_epi32(low, high));
        }
        let [a, b, c, d] = grays;
        let packed = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
        _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
    }
}

#[inline(always)]
pub(super) fn gray_sums<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    weights: &GrayWeights,
    pixels: &[u8],
) -> [__m256i; 4] {
    assert!(pixels.len() >= 32 * BYTES);
    // SAFETY: an `Avx2` is at hand.
    let mut sums = unsafe { [_mm256_setzero_si256(); 4] };
    for (part, sums) in sums.iter_mut().enumerate() {
        let words = split::<BYTES, R, G, B>(&pixels[8 * BYTES * part..]);
        *sums = products(words, weights.high);
    }
    sums
}

/// For each of the three parts that 16 pixels of three bytes have, which byte of each channel goes where.
const SPREADS: [[[u8; 16]; 3]; 3] = {
    let mut spreads = [[[NONE; 16]; 3]; 3];
    let mut at = 0;
    while at < 48 {
        spreads[at / 16][at % 3][at % 16] = (at / 3) as u8;
        at += 1;
    }
    spreads
};

#[inline(always)]
pub(super) fn store<const BYTES: usize, const LEAD: usize>(
    channels: [__m256i; 3],
    pixels: &mut [u8],
) {
    assert!(pixels.len() >= 32 * BYTES);
    let pixels = pixels.as_mut_ptr();
    // SAFETY: an `Avx2` is at hand, and stores go to the first 96 or 128 bytes, which there are.
    unsafe {
        if BYTES == 3 {
            for (part, spreads) in SPREADS.iter().enumerate() {
                let mut all = _mm256_setzero_si256();
                for (channel, spread) in channels.iter().zip(spreads) {
                    all = _mm256_or_si256(all, _mm256_shuffle_epi8(*channel, twice(spread)));
                }
                let (low, high) = (
                    _mm256_castsi256_si128(all),
                    _mm256_extracti128_si256::<1>(all),
                );
                _mm_storeu_si128(pixels.add(16 * part).cast(), low);
                _mm_storeu_si128(pixels.add(48 + 16 * part).cast(), high);
            }
            return;
        }
        let zero = _mm256_setzero_si256();
        let [a, b, c] = channels;
        let [a, b, c, d] = if LEAD == 0 {
            [a, b, c, zero]
        } else {
            [zero, a, b, c]
        };
        let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
        let (ef, gh) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
        // In each half, pixels 0 to 3, 4 to 7, 8 to 11, 12 to 15 of 16.
        let quarters = [
            _mm256_unpacklo_epi16(ab, cd),
            _mm256_unpackhi_epi16(ab, cd),
            _mm256_unpacklo_epi16(ef, gh),
            _mm256_unpackhi_epi16(ef, gh),
        ];
        let rest = _mm256_set1_epi32(if LEAD == 0 { 0xff << 24 } else { 0xff });
        for i in 0..4 {
            let (first, second) = (quarters[i % 2 * 2], quarters[i % 2 * 2 + 1]);
            let all = if i < 2 {
                _mm256_permute2x128_si256::<0x20>(first, second)
            } else {
                _mm256_permute2x128_si256::<0x31>(first, second)
            };
            let place = pixels.add(32 * i);
            let rest = _mm256_and_si256(load(place), rest);
            _mm256_storeu_si256(place.cast(), _mm256_or_si256(all, rest));
        }
    }
}
