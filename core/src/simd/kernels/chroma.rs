//! Rows of 8-bit codes in which two pixels share their chroma.

use super::heat::{Window, with_windows};
use super::kernel;
use super::sum_table;
use crate::simd::table::{Chroma, SumTables};
use crate::simd::vectors::Vectors;

/// A registerful of codes of each component, of heat above and below.
#[inline(always)]
fn halves<V: Vectors, const N: usize>(
    v: V,
    chroma: &Chroma,
    heat: [V::Bytes; 2],
    windows: Window,
) -> [V::Bytes; 2] {
    let halves = [
        [chroma[0].low, chroma[0].high],
        [chroma[1].low, chroma[1].high],
    ];
    [
        sum_table::heats::<V, N>(v, [halves[0]; 2], heat, windows),
        sum_table::heats::<V, N>(v, [halves[1]; 2], heat, windows),
    ]
}

/// A registerful of codes of each component, from heat above and below: two indices for each, of which the first counts.
#[inline(always)]
fn codes<V: Vectors>(v: V, chroma: &Chroma, heat: [&[u8]; 2]) -> [V::Bytes; 2] {
    let [above, below] = heat;
    let heat = [
        v.evens(v.load(above), v.load(&above[V::BYTES..])),
        v.evens(v.load(below), v.load(&below[V::BYTES..])),
    ];
    let windows = Window::of(v, v.min(heat[0], heat[1]), v.max(heat[0], heat[1]));
    if windows.is_cold() {
        return [v.splat(chroma[0].whole[0]), v.splat(chroma[1].whole[0])];
    }
    with_windows!(windows, v, halves(chroma, heat, windows))
}

kernel! {
    /// Rows of two components, from heat above and below: two indices for each sample, of which the first counts.
    /// Returns how many samples there are now.
    pub fn paint_chroma_planes<;>(v, chroma: &Chroma, heat: [&[u8]; 2], rows: [&mut [u8]; 2]) -> usize {
        let mut done = 0;
        let [first, second] = rows;
        let heat = heat[0].chunks_exact(2 * V::BYTES).zip(heat[1].chunks_exact(2 * V::BYTES));
        let rows = first.chunks_exact_mut(V::BYTES).zip(second.chunks_exact_mut(V::BYTES));
        for ((first, second), (above, below)) in rows.zip(heat) {
            let codes = codes(v, chroma, [above, below]);
            v.store(codes[0], first);
            v.store(codes[1], second);
            done += V::BYTES;
        }
        done
    }
}

kernel! {
    /// The same, the components in turns.
    pub fn paint_chroma_pairs<;>(v, chroma: &Chroma, heat: [&[u8]; 2], row: &mut [u8]) -> usize {
        let mut done = 0;
        let heat = heat[0].chunks_exact(2 * V::BYTES).zip(heat[1].chunks_exact(2 * V::BYTES));
        for (row, (above, below)) in row.chunks_exact_mut(2 * V::BYTES).zip(heat) {
            let [first, second] = codes(v, chroma, [above, below]);
            let [low, high] = v.interleave(first, second);
            v.store(low, row);
            v.store(high, &mut row[V::BYTES..]);
            done += V::BYTES;
        }
        done
    }
}

/// The codes of single heats, the components in turns.
#[inline(always)]
fn wholes<V: Vectors, const N: usize>(
    v: V,
    chroma: &Chroma,
    heat: V::Bytes,
    windows: Window,
) -> V::Bytes {
    let base = windows.base::<V, N>();
    let places = v.subtract(heat, v.splat(base as u8));
    v.alternate(
        v.look_up::<N>(chroma[0].whole, base, places),
        v.look_up::<N>(chroma[1].whole, base, places),
    )
}

kernel! {
    /// A row of pixels whose luma and chroma take turns, luma being the bytes from `LUMA` (0 or 1) on: made of its own
    /// luma and of heat, as `luma` adds them. Returns how many pixels are painted, an even number.
    pub fn paint_packed<LUMA: usize;>(
        v,
        luma: &SumTables,
        chroma: &Chroma,
        heat: &[u8],
        row: &mut [u8],
    ) -> usize {
        let Some(line) = luma.line else { return 0 };
        let mut done = 0;
        let rows = row.chunks_exact_mut(2 * V::BYTES);
        for (row, heat) in rows.zip(heat.chunks_exact(V::BYTES)) {
            let heat = v.load(heat);
            let (low, high) = (v.load(row), v.load(&row[V::BYTES..]));
            let codes = if LUMA == 0 { v.evens(low, high) } else { v.odds(low, high) };
            let codes = sum_table::sums(v, luma, line, codes, heat);
            let heat = v.evens_twice(heat);
            let windows = Window::of(v, heat, heat);
            let chroma = with_windows!(windows, v, wholes(chroma, heat, windows));
            let [low, high] = if LUMA == 0 {
                v.interleave(codes, chroma)
            } else {
                v.interleave(chroma, codes)
            };
            v.store(low, row);
            v.store(high, &mut row[V::BYTES..]);
            done += V::BYTES;
        }
        done
    }
}
