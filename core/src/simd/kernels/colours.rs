//! Colours of gray and heat.
//!
//! A channel is the sum of what gray and heat contribute, 16 bits after the point: a multiple of gray, and three bytes of
//! tables for heat. Where the sum leaves the rounding open, the definition decides.

use super::heat::{Window, with_windows};
use super::kernel;
use crate::simd::table::Table;
use crate::simd::vectors::{GrayWeights, Vectors};

/// Bits after the point of a contribution.
pub(crate) const FRACTION: u32 = 16;

/// Bits that the factor of gray has more.
const FINER: u32 = 8;

/// Sums are up to three steps too high, and in doubt up to that: gray is cut to a step, its factor and heat are off by
/// half of one, and so is the definition by next to nothing.
const BIAS: i64 = 2;
const DOUBT: u16 = 4;

/// What gray and heat contribute to channels.
#[derive(Default)]
pub(crate) struct Contributions {
    /// Of a step of gray, in two halves.
    factor: [u16; 2],
    /// Of each channel, in the order in which they lie in a pixel, least significant byte first.
    heat: [HeatBytes; 3],
}

/// The most significant byte is one too high.
struct HeatBytes([Table; 3]);

impl Default for HeatBytes {
    fn default() -> Self {
        Self([[0; 256]; 3])
    }
}

impl Contributions {
    /// All sums are black, and far from any doubt.
    pub fn blacken(&mut self) {
        self.factor = [0; 2];
        self.heat = [(); 3].map(|()| HeatBytes([[0; 256], [0x80; 256], [1; 256]]));
    }

    /// What a step of gray contributes to each channel, in steps.
    pub fn set_gray(&mut self, step: f64) {
        let factor = (step * f64::from(1 << FINER)).round() as i64;
        self.factor = [factor as u16, (factor >> 16) as u16];
    }

    /// What a heat contributes to a channel, in steps, together with what black does.
    pub fn set_heat(&mut self, channel: usize, index: usize, contribution: i64) {
        // Modulo 2^24: combinations that are in no picture may go beyond.
        let contribution = contribution + BIAS + (1 << FRACTION);
        for (table, byte) in self.heat[channel]
            .0
            .iter_mut()
            .zip(contribution.to_le_bytes())
        {
            table[index] = byte;
        }
    }
}

/// A channel, and its two bytes after the point.
#[inline(always)]
fn channel<V: Vectors>(
    v: V,
    gray: (V::Words, V::Bytes),
    heat: (V::Words, V::Bytes),
) -> (V::Bytes, V::Words) {
    let low = v.add_words(gray.0, heat.0);
    let high = v.add(gray.1, heat.1);
    // Minus one where nothing is carried.
    (v.add(high, v.not_below(low, heat.0)), low)
}

/// The three channels of a registerful of pixels, and the least of what they have after the point.
#[inline(always)]
fn channels<V: Vectors, const N: usize>(
    v: V,
    heat: &[HeatBytes; 3],
    gray: (V::Words, V::Bytes),
    index: V::Bytes,
    windows: Window,
) -> ([V::Bytes; 3], V::Words) {
    let base = windows.base::<V, N>();
    let places = v.subtract(index, v.splat(base as u8));
    let mut least = v.splat_words(u16::MAX);
    let mut channels = [index; 3];
    for (out, HeatBytes([low, middle, high])) in channels.iter_mut().zip(heat) {
        let words = v.words(
            v.look_up::<N>(low, base, places),
            v.look_up::<N>(middle, base, places),
        );
        let low;
        (*out, low) = channel(v, gray, (words, v.look_up::<N>(high, base, places)));
        least = v.min_words(least, low);
    }
    (channels, least)
}

/// The same of any pixels.
#[inline(always)]
fn colours<V: Vectors>(
    v: V,
    contributions: &Contributions,
    gray: V::Bytes,
    index: V::Bytes,
) -> ([V::Bytes; 3], V::Words) {
    let gray = v.multiples(gray, contributions.factor);
    let windows = Window::of(v, index, index);
    if windows.is_cold() {
        // No heat is black: all channels are alike.
        let HeatBytes([low, middle, high]) = &contributions.heat[0];
        let words = v.splat_words(u16::from_be_bytes([middle[0], low[0]]));
        let (channel, low) = channel(v, gray, (words, v.splat(high[0])));
        return ([channel; 3], low);
    }
    let heat = &contributions.heat;
    with_windows!(windows, v, channels(heat, gray, index, windows))
}

/// Paints a registerful of pixels.
#[inline(always)]
fn paint<V: Vectors, const BYTES: usize, const R: usize, const G: usize, const B: usize>(
    v: V,
    pixels: &mut [u8],
    index: &[u8],
    contributions: &Contributions,
    weights: &GrayWeights,
    exact: &impl Fn(u8, u8) -> [u8; 3],
) {
    let gray = v.grays::<BYTES, R, G, B>(weights, pixels);
    let (channels, low) = colours(v, contributions, gray, v.load(index));
    // One of two, as constants.
    match [R, B][usize::from(R > B)] {
        0 => v.store_pixels::<BYTES, 0>(channels, pixels),
        _ => v.store_pixels::<BYTES, 1>(channels, pixels),
    }
    v.each_at_most(low, DOUBT, |x| {
        let mut grays = [0; 64];
        v.store(gray, &mut grays);
        let lead = [R, B][usize::from(R > B)];
        pixels[x * BYTES + lead..][..3].copy_from_slice(&exact(grays[x], index[x]));
    });
}

kernel! {
    /// Paints a row of pixels of `BYTES` bytes with red, green and blue at `R`, `G` and `B`, whose gray has `weights`;
    /// where sums leave a channel open, all three are made by `exact` of gray and heat index, in the order in which they
    /// lie in a pixel.
    pub fn paint_row<BYTES: usize, R: usize, G: usize, B: usize; F: Fn(u8, u8) -> [u8; 3]>(
        v,
        pixels: &mut [u8],
        index: &[u8],
        contributions: &Contributions,
        weights: &GrayWeights,
        exact: F,
    ) {
        for (pixels, index) in pixels.chunks_mut(V::BYTES * BYTES).zip(index.chunks(V::BYTES)) {
            let count = index.len().min(pixels.len() / BYTES);
            if count == V::BYTES {
                paint::<V, BYTES, R, G, B>(v, pixels, index, contributions, weights, &exact);
            } else {
                let (mut whole, mut indices) = ([0; 4 * 64], [0; 64]);
                whole[..count * BYTES].copy_from_slice(&pixels[..count * BYTES]);
                indices[..count].copy_from_slice(&index[..count]);
                paint::<V, BYTES, R, G, B>(v, &mut whole, &indices, contributions, weights, &exact);
                pixels[..count * BYTES].copy_from_slice(&whole[..count * BYTES]);
            }
        }
    }
}

kernel! {
    /// The same for a row of three planes, whose gray is given.
    pub fn paint_planes<; F: Fn(u8, u8) -> [u8; 3]>(
        v,
        rows: [&mut [u8]; 3],
        gray: &[u8],
        index: &[u8],
        contributions: &Contributions,
        exact: F,
    ) {
        let [first, second, third] = rows;
        let planes = first.chunks_mut(V::BYTES).zip(second.chunks_mut(V::BYTES));
        let planes = planes.zip(third.chunks_mut(V::BYTES));
        let rows = gray.chunks(V::BYTES).zip(index.chunks(V::BYTES));
        for (((first, second), third), (gray, index)) in planes.zip(rows) {
            let count = first.len().min(second.len()).min(third.len());
            let count = count.min(gray.len()).min(index.len());
            let (mut grays, mut indices) = ([0; 64], [0; 64]);
            grays[..count].copy_from_slice(&gray[..count]);
            indices[..count].copy_from_slice(&index[..count]);
            let (channels, low) = colours(v, contributions, v.load(&grays), v.load(&indices));
            let mut painted = [[0; 64]; 3];
            for (painted, channel) in painted.iter_mut().zip(channels) {
                v.store(channel, painted);
            }
            v.each_at_most(low, DOUBT, |x| {
                for (painted, channel) in painted.iter_mut().zip(exact(grays[x], indices[x])) {
                    painted[x] = channel;
                }
            });
            for (plane, painted) in [first, second, third].into_iter().zip(painted) {
                plane[..count].copy_from_slice(&painted[..count]);
            }
        }
    }
}
