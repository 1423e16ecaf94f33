//! What becomes of a sample at each heat: a share of itself, and something more.

/// Bits after the point of shares, of which all but [`FRACTION`] are cut off of products.
pub(super) const SHARE: u32 = 24;

/// Bits after the point of what is added.
pub(super) const FRACTION: u32 = 16;

/// What becomes of a sample at one heat.
#[derive(Clone, Copy, Default)]
pub(super) struct Mix {
    pub kept: u32,
    pub added: u32,
}

impl Mix {
    /// With [`FRACTION`] bits after the point.
    #[inline(always)]
    pub fn of(self, sample: u8) -> u32 {
        ((u32::from(sample) * self.kept) >> (SHARE - FRACTION)) + self.added
    }

    /// The same of a sample of 10 bits.
    #[inline(always)]
    pub fn of_word(self, sample: u16) -> u32 {
        let product = u64::from(sample) * u64::from(self.kept);
        (product >> (SHARE - FRACTION)) as u32 + self.added
    }
}

/// The same for the bytes of a pixel.
#[derive(Clone, Copy, Default)]
pub(super) struct PixelMix {
    pub kept: [u32; 4],
    pub added: [u32; 4],
}

pub(super) type Table = [Mix; 256];
