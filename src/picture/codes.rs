//! Luma and chroma codes of gray and heat.

use super::coding::Coding;
use super::heat::{HEAT, LEVELS};
use super::simd::dispatched;
use super::view::{Component, Depth, Encoding};

/// Pixels whose heat is looked at together: without any, no look-up is needed.
const RUN: usize = 64;

/// Bits after the point of the arithmetic of luma.
const LUMA_FRACTION: u32 = 16;

/// Bits of chroma in a table entry. The sum of two entries fits 16 bits.
const CHROMA_BITS: u32 = 15;

/// What a stretched picture's codes are made of.
pub(super) struct CodeTables {
    coding: Coding,
    depth: Depth,
    luma: Luma,
    /// For each heat index, red difference above blue difference, 16 bits each.
    chroma: [u32; 256],
}

/// Luma codes before rounding are `factor * code + heat[index]`.
struct Luma {
    factor: i32,
    heat: [i32; 256],
    black: i32,
    white: i32,
}

impl CodeTables {
    pub fn new(encoding: Encoding, depth: Depth) -> Self {
        let coding = Coding::new(encoding, depth);
        Self {
            coding,
            depth,
            luma: Luma {
                factor: 0,
                heat: [0; 256],
                black: coding.black as i32,
                white: (coding.black + coding.luma_range) as i32,
            },
            chroma: [0; 256],
        }
    }

    /// The gray that each code of [`Self::read_luma`] stands for.
    pub fn gray_levels(&self) -> [f64; 256] {
        self.coding.levels()
    }

    /// Fills the tables for pictures whose gray / 2 + heat goes from `low` to `high`.
    pub fn fill(&mut self, (low, high): (f64, f64)) {
        let coding = &self.coding;
        let stretch = if high > low {
            255.0 / (high - low)
        } else {
            0.0
        };
        let fixed = |code: f64| (code * f64::from(1 << LUMA_FRACTION)).round() as i64 as i32;
        // Half of (code - black) is gray / 2 in codes.
        self.luma.factor = fixed(stretch / 2.0);
        let unit = f64::from(1u32 << CHROMA_BITS) / (coding.largest + 1.0);
        for (index, &rgb) in HEAT.iter().enumerate().take(LEVELS) {
            let heat = (coding.luma(rgb) - low) * coding.luma_range / 255.0 - coding.black / 2.0;
            self.luma.heat[index] = fixed(heat * stretch + coding.black + 0.5);
            let [cb, cr] = coding.chroma(rgb).map(|difference| {
                let code = difference * stretch * coding.chroma_range / 255.0 + coding.neutral;
                (code.clamp(0.0, coding.largest) * unit).round() as u32
            });
            self.chroma[index] = cb | cr << 16;
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

    /// Paints the luma of a row.
    pub fn paint_luma(&self, row: &mut [u8], y: Component, index: &[u8]) {
        match (self.depth, y.step, y.offset) {
            (Depth::Eight, 1, _) => paint_bytes::<1, 0>(row, index, &self.luma),
            (Depth::Eight, _, 0) => paint_bytes::<2, 0>(row, index, &self.luma),
            (Depth::Eight, ..) => paint_bytes::<2, 1>(row, index, &self.luma),
            (Depth::TenLow, ..) => paint_words::<0>(row, index, &self.luma),
            (Depth::TenHigh, ..) => paint_words::<6>(row, index, &self.luma),
        }
    }

    /// Chroma of a row with heat indices `above` and `below` its samples, both components and two
    /// samples in each sum.
    pub fn heat_chroma(&self, above: &[u8], below: &[u8], halved: bool, out: &mut [u32]) {
        if halved {
            sum_chroma::<2>(above, below, &self.chroma, out);
        } else {
            sum_chroma::<1>(above, below, &self.chroma, out);
        }
    }

    /// Writes one component of such sums: the blue difference, or the `red` one.
    pub fn write_chroma(&self, row: &mut [u8], component: Component, sums: &[u32], red: bool) {
        let half = if red { 16 } else { 0 };
        match (self.depth, component.step, component.offset) {
            (Depth::Eight, 1, _) => write_bytes::<1, 0>(row, sums, half),
            (Depth::Eight, 2, 0) => write_bytes::<2, 0>(row, sums, half),
            (Depth::Eight, 2, _) => write_bytes::<2, 1>(row, sums, half),
            (Depth::Eight, _, 0) => write_bytes::<4, 0>(row, sums, half),
            (Depth::Eight, _, 1) => write_bytes::<4, 1>(row, sums, half),
            (Depth::Eight, _, 2) => write_bytes::<4, 2>(row, sums, half),
            (Depth::Eight, ..) => write_bytes::<4, 3>(row, sums, half),
            (Depth::TenLow, ..) => write_words::<1, 0, 0>(row, sums, half),
            (Depth::TenHigh, _, 0) => write_words::<2, 0, 6>(row, sums, half),
            (Depth::TenHigh, ..) => write_words::<2, 1, 6>(row, sums, half),
        }
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
            *out = ((code + 2) >> 2).min(255) as u8;
        }
    }
}

impl Luma {
    /// The code that a `code` becomes where heat adds `heat`.
    #[inline(always)]
    fn paint(&self, code: i32, heat: i32) -> i32 {
        let code = code.clamp(self.black, self.white);
        let sum = code.wrapping_mul(self.factor).wrapping_add(heat);
        (sum >> LUMA_FRACTION).clamp(self.black, self.white)
    }
}

dispatched! {
    fn paint_bytes<STEP: usize, OFFSET: usize;>(row: &mut [u8], index: &[u8], luma: &Luma) {
        let (samples, _) = row.as_chunks_mut::<STEP>();
        for (samples, index) in samples.chunks_mut(RUN).zip(index.chunks(RUN)) {
            if index.iter().all(|i| *i == 0) {
                for sample in samples {
                    sample[OFFSET] = luma.paint(sample[OFFSET].into(), luma.heat[0]) as u8;
                }
            } else {
                for (sample, index) in samples.iter_mut().zip(index) {
                    let heat = luma.heat[usize::from(*index)];
                    sample[OFFSET] = luma.paint(sample[OFFSET].into(), heat) as u8;
                }
            }
        }
    }
}

dispatched! {
    fn paint_words<SHIFT: u32;>(row: &mut [u8], index: &[u8], luma: &Luma) {
        for (sample, index) in row.as_chunks_mut::<2>().0.iter_mut().zip(index) {
            let code = u16::from_le_bytes(*sample) >> SHIFT;
            let painted = luma.paint(code.into(), luma.heat[usize::from(*index)]);
            *sample = ((painted as u16) << SHIFT).to_le_bytes();
        }
    }
}

dispatched! {
    fn sum_chroma<STEP: usize;>(above: &[u8], below: &[u8], table: &[u32; 256], out: &mut [u32]) {
        let above = above.as_chunks::<STEP>().0.chunks(RUN);
        let below = below.as_chunks::<STEP>().0.chunks(RUN);
        for (out, (above, below)) in out.chunks_mut(RUN).zip(above.zip(below)) {
            let cold = |rows: &[[u8; STEP]]| rows.as_flattened().iter().all(|i| *i == 0);
            if cold(above) && cold(below) {
                out.fill(2 * table[0]);
                continue;
            }
            for (out, (above, below)) in out.iter_mut().zip(above.iter().zip(below)) {
                *out = table[usize::from(above[0])] + table[usize::from(below[0])];
            }
        }
    }
}

/// The code, of `bits` bits, that half a sum of two entries stands for.
#[inline(always)]
fn chroma_code(sum: u32, half: u32, bits: u32) -> u32 {
    let fraction = CHROMA_BITS + 1 - bits;
    ((sum >> half & 0xffff) + (1 << (fraction - 1))) >> fraction
}

dispatched! {
    fn write_bytes<STEP: usize, OFFSET: usize;>(row: &mut [u8], sums: &[u32], half: u32) {
        for (sample, &sum) in row.as_chunks_mut::<STEP>().0.iter_mut().zip(sums) {
            sample[OFFSET] = chroma_code(sum, half, 8).min(255) as u8;
        }
    }
}

dispatched! {
    fn write_words<STEP: usize, OFFSET: usize, SHIFT: u32;>(
        row: &mut [u8],
        sums: &[u32],
        half: u32,
    ) {
        let (words, _) = row.as_chunks_mut::<2>();
        for (sample, &sum) in words.as_chunks_mut::<STEP>().0.iter_mut().zip(sums) {
            let code = chroma_code(sum, half, 10).min(1023) as u16;
            sample[OFFSET] = (code << SHIFT).to_le_bytes();
        }
    }
}
