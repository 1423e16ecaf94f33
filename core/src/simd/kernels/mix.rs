//! Samples that keep a share of themselves and get something added, both looked up.

use super::heat::{Window, with_windows};
use super::kernel;
use crate::simd::table::{Cold, Number};
use crate::simd::vectors::Vectors;

/// Numbers of 16 bits before and 16 bits after the point.
type Sums<V> = [<V as Vectors>::Words; 2];

/// Where heat is in `N` windows of a table.
#[derive(Clone, Copy)]
struct Places<V: Vectors> {
    base: usize,
    places: V::Bytes,
}

impl<V: Vectors> Places<V> {
    #[inline(always)]
    fn of<const N: usize>(v: V, heat: V::Bytes, windows: Window) -> Self {
        let base = windows.base::<V, N>();
        Self {
            base,
            places: v.subtract(heat, v.splat(base as u8)),
        }
    }

    /// The three bytes of the numbers, from the highest on.
    #[inline(always)]
    fn look_up<const N: usize>(&self, v: V, number: &Number) -> [V::Bytes; 3] {
        let &Self { base, places } = self;
        [
            v.look_up::<N>(&number.high, base, places),
            v.look_up::<N>(&number.middle, base, places),
            v.look_up::<N>(&number.low, base, places),
        ]
    }
}

/// Samples times numbers all of whose bits are after the point, cut off after 16 bits.
#[inline(always)]
fn share<V: Vectors>(v: V, samples: V::Bytes, [high, middle, low]: [V::Bytes; 3]) -> Sums<V> {
    let zero = v.splat(0);
    let samples = v.words(samples, zero);
    let (upper, lower) = (v.words(middle, high), v.words(zero, low));
    let product = [
        v.multiply_high(samples, upper),
        v.multiply_low(samples, upper),
    ];
    let least = v.multiply_high(samples, lower);
    v.add_wide(product, [v.words(zero, zero), least])
}

/// And numbers with 16 bits after the point.
#[inline(always)]
fn plus<V: Vectors>(v: V, sums: Sums<V>, [high, middle, low]: [V::Bytes; 3]) -> Sums<V> {
    v.add_wide(sums, [v.words(high, v.splat(0)), v.words(low, middle)])
}

/// What becomes of samples.
#[inline(always)]
fn mixed<V: Vectors, const N: usize>(
    v: V,
    samples: V::Bytes,
    heat: V::Bytes,
    windows: Window,
    kept: &Number,
    added: &Number,
) -> Sums<V> {
    let places = Places::of::<N>(v, heat, windows);
    let shares = share(v, samples, places.look_up::<N>(v, kept));
    plus(v, shares, places.look_up::<N>(v, added))
}

#[inline(always)]
fn bytes<V: Vectors, const N: usize>(
    v: V,
    samples: V::Bytes,
    heat: V::Bytes,
    windows: Window,
    kept: &Number,
    added: &Number,
) -> V::Bytes {
    let [whole, _] = mixed::<V, N>(v, samples, heat, windows, kept, added);
    v.low_bytes(whole)
}

/// The means of what two heats make of samples.
#[inline(always)]
fn means<V: Vectors, const N: usize>(
    v: V,
    samples: V::Bytes,
    heat: [V::Bytes; 2],
    windows: Window,
    kept: &Number,
    added: &Number,
) -> V::Bytes {
    let above = mixed::<V, N>(v, samples, heat[0], windows, kept, added);
    let below = mixed::<V, N>(v, samples, heat[1], windows, kept, added);
    let [whole, _] = v.add_wide(above, below);
    v.low_bytes(v.halve_words(whole))
}

/// What becomes of samples of two components in turns.
#[inline(always)]
fn pairs<V: Vectors, const N: usize>(
    v: V,
    samples: V::Bytes,
    heat: V::Bytes,
    windows: Window,
    kept: &Number,
    added: [&Number; 2],
) -> V::Bytes {
    let places = Places::of::<N>(v, heat, windows);
    let shares = share(v, samples, places.look_up::<N>(v, kept));
    let mut both = places.look_up::<N>(v, added[0]);
    let second = places.look_up::<N>(v, added[1]);
    for (both, second) in both.iter_mut().zip(second) {
        *both = v.alternate(*both, second);
    }
    let [whole, _] = plus(v, shares, both);
    v.low_bytes(whole)
}

/// A registerful of heat above and below: two indices for each sample, of which the first counts.
#[inline(always)]
fn heats<V: Vectors>(v: V, [above, below]: [&[u8]; 2]) -> ([V::Bytes; 2], Window) {
    let heat = [
        v.evens(v.load(above), v.load(&above[V::BYTES..])),
        v.evens(v.load(below), v.load(&below[V::BYTES..])),
    ];
    let windows = Window::of(v, v.min(heat[0], heat[1]), v.max(heat[0], heat[1]));
    (heat, windows)
}

kernel! {
    /// A row of samples, each mixed as its index says.
    pub fn mix_bytes<;>(v, row: &mut [u8], index: &[u8], kept: &Number, added: &Number, cold: Cold) -> usize {
        let filled = v.splat(added.high[0]);
        let mut done = 0;
        for (row, index) in row.chunks_exact_mut(V::BYTES).zip(index.chunks_exact(V::BYTES)) {
            let heat = v.load(index);
            let windows = Window::of(v, heat, heat);
            done += V::BYTES;
            let mixed = if cold == Cold::Mixed || !windows.is_cold() {
                let samples = v.load(row);
                with_windows!(windows, v, bytes(samples, heat, windows, kept, added))
            } else if cold == Cold::Filled {
                filled
            } else {
                continue;
            };
            v.store(mixed, row);
        }
        done
    }
}

kernel! {
    /// A row of samples for two pixels of the rows above and below each, the first of which count: each becomes the mean of
    /// what the two indices make of it. Returns how many are done.
    pub fn mix_halved<;>(v, row: &mut [u8], indices: [&[u8]; 2], kept: &Number, added: &Number, cold: Cold) -> usize {
        let filled = v.splat(added.high[0]);
        let mut done = 0;
        let indices = indices[0].chunks_exact(2 * V::BYTES).zip(indices[1].chunks_exact(2 * V::BYTES));
        for (row, (above, below)) in row.chunks_exact_mut(V::BYTES).zip(indices) {
            let (heat, windows) = heats(v, [above, below]);
            done += V::BYTES;
            let mixed = if cold == Cold::Mixed || !windows.is_cold() {
                let samples = v.load(row);
                with_windows!(windows, v, means(samples, heat, windows, kept, added))
            } else if cold == Cold::Filled {
                filled
            } else {
                continue;
            };
            v.store(mixed, row);
        }
        done
    }
}

kernel! {
    /// The same of two components whose samples take turns. Returns how many of each are done.
    pub fn mix_halved_pairs<;>(
        v,
        row: &mut [u8],
        indices: [&[u8]; 2],
        kept: &Number,
        added: [&Number; 2],
        cold: Cold,
    ) -> usize {
        let filled = v.interleave(v.splat(added[0].high[0]), v.splat(added[1].high[0]));
        let mut done = 0;
        let indices = indices[0].chunks_exact(2 * V::BYTES).zip(indices[1].chunks_exact(2 * V::BYTES));
        for (row, (above, below)) in row.chunks_exact_mut(2 * V::BYTES).zip(indices) {
            let (heat, windows) = heats(v, [above, below]);
            done += V::BYTES;
            let [low, high] = if cold == Cold::Mixed || !windows.is_cold() {
                let (low, high) = (v.load(row), v.load(&row[V::BYTES..]));
                let (first, second) = (v.evens(low, high), v.odds(low, high));
                let first = with_windows!(windows, v, means(first, heat, windows, kept, added[0]));
                let second = with_windows!(windows, v, means(second, heat, windows, kept, added[1]));
                v.interleave(first, second)
            } else if cold == Cold::Filled {
                filled
            } else {
                continue;
            };
            v.store(low, row);
            v.store(high, &mut row[V::BYTES..]);
        }
        done
    }
}

kernel! {
    /// A row of pixels whose luma, the bytes from `LUMA` (0 or 1) on, and chroma take turns; of the indices of two pixels that
    /// share chroma the first counts for that. `added` is that of luma, then of the two components of chroma as they lie.
    /// Returns how many pixels are done, an even number.
    pub fn mix_packed<LUMA: usize;>(
        v,
        row: &mut [u8],
        index: &[u8],
        kept: &Number,
        added: [&Number; 3],
        cold: Cold,
    ) -> usize {
        let [luma, first, second] = added.map(|added| v.splat(added.high[0]));
        let filled = (luma, v.alternate(first, second));
        let mut done = 0;
        for (row, index) in row.chunks_exact_mut(2 * V::BYTES).zip(index.chunks_exact(V::BYTES)) {
            let heat = v.load(index);
            let windows = Window::of(v, heat, heat);
            done += V::BYTES;
            let (luma, chroma) = if cold == Cold::Mixed || !windows.is_cold() {
                let (low, high) = (v.load(row), v.load(&row[V::BYTES..]));
                let (evens, odds) = (v.evens(low, high), v.odds(low, high));
                let (luma, chroma) = if LUMA == 0 { (evens, odds) } else { (odds, evens) };
                let luma = with_windows!(windows, v, bytes(luma, heat, windows, kept, added[0]));
                let heat = v.evens_twice(heat);
                let differences = [added[1], added[2]];
                let chroma = with_windows!(windows, v, pairs(chroma, heat, windows, kept, differences));
                (luma, chroma)
            } else if cold == Cold::Filled {
                filled
            } else {
                continue;
            };
            let [low, high] = if LUMA == 0 {
                v.interleave(luma, chroma)
            } else {
                v.interleave(chroma, luma)
            };
            v.store(low, row);
            v.store(high, &mut row[V::BYTES..]);
        }
        done
    }
}
