//! Steps that several kernels take.

use std::arch::aarch64::*;

/// Calls `work` with the place of each byte whose bits are set; those of the others are not.
#[inline(always)]
pub(super) fn each_set(bytes: uint8x16_t, mut work: impl FnMut(usize)) {
    // SAFETY: NEON is part of the target, and these touch registers only.
    let mut bits = unsafe {
        // Four bits of each byte.
        let nibbles = vshrn_n_u16::<4>(vreinterpretq_u16_u8(bytes));
        vget_lane_u64::<0>(vreinterpret_u64_u8(nibbles))
    };
    while bits != 0 {
        let place = bits.trailing_zeros() / 4;
        work(place as usize);
        bits &= !(0xf << (4 * place));
    }
}
