//! SumTable of two table entries.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

#[cfg(target_arch = "x86_64")]
use crate::simd::level::Level;

/// A number for each byte, 8 bits before and 8 bits after the point, modulo 2^16: its high and its
/// low byte.
#[derive(Clone)]
pub(crate) struct Table {
    pub high: [u8; 256],
    pub low: [u8; 256],
}

impl Table {
    pub const ZERO: Self = Self {
        high: [0; 256],
        low: [0; 256],
    };

    pub fn set(&mut self, index: usize, number: u16) {
        [self.high[index], self.low[index]] = number.to_be_bytes();
    }

    pub fn get(&self, index: u8) -> u16 {
        let index = usize::from(index);
        u16::from_be_bytes([self.high[index], self.low[index]])
    }
}

/// SumTable of an entry of one table and one of another.
pub(crate) struct SumTable {
    pub first: Table,
    pub second: Table,
    /// The whole parts of the sums with the second table's entry 0.
    #[cfg(target_arch = "x86_64")]
    cold: [u8; 256],
}

impl SumTable {
    pub fn new(first: Table, second: Table) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            cold: std::array::from_fn(|i| whole(first.get(i as u8), second.get(0))),
            first,
            second,
        }
    }

    /// The whole part of the sum of two entries.
    pub fn of(&self, first: u8, second: u8) -> u8 {
        whole(self.first.get(first), self.second.get(second))
    }

    /// The same for each pair of `indices`.
    pub fn of_all(&self, indices: [&[u8]; 2], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            unsafe { vbmi::of_all(self, indices, out) };
            return;
        }
        for (out, (a, b)) in out.iter_mut().zip(indices[0].iter().zip(indices[1])) {
            *out = self.of(*a, *b);
        }
    }

    /// The same with the first indices in the place of the sums.
    pub fn add(&self, first: &mut [u8], second: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if Level::current() == Level::Avx512 {
            // SAFETY: the level is current only on a machine that was seen to have its instructions.
            unsafe { vbmi::add(self, first, second) };
            return;
        }
        for (first, second) in first.iter_mut().zip(second) {
            *first = self.of(*first, *second);
        }
    }
}

fn whole(first: u16, second: u16) -> u8 {
    (first.wrapping_add(second) >> 8) as u8
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod vbmi {
    use super::SumTable;
    use crate::simd::avx512::lookup::{self, load, load_bytes, look_up, mask};
    use std::arch::x86_64::*;

    /// [`SumTable`] in registers.
    pub struct Registers {
        low: [lookup::Register; 2],
        high: [lookup::Register; 2],
        cold: lookup::Register,
    }

    impl Registers {
        #[target_feature(enable = "avx512f")]
        pub fn load(sums: &SumTable) -> Self {
            let tables = [&sums.first, &sums.second];
            Self {
                low: tables.map(|table| load(&table.low)),
                high: tables.map(|table| load(&table.high)),
                cold: load(&sums.cold),
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        /// The sums for each pair of bytes.
        pub fn sums(&self, a: __m512i, b: __m512i) -> __m512i {
            if _mm512_test_epi8_mask(b, b) == 0 {
                return look_up(&self.cold, a);
            }
            let first = look_up(&self.low[0], a);
            let carry = _mm512_add_epi8(first, look_up(&self.low[1], b));
            let carry = _mm512_cmplt_epu8_mask(carry, first);
            let sum = _mm512_add_epi8(look_up(&self.high[0], a), look_up(&self.high[1], b));
            _mm512_mask_add_epi8(sum, carry, sum, _mm512_set1_epi8(1))
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn of_all(sums: &SumTable, indices: [&[u8]; 2], out: &mut [u8]) {
        let tables = Registers::load(sums);
        let indices = indices[0].chunks(64).zip(indices[1].chunks(64));
        for (out, (a, b)) in out.chunks_mut(64).zip(indices) {
            let mask = mask(out.len().min(a.len()).min(b.len()));
            // SAFETY: the mask has no more bits than the shortest of the three slices has bytes.
            unsafe {
                let sums = tables.sums(load_bytes(a, mask), load_bytes(b, mask));
                _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, sums);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn add(sums: &SumTable, first: &mut [u8], second: &[u8]) {
        let tables = Registers::load(sums);
        for (a, b) in first.chunks_mut(64).zip(second.chunks(64)) {
            let mask = mask(a.len().min(b.len()));
            // SAFETY: the mask has no more bits than the shorter of the slices has bytes.
            unsafe {
                let sums = tables.sums(load_bytes(a, mask), load_bytes(b, mask));
                _mm512_mask_storeu_epi8(a.as_mut_ptr().cast(), mask, sums);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    #[test]
    fn every_pair_of_entries_and_every_length() {
        let tables = [40_503, 48_271].map(|factor: u16| {
            let mut table = Table::ZERO;
            for i in 0..256 {
                let number = (i as u16).wrapping_mul(factor).wrapping_add(factor >> 3);
                table.set(i, number);
            }
            table
        });
        let first: Vec<u8> = (0..1 << 16).map(|i| (i >> 8) as u8).collect();
        let second: Vec<u8> = (0..1 << 16).map(|i| i as u8).collect();
        let expected = |i: usize| {
            let entries = [tables[0].get((i >> 8) as u8), tables[1].get(i as u8)];
            let sum: u32 = entries.map(u32::from).iter().sum();
            (sum >> 8) as u8
        };
        let [a, b] = tables.clone();
        let sums = SumTable::new(a, b);
        each_level(|level| {
            for length in (1..200).chain([1 << 16]) {
                let mut out = vec![0; length];
                sums.of_all([&first, &second], &mut out);
                let right = out.iter().enumerate().all(|(i, out)| *out == expected(i));
                assert!(right, "{level:?} {length}");
                out.copy_from_slice(&first[..length]);
                sums.add(&mut out, &second);
                let right = out.iter().enumerate().all(|(i, out)| *out == expected(i));
                assert!(right, "{level:?} {length}, in place");
            }
        });
    }
}
