//! The extremes of gray / 2 + heat over a frame.

use std::ops::Range;

use super::colormap::{Colormap, LEVELS, Span};
use super::heat::Scaled;
use crate::luma::tiles::{self, COLUMNS};
use crate::simd::dispatched;

/// Finds the extremes over frames of one size.
///
/// Bounds of whole tiles come first, and are exact where a tile has one heat; of the other tiles
/// only those that may hold an extreme are looked into, the likeliest first.
pub(crate) struct Search {
    colormap: Colormap,
    width: usize,
    height: usize,
    /// Tiles with several heats that may hold an extreme, and what theirs lie in.
    open: Vec<(usize, Span)>,
    /// Gray and heat of a tile.
    pixels: [Vec<u8>; 2],
}

impl Search {
    pub fn new(width: usize, height: usize, colormap: &Colormap) -> Self {
        let tiles = width.div_ceil(COLUMNS) * height.div_ceil(tiles::ROWS);
        Self {
            colormap: colormap.clone(),
            width,
            height,
            open: Vec::with_capacity(tiles),
            pixels: [1, 2].map(|_| vec![0; COLUMNS * tiles::ROWS]),
        }
    }

    pub fn set_colormap(&mut self, colormap: &Colormap) {
        self.colormap = colormap.clone();
    }

    /// Minimum and maximum of gray / 2 + heat over all pixels and channels.
    ///
    /// `tiles` are the smallest and largest gray of each tile, row by row, `half` half the gray of
    /// each value that `read_gray` gives; it is given a row of the frame and some of its columns.
    pub fn extremes(
        &mut self,
        tiles: &[[u8; 2]],
        heat: Option<Scaled>,
        half: &[f64; 256],
        read_gray: impl Fn(usize, Range<usize>, &mut [u8]),
    ) -> Span {
        let Some(map) = heat else {
            let [dark, bright] = bounds(tiles.as_flattened());
            return gray_span([dark, bright], Span::default(), half);
        };
        let mut found = Span::NONE;
        let (mut cold, mut any_cold) = ([u8::MAX, u8::MIN], false);
        self.open.clear();
        // Of the open tiles, the first in line for each extreme.
        let (mut lowest, mut highest) = (0, 0);
        for (tile, (gray, indices)) in tiles.iter().zip(map.indices()).enumerate() {
            let [coolest, hottest] = *indices;
            if hottest == 0 {
                any_cold = true;
                cold = [cold[0].min(gray[0]), cold[1].max(gray[1])];
                continue;
            }
            let span = gray_span(*gray, self.colormap.span(coolest, hottest), half);
            if found.holds(span) {
                continue;
            }
            if coolest == hottest {
                found = found.joined(span);
                continue;
            }
            if let (Some(low), Some(high)) = (self.open.get(lowest), self.open.get(highest)) {
                if span.lowest < low.1.lowest {
                    lowest = self.open.len();
                }
                if span.highest > high.1.highest {
                    highest = self.open.len();
                }
            }
            self.open.push((tile, span));
        }
        if any_cold {
            found = found.joined(gray_span(cold, Span::default(), half));
        }
        let first = [lowest, highest]
            .into_iter()
            .filter_map(|i| self.open.get(i));
        let per_row = self.width.div_ceil(COLUMNS);
        let [grays, indices] = &mut self.pixels;
        let heats = self.colormap.spans();
        for &(tile, span) in first.chain(&self.open) {
            if found.holds(span) {
                continue;
            }
            map.quantize_tile(tile, indices, COLUMNS);
            let (first, x) = (tile / per_row * tiles::ROWS, tile % per_row * COLUMNS);
            let columns = x..self.width.min(x + COLUMNS);
            let rows = indices.chunks_exact(COLUMNS);
            for (y, indices) in (first..self.height).zip(rows) {
                let gray = &mut grays[..columns.len()];
                read_gray(y, columns.clone(), gray);
                let indices = &indices[..columns.len()];
                let [coolest, hottest] = bounds(indices);
                let heat = self.colormap.span(coolest, hottest);
                if !found.holds(gray_span(bounds(gray), heat, half)) {
                    found = found.joined(exact_span(gray, indices, half, heats));
                }
            }
        }
        found
    }
}

/// What gray / 2 + heat lies in.
fn gray_span([dark, bright]: [u8; 2], heat: Span, half: &[f64; 256]) -> Span {
    Span {
        lowest: half[usize::from(dark)] + heat.lowest,
        highest: half[usize::from(bright)] + heat.highest,
    }
}

/// The span of gray / 2 + heat over some pixels.
fn exact_span(gray: &[u8], indices: &[u8], half: &[f64; 256], heats: &[Span; LEVELS]) -> Span {
    // Several spans at a time: each comparison would wait for the one before.
    let mut spans = [Span::NONE; 8];
    for (gray, indices) in gray.chunks(8).zip(indices.chunks(8)) {
        for ((span, &gray), &index) in spans.iter_mut().zip(gray).zip(indices) {
            let (gray, heat) = (half[usize::from(gray)], heats[usize::from(index)]);
            // Plain comparisons: no value is a NaN.
            if gray + heat.lowest < span.lowest {
                span.lowest = gray + heat.lowest;
            }
            if gray + heat.highest > span.highest {
                span.highest = gray + heat.highest;
            }
        }
    }
    spans.into_iter().fold(Span::NONE, Span::joined)
}

dispatched! {
    /// Smallest and largest of some bytes.
    fn bounds<;>(bytes: &[u8]) -> [u8; 2] {
        let (mut low, mut high) = (u8::MAX, u8::MIN);
        for byte in bytes {
            low = low.min(*byte);
            high = high.max(*byte);
        }
        [low, high]
    }
}
