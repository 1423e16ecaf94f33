//! Final colours of gray and heat.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

use super::colormap::{HEAT, Span};
use crate::luma::gray::gray_row;
use crate::rounding::round_u8;
use crate::simd::dispatched;
use crate::simd::level::Level;

#[cfg(target_arch = "x86_64")]
mod vbmi;

/// The stretched colour of each heat index and gray.
pub(crate) struct Colours {
    range: Span,
    /// Red, green and blue, in the order in which they lie in a pixel.
    order: [usize; 3],
    table: ColourTable,
    #[cfg(target_arch = "x86_64")]
    bytes: Box<vbmi::ByteTables>,
}

impl Colours {
    /// Colours of pixels with red, green and blue at the byte offsets `offsets`, or in planes of
    /// these numbers. To be filled first.
    pub fn new(offsets: [usize; 3]) -> Self {
        let mut order = [0, 1, 2];
        order.sort_by_key(|&channel| offsets[channel]);
        Self {
            range: Span::default(),
            order,
            table: ColourTable::new(offsets),
            #[cfg(target_arch = "x86_64")]
            bytes: Box::default(),
        }
    }

    /// Prepares for pictures whose gray / 2 + heat has the minimum and maximum `range`.
    pub fn fill(&mut self, range: Span) {
        self.range = range;
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            return self.bytes.fill(range, self.order);
        }
        self.table.fill(range);
    }

    /// Paints a row of pixels of `BYTES` bytes with red, green and blue at `R`, `G` and `B`, as many as
    /// `index` and `gray`, which is left with anything, have bytes.
    pub fn paint_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        &self,
        pixels: &mut [u8],
        index: &[u8],
        gray: &mut [u8],
    ) {
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            unsafe { vbmi::paint_row::<BYTES, R, G, B>(pixels, index, self) };
            return;
        }
        gray_row::<BYTES, R, G, B>(pixels, gray);
        paint_row::<BYTES>(pixels, gray, index, &self.table);
    }

    /// Paints a row of three planes, given in the order of their numbers.
    pub fn paint_planes(&self, rows: [&mut [u8]; 3], gray: &[u8], index: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            unsafe { vbmi::paint_planes(rows, gray, index, self) };
            return;
        }
        paint_planes(rows, gray, index, &self.table);
    }
}

/// One channel, 0 to 255 before rounding, by its definition.
fn exact(gray: u8, heat: f64, range: Span) -> u8 {
    let value = f64::from(gray) / 2.0 + heat - range.lowest;
    round_u8(value / (range.highest - range.lowest) * 255.0)
}

/// The colours in memory: four bytes in a pixel's order, those that are no colour 0.
struct ColourTable {
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

    fn new(offsets: [usize; 3]) -> Self {
        Self {
            // Zeroed memory that is not used takes none.
            colours: vec![0; COLOURS],
            shifts: offsets.map(|offset| 8 * offset as u32),
        }
    }

    fn fill(&mut self, range: Span) {
        let (low, high) = (range.lowest, range.highest);
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
    fn paint_row<BYTES: usize;>(
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
    fn paint_planes<;>(
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
