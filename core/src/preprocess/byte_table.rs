//! A number for each byte.

#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::{Avx512, lookup};

/// What each byte stands for.
pub(crate) struct ByteTable {
    values: [f32; 256],
    /// The bytes of these numbers, the least significant first.
    #[cfg(target_arch = "x86_64")]
    bytes: [lookup::Table; 4],
}

impl ByteTable {
    pub fn new(value: impl Fn(u8) -> f32) -> Self {
        let values = std::array::from_fn(|byte| value(byte as u8));
        Self {
            values,
            #[cfg(target_arch = "x86_64")]
            bytes: std::array::from_fn(|i| values.map(|value| value.to_le_bytes()[i])),
        }
    }

    /// What each of `bytes` stands for.
    pub fn look_up_all(&self, bytes: &[u8], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            return avx512.look_up_all(&self.bytes, bytes, out);
        }
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = self.values[usize::from(*byte)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    #[test]
    fn every_byte_and_every_length() {
        let values = ByteTable::new(|byte| f32::from(byte) / 255.0 - 0.485);
        let bytes: Vec<u8> = (0..700).map(|i| (i * 151 / 3) as u8).collect();
        each_level(|level| {
            for length in (1..200).chain([700]) {
                let mut out = vec![f32::NAN; length];
                values.look_up_all(&bytes[..length], &mut out);
                let expected = bytes.iter().map(|byte| f32::from(*byte) / 255.0 - 0.485);
                assert!(expected.take(length).eq(out), "{level:?} {length}");
            }
        });
    }
}
