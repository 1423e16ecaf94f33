//! Sums of entries of two tables, 64 at a time.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{self, load, load_bytes, look_up, mask};
use crate::simd::table::SumTables;

impl Avx512 {
    /// The high byte of the sum of two entries, for each pair of `indices`.
    pub fn sum_entries(self, tables: &SumTables, indices: [&[u8]; 2], out: &mut [u8]) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { sum_entries(tables, indices, out) }
    }

    /// The same with the first indices in the place of the sums.
    pub fn sum_in_place(self, tables: &SumTables, first: &mut [u8], second: &[u8]) {
        // SAFETY: as above.
        unsafe { sum_in_place(tables, first, second) }
    }
}

/// [`SumTables`] in registers.
pub(crate) struct Registers {
    low: [lookup::Register; 2],
    high: [lookup::Register; 2],
    cold: lookup::Register,
}

impl Registers {
    #[target_feature(enable = "avx512f")]
    pub fn load(tables: &SumTables) -> Self {
        Self {
            low: tables.low.map(|table| load(table)),
            high: tables.high.map(|table| load(table)),
            cold: load(tables.cold),
        }
    }

    /// The high bytes of the sums for each pair of bytes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
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
fn sum_entries(tables: &SumTables, indices: [&[u8]; 2], out: &mut [u8]) {
    let tables = Registers::load(tables);
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
fn sum_in_place(tables: &SumTables, first: &mut [u8], second: &[u8]) {
    let tables = Registers::load(tables);
    for (a, b) in first.chunks_mut(64).zip(second.chunks(64)) {
        let mask = mask(a.len().min(b.len()));
        // SAFETY: the mask has no more bits than the shorter of the slices has bytes.
        unsafe {
            let sums = tables.sums(load_bytes(a, mask), load_bytes(b, mask));
            _mm512_mask_storeu_epi8(a.as_mut_ptr().cast(), mask, sums);
        }
    }
}
