//! Steps that several kernels take.

use std::arch::x86_64::*;

/// A register as it lies in memory.
#[inline(always)]
pub(super) unsafe fn load(bytes: *const u8) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_loadu_si256(bytes.cast()) }
}

/// 16 bytes, twice.
#[inline(always)]
pub(super) fn twice(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: reads the 16 bytes. An `Avx2` is at hand wherever this is called.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(bytes.as_ptr().cast())) }
}

/// Calls `work` with the number of each bit of `bits` that is set.
#[inline(always)]
pub(super) fn each_bit(mut bits: u32, mut work: impl FnMut(usize)) {
    while bits != 0 {
        work(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
