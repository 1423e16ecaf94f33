//! Gray of packed pixels.

use super::simd::dispatched;

/// Weights of red, green and blue, 30 bits after the point: 0.298936021293775,
/// 0.587043074451121 and 0.114020904255103. No colour of 8-bit channels comes nearer than 4.5e-6
/// to the middle between two levels, so these round every colour as the exact weights do.
const WEIGHTS: [i32; 3] = [320_980_106, 630_332_699, 122_429_011];

/// Gray of one colour, rounded to 8 bits.
///
/// The weights are taken in two halves of 15 bits, because products of 8 with 15 bits are what
/// vector units multiply fastest.
#[inline(always)]
fn gray(r: u8, g: u8, b: u8) -> u8 {
    let sum = |part: fn(i32) -> i32| {
        i32::from(r) * part(WEIGHTS[0])
            + i32::from(g) * part(WEIGHTS[1])
            + i32::from(b) * part(WEIGHTS[2])
    };
    let high = sum(|w| w >> 15);
    let low = sum(|w| w & 0x7fff);
    ((high + (low >> 15) + (1 << 14)) >> 15) as u8
}

dispatched! {
    /// Gray of each pixel of `pixels` into `out`.
    pub(super) fn gray_row<BYTES: usize, R: usize, G: usize, B: usize;>(
        pixels: &[u8],
        out: &mut [u8],
    ) {
        let (pixels, _) = pixels.as_chunks::<BYTES>();
        for (out, pixel) in out.iter_mut().zip(pixels) {
            *out = gray(pixel[R], pixel[G], pixel[B]);
        }
    }
}

dispatched! {
    /// Gray of a row of red, green and blue planes into `out`.
    pub(super) fn gray_planes<;>(r: &[u8], g: &[u8], b: &[u8], out: &mut [u8]) {
        for (out, (&r, (&g, &b))) in out.iter_mut().zip(r.iter().zip(g.iter().zip(b))) {
            *out = gray(r, g, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_rounds_as_the_exact_weights() {
        for r in 0..=255 {
            for g in 0..=255 {
                for b in 0..=255 {
                    let exact = f64::from(r) * 0.298936021293775
                        + f64::from(g) * 0.587043074451121
                        + f64::from(b) * 0.114020904255103;
                    assert_eq!(gray(r, g, b), (exact + 0.5) as u8, "{r} {g} {b}");
                }
            }
        }
    }
}
