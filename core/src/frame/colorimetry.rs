//! What the codes of luma and chroma mean.

use super::depth::Depth;

/// How red, green and blue become luma and chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// How luma is weighted.
    pub matrix: Matrix,
    /// Which codes are black and white.
    pub range: Range,
}

/// Weights of red, green and blue in luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and JPEG.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance: ultra high definition.
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
    pub unit: f64,
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
