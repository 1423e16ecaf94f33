//! Luma and chroma codes of gray and heat.

use super::coding::Coding;
use super::heat::{HEAT, Span};
use super::simd::dispatched;
use super::sums::{Table, add_sums, sums};
use super::view::{Component, Depth, Encoding};

/// What a stretched picture's codes are made of.
pub(super) struct CodeTables {
    coding: Coding,
    depth: Depth,
    /// What gray and heat contribute to 8-bit luma.
    gray: Table,
    heat: Table,
    /// The same for 10 bits.
    words: WordLuma,
    /// Half of what heat makes of blue and red difference; for 10 bits with 6 bits after the
    /// point.
    chroma: [Table; 2],
}

/// Rows on the way to a frame.
pub(super) struct CodeRows {
    /// Heat indices above and below a row of chroma samples.
    above: Vec<u8>,
    below: Vec<u8>,
    /// One row of codes.
    codes: Vec<u8>,
}

/// Luma codes are `factor * code + heat[index]`, with [`WORD_FRACTION`] bits after the point.
struct WordLuma {
    factor: i32,
    heat: [i32; 256],
    black: i32,
    white: i32,
}

const WORD_FRACTION: u32 = 16;

impl CodeRows {
    /// Room for rows of `width` pixels.
    pub fn new(width: usize) -> Self {
        Self {
            above: vec![0; width],
            below: vec![0; width],
            codes: vec![0; width],
        }
    }

    /// Takes in the heat indices above and below a row of `samples` chroma samples, one sample
    /// for each index, or for two where `halved`.
    pub fn set_chroma_heat(&mut self, above: &[u8], below: &[u8], samples: usize, halved: bool) {
        let rows = [(above, &mut self.above), (below, &mut self.below)];
        for (row, out) in rows {
            if halved {
                read_bytes::<0>(row, &mut out[..samples]);
            } else {
                out[..samples].copy_from_slice(&row[..samples]);
            }
        }
    }
}

impl CodeTables {
    pub fn new(encoding: Encoding, depth: Depth) -> Self {
        let coding = Coding::new(encoding, depth);
        Self {
            coding,
            depth,
            gray: Table::ZERO,
            heat: Table::ZERO,
            words: WordLuma {
                factor: 0,
                heat: [0; 256],
                black: coding.black as i32,
                white: (coding.black + coding.luma_range) as i32,
            },
            chroma: [Table::ZERO; 2],
        }
    }

    /// The gray that each code of [`Self::read_luma`] stands for.
    pub fn gray_levels(&self) -> [f64; 256] {
        self.coding.levels()
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
        for (code, level) in coding.levels().into_iter().enumerate() {
            self.gray
                .set(code, fixed(level / 2.0 * luma_unit, 8) as u16);
        }
        // Half of (code - black) is gray / 2 in codes.
        self.words.factor = fixed(stretch / 2.0, WORD_FRACTION) as i32;
        let word_offset = -coding.black / 2.0 * stretch;
        let chroma_bits = if self.depth == Depth::Eight { 8 } else { 6 };
        for (index, &rgb) in HEAT.iter().enumerate() {
            let luma = (coding.luma(rgb) - low) * luma_unit + coding.black + 0.5;
            self.heat.set(index, fixed(luma, 8) as u16);
            self.words.heat[index] = fixed(luma + word_offset, WORD_FRACTION) as i32;
            for (table, chroma) in self.chroma.iter_mut().zip(coding.chroma(rgb)) {
                let code = (chroma * chroma_unit + coding.neutral).clamp(0.0, coding.largest);
                table.set(index, fixed((code + 0.5) / 2.0, chroma_bits) as u16);
            }
        }
    }

    /// Luma of a row of `row`, as 8-bit codes.
    pub fn read_luma(&self, row: &[u8], y: Component, out: &mut [u8]) {
        match (self.depth, y.step, y.offset) {
            (Depth::Eight, 1, _) => out.copy_from_slice(&row[..out.len()]),
            (Depth::Eight, _, 0) => read_bytes::<0>(row, out),
            (Depth::Eight, ..) => read_bytes::<1>(row, out),
            (Depth::TenLow, ..) => read_words::<0>(row, out),
            (Depth::TenHigh, ..) => read_words::<6>(row, out),
        }
    }

    /// Paints the luma of a row of as many pixels as `index` has.
    pub fn paint_luma(&self, row: &mut [u8], y: Component, index: &[u8], rows: &mut CodeRows) {
        let tables = [&self.gray, &self.heat];
        match self.depth {
            Depth::Eight if y.step == 1 => add_sums(tables, row, index),
            Depth::Eight => {
                let codes = &mut rows.codes[..index.len()];
                self.read_luma(row, y, codes);
                add_sums(tables, codes, index);
                write_component(row, y, codes);
            }
            Depth::TenLow => paint_words::<0>(row, index, &self.words),
            Depth::TenHigh => paint_words::<6>(row, index, &self.words),
        }
    }

    /// Paints blue (0) or red (1) difference of a row of `samples` samples.
    pub fn paint_chroma(
        &self,
        row: &mut [u8],
        to: Component,
        which: usize,
        samples: usize,
        rows: &mut CodeRows,
    ) {
        let table = &self.chroma[which];
        let indices = [&rows.above[..samples], &rows.below[..samples]];
        match (self.depth, to.offset) {
            (Depth::Eight, _) if to.step == 1 => sums([table; 2], indices, row),
            (Depth::Eight, _) => {
                let codes = &mut rows.codes[..samples];
                sums([table; 2], indices, codes);
                write_component(row, to, codes);
            }
            (Depth::TenLow, _) => write_words::<1, 0, 0>(row, table, indices),
            (Depth::TenHigh, 0) => write_words::<2, 0, 6>(row, table, indices),
            (Depth::TenHigh, _) => write_words::<2, 1, 6>(row, table, indices),
        }
    }
}

/// Writes codes to a component of a row.
fn write_component(row: &mut [u8], to: Component, codes: &[u8]) {
    match (to.step, to.offset) {
        (2, 0) => write_bytes::<2, 0>(row, codes),
        (2, _) => write_bytes::<2, 1>(row, codes),
        (_, 0) => write_bytes::<4, 0>(row, codes),
        (_, 1) => write_bytes::<4, 1>(row, codes),
        (_, 2) => write_bytes::<4, 2>(row, codes),
        _ => write_bytes::<4, 3>(row, codes),
    }
}

dispatched! {
    fn read_bytes<OFFSET: usize;>(row: &[u8], out: &mut [u8]) {
        for (out, sample) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            *out = sample[OFFSET];
        }
    }
}

dispatched! {
    fn read_words<SHIFT: u32;>(row: &[u8], out: &mut [u8]) {
        for (out, sample) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            let code = u16::from_le_bytes(*sample) >> SHIFT;
            // Unused bits may hold anything.
            *out = (code.saturating_add(2) >> 2).min(255) as u8;
        }
    }
}

dispatched! {
    fn write_bytes<STEP: usize, OFFSET: usize;>(row: &mut [u8], codes: &[u8]) {
        for (sample, code) in row.as_chunks_mut::<STEP>().0.iter_mut().zip(codes) {
            sample[OFFSET] = *code;
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
        indices: [&[u8]; 2],
    ) {
        let (words, _) = row.as_chunks_mut::<2>();
        let indices = indices[0].iter().zip(indices[1]);
        for (sample, (a, b)) in words.as_chunks_mut::<STEP>().0.iter_mut().zip(indices) {
            let code = (table.get(*a) + table.get(*b)) >> 6;
            sample[OFFSET] = (code.min(1023) << SHIFT).to_le_bytes();
        }
    }
}
