//! The gray of packed pixels, order by order.

use super::gray::{gray_bounds, gray_row};
use crate::frame::PackedOrder;

/// What reads pixels of one order.
#[derive(Clone, Copy)]
pub(crate) struct PackedGray {
    /// [`gray_row`].
    pub row: fn(&[u8], &mut [u8]),
    /// [`gray_bounds`].
    pub bounds: fn(&[u8], usize, usize, &mut [[u8; 2]]),
}

impl PackedGray {
    pub fn new(order: PackedOrder) -> Self {
        match order {
            PackedOrder::Rgb => Self::of::<3, 0, 1, 2>(),
            PackedOrder::Bgr => Self::of::<3, 2, 1, 0>(),
            PackedOrder::Rgbx => Self::of::<4, 0, 1, 2>(),
            PackedOrder::Bgrx => Self::of::<4, 2, 1, 0>(),
            PackedOrder::Xrgb => Self::of::<4, 1, 2, 3>(),
            PackedOrder::Xbgr => Self::of::<4, 3, 2, 1>(),
        }
    }

    fn of<const BYTES: usize, const R: usize, const G: usize, const B: usize>() -> Self {
        Self {
            row: gray_row::<BYTES, R, G, B>,
            bounds: gray_bounds::<BYTES, R, G, B>,
        }
    }
}
