//! Sums of the entries of two tables.

#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::{kernels::Native, line::Line, table::SumTables};

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

/// Sums of an entry of one table and one of another.
pub(crate) struct SumTable {
    pub first: Table,
    pub second: Table,
    /// The whole parts of the sums with the second table's entry 0.
    #[cfg(target_arch = "x86_64")]
    cold: [u8; 256],
    /// The first table, for kernels that compute it.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    line: Option<Line>,
}

impl SumTable {
    pub fn new(first: Table, second: Table) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            cold: std::array::from_fn(|i| whole(first.get(i as u8), second.get(0))),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            line: Native::current().and_then(|_| Line::through(|i| first.get(i))),
            first,
            second,
        }
    }

    /// The same for a kernel.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub fn tables(&self) -> SumTables<'_> {
        SumTables {
            low: [&self.first.low, &self.second.low],
            high: [&self.first.high, &self.second.high],
            #[cfg(target_arch = "x86_64")]
            cold: &self.cold,
            line: self.line.as_ref(),
        }
    }

    /// The whole part of the sum of two entries.
    pub fn sum(&self, first: u8, second: u8) -> u8 {
        whole(self.first.get(first), self.second.get(second))
    }

    /// The same for each pair of `indices`.
    pub fn sum_entries(&self, indices: [&[u8]; 2], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            return avx512.sum_entries(&self.tables(), indices, out);
        }
        let mut done = 0;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            done = native.sum_entries(&self.tables(), indices, out);
        }
        let indices = indices[0][done..].iter().zip(&indices[1][done..]);
        for (out, (a, b)) in out[done..].iter_mut().zip(indices) {
            *out = self.sum(*a, *b);
        }
    }

    /// The same with the first indices in the place of the sums.
    pub fn sum_in_place(&self, first: &mut [u8], second: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            return avx512.sum_in_place(&self.tables(), first, second);
        }
        let mut done = 0;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            done = native.sum_in_place(&self.tables(), first, second);
        }
        for (first, second) in first[done..].iter_mut().zip(&second[done..]) {
            *first = self.sum(*first, *second);
        }
    }
}

fn whole(first: u16, second: u16) -> u8 {
    (first.wrapping_add(second) >> 8) as u8
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
                sums.sum_entries([&first, &second], &mut out);
                let right = out.iter().enumerate().all(|(i, out)| *out == expected(i));
                assert!(right, "{level:?} {length}");
                out.copy_from_slice(&first[..length]);
                sums.sum_in_place(&mut out, &second);
                let right = out.iter().enumerate().all(|(i, out)| *out == expected(i));
                assert!(right, "{level:?} {length}, in place");
            }
        });
    }
}
