//! Luma and chroma to red, green and blue.

use crate::frame::colorimetry::Coding;
use crate::frame::{Depth, Encoding};
use crate::rounding::nearest;
use crate::simd::dispatched;

/// Converts 8-bit codes to 8-bit red, green and blue.
pub(crate) struct Decoder {
    luma: Line,
    /// What chroma adds to red, green (blue and red difference) and blue.
    red: Line,
    green: [Line; 2],
    blue: Line,
}

/// `code * factor + offset`.
#[derive(Clone, Copy)]
struct Line {
    factor: f32,
    offset: f32,
}

impl Line {
    #[inline(always)]
    fn at(self, code: u8) -> f32 {
        f32::from(code) * self.factor + self.offset
    }
}

impl Decoder {
    /// A converter of codes that were reduced from `depth` to 8 bits.
    pub fn new(encoding: Encoding, depth: Depth) -> Self {
        let coding = Coding::new(encoding, depth);
        let [red, green, blue] = coding.weights;
        let line = |zero: f64, range: f64, factor: f64| Line {
            factor: (coding.unit * factor * 255.0 / range) as f32,
            offset: (-zero * factor * 255.0 / range) as f32,
        };
        let chroma = |factor| line(coding.neutral, coding.chroma_range, factor);
        let (to_red, to_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        Self {
            luma: line(coding.black, coding.luma_range, 1.0),
            red: chroma(to_red),
            green: [
                chroma(-to_blue * blue / green),
                chroma(-to_red * red / green),
            ],
            blue: chroma(to_blue),
        }
    }

    /// Makes grays of luma codes.
    pub fn decode_gray(&self, y: &mut [u8]) {
        for code in y {
            *code = round(self.luma.at(*code));
        }
    }

    /// Makes red, green and blue of luma, blue and red difference codes.
    pub fn decode(&self, y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
        decode(self, y, cb, cr);
    }
}

dispatched! {
    fn decode<;>(decoder: &Decoder, y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
        for (first, (second, third)) in y.iter_mut().zip(cb.iter_mut().zip(cr)) {
            let (y, cb, cr) = (decoder.luma.at(*first), *second, *third);
            *first = round(y + decoder.red.at(cr));
            *second = round(y + (decoder.green[0].at(cb) + decoder.green[1].at(cr)));
            *third = round(y + decoder.blue.at(cb));
        }
    }
}

/// Rounds and saturates.
#[inline(always)]
fn round(x: f32) -> u8 {
    nearest(x.clamp(0.0, 255.0)).0
}
