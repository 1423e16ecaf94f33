//! Gray of packed pixels.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

use super::tiles::{COLUMNS, tile_bounds};
use crate::simd::dispatched;
#[cfg(target_arch = "x86_64")]
use crate::simd::level::Level;

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
pub(crate) fn gray_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
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
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            let bounds = unsafe { vnni::gray_bounds::<BYTES, R, G, B>(tile.clone()) };
            if let Some(bounds) = bounds {
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
    pub(crate) fn gray_planes<;>(r: &[u8], g: &[u8], b: &[u8], out: &mut [u8]) {
        for (out, (&r, (&g, &b))) in out.iter_mut().zip(r.iter().zip(g.iter().zip(b))) {
            *out = gray(r, g, b);
        }
    }
}

/// The same with products of four bytes at once, less than half the work.
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni {
    use super::WEIGHTS;
    use crate::simd::avx512::lookup::{load_bytes, mask};
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

    /// The two halves of the weights, for each of 16 pixels, and how pixels get four bytes.
    struct Weights {
        high: [__m512i; 2],
        low: [__m512i; 2],
        spread: __m512i,
    }

    impl Weights {
        #[target_feature(enable = "avx512f")]
        fn new<const R: usize, const G: usize, const B: usize>() -> Self {
            let high = const { Digits::new(15, [R, G, B]) };
            let low = const { Digits::new(0, [R, G, B]) };
            let [high, low] = [high, low]
                .map(|digits| [digits.high, digits.low].map(|digit| _mm512_set1_epi32(digit)));
            Self {
                high,
                low,
                // SAFETY: reads the 64 bytes of the array.
                spread: unsafe { _mm512_loadu_si512(THREE_IN_FOUR.as_ptr().cast()) },
            }
        }

        /// Up to 16 pixels of `BYTES` bytes, four bytes each.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        fn load<const BYTES: usize>(&self, pixels: &[u8]) -> __m512i {
            // Masks that are constants cost nothing.
            let valid = match pixels.len() {
                bytes if bytes == 16 * BYTES => const { mask(16 * BYTES) },
                bytes => mask(bytes),
            };
            // SAFETY: the mask has no more bits than there are bytes.
            let pixels = unsafe { load_bytes(pixels, valid) };
            match BYTES {
                3 => _mm512_permutexvar_epi8(self.spread, pixels),
                _ => pixels,
            }
        }

        /// `sum`, in units of 256, and the products of pixels with half of the weights.
        #[inline]
        #[target_feature(enable = "avx512f,avx512vnni")]
        fn products(sum: __m512i, pixels: __m512i, [high, low]: [__m512i; 2]) -> __m512i {
            let sum = _mm512_dpbusd_epi32(sum, pixels, high);
            _mm512_dpbusd_epi32(_mm512_slli_epi32::<8>(sum), pixels, low)
        }
    }

    /// What makes gray of 64 pixels at once.
    pub struct Grays {
        weights: Weights,
        unpacked: __m512i,
    }

    impl Grays {
        #[target_feature(enable = "avx512f")]
        pub fn new<const R: usize, const G: usize, const B: usize>() -> Self {
            Self {
                weights: Weights::new::<R, G, B>(),
                // SAFETY: reads the 64 bytes of the array.
                unpacked: unsafe { _mm512_loadu_si512(UNPACKED.as_ptr().cast()) },
            }
        }

        /// Gray of up to 64 pixels of `BYTES` bytes.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
        pub fn of<const BYTES: usize>(&self, pixels: &[u8]) -> __m512i {
            let [a, b, c, d] = if pixels.len() == 64 * BYTES {
                let part = |part: usize| &pixels[16 * BYTES * part..][..16 * BYTES];
                [0, 1, 2, 3].map(|i| self.sixteen::<BYTES>(part(i)))
            } else {
                let mut parts = pixels.chunks(16 * BYTES);
                [(); 4].map(|()| self.sixteen::<BYTES>(parts.next().unwrap_or(&[])))
            };
            let packed = _mm512_packus_epi16(_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d));
            _mm512_permutexvar_epi32(self.unpacked, packed)
        }

        /// Gray of up to 16 pixels, four bytes each.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
        fn sixteen<const BYTES: usize>(&self, pixels: &[u8]) -> __m512i {
            let (zero, half) = (_mm512_setzero_si512(), _mm512_set1_epi32(1 << (14 - 8)));
            let pixels = self.weights.load::<BYTES>(pixels);
            let low = Weights::products(zero, pixels, self.weights.low);
            let high = Weights::products(half, pixels, self.weights.high);
            _mm512_srli_epi32::<15>(_mm512_add_epi32(_mm512_srli_epi32::<15>(low), high))
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
    pub fn gray_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        pixels: &[u8],
        out: &mut [u8],
    ) {
        let grays = Grays::new::<R, G, B>();
        for (pixels, out) in pixels.chunks(64 * BYTES).zip(out.chunks_mut(64)) {
            let valid = mask(out.len().min(pixels.len() / BYTES));
            // SAFETY: the mask has no more bits than `out` has bytes.
            unsafe {
                let grays = grays.of::<BYTES>(pixels);
                _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), valid, grays);
            }
        }
    }

    /// Smallest and largest gray of some pixels, if the upper half of the weights is enough to tell.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
    pub fn gray_bounds<'a, const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Option<[u8; 2]> {
        let weights = Weights::new::<R, G, B>();
        let zero = _mm512_setzero_si512();
        let (mut low, mut high) = (_mm512_set1_epi32(i32::MAX), zero);
        for row in rows {
            let mut parts = row.chunks_exact(16 * BYTES);
            for pixels in &mut parts {
                let pixels = weights.load::<BYTES>(pixels);
                let sums = Weights::products(zero, pixels, weights.high);
                low = _mm512_min_epi32(low, sums);
                high = _mm512_max_epi32(high, sums);
            }
            let rest = parts.remainder();
            let pixels = weights.load::<BYTES>(rest);
            let sums = Weights::products(zero, pixels, weights.high);
            low = _mm512_mask_min_epi32(low, mask(rest.len() / BYTES) as u16, low, sums);
            high = _mm512_max_epi32(high, sums);
        }
        let round = |sum: i32| (sum + (1 << 14)) >> 15;
        // What the lower half adds at most.
        let rest = 3 * 255;
        let bounds = [_mm512_reduce_min_epi32(low), _mm512_reduce_max_epi32(high)];
        let known = bounds.iter().all(|sum| round(*sum) == round(sum + rest));
        known.then(|| bounds.map(|sum| round(sum) as u8))
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
