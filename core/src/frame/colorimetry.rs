//! What the codes of luma and chroma mean.

use super::layout::Depth;
use crate::rounding::nearest;
use crate::simd::dispatched;

/// How red, green and blue become luma and chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    pub matrix: Matrix,
    pub range: Range,
}

/// Weights of red, green and blue in luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

/// The codes, of 8 bits, that black, white and the strongest colours have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16..=235, chroma 16..=240.
    Limited,
    /// Luma and chroma 0..=255.
    Full,
}

/// How codes of one depth stand for luma (0..=255, as red, green and blue) and chroma.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    /// Weights of red, green and blue in luma (ITU-R BT.601, BT.709, BT.2020).
    pub weights: [f64; 3],
    /// Codes in a step of an 8-bit code.
    unit: f64,
    /// Code of black.
    pub black: f64,
    /// Codes from black to white, and from the strongest to the weakest chroma.
    pub luma_range: f64,
    pub chroma_range: f64,
    /// Code of no chroma.
    pub neutral: f64,
    /// Largest code.
    pub largest: f64,
}

impl Coding {
    pub fn new(encoding: Encoding, depth: Depth) -> Self {
        let (red, blue) = match encoding.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (unit, largest) = match depth {
            Depth::Eight => (1.0, 255.0),
            Depth::TenLow | Depth::TenHigh => (4.0, 1023.0),
        };
        let (black, luma_range, chroma_range) = match encoding.range {
            Range::Limited => (16.0 * unit, 219.0 * unit, 224.0 * unit),
            Range::Full => (0.0, largest, largest),
        };
        Self {
            weights: [red, 1.0 - red - blue, blue],
            unit,
            black,
            luma_range,
            chroma_range,
            neutral: 128.0 * unit,
            largest,
        }
    }

    /// The same where only this share of the codes above black is used, so that the white painted is not the brightest there is.
    pub fn with_white(self, share: Option<f64>) -> Self {
        let Some(share) = share else { return self };
        Self {
            luma_range: (self.luma_range * share).round(),
            chroma_range: (self.chroma_range * share).round(),
            ..self
        }
    }

    /// Luma of a colour.
    pub fn luma(&self, rgb: [f64; 3]) -> f64 {
        rgb.iter().zip(self.weights).map(|(c, w)| c * w).sum()
    }

    /// Blue and red differences of a colour, each -127.5..=127.5.
    pub fn chroma(&self, rgb: [f64; 3]) -> [f64; 2] {
        let luma = self.luma(rgb);
        let [red, _, blue] = self.weights;
        [
            (rgb[2] - luma) / (2.0 * (1.0 - blue)),
            (rgb[0] - luma) / (2.0 * (1.0 - red)),
        ]
    }

    /// Luma, 0..=255, of each 8-bit code: of codes divided by [`Self::unit`]. Codes beyond black
    /// and white count as these.
    pub fn levels(&self) -> [f64; 256] {
        std::array::from_fn(|code| {
            let luma = (code as f64 * self.unit - self.black) / self.luma_range;
            luma.clamp(0.0, 1.0) * 255.0
        })
    }
}

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
