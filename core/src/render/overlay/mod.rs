//! Heat over the picture's own colours, layout by layout: each sample becomes a share of itself and something that its heat
//! adds.

mod mix;
mod rows;

use std::ops::Range;

use super::style::{Blend, Style};
use crate::frame::colorimetry::Coding;
use crate::frame::layout::PLANES;
use crate::frame::{Chroma, Depth, Geometry, Layout, PlaneMut, Samples};
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
#[cfg(target_arch = "x86_64")]
use crate::simd::table::{Mixes, Number};
use mix::{FRACTION, Mix, PixelMix, SHARE, Table};
use rows::{mix_bytes, mix_chroma, mix_chroma_words, mix_pixels, mix_words};

/// Paints on frames of one geometry.
pub(crate) struct Overlay {
    width: usize,
    white: Option<f64>,
    /// Samples without heat stay as they are.
    leaves_cold: bool,
    kind: Kind,
    /// The same for kernels, for samples of 8 bits.
    #[cfg(target_arch = "x86_64")]
    mixes: Box<Mixes>,
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
            #[cfg(target_arch = "x86_64")]
            mixes: Box::new(Mixes {
                kept: Number::ZERO,
                added: [Number::ZERO; 3],
            }),
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
        let fixed = |value: f64| (value * f64::from(1 << FRACTION)).round() as u32;
        // Not below: half a level would become less than that. All of a sample is rounded to it.
        let share = |value: f64| {
            let share = (value * f64::from(1 << SHARE) - 1e-3).ceil();
            (share as u32).min((1 << SHARE) - 1)
        };
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
                        kept: [(1 << SHARE) - 1; 4],
                        added: [1 << (FRACTION - 1); 4],
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
        #[cfg(target_arch = "x86_64")]
        self.fill_mixes();
    }

    /// What kernels look up.
    #[cfg(target_arch = "x86_64")]
    fn fill_mixes(&mut self) {
        let (kind, mixes) = (&self.kind, &mut self.mixes);
        for index in 0..256 {
            let each = match kind {
                Kind::Packed { offsets, table, .. } => {
                    let PixelMix { kept, added } = table[index];
                    offsets.map(|offset| Mix {
                        kept: kept[offset],
                        added: added[offset],
                    })
                }
                Kind::Planar { tables, .. } | Kind::YCbCr { tables, .. } => {
                    tables.each_ref().map(|table| table[index])
                }
            };
            mixes.kept.set(index, each[0].kept);
            for (added, mix) in mixes.added.iter_mut().zip(each) {
                added.set(index, mix.added);
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
            Kind::Packed {
                bytes,
                table,
                #[cfg(target_arch = "x86_64")]
                offsets,
                ..
            } => {
                for (y, index) in lines() {
                    let row = planes[0].row_mut(y, width * bytes);
                    let index = &index[..width];
                    #[cfg(target_arch = "x86_64")]
                    if let Some(avx512) = Avx512::current() {
                        let mixes = &self.mixes;
                        match bytes {
                            3 => avx512.mix_pixels::<3>(row, index, mixes, *offsets, skip),
                            _ => avx512.mix_pixels::<4>(row, index, mixes, *offsets, skip),
                        }
                        continue;
                    }
                    match bytes {
                        3 => mix_pixels::<3>(row, index, table, skip),
                        _ => mix_pixels::<4>(row, index, table, skip),
                    }
                }
            }
            Kind::Planar { order, tables } => {
                for (y, index) in lines() {
                    for (component, (plane, table)) in order.iter().zip(&**tables).enumerate() {
                        let row = planes[*plane].row_mut(y, width);
                        self.mix_row(row, &index[..width], component, table);
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
                            let row = planes[luma.plane].row_mut(y, width);
                            self.mix_row(row, index, 0, &tables[0]);
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

    /// Mixes a row of samples of 8 bits of a component, beside each other.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(
            unused_variables,
            reason = "kernels are told the component by its number"
        )
    )]
    fn mix_row(&self, row: &mut [u8], index: &[u8], component: usize, table: &Table) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let Mixes { kept, added } = &*self.mixes;
            return avx512.mix_bytes(row, index, kept, &added[component], self.leaves_cold);
        }
        mix_bytes::<1, 0>(row, index, table, self.leaves_cold);
    }

    /// Mixes a row of chroma of 8 bits with two pixels across each sample by a kernel. False where there is none for the layout.
    #[cfg(target_arch = "x86_64")]
    fn mix_halved(
        &self,
        planes: &mut [PlaneMut; PLANES],
        chroma: &Chroma,
        (y, samples): (usize, usize),
        heat: [&[u8]; 2],
    ) -> bool {
        let Some(avx512) = Avx512::current() else {
            return false;
        };
        let (skip, Mixes { kept, added }) = (self.leaves_cold, &*self.mixes);
        let (cb, cr) = (chroma.cb, chroma.cr);
        match (cb.step, cb.plane == cr.plane) {
            (1, false) => {
                for (component, added) in [cb, cr].into_iter().zip(&added[1..]) {
                    let row = planes[component.plane].row_mut(y, samples);
                    avx512.mix_halved(row, heat, kept, added, skip);
                }
                true
            }
            (2, true) => {
                let added = match cb.offset {
                    0 => [&added[1], &added[2]],
                    _ => [&added[2], &added[1]],
                };
                let row = planes[cb.plane].row_mut(y, 2 * samples);
                avx512.mix_halved_pairs(row, heat, kept, added, skip);
                true
            }
            _ => false,
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
            #[cfg(target_arch = "x86_64")]
            if depth == Depth::Eight
                && chroma.halved_x
                && self.mix_halved(planes, chroma, (first + y, samples), heat)
            {
                continue;
            }
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
