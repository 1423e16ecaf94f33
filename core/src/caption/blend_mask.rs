//! A drawing in the samples of a plane.

use super::channels::{Channels, Samples};
use super::chroma_cells::Cells;
use super::drawing::Drawing;
use crate::frame::PlaneMut;
use crate::simd::dispatched;

/// What a drawing does to one plane of a frame: each sample of a rectangle becomes
/// `sample * keep + add`, which for samples that are no channel is the sample itself.
pub(crate) struct BlendMask {
    plane: usize,
    /// First row of the rectangle, and its first sample in a row.
    top: usize,
    left: usize,
    factors: Factors,
}

enum Factors {
    /// For 8 bits; `keep` in 1/255.
    Bytes(Grid<u8>),
    /// For up to 15 bits that unused bits follow, so many; `keep` in 1/[`WHOLE`].
    Words(Grid<u16>, u32),
}

/// `keep` and `add` of the samples of a rectangle, row by row, `width` samples each.
struct Grid<T> {
    width: usize,
    keep: Vec<T>,
    add: Vec<T>,
}

/// A `keep` of 1, for words.
const WHOLE: u16 = 1 << 15;

/// Makes `masks` those that put `drawing` on a frame of such `samples`, one a plane.
pub(crate) fn render(masks: &mut Vec<BlendMask>, samples: &Samples, drawing: &Drawing) {
    let mut old = std::mem::take(masks).into_iter();
    // Nothing is left of one on a frame a pixel across whose pixels are long.
    if drawing.width == 0 || drawing.height == 0 {
        return;
    }
    let mut cells = Cells::new(drawing, (1, 1));
    for channels in &samples.channels {
        if cells.size != channels.cell {
            cells = Cells::new(drawing, channels.cell);
        }
        let with = |mask: &BlendMask| mask.plane == channels.plane;
        let place = masks.iter().position(with).unwrap_or_else(|| {
            masks.push(BlendMask::neutral(samples, channels, drawing, old.next()));
            masks.len() - 1
        });
        masks[place].fill(channels, &cells);
    }
}

impl BlendMask {
    /// A mask that changes nothing, on the plane of `channels`, with the memory of an `old` one.
    fn neutral(
        samples: &Samples,
        channels: &Channels,
        drawing: &Drawing,
        old: Option<Self>,
    ) -> Self {
        let (across, down) = channels.cell;
        let width = drawing.width / across * channels.step;
        let count = width * (drawing.height / down);
        let old = old.map(|mask| mask.factors);
        Self {
            plane: channels.plane,
            top: drawing.top / down,
            left: drawing.left / across * channels.step,
            factors: match (samples.bytes, old) {
                (1, Some(Factors::Bytes(grid))) => Factors::Bytes(grid.cleared(width, count, 255)),
                (1, _) => Factors::Bytes(Grid::NONE.cleared(width, count, 255)),
                (_, Some(Factors::Words(grid, _))) => {
                    Factors::Words(grid.cleared(width, count, WHOLE), samples.shift)
                }
                _ => Factors::Words(Grid::NONE.cleared(width, count, WHOLE), samples.shift),
            },
        }
    }

    fn fill(&mut self, channels: &Channels, cells: &Cells) {
        let (cover, white) = (&*cells.cover, &*cells.white);
        let levels = (channels.white.into(), channels.black.into());
        match &mut self.factors {
            Factors::Bytes(grid) => {
                let (mut keep, mut add) = (vec![0; cover.len()], vec![0; cover.len()]);
                byte_factors(cover, white, levels, &mut keep, &mut add);
                channels.spread_bytes(&keep, &mut grid.keep);
                channels.spread_bytes(&add, &mut grid.add);
            }
            Factors::Words(grid, _) => {
                let (mut keep, mut add) = (vec![0; cover.len()], vec![0; cover.len()]);
                word_factors(cover, white, levels, &mut keep, &mut add);
                channels.spread(&keep, &mut grid.keep);
                channels.spread(&add, &mut grid.add);
            }
        }
    }

    /// Does from here on to a part of the rectangle what `part` does to it, a mask on the same
    /// plane.
    pub fn replace(&mut self, part: &Self) {
        let from = (part.left - self.left, part.top - self.top);
        match (&mut self.factors, &part.factors) {
            (Factors::Bytes(grid), Factors::Bytes(part)) => grid.replace(from, part),
            (Factors::Words(grid, _), Factors::Words(part, _)) => grid.replace(from, part),
            _ => unreachable!("samples of one plane have one size"),
        }
    }

    /// Blends the drawing with the frame in `planes`.
    pub fn blend(&self, planes: &mut [PlaneMut]) {
        let plane = &mut planes[self.plane];
        match &self.factors {
            Factors::Bytes(grid) => {
                for (y, (keep, add)) in (self.top..).zip(grid.rows()) {
                    let row = plane.row_mut(y, self.left + grid.width);
                    blend_bytes(&mut row[self.left..], keep, add);
                }
            }
            Factors::Words(grid, shift) => {
                for (y, (keep, add)) in (self.top..).zip(grid.rows()) {
                    let row = plane.row_mut(y, 2 * (self.left + grid.width));
                    blend_words(&mut row[2 * self.left..], *shift, keep, add);
                }
            }
        }
    }
}

impl<T: Copy + Default> Grid<T> {
    const NONE: Self = Self {
        width: 0,
        keep: Vec::new(),
        add: Vec::new(),
    };

    /// `count` samples that all `keep` what they are.
    fn cleared(mut self, width: usize, count: usize, keep: T) -> Self {
        self.width = width;
        self.keep.clear();
        self.keep.resize(count, keep);
        self.add.clear();
        self.add.resize(count, T::default());
        self
    }

    /// Replaces the samples from `left`, `top` on by those of `part`.
    fn replace(&mut self, (left, top): (usize, usize), part: &Self) {
        let at = top * self.width + left;
        for (all, part_all) in [(&mut self.keep, &part.keep), (&mut self.add, &part.add)] {
            let rows = all.get_mut(at..).unwrap_or_default();
            let rows = rows.chunks_mut(self.width.max(1));
            for (row, part_row) in rows.zip(part_all.chunks_exact(part.width.max(1))) {
                row[..part.width].copy_from_slice(part_row);
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&[T], &[T])> {
        let keep = self.keep.chunks_exact(self.width);
        keep.zip(self.add.chunks_exact(self.width))
    }
}

dispatched! {
    /// What cells of such `cover` and `white` keep of a sample and add to it, given its value in a
    /// white and in a black pixel.
    fn byte_factors<;>(
        cover: &[u8],
        white: &[u8],
        levels: (u32, u32),
        keep: &mut [u8],
        add: &mut [u8],
    ) {
        let cells = cover.iter().zip(white);
        for ((keep, add), (cover, white)) in keep.iter_mut().zip(add).zip(cells) {
            *keep = u8::MAX - cover;
            *add = colour(*cover, *white, levels) as u8;
        }
    }
}

dispatched! {
    /// The same for words.
    fn word_factors<;>(
        cover: &[u8],
        white: &[u8],
        levels: (u32, u32),
        keep: &mut [u16],
        add: &mut [u16],
    ) {
        let cells = cover.iter().zip(white);
        for ((keep, add), (cover, white)) in keep.iter_mut().zip(add).zip(cells) {
            // Rounded down: rounded up, a sum could exceed the greatest sample.
            *keep = (u32::from(u8::MAX - cover) * u32::from(WHOLE) / 255) as u16;
            *add = colour(*cover, *white, levels) as u16;
        }
    }
}

/// What a cell adds to a sample whose value in a white and in a black pixel is given.
#[inline(always)]
fn colour(cover: u8, white: u8, (white_level, black_level): (u32, u32)) -> u32 {
    let sum = white_level * u32::from(white) + black_level * u32::from(cover - white);
    (sum + 127) / 255
}

dispatched! {
    fn blend_bytes<;>(samples: &mut [u8], keep: &[u8], add: &[u8]) {
        for ((sample, &keep), &add) in samples.iter_mut().zip(keep).zip(add) {
            // The exact quotient by 255, rounded.
            let product = u16::from(*sample) * u16::from(keep) + 128;
            *sample = ((product + (product >> 8)) >> 8) as u8 + add;
        }
    }
}

dispatched! {
    fn blend_words<;>(samples: &mut [u8], shift: u32, keep: &[u16], add: &[u16]) {
        let (samples, _) = samples.as_chunks_mut();
        for ((sample, &keep), &add) in samples.iter_mut().zip(keep).zip(add) {
            let product = u32::from(u16::from_le_bytes(*sample) >> shift) * u32::from(keep);
            let kept = (product + u32::from(WHOLE) / 2) >> WHOLE.trailing_zeros();
            *sample = (((kept + u32::from(add)) << shift) as u16).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced::each_level;

    fn channels(plane: usize, offset: usize, count: usize, step: usize) -> Channels {
        Channels {
            plane,
            offset,
            count,
            step,
            cell: (1, 1),
            black: 16,
            white: 235,
        }
    }

    fn chroma(channels: Channels, cell: (usize, usize)) -> Channels {
        Channels {
            cell,
            black: 128,
            white: 128,
            ..channels
        }
    }

    /// A drawing that hides nothing, but for a cell of 2 x 2 pixels from 4, 2 on: white, black and
    /// two halves of white.
    fn drawing() -> Drawing {
        let mut drawing = Drawing {
            left: 2,
            top: 2,
            width: 6,
            height: 4,
            cover: vec![0; 24],
            white: vec![0; 24],
        };
        for (at, cover, white) in [(2, 255, 255), (3, 255, 0), (8, 51, 51), (9, 204, 102)] {
            drawing.cover[at] = cover;
            drawing.white[at] = white;
        }
        drawing
    }

    /// What `drawing` makes of planes of 40-byte rows that hold `value`, as (plane, x, y, value) of
    /// the samples that change.
    fn changes(samples: Samples, value: u16) -> Vec<(usize, usize, usize, u16)> {
        let mut masks = Vec::new();
        render(&mut masks, &samples, &drawing());
        let bytes = &value.to_le_bytes()[..samples.bytes];
        let mut data: [Vec<u8>; 3] = std::array::from_fn(|_| bytes.repeat(400 / samples.bytes));
        let mut planes: Vec<PlaneMut> = data
            .iter_mut()
            .map(|data| PlaneMut { data, stride: 40 })
            .collect();
        for mask in &masks {
            mask.blend(&mut planes);
        }
        let mut changes = Vec::new();
        for (plane, data) in data.iter().enumerate() {
            for (i, sample) in data.chunks_exact(samples.bytes).enumerate() {
                let high = sample.get(1).copied().unwrap_or(0);
                let sample = u16::from_le_bytes([sample[0], high]);
                let width = 40 / samples.bytes;
                if sample != value {
                    changes.push((plane, i % width, i / width, sample));
                }
            }
        }
        changes
    }

    fn bytes(channels: Vec<Channels>) -> Samples {
        Samples {
            bytes: 1,
            shift: 0,
            channels,
        }
    }

    /// 100 under the pixels of the drawing, as luma.
    const LUMA: [u16; 4] = [235, 16, 127, 20 + 94 + 6];

    #[test]
    fn planar() {
        let luma = channels(0, 0, 1, 1);
        let u = chroma(channels(1, 0, 1, 1), (2, 2));
        let v = chroma(channels(2, 0, 1, 1), (2, 2));
        let [a, b, c, d] = LUMA;
        // A quarter of the chroma stays: the covers' mean is 191.
        let expected = [
            (0, 4, 2, a),
            (0, 5, 2, b),
            (0, 4, 3, c),
            (0, 5, 3, d),
            (1, 2, 1, 121),
            (2, 2, 1, 121),
        ];
        assert_eq!(changes(bytes(vec![luma, u, v]), 100), expected);
    }

    #[test]
    fn semi_planar() {
        let chroma = chroma(channels(1, 0, 2, 2), (2, 2));
        let expected = [(1, 4, 1, 121), (1, 5, 1, 121)];
        assert_eq!(changes(bytes(vec![chroma]), 100), expected);
    }

    #[test]
    fn packed_with_half_the_chroma() {
        let (u, v) = (channels(0, 1, 1, 4), channels(0, 3, 1, 4));
        let chroma = |channels| chroma(channels, (2, 1));
        let samples = bytes(vec![channels(0, 0, 1, 2), chroma(u), chroma(v)]);
        let [a, b, c, d] = LUMA;
        let expected = [
            (0, 8, 2, a),
            (0, 9, 2, 128),
            (0, 10, 2, b),
            (0, 11, 2, 128),
            (0, 8, 3, c),
            (0, 9, 3, 114),
            (0, 10, 3, d),
            (0, 11, 3, 114),
        ];
        assert_eq!(changes(samples, 100), expected);
    }

    #[test]
    fn ten_bits_in_either_half() {
        for shift in [0, 6] {
            let luma = Channels {
                black: 64,
                white: 940,
                ..channels(0, 0, 1, 1)
            };
            let samples = Samples {
                bytes: 2,
                shift,
                channels: vec![luma],
            };
            let [a, b, c, d] = [940, 64, 508, 482];
            let expected = [(4, 2, a), (5, 2, b), (4, 3, c), (5, 3, d)];
            let expected = expected.map(|(x, y, value)| (0, x, y, value << shift));
            assert_eq!(changes(samples, 400 << shift), expected);
        }
    }

    #[test]
    fn no_sum_exceeds_the_greatest_sample() {
        for cover in 0..=255 {
            let keep = u8::MAX - cover;
            let mut sample = [255];
            blend_bytes(
                &mut sample,
                &[keep],
                &[colour(cover, cover, (255, 0)) as u8],
            );
            assert_eq!(sample, [255]);
            let keep = (u32::from(keep) * u32::from(WHOLE) / 255) as u16;
            let mut sample = (1023u16 << 6).to_le_bytes();
            blend_words(
                &mut sample,
                6,
                &[keep],
                &[colour(cover, cover, (1023, 0)) as u16],
            );
            assert!(u16::from_le_bytes(sample) >= 1022 << 6);
        }
    }

    #[test]
    fn instruction_sets_agree() {
        let (mut bytes, mut words) = (Vec::new(), Vec::new());
        each_level(|_| {
            let numbers = (0..1001u32).map(|i| i.wrapping_mul(2_654_435_761));
            let keep: Vec<u8> = numbers.clone().map(|n| (n >> 24) as u8).collect();
            let add: Vec<u8> = keep.iter().map(|keep| (255 - keep) / 2).collect();
            let mut samples: Vec<u8> = numbers.clone().map(|n| (n >> 16) as u8).collect();
            blend_bytes(&mut samples, &keep, &add);
            bytes.push(samples);
            let wide = |values: &[u8], by: u16| values.iter().map(|&v| u16::from(v) * by).collect();
            let (keep, add): (Vec<u16>, Vec<u16>) = (wide(&keep, 128), wide(&add, 4));
            let mut samples: Vec<u8> = numbers.flat_map(|n| n.to_le_bytes()).take(2002).collect();
            blend_words(&mut samples, 6, &keep, &add);
            words.push(samples);
        });
        assert!(bytes.iter().all(|samples| *samples == bytes[0]));
        assert!(words.iter().all(|samples| *samples == words[0]));
    }
}
