//! What a channel is by definition.

use crate::render::colormap::Span;
use crate::rounding::round_u8;

/// One channel, 0 to 255 before rounding, by its definition.
pub(crate) fn exact(gray: u8, heat: f64, range: Span) -> u8 {
    let value = f64::from(gray) / 2.0 + heat - range.lowest;
    round_u8(value / (range.highest - range.lowest) * 255.0)
}
