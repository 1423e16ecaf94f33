//! Frames of 8 bits painted by kernels for AVX-512, which have their tables in registers.

use super::band::Band;
use super::mix::{Table, fill_mixes};
use crate::frame::{Chroma, Layout, Samples};
use crate::simd::avx512::Avx512;
use crate::simd::table::{Interleaving, Mixes};

/// What kernels look up.
pub(super) struct Kernels {
    avx512: Avx512,
    mixes: Mixes,
    /// Where components lie between each other, and the kernels for halved chroma have no way.
    interleaving: Option<Interleaving>,
}

impl Kernels {
    /// For frames of a layout.
    pub fn new(avx512: Avx512, layout: &Layout) -> Self {
        Self {
            avx512,
            mixes: Mixes::ZERO,
            interleaving: interleaving(layout),
        }
    }

    /// Takes other tables, which keep the same shares for all components.
    pub fn fill(&mut self, tables: &[Table; 3]) {
        fill_mixes(&mut self.mixes, tables);
    }

    /// Paints a band.
    pub fn paint(&self, layout: &Layout, band: &mut Band) {
        let width = band.width;
        match layout {
            Layout::Packed(order) => self.mix_interleaved(0, width * order.bytes(), band),
            Layout::Planar { r, g, b } => {
                for (component, plane) in [r, g, b].into_iter().enumerate() {
                    self.mix_plane(component, *plane, band);
                }
            }
            Layout::YCbCr { samples, .. } => self.paint_samples(samples, band),
        }
    }

    fn paint_samples(&self, samples: &Samples, band: &mut Band) {
        let (luma, width) = (samples.y, band.width);
        if luma.step > 1 {
            // Luma and chroma of a pair of pixels.
            return self.mix_interleaved(luma.plane, width.next_multiple_of(2) * luma.step, band);
        }
        self.mix_plane(0, luma.plane, band);
        let Some(chroma) = &samples.chroma else {
            return;
        };
        let Chroma {
            cb, cr, halved_x, ..
        } = *chroma;
        match (cb.step, halved_x) {
            (1, false) => {
                self.mix_plane(1, cb.plane, band);
                self.mix_plane(2, cr.plane, band);
            }
            (1, true) => self.mix_halved(chroma, band),
            (_, false) => self.mix_interleaved(cb.plane, width * cb.step, band),
            (_, true) => self.mix_halved_pairs(chroma, band),
        }
    }

    /// A component with a sample for each pixel in a plane of its own.
    fn mix_plane(&self, component: usize, plane: usize, band: &mut Band) {
        let (mixes, cold) = (&self.mixes, band.cold);
        band.each_row(plane, band.width, |row, index| {
            self.avx512.mix_bytes(row, index, mixes, component, cold);
        });
    }

    /// All components of a plane of rows of so many bytes.
    fn mix_interleaved(&self, plane: usize, bytes: usize, band: &mut Band) {
        let (mixes, cold) = (&self.mixes, band.cold);
        let Some(interleaving) = &self.interleaving else {
            return;
        };
        band.each_row(plane, bytes, |row, index| {
            self.avx512
                .mix_interleaved(row, index, interleaving, mixes, cold);
        });
    }

    /// Chroma in planes of its own, halved across.
    fn mix_halved(&self, chroma: &Chroma, band: &mut Band) {
        let (mixes, cold) = (&self.mixes, band.cold);
        for (component, found) in [(1, chroma.cb), (2, chroma.cr)] {
            band.each_chroma_row(chroma, found.plane, 1, |row, heat| {
                self.avx512.mix_halved(row, heat, mixes, component, cold);
            });
        }
    }

    /// Chroma in a plane of pairs, halved across.
    fn mix_halved_pairs(&self, chroma: &Chroma, band: &mut Band) {
        let (mixes, cb, cold) = (&self.mixes, chroma.cb, band.cold);
        let components = match cb.offset {
            0 => [1, 2],
            _ => [2, 1],
        };
        band.each_chroma_row(chroma, cb.plane, cb.step, |row, heat| {
            self.avx512
                .mix_halved_pairs(row, heat, mixes, components, cold);
        });
    }
}

/// How components lie between each other; none where each has a plane, or kernels of their own.
fn interleaving(layout: &Layout) -> Option<Interleaving> {
    match layout {
        Layout::Packed(order) => {
            let bytes = order.bytes();
            let component = |byte| order.offsets().iter().position(|offset| *offset == byte);
            Some(Interleaving::new(bytes, |at| {
                (at / bytes, component(at % bytes))
            }))
        }
        Layout::Planar { .. } => None,
        Layout::YCbCr { samples, .. } => {
            let luma = samples.y;
            let chroma = samples.chroma?;
            let differences = [chroma.cb, chroma.cr];
            let component = |byte| differences.iter().position(|found| found.offset == byte);
            match (luma.step, differences[0].step) {
                (1, 1) => None,
                (1, pair) => Some(Interleaving::new(pair, |at| {
                    (at / pair, component(at % pair).map(|found| 1 + found))
                })),
                // The first of two pixels has the heat of what they share.
                (step, group) => Some(Interleaving::new(step, |at| match component(at % group) {
                    Some(found) => (at / group * (group / step), Some(1 + found)),
                    None => (at / step, Some(0)),
                })),
            }
        }
    }
}
