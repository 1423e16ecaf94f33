//! A drawing in the samples of a plane.

use super::channels::{Channels, Samples};
use super::drawing::Drawing;
use crate::picture::simd::dispatched;
use crate::picture::view::PlaneMut;

/// What a drawing does to one plane of a frame: each sample of a rectangle becomes
/// `sample * keep + add`, which for samples that are no channel is the sample itself.
pub(super) struct Stamp {
    plane: usize,
    /// First row of the rectangle, and its first byte in a row.
    top: usize,
    start: usize,
    factors: Factors,
}

/// `keep` and `add` of the samples of a rectangle, row by row, `width` samples each.
enum Factors {
    /// For 8 bits; `keep` in 1/255.
    Bytes {
        width: usize,
        keep: Vec<u8>,
        add: Vec<u8>,
    },
    /// For up to 15 bits that `shift` unused bits follow; `keep` in 1/[`WHOLE`].
    Words {
        width: usize,
        shift: u32,
        keep: Vec<u16>,
        add: Vec<u16>,
    },
}

/// A `keep` of 1, for words.
const WHOLE: u16 = 1 << 15;

/// The stamps that put `drawing` on a frame of such `samples`, one a plane.
pub(super) fn stamps(samples: &Samples, drawing: &Drawing) -> Vec<Stamp> {
    let mut stamps: Vec<Stamp> = Vec::new();
    let mut cells = Cells::new(drawing, (1, 1));
    for channels in &samples.channels {
        if cells.size != channels.cell {
            cells = Cells::new(drawing, channels.cell);
        }
        match stamps
            .iter_mut()
            .find(|stamp| stamp.plane == channels.plane)
        {
            Some(stamp) => stamp.fill(channels, &cells),
            None => {
                let mut stamp = Stamp::neutral(samples, channels, drawing);
                stamp.fill(channels, &cells);
                stamps.push(stamp);
            }
        }
    }
    stamps
}

/// A drawing whose pixels are averaged over cells.
struct Cells {
    /// Pixels of a cell, across and down.
    size: (usize, usize),
    cover: Vec<u8>,
    white: Vec<u8>,
}

impl Cells {
    fn new(drawing: &Drawing, size: (usize, usize)) -> Self {
        let average = |pixels: &[u8]| match size {
            (1, 1) => pixels.to_vec(),
            _ => averages(pixels, drawing.width, size),
        };
        Self {
            size,
            cover: average(&drawing.cover),
            white: average(&drawing.white),
        }
    }
}

/// Averages, over cells of at most 2 x 2 pixels, of rows of `width` pixels. They are those of the
/// cell's four corners, some of which are the same where the cell is narrower or lower.
fn averages(pixels: &[u8], width: usize, (across, down): (usize, usize)) -> Vec<u8> {
    let mut averages = Vec::with_capacity(pixels.len() / (across * down));
    let corners = |cell: &[u8]| u16::from(cell[0]) + u16::from(cell[across - 1]);
    for rows in pixels.chunks_exact(width * down) {
        let (upper, lower) = (&rows[..width], &rows[rows.len() - width..]);
        let cells = upper.chunks_exact(across).zip(lower.chunks_exact(across));
        averages
            .extend(cells.map(|(upper, lower)| ((corners(upper) + corners(lower) + 2) / 4) as u8));
    }
    averages
}

impl Stamp {
    /// A stamp that changes nothing, on the plane of `channels`.
    fn neutral(samples: &Samples, channels: &Channels, drawing: &Drawing) -> Self {
        let (across, down) = channels.cell;
        let width = drawing.width / across * channels.step;
        let count = width * (drawing.height / down);
        Self {
            plane: channels.plane,
            top: drawing.top / down,
            start: drawing.left / across * channels.step * samples.bytes,
            factors: match samples.bytes {
                1 => Factors::Bytes {
                    width,
                    keep: vec![u8::MAX; count],
                    add: vec![0; count],
                },
                _ => Factors::Words {
                    width,
                    shift: samples.shift,
                    keep: vec![WHOLE; count],
                    add: vec![0; count],
                },
            },
        }
    }

    fn fill(&mut self, channels: &Channels, cells: &Cells) {
        let add = cells.cover.iter().zip(&cells.white);
        let add = add.map(|(&cover, &white)| channels.colour(cover, white));
        match &mut self.factors {
            Factors::Bytes {
                keep: k, add: a, ..
            } => {
                let keep: Vec<u8> = cells.cover.iter().map(|cover| u8::MAX - cover).collect();
                let add: Vec<u8> = add.map(|add| add as u8).collect();
                channels.spread(&keep, k);
                channels.spread(&add, a);
            }
            Factors::Words {
                keep: k, add: a, ..
            } => {
                // Rounded down: rounded up, a sum could exceed the greatest sample.
                let keep = cells
                    .cover
                    .iter()
                    .map(|&cover| (u32::from(u8::MAX - cover) * u32::from(WHOLE) / 255) as u16);
                let keep: Vec<u16> = keep.collect();
                let add: Vec<u16> = add.collect();
                channels.spread(&keep, k);
                channels.spread(&add, a);
            }
        }
    }

    /// Does from here on to a part of the rectangle what `part` does to it, a stamp on the same plane.
    pub fn replace(&mut self, part: &Self) {
        let (top, start) = (part.top - self.top, part.start - self.start);
        match (&mut self.factors, &part.factors) {
            (
                Factors::Bytes { width, keep, add },
                Factors::Bytes {
                    width: part_width,
                    keep: part_keep,
                    add: part_add,
                },
            ) => {
                let at = top * *width + start;
                replace_rows(keep, *width, at, part_keep, *part_width);
                replace_rows(add, *width, at, part_add, *part_width);
            }
            (
                Factors::Words {
                    width, keep, add, ..
                },
                Factors::Words {
                    width: part_width,
                    keep: part_keep,
                    add: part_add,
                    ..
                },
            ) => {
                let at = top * *width + start / 2;
                replace_rows(keep, *width, at, part_keep, *part_width);
                replace_rows(add, *width, at, part_add, *part_width);
            }
            _ => unreachable!("samples of one plane have one size"),
        }
    }

    /// Stamps the frame in `planes`.
    pub fn press(&self, planes: &mut [PlaneMut]) {
        let plane = &mut planes[self.plane];
        match &self.factors {
            Factors::Bytes { width, keep, add } => {
                let factors = keep.chunks_exact(*width).zip(add.chunks_exact(*width));
                for (y, (keep, add)) in (self.top..).zip(factors) {
                    let row = plane.row_mut(y, self.start + width);
                    blend_bytes(&mut row[self.start..], keep, add);
                }
            }
            Factors::Words {
                width,
                shift,
                keep,
                add,
            } => {
                let factors = keep.chunks_exact(*width).zip(add.chunks_exact(*width));
                for (y, (keep, add)) in (self.top..).zip(factors) {
                    let row = plane.row_mut(y, self.start + 2 * width);
                    blend_words(&mut row[self.start..], *shift, keep, add);
                }
            }
        }
    }
}

/// Copies rows of `part_width` values to rows of `width` values from `at` on.
fn replace_rows<T: Copy>(rows: &mut [T], width: usize, at: usize, part: &[T], part_width: usize) {
    let rows = rows.get_mut(at..).unwrap_or_default().chunks_mut(width);
    for (row, part) in rows.zip(part.chunks_exact(part_width.max(1))) {
        row[..part_width].copy_from_slice(part);
    }
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
    use crate::picture::simd::forced::each_level;

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
        let stamps = stamps(&samples, &drawing());
        let bytes = &value.to_le_bytes()[..samples.bytes];
        let mut data: [Vec<u8>; 3] = std::array::from_fn(|_| bytes.repeat(400 / samples.bytes));
        let mut planes: Vec<PlaneMut> = data
            .iter_mut()
            .map(|data| PlaneMut { data, stride: 40 })
            .collect();
        for stamp in &stamps {
            stamp.press(&mut planes);
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
        let channels = |white| Channels {
            black: 0,
            white,
            ..channels(0, 0, 1, 1)
        };
        for cover in 0..=255 {
            let keep = u8::MAX - cover;
            let mut sample = [255];
            blend_bytes(
                &mut sample,
                &[keep],
                &[channels(255).colour(cover, cover) as u8],
            );
            assert_eq!(sample, [255]);
            let keep = (u32::from(keep) * u32::from(WHOLE) / 255) as u16;
            let mut sample = (1023u16 << 6).to_le_bytes();
            blend_words(
                &mut sample,
                6,
                &[keep],
                &[channels(1023).colour(cover, cover)],
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
