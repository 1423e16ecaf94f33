//! Contributions of gray and heat to channels, byte by byte.

use super::channel::exact;
use crate::render::colormap::{LEVELS, Span};
use crate::simd::avx512::colours::{ByteTables, FRACTION};

/// Fills `tables` with such colours of heat, for pictures whose gray / 2 + heat has the minimum and
/// maximum `range`, and whose red, green and blue lie in the order `order`.
pub(crate) fn fill(
    tables: &mut ByteTables,
    heat: &[[f64; 3]; LEVELS],
    range: Span,
    order: [usize; 3],
) {
    let (low, high) = (range.lowest, range.highest);
    if high <= low {
        return tables.blacken();
    }
    let step = 255.0 / (high - low) * f64::from(1 << FRACTION);
    let half = f64::from(1 << (FRACTION - 1));
    for gray in 0..=u8::MAX {
        let value = (f64::from(gray) / 2.0 - low) * step + half;
        tables.set_gray(gray, value.round() as i64, exact(gray, 0.0, range));
    }
    for (place, channel) in order.into_iter().enumerate() {
        for (index, colour) in heat.iter().enumerate() {
            tables.set_heat(place, index, (colour[channel] * step).round() as i64);
        }
    }
}
