//! Gray of packed pixels.

#[cfg(target_arch = "x86_64")]
use super::simd::Level;
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

/// Gray of each pixel of `pixels` into `out`, red, green and blue being the bytes `R`, `G` and `B`
/// of `BYTES`.
pub(super) fn gray_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    pixels: &[u8],
    out: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if Level::current() == Level::Avx512 {
        // SAFETY: the level is current only on a machine that was seen to have its instructions.
        unsafe { vnni::gray_row::<BYTES, R, G, B>(pixels, out) };
        return;
    }
    plain_gray_row::<BYTES, R, G, B>(pixels, out);
}

dispatched! {
    fn plain_gray_row<BYTES: usize, R: usize, G: usize, B: usize;>(
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

/// The same with products of four bytes at once, less than half the work.
#[cfg(target_arch = "x86_64")]
mod vnni {
    use super::WEIGHTS;
    use crate::picture::lookup::{load_bytes, mask};
    use std::arch::x86_64::*;

    /// Half of the bits of each weight, in signed bytes where a pixel has the channel.
    #[derive(Clone, Copy)]
    struct Digits {
        high: i32,
        low: i32,
    }

    impl Digits {
        /// The bits `shift..shift + 15` of the weights of channels at the bytes `offsets`.
        const fn new(shift: u32, offsets: [usize; 3]) -> Self {
            let (mut high, mut low) = ([0; 4], [0; 4]);
            let mut channel = 0;
            while channel < 3 {
                let half = WEIGHTS[channel] >> shift & 0x7fff;
                let byte = half as i8;
                low[offsets[channel]] = byte as u8;
                high[offsets[channel]] = ((half - byte as i32) >> 8) as u8;
                channel += 1;
            }
            Self {
                high: i32::from_le_bytes(high),
                low: i32::from_le_bytes(low),
            }
        }
    }

    /// Which byte goes where, to give four bytes to each of 16 pixels of three.
    const THREE_IN_FOUR: [u8; 64] = {
        let mut from = [0; 64];
        let mut i = 0;
        while i < 64 {
            from[i] = (i / 4 * 3 + i % 4) as u8;
            i += 1;
        }
        from
    };

    /// Which four pixels go where after packing four times 16 of them.
    const UNPACKED: [i32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
    pub fn gray_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        pixels: &[u8],
        out: &mut [u8],
    ) {
        let high = const { Digits::new(15, [R, G, B]) };
        let low = const { Digits::new(0, [R, G, B]) };
        let [high, low] = [high, low].map(|digits| {
            (
                _mm512_set1_epi32(digits.high),
                _mm512_set1_epi32(digits.low),
            )
        });
        let (zero, half) = (_mm512_setzero_si512(), _mm512_set1_epi32(1 << 14));
        // SAFETY: reads the 64 bytes of the array.
        let spread = unsafe { _mm512_loadu_si512(THREE_IN_FOUR.as_ptr().cast()) };
        // SAFETY: as above.
        let unpacked = unsafe { _mm512_loadu_si512(UNPACKED.as_ptr().cast()) };
        for (pixels, out) in pixels.chunks(64 * BYTES).zip(out.chunks_mut(64)) {
            let gray = |part: usize| {
                let pixels = pixels.get(16 * BYTES * part..).unwrap_or(&[]);
                // SAFETY: the mask has no more bits than there are bytes.
                let pixels = unsafe { load_bytes(pixels, mask(pixels.len())) };
                let pixels = match BYTES {
                    3 => _mm512_permutexvar_epi8(spread, pixels),
                    _ => pixels,
                };
                let product = |sum, (high, low)| {
                    let high = _mm512_dpbusd_epi32(zero, pixels, high);
                    _mm512_add_epi32(
                        _mm512_slli_epi32::<8>(high),
                        _mm512_dpbusd_epi32(sum, pixels, low),
                    )
                };
                let low = _mm512_srli_epi32::<15>(product(zero, low));
                _mm512_srli_epi32::<15>(_mm512_add_epi32(product(half, high), low))
            };
            let [a, b] = [(gray(0), gray(1)), (gray(2), gray(3))]
                .map(|(first, second)| _mm512_packus_epi32(first, second));
            let grays = _mm512_permutexvar_epi32(unpacked, _mm512_packus_epi16(a, b));
            let valid = mask(out.len().min(pixels.len() / BYTES));
            // SAFETY: the mask has no more bits than `out` has bytes.
            unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), valid, grays) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::simd::forced::each_level;

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
