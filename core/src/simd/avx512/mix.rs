//! Samples that keep a share of themselves and get something added, both looked up, 64 at a time.

use std::arch::x86_64::*;

use super::Avx512;
use super::lookup::{Heat, load, load_bytes, look_up, mask, with_windows};
use crate::simd::table::{Cold, Interleaving, Mixes, Number};

impl Avx512 {
    /// A row of samples of a component, each mixed as its index says.
    pub fn mix_bytes(
        self,
        row: &mut [u8],
        index: &[u8],
        mixes: &Mixes,
        component: usize,
        cold: Cold,
    ) {
        // SAFETY: there is an `Avx512` only on a machine that was seen to have its instructions.
        unsafe { mix_bytes(row, index, mixes, component, cold) }
    }

    /// A row of pixels whose components lie between each other; bytes of none of them stay as they are.
    pub fn mix_interleaved(
        self,
        row: &mut [u8],
        index: &[u8],
        interleaving: &Interleaving,
        mixes: &Mixes,
        cold: Cold,
    ) {
        // SAFETY: as above.
        unsafe { mix_interleaved(row, index, interleaving, mixes, cold) }
    }

    /// A row of samples of a component for two pixels of the rows above and below each, the first of which count: each becomes
    /// the mean of what the two indices make of it.
    pub fn mix_halved(
        self,
        row: &mut [u8],
        indices: [&[u8]; 2],
        mixes: &Mixes,
        component: usize,
        cold: Cold,
    ) {
        // SAFETY: as above.
        unsafe { mix_halved(row, indices, mixes, component, cold) }
    }

    /// The same of two components whose samples take turns.
    pub fn mix_halved_pairs(
        self,
        row: &mut [u8],
        indices: [&[u8]; 2],
        mixes: &Mixes,
        components: [usize; 2],
        cold: Cold,
    ) {
        // SAFETY: as above.
        unsafe { mix_halved_pairs(row, indices, mixes, components, cold) }
    }
}

/// The numbers of indices, byte by byte from the highest on.
type Numbers = [__m512i; 3];

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn numbers<const N: usize>(heat: &Heat<N>, number: &Number) -> Numbers {
    [
        heat.look_up(&number.high),
        heat.look_up(&number.middle),
        heat.look_up(&number.low),
    ]
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
    /// Samples times numbers all of whose bits are after the point, cut off after 16 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn product(samples: __m512i, [high, middle, low]: Numbers) -> Self {
        let zero = _mm512_setzero_si512();
        let samples = halves(samples, zero);
        let (upper, lower) = (halves(middle, high), halves(zero, low));
        let product = Self {
            whole: std::array::from_fn(|half| _mm512_mulhi_epu16(samples[half], upper[half])),
            rest: std::array::from_fn(|half| _mm512_mullo_epi16(samples[half], upper[half])),
        };
        product.plus(Self {
            whole: [zero; 2],
            rest: std::array::from_fn(|half| _mm512_mulhi_epu16(samples[half], lower[half])),
        })
    }

    /// Numbers with 16 bits after the point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn of([high, middle, low]: Numbers) -> Self {
        Self {
            whole: halves(high, _mm512_setzero_si512()),
            rest: halves(low, middle),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn plus(mut self, other: Self) -> Self {
        for half in 0..2 {
            let rest = _mm512_add_epi16(self.rest[half], other.rest[half]);
            let carry = _mm512_cmplt_epu16_mask(rest, other.rest[half]);
            let whole = _mm512_add_epi16(self.whole[half], other.whole[half]);
            self.whole[half] = _mm512_mask_add_epi16(whole, carry, whole, _mm512_set1_epi16(1));
            self.rest[half] = rest;
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
        let [low, high] = self.plus(other).whole;
        _mm512_packus_epi16(_mm512_srli_epi16::<1>(low), _mm512_srli_epi16::<1>(high))
    }
}

/// What becomes of samples of a component.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mixed<const N: usize>(samples: __m512i, heat: Heat<N>, kept: &Number, added: &Number) -> Sums {
    let shares = Sums::product(samples, numbers(&heat, kept));
    shares.plus(Sums::of(numbers(&heat, added)))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_bytes(row: &mut [u8], index: &[u8], mixes: &Mixes, component: usize, cold: Cold) {
    let (kept, added) = (&mixes.kept, &mixes.added[component]);
    for (row, index) in row.chunks_mut(64).zip(index.chunks(64)) {
        let mask = mask(row.len().min(index.len()));
        // SAFETY: the mask has no more bits than the shorter of the slices has bytes.
        unsafe {
            let heat = load_bytes(index, mask);
            let is_cold = _mm512_test_epi8_mask(heat, heat) == 0;
            if is_cold && cold == Cold::Kept {
                continue;
            }
            let samples = load_bytes(row, mask);
            let mixed = if is_cold {
                look_up(&load(&mixes.cold[component]), samples)
            } else {
                with_windows!(heat, index, mask, |heat| mixed(samples, heat, kept, added)
                    .bytes())
            };
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_interleaved(
    row: &mut [u8],
    index: &[u8],
    interleaving: &Interleaving,
    mixes: &Mixes,
    cold: Cold,
) {
    let Mixes { kept, added, .. } = mixes;
    let runs = row.chunks_mut(64 * interleaving.bytes);
    for (row, index) in runs.zip(index.chunks(64)) {
        let mask = mask(index.len());
        // SAFETY: the mask has no more bits than the slice has bytes.
        let heat = unsafe { load_bytes(index, mask) };
        if _mm512_test_epi8_mask(heat, heat) != 0 {
            with_windows!(heat, index, mask, |heat| {
                each_register(
                    row,
                    index.len(),
                    interleaving,
                    |samples, pixels, components| {
                        let heat = heat.permuted(pixels);
                        let added = [
                            of_each(components, |component| heat.look_up(&added[component].high)),
                            of_each(components, |component| {
                                heat.look_up(&added[component].middle)
                            }),
                            of_each(components, |component| heat.look_up(&added[component].low)),
                        ];
                        let shares = Sums::product(samples, numbers(&heat, kept));
                        shares.plus(Sums::of(added)).bytes()
                    },
                );
            });
        } else if cold != Cold::Kept {
            each_register(row, index.len(), interleaving, |samples, _, components| {
                of_each(components, |component| {
                    look_up(&load(&mixes.cold[component]), samples)
                })
            });
        }
    }
}

/// Calls `mix` with the samples of each register of a run of `count` pixels, with their pixels, and a bit for each of those of
/// the three components.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn each_register(
    row: &mut [u8],
    count: usize,
    interleaving: &Interleaving,
    mix: impl Fn(__m512i, __m512i, &[u64; 3]) -> __m512i,
) {
    let registers = interleaving.pixels.iter().zip(&interleaving.components);
    for (row, (pixels, components)) in row.chunks_mut(64).zip(registers) {
        // SAFETY: reads 64 bytes of as many, and the masks have no more bits than the slice has bytes.
        unsafe {
            let pixels = _mm512_loadu_si512(pixels.as_ptr().cast());
            // The last pixel of an odd number may lack the one that it shares chroma with.
            let there = _mm512_cmplt_epu8_mask(pixels, _mm512_set1_epi8(count as i8));
            let mask = mask(row.len()) & there & components.iter().fold(0, |any, bits| any | bits);
            let mixed = mix(load_bytes(row, mask), pixels, components);
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
        }
    }
}

/// The bytes of each component.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn of_each(components: &[u64; 3], of: impl Fn(usize) -> __m512i) -> __m512i {
    let mut bytes = _mm512_setzero_si512();
    for (component, bits) in components.iter().enumerate() {
        if *bits != 0 {
            bytes = _mm512_mask_mov_epi8(bytes, *bits, of(component));
        }
    }
    bytes
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
fn mix_halved(row: &mut [u8], indices: [&[u8]; 2], mixes: &Mixes, component: usize, cold: Cold) {
    let (kept, added) = (&mixes.kept, &mixes.added[component]);
    // SAFETY: reads the 64 bytes of the array.
    let even = unsafe { _mm512_loadu_si512(EVEN.as_ptr().cast()) };
    let indices = indices[0].chunks(128).zip(indices[1].chunks(128));
    for (row, (above, below)) in row.chunks_mut(64).zip(indices) {
        let mask_of = mask;
        let mask = mask(row.len());
        let heats = [above, below].map(|index| {
            let (first, second) = index.split_at(index.len().min(64));
            // SAFETY: the masks have no more bits than the slices have bytes.
            let [first, second] =
                [first, second].map(|part| unsafe { load_bytes(part, mask_of(part.len())) });
            _mm512_permutex2var_epi8(first, even, second)
        });
        let any = _mm512_or_si512(heats[0], heats[1]);
        let is_cold = _mm512_test_epi8_mask(any, any) == 0;
        if is_cold && cold == Cold::Kept {
            continue;
        }
        // SAFETY: the mask has no more bits than the slice has bytes.
        unsafe {
            let samples = load_bytes(row, mask);
            let mixed = if is_cold {
                look_up(&load(&mixes.cold[component]), samples)
            } else {
                let [above, below] = [(heats[0], above), (heats[1], below)].map(|(heat, index)| {
                    with_windows!(heat, index, mask, |heat| mixed(samples, heat, kept, added))
                });
                above.mean(below)
            };
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mix_halved_pairs(
    row: &mut [u8],
    indices: [&[u8]; 2],
    mixes: &Mixes,
    components: [usize; 2],
    cold: Cold,
) {
    /// The bytes of the second component.
    const TURN: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let Mixes { kept, added, .. } = mixes;
    let added = components.map(|component| &added[component]);
    // SAFETY: reads the 64 bytes of the array.
    let first = unsafe { _mm512_loadu_si512(FIRST.as_ptr().cast()) };
    let indices = indices[0].chunks(64).zip(indices[1].chunks(64));
    for (row, (above, below)) in row.chunks_mut(64).zip(indices) {
        let mask = mask(row.len().min(above.len()).min(below.len()));
        // SAFETY: the mask has no more bits than the shortest of the slices has bytes.
        let heats = [above, below]
            .map(|index| unsafe { _mm512_permutexvar_epi8(first, load_bytes(index, mask)) });
        let any = _mm512_or_si512(heats[0], heats[1]);
        let is_cold = _mm512_test_epi8_mask(any, any) == 0;
        if is_cold && cold == Cold::Kept {
            continue;
        }
        // SAFETY: as above.
        unsafe {
            let samples = load_bytes(row, mask);
            let mixed = if is_cold {
                let [one, other] =
                    components.map(|component| look_up(&load(&mixes.cold[component]), samples));
                _mm512_mask_mov_epi8(one, TURN, other)
            } else {
                let [above, below] = [(heats[0], above), (heats[1], below)].map(|(heat, index)| {
                    with_windows!(heat, index, mask, |heat| {
                        let mut both = numbers(&heat, added[0]);
                        for (both, other) in both.iter_mut().zip(numbers(&heat, added[1])) {
                            *both = _mm512_mask_mov_epi8(*both, TURN, other);
                        }
                        let shares = Sums::product(samples, numbers(&heat, kept));
                        shares.plus(Sums::of(both))
                    })
                });
                above.mean(below)
            };
            _mm512_mask_storeu_epi8(row.as_mut_ptr().cast(), mask, mixed);
        }
    }
}
