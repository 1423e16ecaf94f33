//! Sampling and painting against the plain arithmetic, and their contracts.

mod converter;
mod rgb;
mod y_cb_cr;

use super::oracle::Image;
use super::*;

/// A small random number generator (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A number in `range`.
    fn pick(&mut self, range: std::ops::Range<usize>) -> usize {
        range.start + self.next() as usize % range.len()
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}

const TORCH: Normalization = Normalization {
    order: ChannelOrder::Rgb,
    divisor: 255.0,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
};

fn view(values: &[f32], width: usize) -> MapView<'_> {
    MapView {
        values,
        width,
        height: values.len() / width,
    }
}

fn map_image(values: &[f32], width: usize) -> Image {
    Image {
        width,
        height: values.len() / width,
        channels: 1,
        data: values.iter().map(|v| f64::from(*v)).collect(),
    }
}

/// A random map and its width: signed, rectified, or of few values.
fn random_map(random: &mut Random) -> (Vec<f32>, usize) {
    let (width, height) = (random.pick(1..20), random.pick(1..20));
    let kind = random.pick(0..3);
    let values = (0..width * height).map(|_| match kind {
        0 => 10.0 * random.float(),
        1 => random.float().max(0.0),
        _ => (random.float() * 2.0).round(),
    });
    (values.collect(), width)
}
