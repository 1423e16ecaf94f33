//! Rows of samples, each mixed as its heat says.

use super::mix::{FRACTION, Mix, PixelMix, Table};
use crate::luma::tiles::COLUMNS;
use crate::simd::dispatched;

/// Whether none of a run of pixels has heat.
#[inline(always)]
fn is_cold(index: &[u8]) -> bool {
    index.iter().fold(0, |any, index| any | index) == 0
}

dispatched! {
    /// Every `STEP`th byte from `OFFSET` on.
    pub(super) fn mix_bytes<STEP: usize, OFFSET: usize;>(row: &mut [u8], index: &[u8], table: &Table, skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * STEP).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (sample, index) in row.as_chunks_mut::<STEP>().0.iter_mut().zip(index) {
                let mixed = table[usize::from(*index)].of(sample[OFFSET]);
                sample[OFFSET] = (mixed >> FRACTION) as u8;
            }
        }
    }
}

dispatched! {
    /// Samples of 10 bits.
    pub(super) fn mix_words<SHIFT: u32;>(row: &mut [u8], index: &[u8], table: &Table, skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * 2).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (sample, index) in row.as_chunks_mut::<2>().0.iter_mut().zip(index) {
                // Unused bits may hold anything.
                let code = (u16::from_le_bytes(*sample) >> SHIFT).min(1023);
                let mixed = table[usize::from(*index)].of_word(code) >> FRACTION;
                *sample = ((mixed << SHIFT) as u16).to_le_bytes();
            }
        }
    }
}

dispatched! {
    pub(super) fn mix_pixels<BYTES: usize;>(row: &mut [u8], index: &[u8], table: &[PixelMix; 256], skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * BYTES).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (pixel, index) in row.as_chunks_mut::<BYTES>().0.iter_mut().zip(index) {
                let PixelMix { kept, added } = &table[usize::from(*index)];
                let mut bytes = [0; 4];
                bytes[..BYTES].copy_from_slice(pixel);
                for byte in 0..4 {
                    let mix = Mix {
                        kept: kept[byte],
                        added: added[byte],
                    };
                    bytes[byte] = (mix.of(bytes[byte]) >> FRACTION) as u8;
                }
                pixel.copy_from_slice(&bytes[..BYTES]);
            }
        }
    }
}

dispatched! {
    /// The first of each `STEP` bytes: `count` samples, each of which has `every` pixels of the row above and below.
    pub(super) fn mix_chroma<STEP: usize;>(
        row: &mut [u8],
        heat: [&[u8]; 2],
        every: usize,
        count: usize,
        table: &Table,
        skip: bool,
    ) {
        const RUN: usize = COLUMNS / 2;
        let mut left = count;
        let heat = heat[0].chunks(RUN * every).zip(heat[1].chunks(RUN * every));
        for (row, (above, below)) in row.chunks_mut(RUN * STEP).zip(heat) {
            let count = left.min(RUN);
            left -= count;
            if skip && is_cold(above) && is_cold(below) {
                continue;
            }
            let heat = above.iter().step_by(every).zip(below.iter().step_by(every));
            let samples = row.iter_mut().step_by(STEP).take(count);
            for (sample, (&above, &below)) in samples.zip(heat) {
                let each = [above, below].map(|heat| table[usize::from(heat)].of(*sample));
                *sample = ((each[0] + each[1]) >> (FRACTION + 1)) as u8;
            }
        }
    }
}

dispatched! {
    /// The same of words.
    pub(super) fn mix_chroma_words<STEP: usize, SHIFT: u32;>(
        row: &mut [u8],
        heat: [&[u8]; 2],
        every: usize,
        count: usize,
        table: &Table,
        skip: bool,
    ) {
        const RUN: usize = COLUMNS / 2;
        let mut left = count;
        let heat = heat[0].chunks(RUN * every).zip(heat[1].chunks(RUN * every));
        for (row, (above, below)) in row.chunks_mut(RUN * STEP * 2).zip(heat) {
            let count = left.min(RUN);
            left -= count;
            if skip && is_cold(above) && is_cold(below) {
                continue;
            }
            let heat = above.iter().step_by(every).zip(below.iter().step_by(every));
            let samples = row.as_chunks_mut::<2>().0.iter_mut().step_by(STEP).take(count);
            for (sample, (&above, &below)) in samples.zip(heat) {
                let code = (u16::from_le_bytes(*sample) >> SHIFT).min(1023);
                let each = [above, below].map(|heat| table[usize::from(heat)].of_word(code));
                let mixed = (each[0] + each[1]) >> (FRACTION + 1);
                *sample = ((mixed << SHIFT) as u16).to_le_bytes();
            }
        }
    }
}
