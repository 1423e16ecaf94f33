//! Luma and chroma codes of gray and heat.

use super::chroma::{self, paint_chroma_pairs, paint_chroma_planes, paint_packed};
use super::sum_table::{SumTable, Table};
use crate::frame::colorimetry::Coding;
use crate::frame::{Chroma, Component, Depth, Encoding};
use crate::render::colormap::{Colormap, Span};
use crate::simd::dispatched;

/// What a stretched picture's codes are made of.
pub(crate) struct YuvTables {
    colormap: Colormap,
    coding: Coding,
    depth: Depth,
    /// What gray and heat contribute to 8-bit luma.
    luma: SumTable,
    /// The same for 10 bits.
    words: WordLuma,
    /// What heat makes of blue and red difference; for 10 bits the halves have 6 bits after the point.
    chroma: [chroma::ChromaTables; 2],
}

/// A row of chroma samples to be painted.
pub(crate) enum ChromaRows<'a> {
    /// Blue and red difference in rows of their own.
    Planes([&'a mut [u8]; 2]),
    /// Both in turns for two pixels each, blue difference first (0) or second (1).
    Pairs(&'a mut [u8], usize),
}

/// Luma codes are `factor * code + heat[index]`, with [`WORD_FRACTION`] bits after the point.
struct WordLuma {
    factor: i32,
    heat: [i32; 256],
    black: i32,
    white: i32,
}

const WORD_FRACTION: u32 = 16;

impl YuvTables {
    /// Tables for pictures whose white takes a share of the codes, all of them where it is not given.
    pub fn new(encoding: Encoding, depth: Depth, white: Option<f64>, colormap: &Colormap) -> Self {
        let coding = Coding::new(encoding, depth).with_white(white);
        Self {
            colormap: colormap.clone(),
            coding,
            depth,
            luma: SumTable::new(Table::ZERO, Table::ZERO),
            words: WordLuma {
                factor: 0,
                heat: [0; 256],
                black: coding.black as i32,
                white: (coding.black + coding.luma_range) as i32,
            },
            chroma: [Table::ZERO; 2].map(chroma::ChromaTables::new),
        }
    }

    pub fn set_colormap(&mut self, colormap: &Colormap) {
        self.colormap = colormap.clone();
    }

    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Fills the tables for pictures whose gray / 2 + heat goes from `low` to `high`.
    pub fn fill(&mut self, range: Span) {
        let (low, high) = (range.lowest, range.highest);
        let coding = &self.coding;
        let stretch = if high > low {
            255.0 / (high - low)
        } else {
            0.0
        };
        let fixed = |x: f64, bits: u32| (x * f64::from(1 << bits)).round() as i64;
        let luma_unit = stretch * coding.luma_range / 255.0;
        let chroma_unit = stretch * coding.chroma_range / 255.0;
        let (mut gray, mut heat) = (Table::ZERO, Table::ZERO);
        let mut chroma = [Table::ZERO; 2];
        for (code, level) in coding.levels().into_iter().enumerate() {
            gray.set(code, fixed(level / 2.0 * luma_unit, 8) as u16);
        }
        // Half of (code - black) is gray / 2 in codes.
        self.words.factor = fixed(stretch / 2.0, WORD_FRACTION) as i32;
        let word_offset = -coding.black / 2.0 * stretch;
        let chroma_bits = if self.depth == Depth::Eight { 8 } else { 6 };
        for (index, &rgb) in self.colormap.rgb().iter().enumerate() {
            let luma = (coding.luma(rgb) - low) * luma_unit + coding.black + 0.5;
            heat.set(index, fixed(luma, 8) as u16);
            self.words.heat[index] = fixed(luma + word_offset, WORD_FRACTION) as i32;
            for (table, difference) in chroma.iter_mut().zip(coding.chroma(rgb)) {
                let code = (difference * chroma_unit + coding.neutral).clamp(0.0, coding.largest);
                table.set(index, fixed((code + 0.5) / 2.0, chroma_bits) as u16);
            }
        }
        self.luma = SumTable::new(gray, heat);
        self.chroma = chroma.map(chroma::ChromaTables::new);
    }

    /// Paints the luma, one sample after the other, of a row of as many pixels as `index` has.
    pub fn paint_luma(&self, row: &mut [u8], index: &[u8]) {
        match self.depth {
            Depth::Eight => self.luma.sum_in_place(row, index),
            Depth::TenLow => paint_words::<0>(row, index, &self.words),
            Depth::TenHigh => paint_words::<6>(row, index, &self.words),
        }
    }

    /// Paints a row of `width` pixels in which 8-bit luma and chroma take turns, two pixels sharing
    /// chroma.
    pub fn paint_packed(
        &self,
        row: &mut [u8],
        y: Component,
        chroma: &Chroma,
        index: &[u8],
        width: usize,
    ) {
        let luma = &self.luma;
        let chroma = self.components(usize::from(chroma.cr.offset < chroma.cb.offset));
        match y.offset {
            0 => paint_packed::<0>(luma, chroma, index, width, row),
            _ => paint_packed::<1>(luma, chroma, index, width, row),
        }
    }

    /// The two components, blue difference at `blue`.
    fn components(&self, blue: usize) -> [&chroma::ChromaTables; 2] {
        [&self.chroma[blue], &self.chroma[1 - blue]]
    }

    /// Paints a row of chroma samples with the heat indices above and below, one sample for each
    /// index, or for two where `halved`.
    pub fn paint_chroma(&self, rows: ChromaRows, heat: [&[u8]; 2], halved: bool) {
        match rows {
            ChromaRows::Planes(rows) if self.depth == Depth::Eight && halved => {
                paint_chroma_planes(self.components(0), heat, rows);
            }
            ChromaRows::Planes(rows) => {
                let step = 1 + usize::from(halved);
                for (row, chroma::ChromaTables { halves, .. }) in rows.into_iter().zip(&self.chroma)
                {
                    let table = &halves.first;
                    match self.depth {
                        Depth::Eight => halves.sum_entries(heat, row),
                        Depth::TenLow => write_words::<1, 0, 0>(row, table, heat, step),
                        Depth::TenHigh => write_words::<1, 0, 6>(row, table, heat, step),
                    }
                }
            }
            ChromaRows::Pairs(row, blue) => {
                let components = self.components(blue);
                let [first, second] = components.map(|codes| &codes.halves.first);
                let step = 1 + usize::from(halved);
                match self.depth {
                    Depth::Eight if halved => paint_chroma_pairs(components, heat, row),
                    Depth::Eight => {
                        let heat = heat[0].iter().zip(heat[1]);
                        for (pair, (&above, &below)) in
                            row.as_chunks_mut::<2>().0.iter_mut().zip(heat)
                        {
                            *pair = components.map(|codes| codes.halves.sum(above, below));
                        }
                    }
                    Depth::TenLow => {
                        write_words::<2, 0, 0>(row, first, heat, step);
                        write_words::<2, 1, 0>(row, second, heat, step);
                    }
                    Depth::TenHigh => {
                        write_words::<2, 0, 6>(row, first, heat, step);
                        write_words::<2, 1, 6>(row, second, heat, step);
                    }
                }
            }
        }
    }
}

dispatched! {
    fn paint_words<SHIFT: u32;>(row: &mut [u8], index: &[u8], luma: &WordLuma) {
        for (sample, index) in row.as_chunks_mut::<2>().0.iter_mut().zip(index) {
            let code = i32::from(u16::from_le_bytes(*sample) >> SHIFT);
            let gray = code.clamp(luma.black, luma.white).wrapping_mul(luma.factor);
            let painted = gray.wrapping_add(luma.heat[usize::from(*index)]) >> WORD_FRACTION;
            // The extremes were found with eight bits, so a little may go beyond.
            let painted = painted.clamp(luma.black, luma.white) as u16;
            *sample = (painted << SHIFT).to_le_bytes();
        }
    }
}

dispatched! {
    fn write_words<STEP: usize, OFFSET: usize, SHIFT: u32;>(
        row: &mut [u8],
        table: &Table,
        heat: [&[u8]; 2],
        step: usize,
    ) {
        let (words, _) = row.as_chunks_mut::<2>();
        let heat = heat[0].iter().step_by(step).zip(heat[1].iter().step_by(step));
        for (sample, (a, b)) in words.as_chunks_mut::<STEP>().0.iter_mut().zip(heat) {
            let code = (table.get(*a) + table.get(*b)) >> 6;
            sample[OFFSET] = (code.min(1023) << SHIFT).to_le_bytes();
        }
    }
}
