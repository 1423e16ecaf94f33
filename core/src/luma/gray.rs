//! Gray of packed pixels.

use super::tiles::{COLUMNS, tile_bounds};
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::{Avx512, gray::GrayWeights};
use crate::simd::dispatched;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::{kernels::Native, vectors};

/// Weights of red, green and blue, 30 bits after the point: 0.298936021293775,
/// 0.587043074451121 and 0.114020904255103. No colour of 8-bit channels comes nearer than 4.5e-6
/// to the middle between two levels, so these round every colour as the exact weights do.
const WEIGHTS: [i32; 3] = [320_980_106, 630_332_699, 122_429_011];

/// [`WEIGHTS`] for pixels whose red, green and blue are at the bytes `offsets`.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn gray_weights(offsets: [usize; 3]) -> GrayWeights {
    GrayWeights::new(WEIGHTS, offsets)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) static GRAY: vectors::GrayWeights = vectors::GrayWeights::new(WEIGHTS);

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

/// Smallest and largest gray of each tile of a row of tiles: of a few rows of `width` pixels as
/// above, `stride` bytes apart.
pub(crate) fn gray_bounds<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    rows: &[u8],
    stride: usize,
    width: usize,
    out: &mut [[u8; 2]],
) {
    for (i, out) in out.iter_mut().enumerate() {
        let columns = i * COLUMNS..width.min((i + 1) * COLUMNS);
        let tile = rows
            .chunks(stride)
            .map(|row| &row[columns.start * BYTES..columns.end * BYTES]);
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let weights = const { &gray_weights([R, G, B]) };
            if let Some(bounds) = avx512.gray_bounds::<BYTES>(weights, tile.clone()) {
                *out = bounds;
                continue;
            }
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            let bytes = columns.start * BYTES..columns.end * BYTES;
            let bounds = Native::gray_bounds::<BYTES, R, G, B>;
            if let Some(bounds) = bounds(native, &GRAY, rows, stride, bytes) {
                *out = bounds;
                continue;
            }
        }
        *out = [u8::MAX, u8::MIN];
        for pixels in tile {
            let mut row = [0; COLUMNS];
            let row = &mut row[..columns.len()];
            gray_row::<BYTES, R, G, B>(pixels, row);
            let mut bounds = [[0; 2]];
            tile_bounds::<1, 0>(row, COLUMNS, columns.len(), &mut bounds);
            *out = [out[0].min(bounds[0][0]), out[1].max(bounds[0][1])];
        }
    }
}

/// Gray of each pixel of `pixels` into `out`, red, green and blue being the bytes `R`, `G` and
/// `B` of `BYTES`.
pub(crate) fn gray_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    pixels: &[u8],
    out: &mut [u8],
) {
    let mut done = 0;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(native) = Native::current() {
        done = native.gray_row::<BYTES, R, G, B>(&GRAY, pixels, out);
    }
    gray_each::<BYTES, R, G, B>(&pixels[done * BYTES..], &mut out[done..]);
}

dispatched! {
    fn gray_each<BYTES: usize, R: usize, G: usize, B: usize;>(
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
    pub(crate) fn gray_planes<;>(r: &[u8], g: &[u8], b: &[u8], out: &mut [u8]) {
        for (out, (&r, (&g, &b))) in out.iter_mut().zip(r.iter().zip(g.iter().zip(b))) {
            *out = gray(r, g, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    #[test]
    fn rows_of_all_lengths_are_grays_of_their_pixels() {
        let pixels: Vec<u8> = (0..1200u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        each_level(|level| {
            for length in (1..140).chain([300]) {
                let mut out = vec![0; length];
                gray_row::<3, 2, 1, 0>(&pixels[..3 * length], &mut out);
                let expected = pixels.chunks(3).map(|p| gray(p[2], p[1], p[0]));
                assert!(expected.take(length).eq(out.clone()), "{level:?} {length}");
                gray_row::<4, 1, 2, 3>(&pixels[..4 * length], &mut out);
                let expected = pixels.chunks(4).map(|p| gray(p[1], p[2], p[3]));
                assert!(expected.take(length).eq(out), "{level:?} {length}");
            }
        });
    }

    #[test]
    fn bounds_are_those_of_each_tile() {
        let pixels: Vec<u8> = (0..8 * 1000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 / 3 + 90)
            .collect();
        each_level(|level| {
            for (width, rows) in (1..=200).map(|width| (width, 1 + width % 8)) {
                for bytes in [3, 4] {
                    let stride = width * bytes + width % 3 * 25;
                    // The last row ends with its own last byte.
                    let rows = &pixels[..stride * (rows - 1) + width * bytes];
                    let mut out = vec![[0; 2]; width.div_ceil(COLUMNS)];
                    match bytes {
                        3 => gray_bounds::<3, 2, 1, 0>(rows, stride, width, &mut out),
                        _ => gray_bounds::<4, 2, 1, 0>(rows, stride, width, &mut out),
                    }
                    for (i, out) in out.into_iter().enumerate() {
                        let columns = i * COLUMNS..width.min((i + 1) * COLUMNS);
                        let tile = rows.chunks(stride).flat_map(|row| {
                            let pixels = row.chunks(bytes).skip(columns.start);
                            let grays = pixels.map(|p| gray(p[2], p[1], p[0]));
                            grays.take(columns.len())
                        });
                        let tile: Vec<u8> = tile.collect();
                        let expected = [*tile.iter().min().unwrap(), *tile.iter().max().unwrap()];
                        assert_eq!(out, expected, "{level:?} {width} x {bytes}, tile {i}");
                    }
                }
            }
        });
    }

    #[test]
    fn every_colour_is_the_same_on_every_instruction_set() {
        let mut colours = Vec::with_capacity(3 << 16);
        for r in 0..=255 {
            colours.clear();
            for i in 0..1 << 16 {
                colours.extend([r, (i >> 8) as u8, i as u8]);
            }
            let mut out = vec![0; 1 << 16];
            each_level(|level| {
                gray_row::<3, 0, 1, 2>(&colours, &mut out);
                let expected = colours.chunks(3).map(|p| gray(p[0], p[1], p[2]));
                assert!(expected.eq(out.iter().copied()), "{level:?} {r}");
            });
        }
    }

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
