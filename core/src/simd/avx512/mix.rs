//! Samples that keep a share of themselves and get something added, both looked up, 64 at a time.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{self, load, load_bytes, look_up, mask};
use crate::simd::table::{Interleaving, Mixes, Number};

impl Avx512 {
    /// A row of samples, each mixed as its index says; runs without any index stay as they are where `skip` is set.
    pub fn mix_bytes(
        self,
        row: &mut [u8],
        index: &[u8],
        kept: &Number,
        added: &Number,
        skip: bool,
    ) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { mix_bytes(row, index, kept, added, skip) }
    }

    /// A row of pixels whose components lie between each other; bytes of none of them stay as they are.
    pub fn mix_interleaved(
        self,
        row: &mut [u8],
        index: &[u8],
        interleaving: &Interleaving,
        mixes: &Mixes,
        skip: bool,
    ) {
        // SAFETY: as above.
        unsafe {
            match mixes.added_to_all {
                true => mix_interleaved::<true>(row, index, interleaving, mixes, skip),
                false => mix_interleaved::<false>(row, index, interleaving, mixes, skip),
            }
        }
    }

    /// A row of samples for two pixels of the rows above and below each, the first of which count: each becomes the mean of what
    /// the two indices make of it.
    pub fn mix_halved(
        self,
        row: &mut [u8],
        indices: [&[u8]; 2],
        kept: &Number,
        added: &Number,
        skip: bool,
    ) {
        // SAFETY: as above.
        unsafe { mix_halved(row, indices, kept, added, skip) }
    }

    /// The same of two components whose samples take turns.
    pub fn mix_halved_pairs(
        self,
        row: &mut [u8],
        indices: [&[u8]; 2],
        kept: &Number,
        added: [&Number; 2],
        skip: bool,
    ) {
        // SAFETY: as above.
        unsafe { mix_halved_pairs(row, indices, kept, added, skip) }
    }
}

/// [`Number`]s in registers.
struct Numbers {
    high: lookup::Register,
    middle: lookup::Register,
    low: lookup::Register,
}

impl Numbers {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(number: &Number) -> Self {
        Self {
            high: load(&number.high),
            middle: load(&number.middle),
            low: load(&number.low),
        }
    }
}

/// Numbers of 16 bits before and 16 bits after the point: those of the lower and of the upper half of each 128 bits.
#[derive(Clone, Copy)]
struct Sums {
    whole: [__m512i; 2],
    rest: [__m512i; 2],
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn halves(low: __m512i, high: __m512i) -> [__m512i; 2] {
    [
        _mm512_unpacklo_epi8(low, high),
        _mm512_unpackhi_epi8(low, high),
    ]
}

impl Sums {
    /// Samples times the numbers of their indices, cut off after 16 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn product(samples: __m512i, index: __m512i, kept: &Numbers) -> Self {
        let zero = _mm512_setzero_si512();
        let samples = halves(samples, zero);
        let upper = halves(look_up(&kept.middle, index), look_up(&kept.high, index));
        let lower = halves(look_up(&kept.low, index), zero);
        let mut sums = Self {
            whole: [zero; 2],
            rest: [zero; 2],
        };
        for half in 0..2 {
            let (sample, upper, lower) = (samples[half], upper[half], lower[half]);
            let rest = _mm512_mullo_epi16(sample, upper);
            let least = _mm512_srli_epi16::<8>(_mm512_mullo_epi16(sample, lower));
            let sum = _mm512_add_epi16(rest, least);
            let carry = _mm512_cmplt_epu16_mask(sum, rest);
            let whole = _mm512_mulhi_epu16(sample, upper);
            sums.whole[half] = _mm512_mask_add_epi16(whole, carry, whole, _mm512_set1_epi16(1));
            sums.rest[half] = sum;
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn plus(mut self, index: __m512i, added: &Numbers) -> Self {
        let zero = _mm512_setzero_si512();
        let whole = halves(look_up(&added.high, index), zero);
        let rest = halves(look_up(&added.low, index), look_up(&added.middle, index));
        for half in 0..2 {
            let sum = _mm512_add_epi16(self.rest[half], rest[half]);
            let carry = _mm512_cmplt_epu16_mask(sum, rest[half]);
            let whole = _mm512_add_epi16(self.whole[half], whole[half]);
            self.whole[half] = _mm512_mask_add_epi16(whole, carry, whole, _mm512_set1_epi16(1));
            self.rest[half] = sum;
        }
        self
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn bytes(self) -> __m512i {
        _mm512_packus_epi16(self.whole[0], self.whole[1])
    }

    /// The mean of two.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn mean(self, other: Self) -> __m512i {
        let mut means = self.whole;
        for (half, mean) in means.iter_mut().enumerate() {
            let rest = _mm512_add_epi16(self.rest[half], other.rest[half]);
            let carry = _mm512_cmplt_epu16_mask(rest, other.rest[half]);
            let whole = _mm512_add_epi16(self.whole[half], other.whole[half]);
            let whole = _mm512_mask_add_epi16(whole, carry, whole, _mm512_set1_epi16(1));
            *mean = _mm512_srli_epi16::<1>(whole);
        }
        _mm512_packus_epi16(means[0], means[1])
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_bytes(row: &mut [u8], index: &[u8], kept: &Number, added: &Number, skip: bool) {
    let (kept, added) = (Numbers::load(kept), Numbers::load(added));
    for (row, index) in row.chunks_mut(64).zip(index.chunks(64)) {
        let mask = mask(row.len().min(index.len()));
        // SAFETY: the mask has no more bits than the shorter of the slices has bytes.
        unsafe {
            let index = load_bytes(index, mask);
            if skip && _mm512_test_epi8_mask(index, index) == 0 {
                continue;
            }
            let samples = load_bytes(row, mask);
            let mixed = Sums::product(samples, index, &kept)
                .plus(index, &added)
                .bytes();
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_interleaved<const ADDED_TO_ALL: bool>(
    row: &mut [u8],
    index: &[u8],
    interleaving: &Interleaving,
    mixes: &Mixes,
    skip: bool,
) {
    let kept = Numbers::load(&mixes.kept);
    let added = [0, 1, 2].map(|component| Numbers::load(&mixes.added[component]));
    for (row, index) in row
        .chunks_mut(64 * interleaving.bytes)
        .zip(index.chunks(64))
    {
        let count = _mm512_set1_epi8(index.len() as i8);
        // SAFETY: the mask has no more bits than the slice has bytes.
        let index = unsafe { load_bytes(index, mask(index.len())) };
        if skip && _mm512_test_epi8_mask(index, index) == 0 {
            continue;
        }
        let registers = interleaving.pixels.iter().zip(&interleaving.components);
        for (row, (pixels, components)) in row.chunks_mut(64).zip(registers) {
            // SAFETY: reads 64 bytes of as many, and the masks have no more bits than the slice has bytes.
            unsafe {
                let pixels = _mm512_loadu_si512(pixels.as_ptr().cast());
                // The last pixel of an odd number may lack the one that it shares chroma with.
                let mask = mask(row.len()) & _mm512_cmplt_epu8_mask(pixels, count);
                let index = _mm512_permutexvar_epi8(pixels, index);
                let samples = load_bytes(row, mask);
                let product = Sums::product(samples, index, &kept);
                if ADDED_TO_ALL {
                    let mixed = product.plus(_mm512_setzero_si512(), &added[0]).bytes();
                    let mask = mask & (components[0] | components[1] | components[2]);
                    _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
                    continue;
                }
                for (added, component) in added.iter().zip(components) {
                    if *component != 0 {
                        let mixed = product.plus(index, added).bytes();
                        let mask = mask & component;
                        _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
                    }
                }
            }
        }
    }
}

/// Bytes of the first of two bytes each, of two registers or of one.
const EVEN: [u8; 64] = {
    let mut even = [0; 64];
    let mut at = 0;
    while at < 64 {
        even[at] = 2 * at as u8;
        at += 1;
    }
    even
};
const FIRST: [u8; 64] = {
    let mut first = [0; 64];
    let mut at = 0;
    while at < 64 {
        first[at] = at as u8 & !1;
        at += 1;
    }
    first
};

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_halved(row: &mut [u8], indices: [&[u8]; 2], kept: &Number, added: &Number, skip: bool) {
    let (kept, added) = (Numbers::load(kept), Numbers::load(added));
    // SAFETY: reads the 64 bytes of the array.
    let even = unsafe { _mm512_loadu_si512(EVEN.as_ptr().cast()) };
    let indices = indices[0].chunks(128).zip(indices[1].chunks(128));
    for (row, (above, below)) in row.chunks_mut(64).zip(indices) {
        let mask_of = mask;
        let mask = mask(row.len());
        let [above, below] = [above, below].map(|index| {
            let (first, second) = index.split_at(index.len().min(64));
            // SAFETY: the masks have no more bits than the slices have bytes.
            let [first, second] =
                [first, second].map(|part| unsafe { load_bytes(part, mask_of(part.len())) });
            _mm512_permutex2var_epi8(first, even, second)
        });
        let any = _mm512_or_si512(above, below);
        if skip && _mm512_test_epi8_mask(any, any) == 0 {
            continue;
        }
        // SAFETY: the mask has no more bits than the slice has bytes.
        unsafe {
            let samples = load_bytes(row, mask);
            let each = [above, below]
                .map(|index| Sums::product(samples, index, &kept).plus(index, &added));
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, each[0].mean(each[1]));
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_halved_pairs(
    row: &mut [u8],
    indices: [&[u8]; 2],
    kept: &Number,
    added: [&Number; 2],
    skip: bool,
) {
    let kept = Numbers::load(kept);
    let added = added.map(|added| Numbers::load(added));
    // SAFETY: reads the 64 bytes of the array.
    let first = unsafe { _mm512_loadu_si512(FIRST.as_ptr().cast()) };
    let indices = indices[0].chunks(64).zip(indices[1].chunks(64));
    for (row, (above, below)) in row.chunks_mut(64).zip(indices) {
        let mask = mask(row.len().min(above.len()).min(below.len()));
        // SAFETY: the mask has no more bits than the shortest of the slices has bytes.
        let [above, below] = [above, below]
            .map(|index| unsafe { _mm512_permutexvar_epi8(first, load_bytes(index, mask)) });
        let any = _mm512_or_si512(above, below);
        if skip && _mm512_test_epi8_mask(any, any) == 0 {
            continue;
        }
        // SAFETY: as above.
        unsafe {
            let samples = load_bytes(row, mask);
            let products =
                [above, below].map(|index| (Sums::product(samples, index, &kept), index));
            for (added, turn) in added
                .iter()
                .zip([0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa])
            {
                let [a, b] = products.map(|(product, index)| product.plus(index, added));
                _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask & turn, a.mean(b));
            }
        }
    }
}
