//! Final colours of gray and heat.

use super::heat::{HEAT, Span};
use super::resize::round_u8;
use super::simd::dispatched;

/// The stretched colour of each heat index and gray: four bytes in a pixel's order, those that
/// are no colour 0.
pub(super) struct ColourTable {
    colours: Box<[u32; 1 << 16]>,
    /// Bits of a pixel that are no colour.
    kept: u32,
}

/// Bits after the point of the table's fast arithmetic.
const FRACTION: u32 = 23;

/// Steps of that arithmetic within which rounding is left to double precision. Each of the two
/// terms of a sum is off by half a step.
const DOUBT: u32 = 2;

impl ColourTable {
    pub fn new() -> Self {
        Self {
            colours: Box::new([0; 1 << 16]),
            kept: 0,
        }
    }

    /// Fills the table for pictures whose gray / 2 + heat goes from `low` to `high`, with red,
    /// green and blue at the byte offsets `offsets`.
    pub fn fill(&mut self, range: Span, offsets: [usize; 3]) {
        let (low, high) = (range.lowest, range.highest);
        let shifts = offsets.map(|offset| 8 * offset as u32);
        self.kept = !shifts.iter().fold(0, |bits, shift| bits | 0xff << shift);
        if high <= low {
            self.colours.fill(0);
            return;
        }
        let step = 255.0 / (high - low) * f64::from(1u32 << FRACTION);
        let half = f64::from(1u32 << (FRACTION - 1));
        let gray: [u32; 256] = std::array::from_fn(|g| fixed((g as f64 / 2.0 - low) * step + half));
        let rows = self.colours.chunks_exact_mut(256);
        for (heat, row) in HEAT.iter().zip(rows) {
            let fixed_heat = heat.map(|c| fixed(c * step));
            if fill_row(&gray, fixed_heat, shifts, row) {
                for (g, out) in row.iter_mut().enumerate() {
                    *out = 0;
                    for (c, shift) in heat.iter().zip(shifts) {
                        let value = (g as f64 / 2.0 + c - low) / (high - low);
                        *out |= u32::from(round_u8(value * 255.0)) << shift;
                    }
                }
            }
        }
    }
}

/// A fixed point number, modulo 2^32: combinations that are in no picture may go beyond.
fn fixed(x: f64) -> u32 {
    x.round() as i64 as u32
}

dispatched! {
    /// Colours of one heat index with each gray, and whether the rounding of any is in doubt.
    fn fill_row<;>(gray: &[u32; 256], heat: [u32; 3], shifts: [u32; 3], out: &mut [u32]) -> bool {
        let mut doubtful = false;
        for (out, gray) in out.iter_mut().zip(gray) {
            let mut colour = 0;
            for c in 0..3 {
                let sum = gray.wrapping_add(heat[c]);
                doubtful |= sum.wrapping_add(DOUBT) & ((1 << FRACTION) - 1) < 2 * DOUBT;
                colour |= (sum >> FRACTION & 0xff) << shifts[c];
            }
            *out = colour;
        }
        doubtful
    }
}

dispatched! {
    /// Paints a row of pixels.
    pub(super) fn paint_row<BYTES: usize;>(
        pixels: &mut [u8],
        gray: &[u8],
        index: &[u8],
        table: &ColourTable,
    ) {
        let colours: &[u32; 1 << 16] = &table.colours;
        let (pixels, _) = pixels.as_chunks_mut::<BYTES>();
        for ((pixel, &gray), &index) in pixels.iter_mut().zip(gray).zip(index) {
            let colour = colours[usize::from(u16::from_be_bytes([index, gray]))].to_le_bytes();
            if BYTES == 4 {
                let kept = table.kept.to_le_bytes();
                for i in 0..4 {
                    pixel[i] = pixel[i] & kept[i] | colour[i];
                }
            } else {
                pixel.copy_from_slice(&colour[..BYTES]);
            }
        }
    }
}

dispatched! {
    /// Paints a row of three planes, in the order of the table's first three bytes.
    pub(super) fn paint_planes<;>(
        rows: [&mut [u8]; 3],
        gray: &[u8],
        index: &[u8],
        table: &ColourTable,
    ) {
        let colours: &[u32; 1 << 16] = &table.colours;
        let [first, second, third] = rows;
        let planes = first.iter_mut().zip(second).zip(third);
        for (((first, second), third), (&gray, &index)) in planes.zip(gray.iter().zip(index)) {
            let colour = colours[usize::from(u16::from_be_bytes([index, gray]))];
            [*first, *second, *third, _] = colour.to_le_bytes();
        }
    }
}
