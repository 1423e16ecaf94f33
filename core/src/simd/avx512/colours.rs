//! Colours in vector registers, 64 pixels at a time.
//!
//! A channel is the sum of what gray and heat contribute, 16 bits after the point, taken byte by byte
//! from tables in registers. Where the sum leaves the rounding open, the definition decides.

use std::arch::x86_64::*;

use super::Avx512;
use super::gray::{GrayWeights, Grays};
use super::lookup::{each_bit, load, load_bytes, look_up, mask};
use crate::simd::table::Table;

/// Pixels at a time.
const PIXELS: usize = 64;

/// Sums are this many steps too high, and in doubt up to twice that: each of the two terms is off by half a step.
const BIAS: i64 = 2;

/// Contributions to a channel, least significant byte first.
type Bytes = [Table; 3];

/// What gray and heat contribute to channels. More than registers hold: read from memory each time,
/// where it must not lie astride cache lines.
#[repr(align(64))]
pub(crate) struct ByteTables {
    /// Channels without heat.
    cold: Table,
    gray: Bytes,
    /// Of each channel, in the order in which they lie in a pixel.
    heat: [Bytes; 3],
}

impl Default for ByteTables {
    fn default() -> Self {
        Self {
            cold: [0; 256],
            gray: [[0; 256]; 3],
            heat: [[[0; 256]; 3]; 3],
        }
    }
}

impl ByteTables {
    /// All sums are black, and far from any doubt.
    pub fn blacken(&mut self) {
        *self = Self {
            gray: [[0; 256], [0x80; 256], [0; 256]],
            ..Self::default()
        };
    }

    /// What a gray contributes to each channel, in steps, and what a channel is without heat.
    pub fn set_gray(&mut self, gray: u8, contribution: i64, cold: u8) {
        set(&mut self.gray, usize::from(gray), contribution + BIAS);
        self.cold[usize::from(gray)] = cold;
    }

    /// What a heat contributes to a channel, in steps.
    pub fn set_heat(&mut self, channel: usize, index: usize, contribution: i64) {
        set(&mut self.heat[channel], index, contribution);
    }
}

/// Sets an entry to a number modulo 2^24: combinations that are in no picture may go beyond.
fn set(bytes: &mut Bytes, index: usize, value: i64) {
    for (table, byte) in bytes.iter_mut().zip(value.to_le_bytes()) {
        table[index] = byte;
    }
}

impl ByteTables {
    /// The three channels of pixels, and which pixels are in doubt.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn colours(&self, gray: __m512i, index: __m512i) -> ([__m512i; 3], u64) {
        if _mm512_test_epi8_mask(index, index) == 0 {
            return ([look_up(&load(&self.cold), gray); 3], 0);
        }
        let one = _mm512_set1_epi8(1);
        let doubt = _mm512_set1_epi8(2 * BIAS as i8);
        let [gray_low, gray_middle, gray_high] = [
            look_up(&load(&self.gray[0]), gray),
            look_up(&load(&self.gray[1]), gray),
            look_up(&load(&self.gray[2]), gray),
        ];
        let mut channels = [_mm512_setzero_si512(); 3];
        let mut doubtful = 0;
        for (out, heat) in channels.iter_mut().zip(&self.heat) {
            let low = _mm512_add_epi8(gray_low, look_up(&load(&heat[0]), index));
            let carry = _mm512_cmplt_epu8_mask(low, gray_low);
            let sum = _mm512_add_epi8(gray_middle, look_up(&load(&heat[1]), index));
            let middle = _mm512_mask_add_epi8(sum, carry, sum, one);
            let zero = _mm512_testn_epi8_mask(middle, middle);
            let carry = _mm512_cmplt_epu8_mask(sum, gray_middle) | (carry & zero);
            let sum = _mm512_add_epi8(gray_high, look_up(&load(&heat[2]), index));
            *out = _mm512_mask_add_epi8(sum, carry, sum, one);
            doubtful |= _mm512_mask_cmple_epu8_mask(zero, low, doubt);
        }
        (channels, doubtful)
    }
}

impl Avx512 {
    /// Paints a row of pixels of `BYTES` bytes with red, green and blue at `R`, `G` and `B`, whose gray has `weights`;
    /// where sums leave a channel open, all three are made by `exact` of gray and heat index, in the order in which they
    /// lie in a pixel.
    pub fn paint_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        pixels: &mut [u8],
        index: &[u8],
        tables: &ByteTables,
        weights: &GrayWeights,
        exact: impl Fn(u8, u8) -> [u8; 3],
    ) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { paint_row::<BYTES, R, G, B>(pixels, index, tables, weights, exact) }
    }

    /// The same for a row of three planes, whose gray is given.
    pub fn paint_planes(
        self,
        rows: [&mut [u8]; 3],
        gray: &[u8],
        index: &[u8],
        tables: &ByteTables,
        exact: impl Fn(u8, u8) -> [u8; 3],
    ) {
        // SAFETY: as above.
        unsafe { paint_planes(rows, gray, index, tables, exact) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn paint_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    pixels: &mut [u8],
    index: &[u8],
    tables: &ByteTables,
    weights: &GrayWeights,
    exact: impl Fn(u8, u8) -> [u8; 3],
) {
    let lead = const { [R, B][(R > B) as usize] };
    let grays = Grays::new(weights);
    let spreads = const { spreads::<BYTES>([R, B][(R > B) as usize]) };
    let chunks = pixels.chunks_mut(PIXELS * BYTES).zip(index.chunks(PIXELS));
    for (pixels, index) in chunks {
        let gray = grays.of::<BYTES>(pixels);
        let valid = mask((pixels.len() / BYTES).min(index.len()));
        // SAFETY: the mask has no more bits than the slice has bytes.
        let heat = unsafe { load_bytes(index, valid) };
        let ([first, second, third], doubtful) = tables.colours(gray, heat);
        for (spread, out) in spreads.iter().zip(pixels.chunks_mut(64)) {
            // SAFETY: reads the 64 bytes of the array.
            let from = unsafe { _mm512_loadu_si512(spread.from.as_ptr().cast()) };
            let both = _mm512_permutex2var_epi8(first, from, second);
            let all = _mm512_mask_permutexvar_epi8(both, spread.third, from, third);
            let inside = mask(out.len());
            // SAFETY: the mask has no bit beyond the pixels. Whole vectors are stored more quickly than
            // bytes among others.
            unsafe {
                let all = _mm512_mask_mov_epi8(load_bytes(out, inside), spread.colour, all);
                _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), inside, all);
            }
        }
        if doubtful & valid != 0 {
            let mut grays = [0; PIXELS];
            // SAFETY: writes the 64 bytes of the array.
            unsafe { _mm512_storeu_si512(grays.as_mut_ptr().cast(), gray) };
            each_bit(doubtful & valid, |x| {
                pixels[x * BYTES + lead..][..3].copy_from_slice(&exact(grays[x], index[x]));
            });
        }
    }
}

/// How 64 bytes of pixels are made of three channels.
struct Spread {
    /// For each byte, the pixel, plus 64 where it is the second channel.
    from: [u8; 64],
    /// Bytes of the third channel, and of any.
    third: u64,
    colour: u64,
}

/// For each 64 bytes of as many pixels of `BYTES` bytes, whose channels begin at byte `lead`.
const fn spreads<const BYTES: usize>(lead: usize) -> [Spread; BYTES] {
    let mut spreads = [const {
        Spread {
            from: [0; 64],
            third: 0,
            colour: 0,
        }
    }; BYTES];
    let mut at = 0;
    while at < 64 * BYTES {
        let (spread, i) = (&mut spreads[at / 64], at % 64);
        let channel = (at % BYTES).wrapping_sub(lead);
        spread.from[i] = (at / BYTES) as u8 | ((channel == 1) as u8) << 6;
        spread.third |= ((channel == 2) as u64) << i;
        spread.colour |= ((channel < 3) as u64) << i;
        at += 1;
    }
    spreads
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn paint_planes(
    rows: [&mut [u8]; 3],
    gray: &[u8],
    index: &[u8],
    tables: &ByteTables,
    exact: impl Fn(u8, u8) -> [u8; 3],
) {
    let [first, second, third] = rows;
    let planes = first
        .chunks_mut(PIXELS)
        .zip(second.chunks_mut(PIXELS))
        .zip(third.chunks_mut(PIXELS));
    let rows = gray.chunks(PIXELS).zip(index.chunks(PIXELS));
    for (((first, second), third), (gray, index)) in planes.zip(rows) {
        let count = first.len().min(second.len()).min(third.len());
        let valid = mask(count.min(gray.len()).min(index.len()));
        // SAFETY: the mask has no more bits than any of the slices has bytes.
        let (codes, heat) = unsafe { (load_bytes(gray, valid), load_bytes(index, valid)) };
        let (channels, doubtful) = tables.colours(codes, heat);
        let mut planes = [first, second, third];
        for (plane, channel) in planes.iter_mut().zip(channels) {
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_epi8(plane.as_mut_ptr().cast(), valid, channel) };
        }
        each_bit(doubtful & valid, |x| {
            for (plane, channel) in planes.iter_mut().zip(exact(gray[x], index[x])) {
                plane[x] = channel;
            }
        });
    }
}
