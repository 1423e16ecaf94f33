//! From real numbers to bytes.

/// Rounds half away from zero and saturates to 8 bits.
pub(crate) fn round_u8(x: f64) -> u8 {
    // Cut off, which of what is not below 0 is the floor, without a call of a library.
    (x.clamp(0.0, 255.0) + 0.5) as u8
}

/// The integer nearest to `x` in 0..=255, and how far off it is, at most 0.5.
#[inline(always)]
pub(crate) fn nearest(x: f32) -> (u8, f32) {
    // Leaves a small number rounded to an integer, in the low bits of its float.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x + ROUND;
    (rounded.to_bits() as u8, (x - (rounded - ROUND)).abs())
}
