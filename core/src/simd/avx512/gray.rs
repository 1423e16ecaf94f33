//! Gray of packed pixels with products of four bytes at once, less than half the work of single ones.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{load_bytes, mask};

/// Weights of the three channels of a pixel of up to four bytes.
pub(crate) struct GrayWeights {
    high: Digits,
    low: Digits,
}

impl GrayWeights {
    /// Weights of 30 bits after the point, of the channels at the bytes `offsets`.
    pub const fn new(weights: [i32; 3], offsets: [usize; 3]) -> Self {
        Self {
            high: Digits::new(weights, 15, offsets),
            low: Digits::new(weights, 0, offsets),
        }
    }
}

impl Avx512 {
    /// Smallest and largest gray of some pixels, if the upper half of the weights is enough to tell.
    pub fn gray_bounds<'a, const BYTES: usize>(
        self,
        weights: &GrayWeights,
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Option<[u8; 2]> {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { gray_bounds::<BYTES>(weights, rows) }
    }
}

/// Half of the bits of each weight, in signed bytes where a pixel has the channel.
#[derive(Clone, Copy)]
struct Digits {
    high: i32,
    low: i32,
}

impl Digits {
    /// The bits `shift..shift + 15` of the weights of channels at the bytes `offsets`.
    const fn new(weights: [i32; 3], shift: u32, offsets: [usize; 3]) -> Self {
        let (mut high, mut low) = ([0; 4], [0; 4]);
        let mut channel = 0;
        while channel < 3 {
            let half = weights[channel] >> shift & 0x7fff;
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
    fn new(weights: &GrayWeights) -> Self {
        let [high, low] = [weights.high, weights.low]
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
pub(crate) struct Grays {
    weights: Weights,
    unpacked: __m512i,
}

impl Grays {
    #[target_feature(enable = "avx512f")]
    pub fn new(weights: &GrayWeights) -> Self {
        Self {
            weights: Weights::new(weights),
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
fn gray_bounds<'a, const BYTES: usize>(
    weights: &GrayWeights,
    rows: impl Iterator<Item = &'a [u8]>,
) -> Option<[u8; 2]> {
    let weights = Weights::new(weights);
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
