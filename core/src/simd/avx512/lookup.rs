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

/// Heat of up to 64 pixels, and where the `N` times 64 entries of a table begin that hold all of it: heat is smooth.
#[derive(Clone, Copy)]
pub(crate) struct Heat<const N: usize> {
    base: usize,
    places: __m512i,
}

impl Heat<4> {
    /// All of a table.
    pub fn all(index: __m512i) -> Self {
        Self {
            base: 0,
            places: index,
        }
    }
}

impl<const N: usize> Heat<N> {
    /// The entries of `index` from `base` on; none where those bytes of it that `mask` has a bit for are not among them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn within(index: __m512i, base: u8, mask: u64) -> Option<Self> {
        let base = usize::from(base).min(256 - 64 * N);
        let places = _mm512_sub_epi8(index, _mm512_set1_epi8(base as i8));
        let end = _mm512_set1_epi8((64 * N).wrapping_sub(1) as i8);
        let is_within = _mm512_mask_cmpgt_epu8_mask(mask, places, end) == 0;
        is_within.then_some(Self { base, places })
    }

    /// The heat of each of `pixels`, numbers of the 64.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub fn permuted(self, pixels: __m512i) -> Self {
        Self {
            places: _mm512_permutexvar_epi8(pixels, self.places),
            ..self
        }
    }

    /// The entry of each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn look_up(&self, table: &Table) -> __m512i {
        let entries: [__m512i; N] = std::array::from_fn(|part| {
            // SAFETY: there are `64 * N` of 256 bytes from `base` on, as both constructors see to.
            unsafe { _mm512_loadu_si512(table.as_ptr().add(self.base + 64 * part).cast()) }
        });
        match entries[..] {
            [first] => _mm512_permutexvar_epi8(self.places, first),
            [first, second] => _mm512_permutex2var_epi8(first, self.places, second),
            [first, second, third, fourth] => look_up(&[first, second, third, fourth], self.places),
            _ => unreachable!("a table has one, two or four parts of 64 entries"),
        }
    }
}

/// Runs `$work` with the [`Heat`] of `$heat`, as few of a table's parts as hold what `$mask` has a bit for; most likely from the
/// less of the first and last of `$index` on.
macro_rules! with_windows {
    ($heat:expr, $index:expr, $mask:expr, |$found:ident| $work:expr) => {{
        let (heat, index, mask) = ($heat, $index, $mask);
        let ends = [index.first(), index.last()].map(|end| end.copied().unwrap_or_default());
        // A few less: the least may lie between.
        let base = ends[0].min(ends[1]).saturating_sub(8);
        if let Some($found) = Heat::<1>::within(heat, base, mask) {
            $work
        } else if let Some($found) = Heat::<2>::within(heat, base, mask) {
            $work
        } else {
            let $found = Heat::<4>::all(heat);
            $work
        }
    }};
}
pub(crate) use with_windows;

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
