//! Class map to heat index.

use super::heat::{LEVELS, Span, span};
use super::map::{MapScaler, MapView};

/// Pixels of a row that are worked on at once.
pub(super) const RUN: usize = 64;

/// The heat index of each pixel of a frame.
///
/// The map is scaled to the frame, taken from its minimum and maximum there to 0..1, cut off
/// below the threshold and quantised to the rows of the heat table.
pub(super) struct IndexPlane {
    width: usize,
    height: usize,
    /// Bytes between rows: whole runs. Beyond the width, rows repeat their last index.
    stride: usize,
    index: Vec<u8>,
    /// The heat that each run of [`RUN`] pixels spans, at most.
    spans: Vec<Span>,
    scaler: Option<MapScaler>,
}

impl IndexPlane {
    /// A plane for frames of `width` x `height` pixels, without heat.
    pub fn new(width: usize, height: usize) -> Self {
        let stride = width.next_multiple_of(RUN);
        Self {
            width,
            height,
            stride,
            index: vec![0; stride * height],
            spans: vec![Span::default(); stride / RUN * height],
            scaler: None,
        }
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Row `y` of indices, [`Self::stride`] long.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.index[y * self.stride..][..self.stride]
    }

    /// Spans of all runs, row by row.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Takes the heat away.
    pub fn clear(&mut self) {
        self.index.fill(0);
        self.spans.fill(Span::default());
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
        let rows = self.index.chunks_exact_mut(self.stride);
        let spans = self.spans.chunks_exact_mut(self.stride / RUN);
        for (y, (row, spans)) in rows.zip(spans).enumerate() {
            scaler.quantize_row(y, row, (least, most), threshold);
            for (run, out) in row.as_chunks::<RUN>().0.iter().zip(spans) {
                let (coolest, hottest) = run
                    .iter()
                    .fold((u8::MAX, 0), |(low, high), &i| (low.min(i), high.max(i)));
                debug_assert!(usize::from(hottest) < LEVELS);
                *out = span(coolest, hottest);
            }
        }
        true
    }
}
