//! A band of a frame's rows that is painted by one thread.

use std::ops::Range;

use crate::frame::layout::PLANES;
use crate::frame::{Chroma, PlaneMut};
use crate::simd::table::Cold;

/// Rows of a frame, and their heat.
pub(super) struct Band<'a, 'p> {
    pub planes: &'a mut [PlaneMut<'p>; PLANES],
    pub rows: Range<usize>,
    /// Pixels of a row.
    pub width: usize,
    /// Heat indices of the rows, which begin `stride` from each other.
    pub index: &'a [u8],
    pub stride: usize,
    /// What becomes of runs of samples without heat.
    pub cold: Cold,
}

impl Band<'_, '_> {
    /// Calls `mix` with each row of a plane, of as many `bytes`, and the heat of its pixels.
    pub fn each_row(&mut self, plane: usize, bytes: usize, mut mix: impl FnMut(&mut [u8], &[u8])) {
        let lines = self.rows.clone().zip(self.index.chunks_exact(self.stride));
        for (y, index) in lines {
            mix(self.planes[plane].row_mut(y, bytes), &index[..self.width]);
        }
    }

    /// Calls `mix` with each row of a plane of chroma, whose samples have so many `bytes`, and with the heat of the rows of
    /// pixels above and below it, which are the same where there is one row of chroma for each.
    pub fn each_chroma_row(
        &mut self,
        chroma: &Chroma,
        plane: usize,
        bytes: usize,
        mut mix: impl FnMut(&mut [u8], [&[u8]; 2]),
    ) {
        let count = self.rows.len();
        let line = |y: usize| &self.index[y * self.stride..][..self.stride];
        let (samples, height) = chroma.size(self.width, count);
        let (_, first) = chroma.size(self.width, self.rows.start);
        for y in 0..height {
            let heat = match chroma.halved_y {
                true => [line(2 * y), line((2 * y + 1).min(count - 1))],
                false => [line(y); 2],
            };
            mix(self.planes[plane].row_mut(first + y, samples * bytes), heat);
        }
    }
}
