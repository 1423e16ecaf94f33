//! Contributions of gray and heat to channels, byte by byte.

use super::channel::exact;
use crate::render::colormap::{LEVELS, Span};
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::colours::ByteTables;
use crate::simd::kernels::colours::{Contributions, FRACTION};

/// Contributions to the channels of pictures of one range, and what defines these channels.
pub(crate) struct ChannelTables {
    #[cfg(target_arch = "x86_64")]
    pub bytes: Box<ByteTables>,
    /// The same for kernels that multiply grays.
    pub contributions: Box<Contributions>,
    /// Red, green and blue, in the order in which they lie in a pixel.
    order: [usize; 3],
    range: Span,
}

impl ChannelTables {
    /// Tables of pixels with red, green and blue at the bytes `offsets`, or in planes of these
    /// numbers; to be filled.
    pub fn new(offsets: [usize; 3]) -> Self {
        let mut order = [0, 1, 2];
        order.sort_by_key(|&channel| offsets[channel]);
        Self {
            #[cfg(target_arch = "x86_64")]
            bytes: Box::default(),
            contributions: Box::default(),
            order,
            range: Span::default(),
        }
    }

    /// Fills [`Self::bytes`] with such colours of heat, for pictures whose gray / 2 + heat has the minimum
    /// and maximum `range`.
    #[cfg(target_arch = "x86_64")]
    pub fn fill_bytes(&mut self, heat: &[[f64; 3]; LEVELS], range: Span) {
        self.range = range;
        let (low, high) = (range.lowest, range.highest);
        if high <= low {
            return self.bytes.blacken();
        }
        let step = 255.0 / (high - low) * f64::from(1 << FRACTION);
        let half = f64::from(1 << (FRACTION - 1));
        for gray in 0..=u8::MAX {
            let value = (f64::from(gray) / 2.0 - low) * step + half;
            let cold = exact(gray, 0.0, range);
            self.bytes.set_gray(gray, value.round() as i64, cold);
        }
        for (place, channel) in self.order.into_iter().enumerate() {
            for (index, colour) in heat.iter().enumerate() {
                let value = (colour[channel] * step).round() as i64;
                self.bytes.set_heat(place, index, value);
            }
        }
    }

    /// Fills [`Self::contributions`] so.
    pub fn fill_contributions(&mut self, heat: &[[f64; 3]; LEVELS], range: Span) {
        self.range = range;
        let (low, high) = (range.lowest, range.highest);
        if high <= low {
            return self.contributions.blacken();
        }
        let step = 255.0 / (high - low) * f64::from(1 << FRACTION);
        let half = f64::from(1 << (FRACTION - 1));
        self.contributions.set_gray(step / 2.0);
        for (place, channel) in self.order.into_iter().enumerate() {
            for (index, colour) in heat.iter().enumerate() {
                let value = ((colour[channel] - low) * step + half).round() as i64;
                self.contributions.set_heat(place, index, value);
            }
        }
    }

    /// The channels of a gray and a colour of heat by their definition, in the order in which they
    /// lie in a pixel.
    #[cold]
    pub fn exact(&self, gray: u8, heat: [f64; 3]) -> [u8; 3] {
        self.order
            .map(|channel| exact(gray, heat[channel], self.range))
    }
}
