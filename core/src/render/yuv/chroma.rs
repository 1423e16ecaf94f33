//! Rows of 8-bit codes in which two pixels share their chroma.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

use super::table_sums::{SumTable, Table};
#[cfg(target_arch = "x86_64")]
use crate::simd::level::Level;

/// What the codes of a component of chroma are made of.
pub(crate) struct ChromaTables {
    /// Of two heats, of which each makes half of a code.
    pub halves: SumTable,
    /// Of one heat.
    whole: [u8; 256],
}

impl ChromaTables {
    /// ChromaTables of the half that each heat makes.
    pub fn new(half: Table) -> Self {
        let halves = SumTable::new(half.clone(), half);
        Self {
            whole: std::array::from_fn(|heat| halves.of(heat as u8, heat as u8)),
            halves,
        }
    }
}

/// Two components, in the order in which they lie in memory.
pub(crate) type Chroma<'a> = [&'a ChromaTables; 2];

/// Chroma of a row of pixels, from their heat and that of the row below: component by component.
///
/// Heat has two indices for each sample, of which the first counts.
pub(crate) fn paint_planes(chroma: Chroma, heat: [&[u8]; 2], rows: [&mut [u8]; 2]) {
    let [first, second] = rows;
    #[cfg(target_arch = "x86_64")]
    if Level::current() == Level::Avx512 {
        // SAFETY: the level is current only on a machine that was seen to have its instructions.
        unsafe { vbmi::paint_planes(chroma, heat, first, second) };
        return;
    }
    for ((first, second), codes) in first.iter_mut().zip(second).zip(codes(chroma, heat)) {
        [*first, *second] = codes;
    }
}

/// The same, the components in turns.
pub(crate) fn paint_pairs(chroma: Chroma, heat: [&[u8]; 2], row: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if Level::current() == Level::Avx512 {
        // SAFETY: the level is current only on a machine that was seen to have its instructions.
        unsafe { vbmi::paint_pairs(chroma, heat, row) };
        return;
    }
    for (pair, codes) in row.as_chunks_mut().0.iter_mut().zip(codes(chroma, heat)) {
        *pair = codes;
    }
}

fn codes(chroma: Chroma, [above, below]: [&[u8]; 2]) -> impl Iterator<Item = [u8; 2]> {
    let heat = above.iter().step_by(2).zip(below.iter().step_by(2));
    heat.map(move |(above, below)| chroma.map(|codes| codes.halves.of(*above, *below)))
}

/// A row of `width` pixels whose luma and chroma take turns, luma being the bytes from `LUMA` (0 or
/// 1) on: made of its own luma and of heat, as `luma` adds them.
pub(crate) fn paint_packed<const LUMA: usize>(
    luma: &SumTable,
    chroma: Chroma,
    heat: &[u8],
    width: usize,
    row: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if Level::current() == Level::Avx512 {
        // SAFETY: the level is current only on a machine that was seen to have its instructions.
        unsafe { vbmi::paint_packed::<LUMA>(luma, chroma, heat, width, row) };
        return;
    }
    let pixels = row.as_chunks_mut::<2>().0.iter_mut();
    for (pixel, heat) in pixels.zip(heat).take(width) {
        pixel[LUMA] = luma.of(pixel[LUMA], *heat);
    }
    let pairs = row.as_chunks_mut::<4>().0.iter_mut();
    for (pair, heat) in pairs.zip(heat.iter().step_by(2)) {
        [pair[1 - LUMA], pair[3 - LUMA]] = chroma.map(|codes| codes.whole[usize::from(*heat)]);
    }
}

#[cfg(target_arch = "x86_64")]
mod vbmi {
    use super::{Chroma, SumTable};
    use crate::render::yuv::table_sums;
    use crate::simd::avx512::lookup::{self, load, load_bytes, look_up, mask};
    use std::arch::x86_64::*;

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

    /// Bytes in turns: one from `first[0]` on, one from `first[1]` on.
    const fn in_turns(first: [usize; 2]) -> [u8; 64] {
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

    /// [`super::ChromaTables`] of two components in registers.
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
            let [first, second] = chroma.map(|codes| _mm512_set1_epi8(codes.whole[0] as i8));
            Self {
                low: chroma.map(|codes| load(&codes.halves.first.low)),
                high: chroma.map(|codes| load(&codes.halves.first.high)),
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
    pub fn paint_planes(chroma: Chroma, heat: [&[u8]; 2], first: &mut [u8], second: &mut [u8]) {
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
    pub fn paint_pairs(chroma: Chroma, heat: [&[u8]; 2], row: &mut [u8]) {
        let tables = Registers::load(chroma);
        let halves = register(const { &in_turns([0, 32]) });
        let heat = heat[0].chunks(64).zip(heat[1].chunks(64));
        for (row, (above, below)) in row.chunks_mut(64).zip(heat) {
            let codes = _mm512_permutexvar_epi8(halves, tables.codes(above, below));
            // SAFETY: the mask has no more bits than the slice has bytes.
            unsafe { _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask(row.len()), codes) };
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn paint_packed<const LUMA: usize>(
        luma: &SumTable,
        chroma: Chroma,
        heat: &[u8],
        width: usize,
        row: &mut [u8],
    ) {
        let tables = table_sums::vbmi::Registers::load(luma);
        let chroma = chroma.map(|codes| load(&codes.whole));
        let [cold, cold_second] = chroma.map(|table| look_up(&table, _mm512_setzero_si512()));
        let seconds = 0xaaaa_aaaa_aaaa_aaaa;
        let cold = _mm512_mask_blend_epi8(seconds, cold, cold_second);
        let pick = register(const { &every_second(LUMA) });
        // Luma comes from the first register, whose bytes are 0..64, chroma from the second.
        let (first, second) = const { (64 * LUMA, 64 - 64 * LUMA) };
        let weaves = [0, 32].map(|half| register(&in_turns([first + half, second + half])));
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
            let out = weaves.map(|weave| _mm512_permutex2var_epi8(luma, weave, codes));
            // SAFETY: as above.
            unsafe {
                _mm512_mask_storeu_epi8(low.as_mut_ptr().cast(), masks[0], out[0]);
                _mm512_mask_storeu_epi8(high.as_mut_ptr().cast(), masks[1], out[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    fn table(factor: u16) -> Table {
        let mut table = Table::ZERO;
        for i in 0..256 {
            let number = (i as u16).wrapping_mul(factor).wrapping_add(factor >> 3);
            table.set(i, number);
        }
        table
    }

    fn noise(seed: u32) -> Vec<u8> {
        let noise =
            (0..512u32).map(|i| (i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24) as u8);
        // Some of it cold.
        noise
            .enumerate()
            .map(|(i, v)| if i / 128 == 1 { 0 } else { v })
            .collect()
    }

    #[test]
    fn rows_of_all_lengths_hold_the_sums_of_their_heats() {
        let [first, second, gray, heat] = [40_503, 48_271, 777, 30_011].map(table);
        let (above, below, row) = (noise(1), noise(2), noise(3));
        let sums = SumTable::new(gray, heat);
        let chroma = [first.clone(), second.clone()].map(ChromaTables::new);
        let chroma = chroma.each_ref();
        each_level(|level| {
            for width in 1..=250 {
                let samples = usize::div_ceil(width, 2);
                let code = |k: usize, table: &Table, below: &[u8]| {
                    (table
                        .get(above[2 * k])
                        .wrapping_add(table.get(below[2 * k]))
                        >> 8) as u8
                };
                let expected = |table, below: &[u8]| -> Vec<u8> {
                    (0..samples).map(|k| code(k, table, below)).collect()
                };
                let heats = [&above[..], &below[..]];
                let (mut cb, mut cr) = (vec![0; samples], vec![0; samples]);
                paint_planes(chroma, heats, [&mut cb, &mut cr]);
                assert_eq!(cb, expected(&first, &below), "{level:?} {width}");
                assert_eq!(cr, expected(&second, &below), "{level:?} {width}");

                let mut pairs = vec![0; 2 * samples];
                paint_pairs(chroma, heats, &mut pairs);
                let planes: Vec<u8> = cb.iter().zip(&cr).flat_map(|(a, b)| [*a, *b]).collect();
                assert_eq!(pairs, planes, "{level:?} {width}");

                for offset in [0, 1] {
                    let mut packed = row[..4 * samples].to_vec();
                    let mut luma: Vec<u8> = row.iter().skip(offset).step_by(2).copied().collect();
                    sums.add(&mut luma[..width], &above);
                    match offset {
                        0 => paint_packed::<0>(&sums, chroma, &above, width, &mut packed),
                        _ => paint_packed::<1>(&sums, chroma, &above, width, &mut packed),
                    }
                    for (i, pair) in packed.chunks(4).enumerate() {
                        let expected = [luma[2 * i], luma[2 * i + 1]];
                        assert_eq!(
                            [pair[offset], pair[2 + offset]],
                            expected,
                            "{level:?} {width}"
                        );
                        let expected = [code(i, &first, &above), code(i, &second, &above)];
                        assert_eq!([pair[1 - offset], pair[3 - offset]], expected);
                    }
                }
            }
        });
    }
}
