//! Heat over the picture's own colours, layout by layout: each sample becomes a share of itself and something that its heat
//! adds.

mod band;
#[cfg(target_arch = "x86_64")]
mod kernels;
mod mix;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod native;
mod plain;
mod rows;
mod words;

use std::ops::Range;

use super::colormap::LEVELS;
use super::style::{Blend, Style};
use crate::frame::colorimetry::Coding;
use crate::frame::layout::PLANES;
use crate::frame::{Depth, Geometry, Layout, PlaneMut, Samples};
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
use crate::simd::table::Cold;
use band::Band;
#[cfg(target_arch = "x86_64")]
use kernels::Kernels;
use mix::{FRACTION, Mix, SHARE, Table};
use plain::Plain;

/// Paints on frames of one geometry.
pub(crate) struct Overlay {
    width: usize,
    white: Option<f64>,
    /// What becomes of samples without heat.
    cold: Cold,
    layout: Layout,
    /// Of red, green and blue, or of luma, blue and red difference.
    tables: Box<[Table; 3]>,
    way: Way,
}

/// How samples are mixed.
enum Way {
    Plain(Plain),
    #[cfg(target_arch = "x86_64")]
    Kernels(Box<Kernels>),
    /// Of 10 bits.
    Words(Samples),
}

impl Way {
    fn new(layout: &Layout) -> Self {
        if let Layout::YCbCr { samples, .. } = layout
            && samples.depth != Depth::Eight
        {
            return Self::Words(*samples);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            return Self::Kernels(Box::new(Kernels::new(avx512, layout)));
        }
        Self::Plain(Plain::new(layout))
    }

    /// Takes other tables.
    fn fill(&mut self, tables: &[Table; 3]) {
        match self {
            Self::Plain(plain) => plain.fill(tables),
            #[cfg(target_arch = "x86_64")]
            Self::Kernels(kernels) => kernels.fill(tables),
            Self::Words(_) => {}
        }
    }
}

impl Overlay {
    /// For frames whose white takes a share of the codes, all of them where it is not given.
    pub fn new(geometry: &Geometry, white: Option<f64>) -> Self {
        Self {
            width: geometry.width,
            white,
            cold: Cold::Kept,
            layout: geometry.layout,
            tables: Box::new([[Mix::default(); 256]; 3]),
            way: Way::new(&geometry.layout),
        }
    }

    /// Whether a frame without heat stays as it is.
    pub fn leaves_cold(&self) -> bool {
        self.cold == Cold::Kept
    }

    /// Prepares for a style, in which `heat` says the heat of each index of rows that are painted.
    pub fn set_style(&mut self, style: &Style, heat: impl Fn(usize) -> usize) {
        let blend = style.blend;
        let opacity = style.opacity.clamp(0.0, 1.0);
        let fixed = |value: f64| (value * f64::from(1 << FRACTION)).round() as u32;
        // Not below: half a level would become less than that. All of a sample is rounded to it.
        let share = |value: f64| {
            let share = (value * f64::from(1 << SHARE) - 1e-3).ceil();
            (share as u32).min((1 << SHARE) - 1)
        };
        // Samples of value `cold` are black or without colour, and stay so.
        let mix = |index: usize, colour: f64, cold: f64| {
            let heat = heat(index);
            let kept = blend.kept(heat, style.colormap.strength(heat), opacity);
            let toward = if blend == Blend::Mask { cold } else { colour };
            Mix {
                kept: share(kept),
                added: fixed((1.0 - kept) * toward) + (1 << (FRACTION - 1)),
            }
        };
        let white = self.white;
        let rgb = style.colormap.rgb();
        let colours = (0..LEVELS).map(|index| (index, rgb[heat(index)]));
        match self.layout {
            Layout::Packed(_) | Layout::Planar { .. } => {
                for (index, rgb) in colours {
                    for (table, colour) in self.tables.iter_mut().zip(rgb) {
                        table[index] = mix(index, colour * white.unwrap_or(1.0), 0.0);
                    }
                }
            }
            Layout::YCbCr { samples, encoding } => {
                let coding = Coding::new(encoding, samples.depth);
                let of_white = coding.with_white(white);
                let [luma_table, chroma_tables @ ..] = &mut *self.tables;
                for (index, rgb) in colours {
                    let luma = of_white.black + of_white.luma(rgb) / 255.0 * of_white.luma_range;
                    luma_table[index] = mix(index, luma, coding.black);
                    for (table, difference) in chroma_tables.iter_mut().zip(of_white.chroma(rgb)) {
                        let code = coding.neutral + difference / 255.0 * of_white.chroma_range;
                        let code = code.clamp(0.0, coding.largest);
                        table[index] = mix(index, code, coding.neutral);
                    }
                }
            }
        }
        self.cold = match blend {
            Blend::Mask if self.tables.iter().all(|table| table[0].kept == 0) => Cold::Filled,
            Blend::Mask => Cold::Mixed,
            Blend::Colour | Blend::Contour | Blend::Darkened => Cold::Kept,
        };
        self.way.fill(&self.tables);
    }

    /// Paints the rows `rows` of a band whose planes are given; `index` has their heat indices in rows of `stride`.
    pub fn paint(
        &self,
        planes: &mut [PlaneMut; PLANES],
        rows: Range<usize>,
        index: &[u8],
        stride: usize,
    ) {
        let mut band = Band {
            planes,
            index: &index[..rows.len() * stride],
            rows,
            width: self.width,
            stride,
            cold: self.cold,
        };
        match &self.way {
            Way::Plain(plain) => plain.paint(&self.layout, &mut band),
            #[cfg(target_arch = "x86_64")]
            Way::Kernels(kernels) => kernels.paint(&self.layout, &mut band),
            Way::Words(samples) => words::paint(&self.tables, samples, &mut band),
        }
    }
}
