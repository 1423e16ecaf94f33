//! Rows of a frame on their way to being painted.

use std::ops::Range;

use super::heat::{self, Span};
use super::map::{MapScaler, Quantizer};
use super::tile::{self, tile_bounds};

/// Some rows of a frame, from a whole row of tiles on: the gray and the heat of each pixel.
pub(super) struct Band {
    /// Which rows of the frame.
    pub rows: Range<usize>,
    width: usize,
    /// Bytes between rows: whole tiles. Beyond the width, rows repeat their last value.
    stride: usize,
    gray: Vec<u8>,
    /// Rows of the heat table.
    index: Vec<u8>,
    /// Smallest and largest value of each tile, row by row.
    gray_bounds: Vec<[u8; 2]>,
    index_bounds: Vec<[u8; 2]>,
    /// What gray / 2 + heat of each tile lies in.
    spans: Vec<Span>,
    /// The span of all tiles that have one heat each.
    sure: Span,
}

/// A tile whose pixels have several heats.
pub(super) struct Tile<'a> {
    band: &'a Band,
    number: usize,
    /// What gray / 2 + heat lies in, for all channels.
    pub span: Span,
}

impl Band {
    /// The `rows` of a frame of `width` pixels, black and without heat.
    pub fn new(rows: Range<usize>, width: usize) -> Self {
        let stride = width.next_multiple_of(tile::COLUMNS);
        let bytes = stride * rows.len();
        let tiles = stride / tile::COLUMNS * rows.len().div_ceil(tile::ROWS);
        Self {
            rows,
            width,
            stride,
            gray: vec![0; bytes],
            index: vec![0; bytes],
            gray_bounds: vec![[0; 2]; tiles],
            index_bounds: vec![[0; 2]; tiles],
            spans: vec![Span::NONE; tiles],
            sure: Span::NONE,
        }
    }

    /// Takes the heat away.
    pub fn clear_heat(&mut self) {
        self.index.fill(0);
        self.index_bounds.fill([0; 2]);
    }

    /// Takes the heat from a scaled map.
    pub fn fill_heat(&mut self, map: &MapScaler, quantizer: &Quantizer) {
        let (first, per_row) = (self.rows.start, self.stride / tile::COLUMNS);
        let rows = self.index.chunks_mut(tile::ROWS * self.stride);
        for (i, (rows, bounds)) in rows
            .zip(self.index_bounds.chunks_exact_mut(per_row))
            .enumerate()
        {
            for (y, row) in rows.chunks_exact_mut(self.stride).enumerate() {
                map.quantize_row(first + i * tile::ROWS + y, row, quantizer);
            }
            tile_bounds(rows, self.stride, bounds);
        }
    }

    /// Takes the gray of each row of the band from `read_row`, which is given its number in the band.
    pub fn fill_gray(&mut self, read_row: impl Fn(usize, &mut [u8])) {
        let per_row = self.stride / tile::COLUMNS;
        let rows = self.gray.chunks_mut(tile::ROWS * self.stride);
        for (i, (rows, bounds)) in rows
            .zip(self.gray_bounds.chunks_exact_mut(per_row))
            .enumerate()
        {
            for (y, row) in rows.chunks_exact_mut(self.stride).enumerate() {
                let (inside, outside) = row.split_at_mut(self.width);
                read_row(i * tile::ROWS + y, inside);
                outside.fill(inside[self.width - 1]);
            }
            tile_bounds(rows, self.stride, bounds);
        }
    }

    /// Finds the spans of the band's tiles; `half` is half the gray of each value.
    pub fn measure(&mut self, half: &[f64; 256]) {
        self.sure = Span::NONE;
        let bounds = self.gray_bounds.iter().zip(&self.index_bounds);
        for (out, (&[dark, bright], &[coolest, hottest])) in self.spans.iter_mut().zip(bounds) {
            let heat = heat::span(coolest, hottest);
            *out = Span {
                lowest: half[usize::from(dark)] + heat.lowest,
                highest: half[usize::from(bright)] + heat.highest,
            };
            if coolest == hottest {
                self.sure = self.sure.joined(*out);
            }
        }
    }

    /// Gray of row `y` of the band, whole tiles.
    pub fn gray(&self, y: usize) -> &[u8] {
        &self.gray[y * self.stride..][..self.stride]
    }

    /// Heat of row `y` of the band, whole tiles.
    pub fn index(&self, y: usize) -> &[u8] {
        &self.index[y * self.stride..][..self.stride]
    }

    /// The span of gray / 2 + heat over all tiles that have one heat each.
    pub fn sure_span(&self) -> Span {
        self.sure
    }

    /// All other tiles.
    pub fn mixed_tiles(&self) -> impl Iterator<Item = Tile<'_>> {
        let tiles = self.spans.iter().zip(&self.index_bounds).enumerate();
        tiles
            .filter(|(_, (_, [coolest, hottest]))| coolest != hottest)
            .map(|(number, (&span, _))| Tile {
                band: self,
                number,
                span,
            })
    }
}

impl Tile<'_> {
    /// The span of gray / 2 + heat over the tile's pixels; `half` is half the gray of each value.
    pub fn exact_span(&self, half: &[f64; 256]) -> Span {
        let Self { band, number, .. } = self;
        let rows = &*heat::ROWS;
        let per_row = band.stride / tile::COLUMNS;
        let (first, x) = (
            number / per_row * tile::ROWS,
            number % per_row * tile::COLUMNS,
        );
        let mut span = Span::NONE;
        for y in first..band.rows.len().min(first + tile::ROWS) {
            let pixels = band.gray(y)[x..].iter().zip(&band.index(y)[x..]);
            for (&gray, &index) in pixels.take(tile::COLUMNS) {
                let (gray, heat) = (half[usize::from(gray)], rows[usize::from(index)]);
                // Plain comparisons: no value is a NaN.
                if gray + heat.lowest < span.lowest {
                    span.lowest = gray + heat.lowest;
                }
                if gray + heat.highest > span.highest {
                    span.highest = gray + heat.highest;
                }
            }
        }
        span
    }
}
