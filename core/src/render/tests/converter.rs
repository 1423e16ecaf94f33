//! A converter of its own, from the tables of the recommendations.

use super::*;

fn parts(encoding: Encoding, ten: bool) -> ([f64; 2], [f64; 3], f64) {
    let weights = match encoding.matrix {
        Matrix::Bt601 => [0.299, 0.114],
        Matrix::Bt709 => [0.2126, 0.0722],
        Matrix::Bt2020 => [0.2627, 0.0593],
    };
    let codes = match (encoding.range, ten) {
        (Range::Limited, false) => [16.0, 219.0, 224.0],
        (Range::Limited, true) => [64.0, 876.0, 896.0],
        (Range::Full, false) => [0.0, 255.0, 255.0],
        (Range::Full, true) => [0.0, 1023.0, 1023.0],
    };
    (weights, codes, if ten { 512.0 } else { 128.0 })
}

/// Codes of luma, blue and red difference of a colour, 0..=255 each channel.
pub fn encode(rgb: [f64; 3], encoding: Encoding, ten: bool) -> [u16; 3] {
    let ([kr, kb], [black, luma, chroma], neutral) = parts(encoding, ten);
    let [r, g, b] = rgb.map(|c| c / 255.0);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let cb = (b - y) / (2.0 - 2.0 * kb);
    let cr = (r - y) / (2.0 - 2.0 * kr);
    [
        black + luma * y,
        neutral + chroma * cb,
        neutral + chroma * cr,
    ]
    .map(|code| code.round().clamp(0.0, if ten { 1023.0 } else { 255.0 }) as u16)
}

/// The colour that codes stand for.
pub fn decode(codes: [u16; 3], encoding: Encoding, ten: bool) -> [f64; 3] {
    let ([kr, kb], [black, luma, chroma], neutral) = parts(encoding, ten);
    let y = (f64::from(codes[0]) - black) / luma;
    let cb = (f64::from(codes[1]) - neutral) / chroma;
    let cr = (f64::from(codes[2]) - neutral) / chroma;
    let r = y + (2.0 - 2.0 * kr) * cr;
    let b = y + (2.0 - 2.0 * kb) * cb;
    let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
    [r, g, b].map(|c| (c * 255.0).round().clamp(0.0, 255.0))
}
