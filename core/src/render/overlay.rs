//! Heat over the picture's own colours, layout by layout: each sample becomes a share of itself and something that its heat
//! adds.

use std::ops::Range;

use super::style::{Blend, Style};
use crate::frame::colorimetry::Coding;
use crate::frame::layout::PLANES;
use crate::frame::{Chroma, Depth, Geometry, Layout, PlaneMut, Samples};
use crate::luma::tiles::COLUMNS;
use crate::simd::dispatched;

/// Bits after the point of shares and of what is added: a sample of 10 bits leaves one to spare.
const FRACTION: u32 = 20;

/// What becomes of a sample at one heat: `(sample * kept + added) >> FRACTION`.
#[derive(Clone, Copy, Default)]
struct Mix {
    kept: u32,
    added: u32,
}

/// The same for the bytes of a pixel.
#[derive(Clone, Copy, Default)]
struct PixelMix {
    kept: [u32; 4],
    added: [u32; 4],
}

type Table = [Mix; 256];

/// Paints on frames of one geometry.
pub(crate) struct Overlay {
    width: usize,
    white: Option<f64>,
    /// Samples without heat stay as they are.
    leaves_cold: bool,
    kind: Kind,
}

enum Kind {
    Packed {
        bytes: usize,
        /// Red, green and blue among the bytes of a pixel.
        offsets: [usize; 3],
        table: Box<[PixelMix; 256]>,
    },
    Planar {
        /// Planes of red, green and blue.
        order: [usize; 3],
        tables: Box<[Table; 3]>,
    },
    YCbCr {
        samples: Samples,
        coding: Coding,
        /// Of luma, blue and red difference.
        tables: Box<[Table; 3]>,
    },
}

impl Overlay {
    /// For frames whose white takes a share of the codes, all of them where it is not given.
    pub fn new(geometry: &Geometry, white: Option<f64>) -> Self {
        let tables = || Box::new([[Mix::default(); 256]; 3]);
        Self {
            width: geometry.width,
            white,
            leaves_cold: true,
            kind: match geometry.layout {
                Layout::Packed(order) => Kind::Packed {
                    bytes: order.bytes(),
                    offsets: order.offsets(),
                    table: Box::new([PixelMix::default(); 256]),
                },
                Layout::Planar { r, g, b } => Kind::Planar {
                    order: [r, g, b],
                    tables: tables(),
                },
                Layout::YCbCr { samples, encoding } => Kind::YCbCr {
                    samples,
                    coding: Coding::new(encoding, samples.depth),
                    tables: tables(),
                },
            },
        }
    }

    /// Whether a frame without heat stays as it is.
    pub fn leaves_cold(&self) -> bool {
        self.leaves_cold
    }

    /// Prepares for a style.
    pub fn set_style(&mut self, style: &Style) {
        let blend = style.blend;
        let opacity = style.opacity.clamp(0.0, 1.0);
        self.leaves_cold = blend != Blend::Mask;
        let unit = f64::from(1 << FRACTION);
        let fixed = |value: f64| (value * unit).round() as u32;
        // Not below: half a level would become less than that.
        let share = |value: f64| (value * unit - 1e-6).ceil() as u32;
        // Samples of value `cold` are black or without colour, and stay so.
        let mix = |index: usize, colour: f64, cold: f64| {
            let kept = blend.kept(index, style.colormap.strength(index), opacity);
            let toward = if blend == Blend::Mask { cold } else { colour };
            Mix {
                kept: share(kept),
                added: fixed((1.0 - kept) * toward) + (1 << (FRACTION - 1)),
            }
        };
        let white = self.white;
        let colours = style.colormap.rgb().iter().enumerate();
        match &mut self.kind {
            Kind::Packed { offsets, table, .. } => {
                for (index, rgb) in colours {
                    let mut pixel = PixelMix {
                        kept: [1 << FRACTION; 4],
                        added: [0; 4],
                    };
                    for (colour, offset) in rgb.iter().zip(*offsets) {
                        let mix = mix(index, colour * white.unwrap_or(1.0), 0.0);
                        (pixel.kept[offset], pixel.added[offset]) = (mix.kept, mix.added);
                    }
                    table[index] = pixel;
                }
            }
            Kind::Planar { tables, .. } => {
                for (index, rgb) in colours {
                    for (table, colour) in tables.iter_mut().zip(rgb) {
                        table[index] = mix(index, colour * white.unwrap_or(1.0), 0.0);
                    }
                }
            }
            Kind::YCbCr { coding, tables, .. } => {
                let of_white = coding.with_white(white);
                for (index, &rgb) in colours {
                    let luma = of_white.black + of_white.luma(rgb) / 255.0 * of_white.luma_range;
                    tables[0][index] = mix(index, luma, coding.black);
                    for (table, difference) in tables[1..].iter_mut().zip(of_white.chroma(rgb)) {
                        let code = coding.neutral + difference / 255.0 * of_white.chroma_range;
                        let code = code.clamp(0.0, coding.largest);
                        table[index] = mix(index, code, coding.neutral);
                    }
                }
            }
        }
    }

    /// Paints the rows `rows` of a band whose planes are given; `index` has their heat indices in rows of `stride`.
    pub fn paint(
        &self,
        planes: &mut [PlaneMut; PLANES],
        rows: Range<usize>,
        index: &[u8],
        stride: usize,
    ) {
        let (width, skip) = (self.width, self.leaves_cold);
        let lines = || rows.clone().zip(index.chunks_exact(stride));
        match &self.kind {
            Kind::Packed { bytes, table, .. } => {
                for (y, index) in lines() {
                    let row = planes[0].row_mut(y, width * bytes);
                    match bytes {
                        3 => mix_pixels::<3>(row, &index[..width], table, skip),
                        _ => mix_pixels::<4>(row, &index[..width], table, skip),
                    }
                }
            }
            Kind::Planar { order, tables } => {
                for (y, index) in lines() {
                    for (plane, table) in order.iter().zip(&**tables) {
                        let row = planes[*plane].row_mut(y, width);
                        mix_bytes::<1, 0>(row, &index[..width], table, skip);
                    }
                }
            }
            Kind::YCbCr {
                samples, tables, ..
            } => {
                let (luma, depth) = (samples.y, samples.depth);
                for (y, index) in lines() {
                    let index = &index[..width];
                    match (depth, luma.step, luma.offset) {
                        (Depth::Eight, 1, _) => {
                            mix_bytes::<1, 0>(
                                planes[luma.plane].row_mut(y, width),
                                index,
                                &tables[0],
                                skip,
                            );
                        }
                        (Depth::Eight, _, offset) => {
                            let row = planes[luma.plane].row_mut(y, width.next_multiple_of(2) * 2);
                            match offset {
                                0 => mix_bytes::<2, 0>(row, index, &tables[0], skip),
                                _ => mix_bytes::<2, 1>(row, index, &tables[0], skip),
                            }
                        }
                        (Depth::TenLow, ..) => {
                            mix_words::<0>(
                                planes[luma.plane].row_mut(y, width * 2),
                                index,
                                &tables[0],
                                skip,
                            );
                        }
                        (Depth::TenHigh, ..) => {
                            mix_words::<6>(
                                planes[luma.plane].row_mut(y, width * 2),
                                index,
                                &tables[0],
                                skip,
                            );
                        }
                    }
                }
                if let Some(chroma) = &samples.chroma {
                    let index = &index[..rows.len() * stride];
                    self.paint_chroma(planes, (chroma, depth), rows.start, index, stride);
                }
            }
        }
    }

    /// Paints the chroma of rows from row `first` of a band on, whose heat indices are given.
    fn paint_chroma(
        &self,
        planes: &mut [PlaneMut; PLANES],
        (chroma, depth): (&Chroma, Depth),
        first: usize,
        index: &[u8],
        stride: usize,
    ) {
        let Kind::YCbCr { tables, .. } = &self.kind else {
            return;
        };
        let line = |y: usize| &index[y * stride..][..stride];
        let rows = index.len() / stride;
        let (samples, height) = chroma.size(self.width, rows);
        let (_, first) = chroma.size(self.width, first);
        let every = 1 + usize::from(chroma.halved_x);
        for y in 0..height {
            let heat = if chroma.halved_y {
                [line(2 * y), line((2 * y + 1).min(rows - 1))]
            } else {
                [line(y); 2]
            };
            for (component, table) in [chroma.cb, chroma.cr].into_iter().zip(&tables[1..]) {
                let bytes = samples * component.step * depth.bytes();
                let row = planes[component.plane].row_mut(first + y, bytes);
                let row = &mut row[component.offset * depth.bytes()..];
                let mix = match (depth, component.step) {
                    (Depth::Eight, 1) => mix_chroma::<1>,
                    (Depth::Eight, 2) => mix_chroma::<2>,
                    (Depth::Eight, _) => mix_chroma::<4>,
                    (Depth::TenLow, 1) => mix_chroma_words::<1, 0>,
                    (Depth::TenLow, _) => mix_chroma_words::<2, 0>,
                    (Depth::TenHigh, 1) => mix_chroma_words::<1, 6>,
                    (Depth::TenHigh, _) => mix_chroma_words::<2, 6>,
                };
                mix(row, heat, every, samples, table, self.leaves_cold);
            }
        }
    }
}

/// Whether none of a run of pixels has heat.
#[inline(always)]
fn is_cold(index: &[u8]) -> bool {
    index.iter().fold(0, |any, index| any | index) == 0
}

dispatched! {
    /// Every `STEP`th byte from `OFFSET` on.
    fn mix_bytes<STEP: usize, OFFSET: usize;>(row: &mut [u8], index: &[u8], table: &Table, skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * STEP).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (sample, index) in row.as_chunks_mut::<STEP>().0.iter_mut().zip(index) {
                let Mix { kept, added } = table[usize::from(*index)];
                sample[OFFSET] = ((u32::from(sample[OFFSET]) * kept + added) >> FRACTION) as u8;
            }
        }
    }
}

dispatched! {
    /// Samples of 10 bits.
    fn mix_words<SHIFT: u32;>(row: &mut [u8], index: &[u8], table: &Table, skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * 2).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (sample, index) in row.as_chunks_mut::<2>().0.iter_mut().zip(index) {
                let Mix { kept, added } = table[usize::from(*index)];
                // Unused bits may hold anything.
                let code = u32::from(u16::from_le_bytes(*sample) >> SHIFT).min(1023);
                *sample = (((code * kept + added) >> FRACTION << SHIFT) as u16).to_le_bytes();
            }
        }
    }
}

dispatched! {
    fn mix_pixels<BYTES: usize;>(row: &mut [u8], index: &[u8], table: &[PixelMix; 256], skip: bool) {
        for (row, index) in row.chunks_mut(COLUMNS * BYTES).zip(index.chunks(COLUMNS)) {
            if skip && is_cold(index) {
                continue;
            }
            for (pixel, index) in row.as_chunks_mut::<BYTES>().0.iter_mut().zip(index) {
                let PixelMix { kept, added } = &table[usize::from(*index)];
                let mut bytes = [0; 4];
                bytes[..BYTES].copy_from_slice(pixel);
                for byte in 0..4 {
                    let mixed = u32::from(bytes[byte]) * kept[byte] + added[byte];
                    bytes[byte] = (mixed >> FRACTION) as u8;
                }
                pixel.copy_from_slice(&bytes[..BYTES]);
            }
        }
    }
}

/// What becomes of a sample of chroma between two heats.
#[inline(always)]
fn between(sample: u32, table: &Table, above: u8, below: u8) -> u32 {
    let (a, b) = (table[usize::from(above)], table[usize::from(below)]);
    (sample * (a.kept + b.kept) + a.added + b.added) >> (FRACTION + 1)
}

dispatched! {
    /// The first of each `STEP` bytes: `count` samples, each of which has `every` pixels of the row above and below.
    fn mix_chroma<STEP: usize;>(
        row: &mut [u8],
        heat: [&[u8]; 2],
        every: usize,
        count: usize,
        table: &Table,
        skip: bool,
    ) {
        const RUN: usize = COLUMNS / 2;
        let mut left = count;
        let heat = heat[0].chunks(RUN * every).zip(heat[1].chunks(RUN * every));
        for (row, (above, below)) in row.chunks_mut(RUN * STEP).zip(heat) {
            let count = left.min(RUN);
            left -= count;
            if skip && is_cold(above) && is_cold(below) {
                continue;
            }
            let heat = above.iter().step_by(every).zip(below.iter().step_by(every));
            let samples = row.iter_mut().step_by(STEP).take(count);
            for (sample, (&above, &below)) in samples.zip(heat) {
                *sample = between(u32::from(*sample), table, above, below) as u8;
            }
        }
    }
}

dispatched! {
    /// The same of words.
    fn mix_chroma_words<STEP: usize, SHIFT: u32;>(
        row: &mut [u8],
        heat: [&[u8]; 2],
        every: usize,
        count: usize,
        table: &Table,
        skip: bool,
    ) {
        const RUN: usize = COLUMNS / 2;
        let mut left = count;
        let heat = heat[0].chunks(RUN * every).zip(heat[1].chunks(RUN * every));
        for (row, (above, below)) in row.chunks_mut(RUN * STEP * 2).zip(heat) {
            let count = left.min(RUN);
            left -= count;
            if skip && is_cold(above) && is_cold(below) {
                continue;
            }
            let heat = above.iter().step_by(every).zip(below.iter().step_by(every));
            let samples = row.as_chunks_mut::<2>().0.iter_mut().step_by(STEP).take(count);
            for (sample, (&above, &below)) in samples.zip(heat) {
                let code = u32::from(u16::from_le_bytes(*sample) >> SHIFT).min(1023);
                let mixed = between(code, table, above, below) << SHIFT;
                *sample = (mixed as u16).to_le_bytes();
            }
        }
    }
}
