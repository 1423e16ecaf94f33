//! Lines of equal heat.

use super::colormap::{LEVELS, levels_of_each};
use crate::luma::tiles;
use crate::simd::dispatched;

/// Heat indices of a fifth.
const FIFTH: usize = LEVELS / 5;

/// Finds lines in rows of heat indices.
pub(crate) struct Contour {
    /// Pixels across a line.
    thickness: usize,
    /// Of several classes, each drawn around its upper half: the part of each heat index, and how many of these a class has.
    parts: Option<(Box<[u8; 256]>, usize)>,
}

/// The fifth of each pixel of a row of tiles, and of some rows above it.
pub(crate) struct Fifths {
    stride: usize,
    rows: Vec<u8>,
}

impl Contour {
    /// Lines in frames of `width` x `height` pixels.
    pub fn new(width: usize, height: usize) -> Self {
        let shorter = width.min(height);
        Self {
            thickness: ((shorter + 100) / 200).clamp(1, tiles::ROWS),
            parts: None,
        }
    }

    /// Says how many classes share the heat indices.
    pub fn set_classes(&mut self, classes: usize) {
        self.parts = (classes > 1).then(|| {
            let each = levels_of_each(classes);
            let part = |index: usize| match index {
                0 => 0,
                _ if (index - 1) % each < each / 2 => 0,
                _ => ((index - 1) / each + 1) as u8,
            };
            (Box::new(std::array::from_fn(part)), each)
        });
    }

    /// The heat index whose colour lines around a part have, from 1 on; 0 for what is on no line.
    pub fn heat_of_line(&self, part: usize) -> usize {
        let heat = match &self.parts {
            _ if part == 0 => 0,
            None => FIFTH * part + FIFTH / 2,
            Some((_, each)) => part * each,
        };
        heat.min(LEVELS - 1)
    }

    /// The part of the heat that each pixel is in.
    fn find_parts(&self, index: &[u8], out: &mut [u8]) {
        match &self.parts {
            None => find_fifths(index, out),
            Some((parts, _)) => {
                for (out, &index) in out.iter_mut().zip(index) {
                    *out = parts[usize::from(index)];
                }
            }
        }
    }

    /// Room for rows of `stride` indices.
    pub fn room(&self, stride: usize) -> Fifths {
        Fifths {
            stride,
            rows: vec![0; stride * (self.thickness + tiles::ROWS)],
        }
    }

    /// Begins below a row of tiles, or, where there is none above, with it: at the top of the frame.
    pub fn begin(&self, is_above: bool, tiles: &[u8], fifths: &mut Fifths) {
        let stride = fifths.stride;
        let above = fifths.rows.chunks_exact_mut(stride);
        for (i, out) in above.take(self.thickness).enumerate() {
            let row = if is_above {
                tiles::ROWS - self.thickness + i
            } else {
                0
            };
            self.find_parts(&tiles[row * stride..][..stride], out);
        }
    }

    /// Replaces the heat indices of the next row of tiles by the numbers of the parts that its lines are around, and 0 elsewhere: a
    /// pixel is on one where it is in another part than the pixels the line's width to its left or above. So few numbers lie in
    /// one window of kernels' tables.
    pub fn draw(&self, index: &mut [u8], fifths: &mut Fifths) {
        let (stride, above) = (fifths.stride, self.thickness * fifths.stride);
        self.find_parts(index, &mut fifths.rows[above..]);
        for (y, out) in index.chunks_exact_mut(stride).enumerate() {
            let above = &fifths.rows[y * stride..][..stride];
            let here = &fifths.rows[(y + self.thickness) * stride..][..stride];
            let (edge, rest) = out.split_at_mut(self.thickness);
            let first = [here[0]; tiles::ROWS];
            find_lines(&first[..edge.len()], here, above, edge);
            let inner = self.thickness;
            find_lines(here, &here[inner..], &above[inner..], rest);
        }
        fifths.rows.copy_within(tiles::ROWS * stride.., 0);
    }
}

dispatched! {
    fn find_fifths<;>(index: &[u8], out: &mut [u8]) {
        const FIRST: u8 = FIFTH as u8;
        for (out, &index) in out.iter_mut().zip(index) {
            *out = u8::from(index >= FIRST)
                + u8::from(index >= 2 * FIRST)
                + u8::from(index >= 3 * FIRST)
                + u8::from(index >= 4 * FIRST);
        }
    }
}

dispatched! {
    /// The highest part that meets another at each pixel, and 0 where all are the same.
    fn find_lines<;>(left: &[u8], here: &[u8], above: &[u8], out: &mut [u8]) {
        for (out, ((&left, &here), &above)) in out.iter_mut().zip(left.iter().zip(here).zip(above)) {
            let highest = here.max(left).max(above);
            let is_line = highest != here.min(left).min(above);
            *out = if is_line { highest } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::luma::tiles::COLUMNS;
    use crate::simd::forced::each_level;

    #[test]
    fn lines_lie_where_the_heat_enters_another_fifth() {
        let (stride, rows) = (2 * COLUMNS, 3 * tiles::ROWS);
        let index: Vec<u8> = (0..rows * stride)
            .map(|i| (2 * (i % stride) + 3 * (i / stride)).min(254) as u8)
            .collect();
        for shorter in [100, 1080, 4000] {
            let contour = Contour::new(shorter, 5000);
            let thickness = contour.thickness;
            let expected: Vec<u8> = (0..index.len())
                .map(|i| {
                    let (x, y) = (i % stride, i / stride);
                    let fifth = |x: usize, y: usize| usize::from(index[y * stride + x]) / FIFTH;
                    let fifth = |x, y| fifth(x, y).min(4);
                    let all = [
                        fifth(x, y),
                        fifth(x.saturating_sub(thickness), y),
                        fifth(x, y.saturating_sub(thickness)),
                    ];
                    // At the left edge the row's first pixel stands for those before it.
                    let (low, high) = (all.iter().min().unwrap(), all.iter().max().unwrap());
                    if low == high { 0 } else { *high as u8 }
                })
                .collect();
            assert!(expected.iter().any(|v| *v > 0) && expected.contains(&0));
            each_level(|level| {
                // From the top, and from the second row of tiles on.
                for begin in [0, tiles::ROWS * stride] {
                    let mut drawn = index.clone();
                    let mut fifths = contour.room(stride);
                    contour.begin(begin > 0, &index[..tiles::ROWS * stride], &mut fifths);
                    for tile in drawn[begin..].chunks_mut(tiles::ROWS * stride) {
                        contour.draw(tile, &mut fifths);
                    }
                    let same = drawn[begin..] == expected[begin..];
                    assert!(same, "{level:?} {shorter} from {begin}");
                }
            });
        }
    }
}
