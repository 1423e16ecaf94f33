//! Weights as integers, in bytes that can be multiplied four at a time.

/// Bits after the point of the integer weights.
pub(crate) const FRACTION: u32 = 22;

/// The parts of up to four weights: signed digits, the most significant first. None where a weight
/// is too large.
pub(crate) fn digits(weights: &[i32]) -> Option<[i32; 3]> {
    let mut words = [[0u8; 4]; 3];
    for (k, &weight) in weights.iter().enumerate() {
        let low = weight as i8;
        let middle = ((weight - i32::from(low)) >> 8) as i8;
        let high = (weight - i32::from(low) - (i32::from(middle) << 8)) >> 16;
        let parts = [i8::try_from(high).ok()?, middle, low];
        for (word, part) in words.iter_mut().zip(parts) {
            word[k] = part as u8;
        }
    }
    Some(words.map(i32::from_le_bytes))
}
