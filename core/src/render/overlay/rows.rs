//! Rows of samples, each mixed as its heat says.

use super::mix::{Bytes, FRACTION, Sums, Table};
use crate::luma::tiles::COLUMNS;
use crate::simd::dispatched;
use crate::simd::table::Cold;

/// Samples that are mixed together: the compiler counts them once.
const TOGETHER: usize = 8;

/// Whether none of a run of pixels has heat.
#[inline(always)]
fn is_cold(index: &[u8]) -> bool {
    index.iter().fold(0, |any, index| any | index) == 0
}

/// Calls `mix` with the `STEP` bytes of each sample or pixel of a row, and its index; in runs without any `fill`, where they are to
/// become the same.
#[inline(always)]
fn each<const STEP: usize>(
    row: &mut [u8],
    index: &[u8],
    cold: Cold,
    fill: impl Fn(&mut [u8; STEP]),
    mix: impl Fn(&mut [u8; STEP], u8),
) {
    for (row, index) in row.chunks_mut(COLUMNS * STEP).zip(index.chunks(COLUMNS)) {
        // Rows may end in half a pair.
        let samples = &mut row.as_chunks_mut().0[..index.len()];
        if cold != Cold::Mixed && is_cold(index) {
            if cold == Cold::Filled {
                samples.iter_mut().for_each(&fill);
            }
            continue;
        }
        let (several, rest) = samples.as_chunks_mut::<TOGETHER>();
        let (indices, last) = index.as_chunks::<TOGETHER>();
        for (samples, indices) in several.iter_mut().zip(indices) {
            for (sample, index) in samples.iter_mut().zip(indices) {
                mix(sample, *index);
            }
        }
        for (sample, index) in rest.iter_mut().zip(last) {
            mix(sample, *index);
        }
    }
}

/// The same of a row of chroma: with the indices of the first of `EVERY` pixels, of the row above and of that below.
#[inline(always)]
fn each_between<const STEP: usize, const EVERY: usize>(
    row: &mut [u8],
    [above, below]: [&[u8]; 2],
    cold: Cold,
    fill: impl Fn(&mut [u8; STEP]),
    mix: impl Fn(&mut [u8; STEP], u8, u8),
) {
    const RUN: usize = COLUMNS / 2;
    let heat = above.chunks(RUN * EVERY).zip(below.chunks(RUN * EVERY));
    for (row, (above, below)) in row.chunks_mut(RUN * STEP).zip(heat) {
        if cold != Cold::Mixed && is_cold(above) && is_cold(below) {
            if cold == Cold::Filled {
                row.as_chunks_mut().0.iter_mut().for_each(&fill);
            }
            continue;
        }
        let (several, rest) = row.as_chunks_mut().0.as_chunks_mut::<TOGETHER>();
        let mut heat = above
            .chunks(TOGETHER * EVERY)
            .zip(below.chunks(TOGETHER * EVERY));
        for (samples, (above, below)) in several.iter_mut().zip(&mut heat) {
            let (above, below) = (above.iter().step_by(EVERY), below.iter().step_by(EVERY));
            for (sample, (above, below)) in samples.iter_mut().zip(above.zip(below)) {
                mix(sample, *above, *below);
            }
        }
        let Some((above, below)) = heat.next() else {
            continue;
        };
        let (above, below) = (above.iter().step_by(EVERY), below.iter().step_by(EVERY));
        for (sample, (above, below)) in rest.iter_mut().zip(above.zip(below)) {
            mix(sample, *above, *below);
        }
    }
}

/// Every `STEP`th byte from `offset` on.
pub(super) fn mix_bytes<const STEP: usize>(
    row: &mut [u8],
    index: &[u8],
    offset: usize,
    bytes: &Bytes,
    cold: Cold,
) {
    let filled = bytes[0][0];
    let fill = |samples: &mut [u8; STEP]| samples[offset % STEP] = filled;
    each(row, index, cold, fill, |samples, index| {
        let sample = &mut samples[offset % STEP];
        *sample = bytes[usize::from(index)][usize::from(*sample)];
    });
}

/// Pixels of `BYTES` bytes whose components lie beside each other from byte `FIRST` on, in the order of `bytes`.
pub(super) fn mix_pixels<const BYTES: usize, const FIRST: usize>(
    row: &mut [u8],
    index: &[u8],
    bytes: [&Bytes; 3],
    cold: Cold,
) {
    let filled = bytes.map(|bytes| bytes[0][0]);
    let fill = |pixel: &mut [u8; BYTES]| pixel[FIRST..FIRST + 3].copy_from_slice(&filled);
    each(row, index, cold, fill, |pixel, index| {
        for (component, bytes) in bytes.iter().enumerate() {
            let sample = &mut pixel[FIRST + component];
            *sample = bytes[usize::from(index)][usize::from(*sample)];
        }
    });
}

/// Every `STEP`th byte from `offset` on: each becomes the mean of what the heat above and below makes of it.
pub(super) fn mix_chroma<const STEP: usize, const EVERY: usize>(
    row: &mut [u8],
    heat: [&[u8]; 2],
    offset: usize,
    sums: &Sums,
    cold: Cold,
) {
    let filled = (sums[0][0] >> FRACTION) as u8;
    let fill = |samples: &mut [u8; STEP]| samples[offset % STEP] = filled;
    each_between::<STEP, EVERY>(row, heat, cold, fill, |samples, above, below| {
        let sample = &mut samples[offset % STEP];
        let of = |heat: u8| sums[usize::from(heat)][usize::from(*sample)];
        *sample = ((of(above) + of(below)) >> (FRACTION + 1)) as u8;
    });
}

/// The code of a sample of 10 bits, whose unused bits may hold anything.
#[inline(always)]
fn code<const SHIFT: u32>(sample: [u8; 2]) -> u16 {
    (u16::from_le_bytes(sample) >> SHIFT).min(1023)
}

/// The sample of a number with [`FRACTION`] bits after the point.
#[inline(always)]
fn word<const SHIFT: u32>(mixed: u32) -> [u8; 2] {
    (((mixed >> FRACTION) << SHIFT) as u16).to_le_bytes()
}

dispatched! {
    /// Samples of 10 bits.
    pub(super) fn mix_words<SHIFT: u32;>(row: &mut [u8], index: &[u8], table: &Table, cold: Cold) {
        let filled = word::<SHIFT>(table[0].added);
        each(row, index, cold, |sample| *sample = filled, |sample, index| {
            *sample = word::<SHIFT>(table[usize::from(index)].of_word(code::<SHIFT>(*sample)));
        });
    }
}

dispatched! {
    /// Chroma of 10 bits that is halved across, in every `STEP`th byte from `offset` on.
    pub(super) fn mix_chroma_words<STEP: usize, SHIFT: u32;>(
        row: &mut [u8],
        heat: [&[u8]; 2],
        offset: usize,
        table: &Table,
        cold: Cold,
    ) {
        let filled = word::<SHIFT>(table[0].added);
        let fill = |samples: &mut [u8; STEP]| {
            samples.as_chunks_mut().0[offset / 2 % (STEP / 2)] = filled;
        };
        each_between::<STEP, 2>(row, heat, cold, fill, |samples, above, below| {
            let samples = samples.as_chunks_mut().0;
            let sample = &mut samples[offset / 2 % (STEP / 2)];
            let code = code::<SHIFT>(*sample);
            let each = [above, below].map(|heat| table[usize::from(heat)].of_word(code));
            *sample = word::<SHIFT>((each[0] + each[1]) >> 1);
        });
    }
}
