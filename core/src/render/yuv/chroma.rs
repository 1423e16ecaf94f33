//! Rows of 8-bit codes in which two pixels share their chroma.

use super::sum_table::{SumTable, Table};
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::{kernels::Native, table::Component};

/// What the codes of a component of chroma are made of.
pub(crate) struct ChromaTables {
    /// Of two heats, of which each makes half of a code.
    pub halves: SumTable,
    /// Of one heat.
    whole: [u8; 256],
}

impl ChromaTables {
    /// Tables for the half of a code that each heat makes.
    pub fn new(half: Table) -> Self {
        let halves = SumTable::new(half.clone(), half);
        Self {
            whole: std::array::from_fn(|heat| halves.sum(heat as u8, heat as u8)),
            halves,
        }
    }

    /// The same for a kernel.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn tables(&self) -> Component<'_> {
        Component {
            low: &self.halves.first.low,
            high: &self.halves.first.high,
            whole: &self.whole,
        }
    }
}

/// Two components, in the order in which they lie in memory.
pub(crate) type Chroma<'a> = [&'a ChromaTables; 2];

/// Chroma of a row of pixels, from their heat and that of the row below: component by component.
///
/// Heat has two indices for each sample, of which the first counts.
pub(crate) fn paint_chroma_planes(chroma: Chroma, heat: [&[u8]; 2], rows: [&mut [u8]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = Avx512::current() {
        return avx512.paint_chroma_planes(chroma.map(ChromaTables::tables), heat, rows);
    }
    let [first, second] = rows;
    let mut done = 0;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(native) = Native::current() {
        let rows = [&mut *first, &mut *second];
        done = native.paint_chroma_planes(&chroma.map(ChromaTables::tables), heat, rows);
    }
    let rows = first[done..].iter_mut().zip(&mut second[done..]);
    let heat = heat.map(|heat| &heat[2 * done..]);
    for ((first, second), codes) in rows.zip(codes(chroma, heat)) {
        [*first, *second] = codes;
    }
}

/// The same, the components in turns.
pub(crate) fn paint_chroma_pairs(chroma: Chroma, heat: [&[u8]; 2], row: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = Avx512::current() {
        return avx512.paint_chroma_pairs(chroma.map(ChromaTables::tables), heat, row);
    }
    let mut done = 0;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(native) = Native::current() {
        done = native.paint_chroma_pairs(&chroma.map(ChromaTables::tables), heat, row);
    }
    let pairs = row[2 * done..].as_chunks_mut().0.iter_mut();
    let heat = heat.map(|heat| &heat[2 * done..]);
    for (pair, codes) in pairs.zip(codes(chroma, heat)) {
        *pair = codes;
    }
}

fn codes(chroma: Chroma, [above, below]: [&[u8]; 2]) -> impl Iterator<Item = [u8; 2]> {
    let heat = above.iter().step_by(2).zip(below.iter().step_by(2));
    heat.map(move |(above, below)| chroma.map(|codes| codes.halves.sum(*above, *below)))
}

/// A row of `width` pixels whose luma and chroma take turns, luma being the bytes from `LUMA` (0 or
/// 1) on: made of its own luma and of heat, as `luma` adds them.
pub(crate) fn paint_packed<const LUMA: usize>(
    luma: &SumTable,
    chroma: Chroma,
    heat: &[u8],
    width: usize,
    row: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = Avx512::current() {
        let (luma, chroma) = (luma.tables(), chroma.map(ChromaTables::tables));
        return avx512.paint_packed::<LUMA>(&luma, chroma, heat, width, row);
    }
    let mut done = 0;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(native) = Native::current() {
        let (luma, chroma) = (luma.tables(), chroma.map(ChromaTables::tables));
        let row = &mut row[..width * 2];
        done = native.paint_packed::<LUMA>(&luma, &chroma, heat, row);
    }
    let (row, heat) = (&mut row[2 * done..], &heat[done..]);
    let pixels = row.as_chunks_mut::<2>().0.iter_mut();
    for (pixel, heat) in pixels.zip(heat).take(width - done) {
        pixel[LUMA] = luma.sum(pixel[LUMA], *heat);
    }
    let pairs = row.as_chunks_mut::<4>().0.iter_mut();
    for (pair, heat) in pairs.zip(heat.iter().step_by(2)) {
        [pair[1 - LUMA], pair[3 - LUMA]] = chroma.map(|codes| codes.whole[usize::from(*heat)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    fn table(factor: u16) -> Table {
        let mut table = Table::ZERO;
        for i in 0..256 {
            let number = (i as u16).wrapping_mul(factor).wrapping_add(factor >> 3);
            table.set(i, number);
        }
        table
    }

    fn noise(seed: u32) -> Vec<u8> {
        let noise =
            (0..512u32).map(|i| (i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24) as u8);
        // Some of it cold.
        noise
            .enumerate()
            .map(|(i, v)| if i / 128 == 1 { 0 } else { v })
            .collect()
    }

    #[test]
    fn rows_of_all_lengths_hold_the_sums_of_their_heats() {
        let [first, second, gray, heat] = [40_503, 48_271, 777, 30_011].map(table);
        let (above, below, row) = (noise(1), noise(2), noise(3));
        let sums = SumTable::new(gray, heat);
        let chroma = [first.clone(), second.clone()].map(ChromaTables::new);
        let chroma = chroma.each_ref();
        each_level(|level| {
            for width in 1..=250 {
                let samples = usize::div_ceil(width, 2);
                let code = |k: usize, table: &Table, below: &[u8]| {
                    (table
                        .get(above[2 * k])
                        .wrapping_add(table.get(below[2 * k]))
                        >> 8) as u8
                };
                let expected = |table, below: &[u8]| -> Vec<u8> {
                    (0..samples).map(|k| code(k, table, below)).collect()
                };
                let heats = [&above[..], &below[..]];
                let (mut cb, mut cr) = (vec![0; samples], vec![0; samples]);
                paint_chroma_planes(chroma, heats, [&mut cb, &mut cr]);
                assert_eq!(cb, expected(&first, &below), "{level:?} {width}");
                assert_eq!(cr, expected(&second, &below), "{level:?} {width}");

                let mut pairs = vec![0; 2 * samples];
                paint_chroma_pairs(chroma, heats, &mut pairs);
                let planes: Vec<u8> = cb.iter().zip(&cr).flat_map(|(a, b)| [*a, *b]).collect();
                assert_eq!(pairs, planes, "{level:?} {width}");

                for offset in [0, 1] {
                    let mut packed = row[..4 * samples].to_vec();
                    let mut luma: Vec<u8> = row.iter().skip(offset).step_by(2).copied().collect();
                    sums.sum_in_place(&mut luma[..width], &above);
                    match offset {
                        0 => paint_packed::<0>(&sums, chroma, &above, width, &mut packed),
                        _ => paint_packed::<1>(&sums, chroma, &above, width, &mut packed),
                    }
                    for (i, pair) in packed.chunks(4).enumerate() {
                        let expected = [luma[2 * i], luma[2 * i + 1]];
                        assert_eq!(
                            [pair[offset], pair[2 + offset]],
                            expected,
                            "{level:?} {width}"
                        );
                        let expected = [code(i, &first, &above), code(i, &second, &above)];
                        assert_eq!([pair[1 - offset], pair[3 - offset]], expected);
                    }
                }
            }
        });
    }
}
