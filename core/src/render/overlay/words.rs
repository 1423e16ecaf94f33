//! Frames of 10 bits, whose samples have too many values to be looked up.

use super::band::Band;
use super::mix::Table;
use super::rows::{mix_chroma_words, mix_words};
use crate::frame::{Depth, Samples};

/// Paints a band of samples, which are 10 bits of 16 each.
pub(super) fn paint(tables: &[Table; 3], samples: &Samples, band: &mut Band) {
    let (luma, cold) = (samples.y, band.cold);
    let is_high = samples.depth == Depth::TenHigh;
    let mix = if is_high {
        mix_words::<6>
    } else {
        mix_words::<0>
    };
    band.each_row(luma.plane, band.width * 2, |row, index| {
        mix(row, index, &tables[0], cold);
    });
    let Some(chroma) = &samples.chroma else {
        return;
    };
    for (component, table) in [chroma.cb, chroma.cr].into_iter().zip(&tables[1..]) {
        let (step, offset) = (component.step * 2, component.offset * 2);
        let mix = match (component.step, is_high) {
            (1, false) => mix_chroma_words::<2, 0>,
            (1, true) => mix_chroma_words::<2, 6>,
            (_, false) => mix_chroma_words::<4, 0>,
            (_, true) => mix_chroma_words::<4, 6>,
        };
        band.each_chroma_row(chroma, component.plane, step, |row, heat| {
            mix(row, heat, offset, table, cold);
        });
    }
}
