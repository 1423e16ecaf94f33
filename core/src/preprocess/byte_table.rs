//! A number for each byte.

/// What each byte stands for.
pub(crate) struct ByteTable([f32; 256]);

impl ByteTable {
    pub fn new(value: impl Fn(u8) -> f32) -> Self {
        Self(std::array::from_fn(|byte| value(byte as u8)))
    }

    /// What each of `bytes` stands for.
    pub fn look_up_all(&self, bytes: &[u8], out: &mut [f32]) {
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = self.0[usize::from(*byte)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte() {
        let values = ByteTable::new(|byte| f32::from(byte) / 255.0 - 0.485);
        let bytes: Vec<u8> = (0..=255).rev().collect();
        let mut out = vec![f32::NAN; bytes.len()];
        values.look_up_all(&bytes, &mut out);
        let expected = bytes.iter().map(|byte| f32::from(*byte) / 255.0 - 0.485);
        assert!(expected.eq(out));
    }
}
