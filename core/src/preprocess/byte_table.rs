//! A number for each byte.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

#[cfg(target_arch = "x86_64")]
use crate::simd::{Level, lookup};

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
    pub fn read(&self, bytes: &[u8], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            unsafe { vbmi::read(&self.bytes, bytes, out) };
            return;
        }
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = self.values[usize::from(*byte)];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vbmi {
    use crate::simd::lookup::{Table, load, load_bytes, look_up, mask};
    use std::arch::x86_64::*;

    /// Where the bytes of 64 numbers have to lie so that interleaving those of each quarter of a
    /// register puts 16 numbers that follow each other into each of four registers.
    const SPREAD: [u8; 64] = {
        let mut from = [0; 64];
        let mut i = 0;
        while i < 64 {
            let (quarter, register, number) = (i / 16, i % 16 / 4, i % 4);
            from[i] = (16 * register + 4 * quarter + number) as u8;
            i += 1;
        }
        from
    };

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn read(tables: &[Table; 4], bytes: &[u8], out: &mut [f32]) {
        let tables = tables.each_ref().map(|table| load(table));
        // SAFETY: reads the 64 bytes of the array.
        let spread = unsafe { _mm512_loadu_si512(SPREAD.as_ptr().cast()) };
        for (bytes, out) in bytes.chunks(64).zip(out.chunks_mut(64)) {
            // SAFETY: the mask has no more bits than there are bytes.
            let bytes = unsafe { load_bytes(bytes, mask(bytes.len())) };
            let bytes = _mm512_permutexvar_epi8(spread, bytes);
            let [a, b, c, d] = tables.each_ref().map(|table| look_up(table, bytes));
            let (low, low_next) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
            let (high, high_next) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
            let numbers = [
                _mm512_unpacklo_epi16(low, high),
                _mm512_unpackhi_epi16(low, high),
                _mm512_unpacklo_epi16(low_next, high_next),
                _mm512_unpackhi_epi16(low_next, high_next),
            ];
            for (out, numbers) in out.chunks_mut(16).zip(numbers) {
                let valid = mask(out.len()) as u16;
                // SAFETY: the mask has no more bits than `out` has numbers.
                unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().cast(), valid, numbers) };
            }
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
                values.read(&bytes[..length], &mut out);
                let expected = bytes.iter().map(|byte| f32::from(*byte) / 255.0 - 0.485);
                assert!(expected.take(length).eq(out), "{level:?} {length}");
            }
        });
    }
}
