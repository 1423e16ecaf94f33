//! Rows of 8-bit codes in which two pixels share their chroma, 32 samples of each component at a time.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{self, load, load_bytes, look_up, mask};
use super::sum_table;
use crate::simd::table::{Chroma, SumTables};

impl Avx512 {
    /// Rows of two components, from heat above and below: two indices for each sample, of which the first counts.
    pub fn paint_chroma_planes(self, chroma: Chroma, heat: [&[u8]; 2], rows: [&mut [u8]; 2]) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { paint_chroma_planes(chroma, heat, rows) }
    }

    /// The same, the components in turns.
    pub fn paint_chroma_pairs(self, chroma: Chroma, heat: [&[u8]; 2], row: &mut [u8]) {
        // SAFETY: as above.
        unsafe { paint_chroma_pairs(chroma, heat, row) }
    }

    /// A row of `width` pixels whose luma and chroma take turns, luma being the bytes from `LUMA` (0 or 1) on: made of
    /// its own luma and of heat, as `luma` adds them.
    pub fn paint_packed<const LUMA: usize>(
        self,
        luma: &SumTables,
        chroma: Chroma,
        heat: &[u8],
        width: usize,
        row: &mut [u8],
    ) {
        // SAFETY: as above.
        unsafe { paint_packed::<LUMA>(luma, chroma, heat, width, row) }
    }
}

/// Every second byte of two registers, from `first` on.
const fn every_second(first: usize) -> [u8; 64] {
    let mut out = [0; 64];
    let mut i = 0;
    while i < 64 {
        out[i] = (first + 2 * i) as u8;
        i += 1;
    }
    out
}

/// Bytes interleaved: one from `first[0]` on, one from `first[1]` on.
const fn interleaved(first: [usize; 2]) -> [u8; 64] {
    let mut out = [0; 64];
    let mut i = 0;
    while i < 64 {
        out[i] = (first[i % 2] + i / 2) as u8;
        i += 1;
    }
    out
}

#[target_feature(enable = "avx512f")]
fn register(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Two components in registers.
struct Registers {
    low: [lookup::Register; 2],
    high: [lookup::Register; 2],
    /// Those without heat, the second ones in the upper half.
    cold: __m512i,
    even: __m512i,
}

impl Registers {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load(chroma: Chroma) -> Self {
        let [a, b] = chroma;
        let [first, second] = [&a, &b].map(|tables| _mm512_set1_epi8(tables.whole[0] as i8));
        Self {
            low: [load(a.low), load(b.low)],
            high: [load(a.high), load(b.high)],
            cold: _mm512_mask_blend_epi64(0xf0, first, second),
            even: register(const { &every_second(0) }),
        }
    }

    /// 32 samples of the first component, then of the second, from up to 64 heat indices each
    /// above and below.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn codes(&self, above: &[u8], below: &[u8]) -> __m512i {
        // SAFETY: the masks have no more bits than there are bytes.
        let (above, below) = unsafe {
            (
                load_bytes(above, mask(above.len())),
                load_bytes(below, mask(below.len())),
            )
        };
        // Above in the lower half, below in the upper one.
        let heat = _mm512_permutex2var_epi8(above, self.even, below);
        if _mm512_test_epi8_mask(heat, heat) == 0 {
            return self.cold;
        }
        let both = |tables: &[lookup::Register; 2]| {
            let [first, second] = [look_up(&tables[0], heat), look_up(&tables[1], heat)];
            [
                _mm512_shuffle_i64x2::<0b01_00_01_00>(first, second),
                _mm512_shuffle_i64x2::<0b11_10_11_10>(first, second),
            ]
        };
        let ([low, low_below], [high, high_below]) = (both(&self.low), both(&self.high));
        let carry = _mm512_cmplt_epu8_mask(_mm512_add_epi8(low, low_below), low);
        let sum = _mm512_add_epi8(high, high_below);
        _mm512_mask_add_epi8(sum, carry, sum, _mm512_set1_epi8(1))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn paint_chroma_planes(chroma: Chroma, heat: [&[u8]; 2], [first, second]: [&mut [u8]; 2]) {
    let tables = Registers::load(chroma);
    let heat = heat[0].chunks(64).zip(heat[1].chunks(64));
    let rows = first.chunks_mut(32).zip(second.chunks_mut(32));
    for ((first, second), (above, below)) in rows.zip(heat) {
        let codes = tables.codes(above, below);
        let valid = mask(first.len().min(second.len()));
        let upper = _mm512_shuffle_i64x2::<0b11_10_11_10>(codes, codes);
        // SAFETY: the mask has no more bits than the shorter of the slices has bytes.
        unsafe {
            _mm512_mask_storeu_epi8(first.as_mut_ptr().cast(), valid, codes);
            _mm512_mask_storeu_epi8(second.as_mut_ptr().cast(), valid, upper);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn paint_chroma_pairs(chroma: Chroma, heat: [&[u8]; 2], row: &mut [u8]) {
    let tables = Registers::load(chroma);
    let halves = register(const { &interleaved([0, 32]) });
    let heat = heat[0].chunks(64).zip(heat[1].chunks(64));
    for (row, (above, below)) in row.chunks_mut(64).zip(heat) {
        let codes = _mm512_permutexvar_epi8(halves, tables.codes(above, below));
        // SAFETY: the mask has no more bits than the slice has bytes.
        unsafe { _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask(row.len()), codes) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn paint_packed<const LUMA: usize>(
    luma: &SumTables,
    chroma: Chroma,
    heat: &[u8],
    width: usize,
    row: &mut [u8],
) {
    let tables = sum_table::Registers::load(luma);
    let chroma = chroma.map(|tables| load(tables.whole));
    let [cold, cold_second] = chroma.map(|table| look_up(&table, _mm512_setzero_si512()));
    let seconds = 0xaaaa_aaaa_aaaa_aaaa;
    let cold = _mm512_mask_blend_epi8(seconds, cold, cold_second);
    let pick = register(const { &every_second(LUMA) });
    // Luma comes from the first register, whose bytes are 0..64, chroma from the second.
    let (first, second) = const { (64 * LUMA, 64 - 64 * LUMA) };
    let interleavings = [0, 32].map(|half| register(&interleaved([first + half, second + half])));
    for ((i, row), heat) in row.chunks_mut(128).enumerate().zip(heat.chunks(64)) {
        let pixels = (width - 64 * i).min(64);
        let (low, high) = row.split_at_mut(row.len().min(64));
        // Luma beyond the width is not ours.
        let ours = |bytes: usize, first: usize| match 2 * (pixels as isize) + LUMA as isize
            - first as isize
        {
            beyond @ 0..64 => mask(bytes) & !(1 << beyond),
            _ => mask(bytes),
        };
        let masks = [ours(low.len(), 0), ours(high.len(), 64)];
        // SAFETY: the masks have no more bits than there are bytes.
        let (heat, gray) = unsafe {
            let gray = [load_bytes(low, masks[0]), load_bytes(high, masks[1])];
            (
                load_bytes(heat, mask(heat.len())),
                _mm512_permutex2var_epi8(gray[0], pick, gray[1]),
            )
        };
        let luma = tables.sums(gray, heat);
        let codes = if _mm512_test_epi8_mask(heat, heat) == 0 {
            cold
        } else {
            // The heat of each first pixel, twice.
            let even = _mm512_maskz_mov_epi8(!seconds, heat);
            let twice = _mm512_or_si512(even, _mm512_slli_epi16::<8>(even));
            let [first, second] = [look_up(&chroma[0], twice), look_up(&chroma[1], twice)];
            _mm512_mask_blend_epi8(seconds, first, second)
        };
        let out = interleavings.map(|from| _mm512_permutex2var_epi8(luma, from, codes));
        // SAFETY: as above.
        unsafe {
            _mm512_mask_storeu_epi8(low.as_mut_ptr().cast(), masks[0], out[0]);
            _mm512_mask_storeu_epi8(high.as_mut_ptr().cast(), masks[1], out[1]);
        }
    }
}
