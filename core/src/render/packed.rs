//! What is done with packed pixels, for each of their layouts.

use super::rgb::Colours;
use crate::luma::gray::{gray_bounds, gray_row};

/// The functions for pixels of one layout.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    /// [`gray_row`].
    pub gray: fn(&[u8], &mut [u8]),
    /// [`gray_bounds`].
    pub bounds: fn(&[u8], usize, usize, &mut [[u8; 2]]),
    /// [`Colours::paint_row`].
    pub paint: fn(&Colours, &mut [u8], &[u8], &mut [u8]),
}

impl Packed {
    /// For pixels of `bytes` bytes (3 or 4) with red, green and blue at `offsets`.
    pub fn new(bytes: usize, offsets: [usize; 3]) -> Self {
        match (bytes, offsets) {
            (3, [0, 1, 2]) => Self::of::<3, 0, 1, 2>(),
            (3, _) => Self::of::<3, 2, 1, 0>(),
            (_, [0, 1, 2]) => Self::of::<4, 0, 1, 2>(),
            (_, [2, 1, 0]) => Self::of::<4, 2, 1, 0>(),
            (_, [1, 2, 3]) => Self::of::<4, 1, 2, 3>(),
            _ => Self::of::<4, 3, 2, 1>(),
        }
    }

    fn of<const BYTES: usize, const R: usize, const G: usize, const B: usize>() -> Self {
        Self {
            gray: gray_row::<BYTES, R, G, B>,
            bounds: gray_bounds::<BYTES, R, G, B>,
            paint: Colours::paint_row::<BYTES, R, G, B>,
        }
    }
}
