//! Drawings at the resolution of chroma.

use std::borrow::Cow;

use super::drawing::Drawing;
use crate::simd::dispatched;

/// A drawing whose pixels are averaged over cells.
pub(crate) struct Cells<'a> {
    /// Pixels of a cell, across and down.
    pub size: (usize, usize),
    pub cover: Cow<'a, [u8]>,
    pub white: Cow<'a, [u8]>,
}

impl<'a> Cells<'a> {
    pub fn new(drawing: &'a Drawing, size: (usize, usize)) -> Self {
        let average = |pixels: &'a [u8]| -> Cow<'a, [u8]> {
            let (across, down) = size;
            let mut out = vec![0; pixels.len() / (across * down)];
            match size {
                (1, 1) => return pixels.into(),
                (2, 1) => averages::<2, 1>(pixels, drawing.width, &mut out),
                (1, 2) => averages::<1, 2>(pixels, drawing.width, &mut out),
                _ => averages::<2, 2>(pixels, drawing.width, &mut out),
            }
            out.into()
        };
        Self {
            size,
            cover: average(&drawing.cover),
            white: average(&drawing.white),
        }
    }
}

dispatched! {
    /// Averages, over cells of at most 2 x 2 pixels, of rows of `width` pixels. They are those of
    /// the cell's four corners, some of which are the same where the cell is narrower or lower.
    fn averages<ACROSS: usize, DOWN: usize;>(pixels: &[u8], width: usize, out: &mut [u8]) {
        let rows = pixels.chunks_exact(width * DOWN);
        for (rows, out) in rows.zip(out.chunks_exact_mut(width / ACROSS)) {
            let upper = rows[..width].as_chunks::<ACROSS>().0;
            let lower = rows[width * (DOWN - 1)..].as_chunks::<ACROSS>().0;
            for ((upper, lower), out) in upper.iter().zip(lower).zip(out) {
                let corners = |cell: &[u8; ACROSS]| u16::from(cell[0]) + u16::from(cell[ACROSS - 1]);
                *out = ((corners(upper) + corners(lower) + 2) / 4) as u8;
            }
        }
    }
}
