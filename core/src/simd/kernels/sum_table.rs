//! Sums of entries of two tables.

use super::heat::{Window, with_windows};
use super::kernel;
use crate::simd::line::Line;
use crate::simd::table::{SumTables, Table};
use crate::simd::vectors::Vectors;

/// 16-bit entries, whose low and high bytes tables have, for `heat`.
#[inline(always)]
pub(super) fn entries<V: Vectors, const N: usize>(
    v: V,
    [low, high]: [&Table; 2],
    heat: V::Bytes,
    windows: Window,
) -> V::Words {
    let base = windows.base::<V, N>();
    let places = v.subtract(heat, v.splat(base as u8));
    v.words(
        v.look_up::<N>(low, base, places),
        v.look_up::<N>(high, base, places),
    )
}

/// High bytes of the sums of a registerful of entries; the first table is `line`.
#[inline(always)]
pub(super) fn sums<V: Vectors>(
    v: V,
    tables: &SumTables,
    line: &Line,
    codes: V::Bytes,
    heat: V::Bytes,
) -> V::Bytes {
    let steps = v.subtract_saturating(codes, v.splat(line.start));
    let steps = v.min(steps, v.splat(line.length));
    let mut first = v.slope(steps, line.whole, line.fraction);
    for &(at, correction) in &line.corrections {
        first = v.correct(first, steps, at, correction);
    }
    let windows = Window::of(v, heat, heat);
    let second = if windows.is_cold() {
        v.splat_words(u16::from_be_bytes([tables.high[1][0], tables.low[1][0]]))
    } else {
        let second = [tables.low[1], tables.high[1]];
        with_windows!(windows, v, entries(second, heat, windows))
    };
    let second = v.add_words(second, v.splat_words(line.offset));
    v.high_bytes(v.add_words(first, second))
}

kernel! {
    /// The high byte of the sum of two entries, for each first index and its second one, in the place of the first.
    /// Does nothing where the first table is no [`Line`].
    pub fn sum_in_place<;>(v, tables: &SumTables, first: &mut [u8], second: &[u8]) -> usize {
        let Some(line) = tables.line else { return 0 };
        let mut done = 0;
        let registers = first.chunks_exact_mut(V::BYTES).zip(second.chunks_exact(V::BYTES));
        for (codes, heat) in registers {
            let sums = sums(v, tables, line, v.load(codes), v.load(heat));
            v.store(sums, codes);
            done += V::BYTES;
        }
        done
    }
}

/// High bytes of the sums of an entry of each table.
#[inline(always)]
pub(super) fn heats<V: Vectors, const N: usize>(
    v: V,
    [first, second]: [[&Table; 2]; 2],
    heat: [V::Bytes; 2],
    windows: Window,
) -> V::Bytes {
    let first = entries::<V, N>(v, first, heat[0], windows);
    let second = entries::<V, N>(v, second, heat[1], windows);
    v.high_bytes(v.add_words(first, second))
}

kernel! {
    /// The high byte of the sum of two entries, for each pair of `indices`.
    pub fn sum_entries<;>(v, tables: &SumTables, indices: [&[u8]; 2], out: &mut [u8]) -> usize {
        let tables = [0, 1].map(|i| [tables.low[i], tables.high[i]]);
        let mut done = 0;
        let indices = indices[0].chunks_exact(V::BYTES).zip(indices[1].chunks_exact(V::BYTES));
        for (out, (a, b)) in out.chunks_exact_mut(V::BYTES).zip(indices) {
            let heat = [v.load(a), v.load(b)];
            let windows = Window::of(v, v.min(heat[0], heat[1]), v.max(heat[0], heat[1]));
            v.store(with_windows!(windows, v, heats(tables, heat, windows)), out);
            done += V::BYTES;
        }
        done
    }
}
