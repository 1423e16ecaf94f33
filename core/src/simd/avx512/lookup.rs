//! Look-ups of bytes in tables that lie in registers, more than ten times as fast as in memory, and masks.

use std::arch::x86_64::*;

use crate::simd::table::Table;

/// A table in registers.
pub(crate) type Register = [__m512i; 4];

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load(table: &Table) -> Register {
    std::array::from_fn(|part| {
        // SAFETY: reads the 64 bytes from there on, of 256.
        unsafe { _mm512_loadu_si512(table.as_ptr().add(64 * part).cast()) }
    })
}

/// The entry of each byte of `index`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(crate) fn look_up(table: &Register, index: __m512i) -> __m512i {
    let lower = _mm512_permutex2var_epi8(table[0], index, table[1]);
    let upper = _mm512_permutex2var_epi8(table[2], index, table[3]);
    _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), lower, upper)
}

/// The first bytes of `bytes`, as many as `mask` has bits.
///
/// # Safety
/// `mask` has no bit beyond the bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) unsafe fn load_bytes(bytes: &[u8], mask: u64) -> __m512i {
    // SAFETY: a masked load touches no other bytes.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// A bit for each of `count` bytes, at most 64.
#[inline]
pub(crate) const fn mask(count: usize) -> u64 {
    match count {
        0 => 0,
        1..64 => u64::MAX >> (64 - count),
        _ => u64::MAX,
    }
}

/// Calls `work` with the number of each bit of `bits` that is set.
#[inline(always)]
pub(crate) fn each_bit(mut bits: u64, mut work: impl FnMut(usize)) {
    while bits != 0 {
        work(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
