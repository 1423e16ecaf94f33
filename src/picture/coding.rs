//! Luma and chroma as numbers.

use super::view::{Depth, Encoding, Matrix, Range};

/// How codes of one depth stand for luma (0..=255, as red, green and blue) and chroma.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coding {
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
pub(super) struct Decoder {
    /// Luma of each code.
    luma: [f32; 256],
    /// What each code of chroma adds to red, green (both codes) and blue.
    red: [f32; 256],
    green: [[f32; 256]; 2],
    blue: [f32; 256],
}

impl Decoder {
    /// A converter of codes that were reduced from `depth` to 8 bits.
    pub fn new(encoding: Encoding, depth: Depth) -> Self {
        let coding = Coding::new(encoding, depth);
        let [red, green, blue] = coding.weights;
        let table = |zero: f64, range: f64, factor: f64| {
            std::array::from_fn(|code| {
                ((code as f64 * coding.unit - zero) * 255.0 / range * factor) as f32
            })
        };
        let chroma = |factor| table(coding.neutral, coding.chroma_range, factor);
        let (to_red, to_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        Self {
            luma: table(coding.black, coding.luma_range, 1.0),
            red: chroma(to_red),
            green: [
                chroma(-to_blue * blue / green),
                chroma(-to_red * red / green),
            ],
            blue: chroma(to_blue),
        }
    }

    /// The gray of a luma code.
    pub fn gray(&self, y: u8) -> u8 {
        round(self.luma[usize::from(y)])
    }

    pub fn rgb(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let (y, cb, cr) = (self.luma[usize::from(y)], usize::from(cb), usize::from(cr));
        [
            round(y + self.red[cr]),
            round(y + (self.green[0][cb] + self.green[1][cr])),
            round(y + self.blue[cb]),
        ]
    }
}

/// Rounds half up and saturates.
fn round(x: f32) -> u8 {
    (x + 0.5) as u8
}
