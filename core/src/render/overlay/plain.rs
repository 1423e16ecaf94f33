//! Frames of 8 bits painted by look-ups in memory.

use super::band::Band;
use super::mix::{Bytes, Sums, Table, fill_bytes, fill_sums};
use super::rows::{mix_bytes, mix_chroma, mix_pixels};
use crate::frame::{Chroma, Layout, Samples};

/// What is looked up.
pub(super) struct Plain {
    /// Of red, green and blue, or of luma.
    bytes: Vec<Bytes>,
    /// Of blue and red difference.
    sums: Vec<Sums>,
}

impl Plain {
    /// For frames of a layout.
    pub fn new(layout: &Layout) -> Self {
        let (bytes, sums) = match layout {
            Layout::Packed(_) | Layout::Planar { .. } => (3, 0),
            Layout::YCbCr { .. } => (1, 2),
        };
        Self {
            bytes: vec![[[0; 256]; 256]; bytes],
            sums: vec![[[0; 256]; 256]; sums],
        }
    }

    /// Takes other tables.
    pub fn fill(&mut self, tables: &[Table; 3]) {
        for (bytes, table) in self.bytes.iter_mut().zip(tables) {
            fill_bytes(bytes, table);
        }
        for (sums, table) in self.sums.iter_mut().zip(&tables[1..]) {
            fill_sums(sums, table);
        }
    }

    /// Paints a band.
    pub fn paint(&self, layout: &Layout, band: &mut Band) {
        let (width, skip) = (band.width, band.skip);
        match layout {
            Layout::Packed(order) => {
                let (bytes, offsets) = (order.bytes(), order.offsets());
                let first = offsets.into_iter().fold(bytes, usize::min);
                let mut in_order = [&self.bytes[0]; 3];
                for (component, offset) in self.bytes.iter().zip(offsets) {
                    in_order[offset - first] = component;
                }
                band.each_row(0, width * bytes, |row, index| match (bytes, first) {
                    (3, _) => mix_pixels::<3, 0>(row, index, in_order, skip),
                    (_, 0) => mix_pixels::<4, 0>(row, index, in_order, skip),
                    (_, _) => mix_pixels::<4, 1>(row, index, in_order, skip),
                });
            }
            Layout::Planar { r, g, b } => {
                for (plane, bytes) in [r, g, b].into_iter().zip(&self.bytes) {
                    band.each_row(*plane, width, |row, index| {
                        mix_bytes::<1>(row, index, 0, bytes, skip);
                    });
                }
            }
            Layout::YCbCr { samples, .. } => self.paint_samples(samples, band),
        }
    }

    fn paint_samples(&self, samples: &Samples, band: &mut Band) {
        let (luma, skip) = (samples.y, band.skip);
        let bytes = match luma.step {
            1 => band.width,
            step => band.width.next_multiple_of(2) * step,
        };
        band.each_row(luma.plane, bytes, |row, index| match luma.step {
            1 => mix_bytes::<1>(row, index, 0, &self.bytes[0], skip),
            _ => mix_bytes::<2>(row, index, luma.offset, &self.bytes[0], skip),
        });
        let Some(chroma) = &samples.chroma else {
            return;
        };
        let Chroma { cb, cr, .. } = *chroma;
        for (component, sums) in [cb, cr].into_iter().zip(&self.sums) {
            let mix = match (component.step, chroma.halved_x) {
                (1, true) => mix_chroma::<1, 2>,
                (1, false) => mix_chroma::<1, 1>,
                (2, true) => mix_chroma::<2, 2>,
                (2, false) => mix_chroma::<2, 1>,
                (_, true) => mix_chroma::<4, 2>,
                (_, false) => mix_chroma::<4, 1>,
            };
            band.each_chroma_row(chroma, component.plane, component.step, |row, heat| {
                mix(row, heat, component.offset, sums, skip);
            });
        }
    }
}
