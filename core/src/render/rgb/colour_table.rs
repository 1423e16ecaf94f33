//! Colours of every gray and heat, in memory.

use super::channel::exact;
use crate::render::colormap::{LEVELS, Span};
use crate::simd::dispatched;

/// The colours in memory: four bytes in a pixel's order, those that are no colour 0.
pub(crate) struct ColourTable {
    colours: Vec<u32>,
    /// Bits by which red, green and blue are shifted.
    shifts: [u32; 3],
}

/// Bits after the point of the table's fast arithmetic.
const FRACTION: u32 = 23;

/// Steps of that arithmetic within which rounding is left to double precision. Each of the two
/// terms of a sum is off by half a step.
const DOUBT: u32 = 2;

/// Pairs of a heat index and a gray.
const COLOURS: usize = 1 << 16;

impl ColourTable {
    /// The colours in a form whose look-ups need no check.
    #[inline(always)]
    fn all(&self) -> &[u32; COLOURS] {
        self.colours.first_chunk().unwrap_or(&[0; COLOURS])
    }

    /// The table of pixels with red, green and blue at the bytes `offsets`, to be filled.
    pub fn new(offsets: [usize; 3]) -> Self {
        Self {
            // Zeroed memory that is not used takes none.
            colours: vec![0; COLOURS],
            shifts: offsets.map(|offset| 8 * offset as u32),
        }
    }

    /// Fills the table with such colours of heat, for pictures whose gray / 2 + heat has the minimum
    /// and maximum `range`.
    pub fn fill(&mut self, heat: &[[f64; 3]; LEVELS], range: Span) {
        let (low, high) = (range.lowest, range.highest);
        if high <= low {
            self.colours.fill(0);
            return;
        }
        let step = 255.0 / (high - low) * f64::from(1u32 << FRACTION);
        let half = f64::from(1u32 << (FRACTION - 1));
        let gray: [u32; 256] = std::array::from_fn(|g| fixed((g as f64 / 2.0 - low) * step + half));
        let rows = self.colours.chunks_exact_mut(256);
        for (heat, row) in heat.iter().zip(rows) {
            let fixed_heat = heat.map(|c| fixed(c * step));
            if fill_row(&gray, fixed_heat, self.shifts, row) {
                for (gray, out) in (0..=u8::MAX).zip(row) {
                    let channels = heat.iter().zip(self.shifts);
                    *out = channels.fold(0, |colour, (&heat, shift)| {
                        colour | u32::from(exact(gray, heat, range)) << shift
                    });
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
    /// Paints a row of pixels of `BYTES` bytes.
    pub(crate) fn paint_row<BYTES: usize;>(
        pixels: &mut [u8],
        gray: &[u8],
        index: &[u8],
        table: &ColourTable,
    ) {
        let colours = table.all();
        let (pixels, _) = pixels.as_chunks_mut::<BYTES>();
        let kept = !table.shifts.iter().fold(0, |bits, shift| bits | 0xff << shift);
        let kept = u32::to_le_bytes(kept);
        for ((pixel, &gray), &index) in pixels.iter_mut().zip(gray).zip(index) {
            let colour = colours[usize::from(u16::from_be_bytes([index, gray]))].to_le_bytes();
            if BYTES == 4 {
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
    /// Paints a row of three planes.
    pub(crate) fn paint_planes<;>(
        rows: [&mut [u8]; 3],
        gray: &[u8],
        index: &[u8],
        table: &ColourTable,
    ) {
        let colours = table.all();
        let [first, second, third] = rows;
        let planes = first.iter_mut().zip(second).zip(third);
        for (((first, second), third), (&gray, &index)) in planes.zip(gray.iter().zip(index)) {
            let colour = colours[usize::from(u16::from_be_bytes([index, gray]))];
            [*first, *second, *third, _] = colour.to_le_bytes();
        }
    }
}
