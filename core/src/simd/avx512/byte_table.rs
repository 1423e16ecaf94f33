//! Numbers of four bytes, looked up for each byte, 64 at a time.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{Table, load, load_bytes, look_up, mask};

impl Avx512 {
    /// A number for each of `bytes`, made of its entries in `tables`, the least significant first.
    pub fn look_up_all(self, tables: &[Table; 4], bytes: &[u8], out: &mut [f32]) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { look_up_all(tables, bytes, out) }
    }
}

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
fn look_up_all(tables: &[Table; 4], bytes: &[u8], out: &mut [f32]) {
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
