//! Whole registers of samples of 8 bits, mixed by kernels for AVX2 and NEON. All say how many samples are done, from the left.

use super::mix::{Table, fill_mixes};
use crate::frame::{Chroma, Samples};
use crate::simd::kernels::Native;
use crate::simd::table::{Cold, Mixes, Number};

/// What kernels look up.
pub(super) struct Registers {
    native: Native,
    mixes: Box<Mixes>,
}

impl Registers {
    /// None where there are no such kernels.
    pub fn new() -> Option<Self> {
        let mixes = Box::new(Mixes::ZERO);
        Native::current().map(|native| Self { native, mixes })
    }

    /// Takes other tables.
    pub fn fill(&mut self, tables: &[Table; 3]) {
        fill_mixes(&mut self.mixes, tables);
    }

    /// Samples of a component, one for each pixel.
    pub fn mix_bytes(&self, row: &mut [u8], index: &[u8], component: usize, cold: Cold) -> usize {
        let Mixes { kept, added, .. } = &*self.mixes;
        self.native
            .mix_bytes(row, index, kept, &added[component], cold)
    }

    /// Pixels whose luma and chroma take turns.
    pub fn mix_packed(&self, row: &mut [u8], index: &[u8], samples: &Samples, cold: Cold) -> usize {
        let Mixes { kept, added, .. } = &*self.mixes;
        let Some(chroma) = samples.chroma else {
            return 0;
        };
        let [first, second] = self.in_order(&chroma);
        let added = [&added[0], first, second];
        match samples.y.offset {
            0 => self.native.mix_packed::<0>(row, index, kept, added, cold),
            _ => self.native.mix_packed::<1>(row, index, kept, added, cold),
        }
    }

    /// Samples of the `components` of chroma (0, 1 or both) that share a plane.
    pub fn mix_chroma(
        &self,
        row: &mut [u8],
        heat: [&[u8]; 2],
        chroma: &Chroma,
        components: &[usize],
        cold: Cold,
    ) -> usize {
        let Mixes { kept, added, .. } = &*self.mixes;
        match (components, chroma.halved_x) {
            (&[component], true) => {
                let added = &added[1 + component];
                self.native.mix_halved(row, heat, kept, added, cold)
            }
            (&[component], false) => self.mix_bytes(row, heat[0], 1 + component, cold),
            (_, true) => {
                let added = self.in_order(chroma);
                self.native.mix_halved_pairs(row, heat, kept, added, cold)
            }
            // Pairs for each pixel are rare.
            (_, false) => 0,
        }
    }

    /// What is added to the two components of chroma, as they lie.
    fn in_order(&self, chroma: &Chroma) -> [&Number; 2] {
        let [_, cb, cr] = &self.mixes.added;
        if chroma.cb.offset < chroma.cr.offset {
            [cb, cr]
        } else {
            [cr, cb]
        }
    }
}
