//! Class map to heat index.

use super::map::{MapScaler, MapView};
use super::tile::{self, TileBounds};

/// The heat index of each pixel of a frame.
///
/// The map is scaled to the frame, taken from its minimum and maximum there to 0..1, cut off
/// below the threshold and quantised to the rows of the heat table.
pub(super) struct IndexPlane {
    width: usize,
    height: usize,
    /// Bytes between rows: whole tiles. Beyond the width, rows repeat their last index.
    stride: usize,
    index: Vec<u8>,
    bounds: TileBounds,
    scaler: Option<MapScaler>,
}

impl IndexPlane {
    /// A plane for frames of `width` x `height` pixels, without heat.
    pub fn new(width: usize, height: usize) -> Self {
        let stride = width.next_multiple_of(tile::COLUMNS);
        Self {
            width,
            height,
            stride,
            index: vec![0; stride * height],
            bounds: TileBounds::new(stride, height),
            scaler: None,
        }
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Row `y` of indices, [`Self::stride`] long.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.index[y * self.stride..][..self.stride]
    }

    /// Bounds of all tiles, row by row.
    pub fn bounds(&self) -> &[[u8; 2]] {
        self.bounds.get()
    }

    /// Takes the heat away.
    pub fn clear(&mut self) {
        self.index.fill(0);
        for (y, row) in self.index.chunks_exact(self.stride).enumerate() {
            self.bounds.add_row(y, row);
        }
    }

    /// Fills the plane from `map`; no heat where the map is flat, has a value that is not
    /// finite, or fewer values than its size says.
    pub fn fill(&mut self, map: MapView, threshold: f64) {
        let filled = match map.extremes() {
            Some(range) => self.fill_from(map, range, threshold),
            None => false,
        };
        if !filled {
            self.clear();
        }
    }

    fn fill_from(&mut self, map: MapView, range: (f64, f64), threshold: f64) -> bool {
        let scaler = match &mut self.scaler {
            Some(scaler) if scaler.fits(map) => scaler,
            scaler => scaler.insert(MapScaler::new(map, self.width, self.height)),
        };
        scaler.load(map, range);
        let Some((least, most)) = scaler.extremes() else {
            return false;
        };
        for (y, row) in self.index.chunks_exact_mut(self.stride).enumerate() {
            scaler.quantize_row(y, row, (least, most), threshold);
            self.bounds.add_row(y, row);
        }
        true
    }
}
