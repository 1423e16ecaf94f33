//! The gray of frames, layout by layout, and what it lies in.

use std::ops::Range;
use std::slice::ChunksExactMut;

use super::gray::gray_planes;
use super::packed::PackedGray;
use super::tiles::{self, COLUMNS, tile_bounds};
use crate::frame::colorimetry::Coding;
use crate::frame::{Component, Depth, Encoding, Geometry, Layout, Plane, Samples};
use crate::simd::dispatched;

/// What the gray of a frame lies in, tile by tile.
///
/// Sampling finds it while the frame is in the caches, so that
/// painting need not read the whole frame for it.
pub struct GrayBounds {
    /// Tiles of a row of tiles.
    per_row: usize,
    /// Smallest and largest gray of each tile, row by row.
    tiles: Vec<[u8; 2]>,
}

impl Clone for GrayBounds {
    fn clone(&self) -> Self {
        Self {
            per_row: self.per_row,
            tiles: self.tiles.clone(),
        }
    }

    /// Allocates nothing where the frames are as large as before.
    fn clone_from(&mut self, other: &Self) {
        self.per_row = other.per_row;
        self.tiles.clone_from(&other.tiles);
    }
}

impl GrayBounds {
    pub(crate) fn tiles(&self) -> &[[u8; 2]] {
        &self.tiles
    }

    /// Parts of `rows` rows of tiles each, except the last.
    pub(crate) fn parts(&mut self, rows: usize) -> impl Iterator<Item = BoundedRows<'_>> {
        let per_row = self.per_row;
        let parts = self.tiles.chunks_mut(rows * per_row).enumerate();
        parts.map(move |(part, tiles)| BoundedRows {
            next: part * rows,
            rows: tiles.chunks_exact_mut(per_row),
        })
    }
}

/// Some rows of tiles whose bounds are being found, from top to bottom.
pub(crate) struct BoundedRows<'a> {
    next: usize,
    rows: ChunksExactMut<'a, [u8; 2]>,
}

impl BoundedRows<'_> {
    /// Finds the bounds of the rows of tiles above row `end` of the frame in `planes` that are still to be
    /// found; `scratch` is as large as `reader` asks for.
    pub fn find(&mut self, reader: &GrayReader, planes: &[Plane], end: usize, scratch: &mut [u8]) {
        while self.next * tiles::ROWS < end
            && let Some(tiles) = self.rows.next()
        {
            reader.bound(planes, self.next, scratch, tiles);
            self.next += 1;
        }
    }
}

/// Reads the gray of frames of one geometry.
pub(crate) struct GrayReader {
    width: usize,
    height: usize,
    kind: Kind,
}

enum Kind {
    Packed {
        bytes: usize,
        gray: PackedGray,
    },
    Planar([usize; 3]),
    YCbCr {
        samples: Samples,
        encoding: Encoding,
    },
}

impl GrayReader {
    pub fn new(geometry: &Geometry) -> Self {
        Self {
            width: geometry.width,
            height: geometry.height,
            kind: match geometry.layout {
                Layout::Packed(order) => Kind::Packed {
                    bytes: order.bytes(),
                    gray: PackedGray::new(order),
                },
                Layout::Planar { r, g, b } => Kind::Planar([r, g, b]),
                Layout::YCbCr { samples, encoding } => Kind::YCbCr { samples, encoding },
            },
        }
    }

    /// Bounds of a frame, to be found.
    pub fn bounds(&self) -> GrayBounds {
        let per_row = self.width.div_ceil(COLUMNS);
        GrayBounds {
            per_row,
            tiles: vec![[0; 2]; per_row * self.height.div_ceil(tiles::ROWS)],
        }
    }

    /// The gray, 0..=255, that each byte of [`Self::read`] stands for.
    /// Where white takes only a share of the codes, brighter luma counts as white.
    pub fn levels(&self, white: Option<f64>) -> [f64; 256] {
        match self.kind {
            Kind::Packed { .. } | Kind::Planar { .. } => std::array::from_fn(|gray| gray as f64),
            Kind::YCbCr { samples, encoding } => {
                let coding = Coding::new(encoding, samples.depth);
                coding.with_white(white).levels()
            }
        }
    }

    /// Gray of the pixels of row `y` in the columns `columns`.
    pub fn read(&self, planes: &[Plane], y: usize, columns: Range<usize>, out: &mut [u8]) {
        match &self.kind {
            Kind::Packed { bytes, gray } => {
                let pixels = &planes[0].row(y, columns.end * bytes)[columns.start * bytes..];
                (gray.row)(pixels, out);
            }
            Kind::Planar(order) => {
                let row = |plane: usize| &planes[plane].row(y, columns.end)[columns.start..];
                let [r, g, b] = order.map(row);
                gray_planes(r, g, b, out);
            }
            Kind::YCbCr { samples, .. } => {
                let Samples { y: luma, depth, .. } = samples;
                let sample = luma.step * depth.bytes();
                let row = planes[luma.plane].row(y, columns.end * sample);
                read_luma(&row[columns.start * sample..], *depth, *luma, out);
            }
        }
    }

    /// Bytes that [`Self::bound`] needs on the way.
    pub fn scratch(&self) -> usize {
        match self.kind {
            Kind::Packed { .. } => 0,
            Kind::YCbCr { samples, .. } if samples.depth == Depth::Eight => 0,
            Kind::YCbCr { .. } | Kind::Planar(_) => self.width * tiles::ROWS,
        }
    }

    /// Smallest and largest gray of each tile of row `row` of tiles.
    fn bound(&self, planes: &[Plane], row: usize, scratch: &mut [u8], out: &mut [[u8; 2]]) {
        let rows = row * tiles::ROWS..self.height.min((row + 1) * tiles::ROWS);
        let data = |plane: usize| {
            let Plane { data, stride } = planes[plane];
            let data = &data[rows.start * stride..];
            (&data[..data.len().min(rows.len() * stride)], stride)
        };
        match &self.kind {
            Kind::Packed { gray, .. } => {
                let (data, stride) = data(0);
                (gray.bounds)(data, stride, self.width, out);
            }
            Kind::YCbCr { samples, .. } if samples.depth == Depth::Eight => {
                let (data, stride) = data(samples.y.plane);
                match (samples.y.step, samples.y.offset) {
                    (1, _) => tile_bounds::<1, 0>(data, stride, self.width, out),
                    (_, 0) => tile_bounds::<2, 0>(data, stride, self.width, out),
                    _ => tile_bounds::<2, 1>(data, stride, self.width, out),
                }
            }
            Kind::YCbCr { .. } | Kind::Planar(_) => {
                let lines = &mut scratch[..rows.len() * self.width];
                for (y, line) in rows.zip(lines.chunks_exact_mut(self.width)) {
                    self.read(planes, y, 0..self.width, line);
                }
                tile_bounds::<1, 0>(lines, self.width, self.width, out);
            }
        }
    }
}

/// Luma of a row of `row`, as 8-bit codes.
fn read_luma(row: &[u8], depth: Depth, y: Component, out: &mut [u8]) {
    match (depth, y.step, y.offset) {
        (Depth::Eight, 1, _) => out.copy_from_slice(&row[..out.len()]),
        (Depth::Eight, _, 0) => read_bytes::<0>(row, out),
        (Depth::Eight, ..) => read_bytes::<1>(row, out),
        (Depth::TenLow, ..) => read_words::<0>(row, out),
        (Depth::TenHigh, ..) => read_words::<6>(row, out),
    }
}

dispatched! {
    fn read_bytes<OFFSET: usize;>(row: &[u8], out: &mut [u8]) {
        for (out, sample) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            *out = sample[OFFSET];
        }
    }
}

dispatched! {
    fn read_words<SHIFT: u32;>(row: &[u8], out: &mut [u8]) {
        for (out, sample) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            let code = u16::from_le_bytes(*sample) >> SHIFT;
            // Unused bits may hold anything.
            *out = (code.saturating_add(2) >> 2).min(255) as u8;
        }
    }
}
