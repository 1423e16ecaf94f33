//! Frames of 8 bits painted by look-ups in memory, after as many whole registers as kernels for AVX2 and NEON take.

use super::band::Band;
use super::mix::{Bytes, Sums, Table, fill_bytes, fill_sums};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::native::Registers;
use super::rows::{mix_bytes, mix_chroma, mix_pixels};
use crate::frame::{Chroma, Layout, Samples};

/// What is looked up.
pub(super) struct Plain {
    /// Of red, green and blue, or of luma.
    bytes: Vec<Bytes>,
    /// Of blue and red difference.
    sums: Vec<Sums>,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    registers: Option<Registers>,
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
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            registers: Registers::new(),
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
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(registers) = &mut self.registers {
            registers.fill(tables);
        }
    }

    /// Paints a band.
    pub fn paint(&self, layout: &Layout, band: &mut Band) {
        let (width, cold) = (band.width, band.cold);
        match layout {
            Layout::Packed(order) => {
                let (bytes, offsets) = (order.bytes(), order.offsets());
                let first = offsets.into_iter().fold(bytes, usize::min);
                let mut in_order = [&self.bytes[0]; 3];
                for (component, offset) in self.bytes.iter().zip(offsets) {
                    in_order[offset - first] = component;
                }
                band.each_row(0, width * bytes, |row, index| match (bytes, first) {
                    (3, _) => mix_pixels::<3, 0>(row, index, in_order, cold),
                    (_, 0) => mix_pixels::<4, 0>(row, index, in_order, cold),
                    (_, _) => mix_pixels::<4, 1>(row, index, in_order, cold),
                });
            }
            Layout::Planar { r, g, b } => {
                for (component, plane) in [r, g, b].into_iter().enumerate() {
                    self.mix_plane(component, *plane, band);
                }
            }
            Layout::YCbCr { samples, .. } if samples.y.step > 1 => self.mix_packed(samples, band),
            Layout::YCbCr { samples, .. } => {
                self.mix_plane(0, samples.y.plane, band);
                if let Some(chroma) = &samples.chroma {
                    self.mix_chroma(chroma, band);
                }
            }
        }
    }

    /// A component with a sample for each pixel in a plane of its own.
    fn mix_plane(&self, component: usize, plane: usize, band: &mut Band) {
        let (bytes, cold) = (&self.bytes[component], band.cold);
        band.each_row(plane, band.width, |row, index| {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            let done = match &self.registers {
                Some(registers) => registers.mix_bytes(row, index, component, cold),
                None => 0,
            };
            #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
            let done = 0;
            mix_bytes::<1>(&mut row[done..], &index[done..], 0, bytes, cold);
        });
    }

    /// Luma and chroma, which take turns.
    fn mix_packed(&self, samples: &Samples, band: &mut Band) {
        let Samples { y: luma, .. } = *samples;
        let (cold, bytes) = (band.cold, band.width.next_multiple_of(2) * luma.step);
        band.each_row(luma.plane, bytes, |row, index| {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            let done = match &self.registers {
                Some(registers) => registers.mix_packed(row, index, samples, cold),
                None => 0,
            };
            #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
            let done = 0;
            let (row, index) = (&mut row[luma.step * done..], &index[done..]);
            mix_bytes::<2>(row, index, luma.offset, &self.bytes[0], cold);
            let differences = samples
                .chroma
                .iter()
                .flat_map(|chroma| [chroma.cb, chroma.cr]);
            for (component, sums) in differences.zip(&self.sums) {
                mix_chroma::<4, 2>(row, [index; 2], component.offset, sums, cold);
            }
        });
    }

    /// Chroma in planes apart from luma.
    fn mix_chroma(&self, chroma: &Chroma, band: &mut Band) {
        let Chroma {
            cb, cr, halved_x, ..
        } = *chroma;
        let cold = band.cold;
        let mix = match (cb.step, halved_x) {
            (1, true) => mix_chroma::<1, 2>,
            (1, false) => mix_chroma::<1, 1>,
            (_, true) => mix_chroma::<2, 2>,
            (_, false) => mix_chroma::<2, 1>,
        };
        let every = 1 + usize::from(halved_x);
        let planes: &[&[usize]] = match cb.step {
            1 => &[&[0], &[1]],
            _ => &[&[0, 1]],
        };
        for components in planes {
            let plane = [cb, cr][components[0]].plane;
            band.each_chroma_row(chroma, plane, cb.step, |row, heat| {
                #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
                let done = match &self.registers {
                    Some(registers) => registers.mix_chroma(row, heat, chroma, components, cold),
                    None => 0,
                };
                #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
                let done = 0;
                let row = &mut row[cb.step * done..];
                let heat = heat.map(|heat| &heat[every * done..]);
                for &component in *components {
                    let offset = [cb, cr][component].offset;
                    mix(row, heat, offset, &self.sums[component], cold);
                }
            });
        }
    }
}
