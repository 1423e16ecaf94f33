//! Where the cells of a map lie on the frame.

use std::ops::Range;

/// Where the cells of a map lie on an upright frame, where they do not just tile it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellGrid {
    /// From left to right.
    pub across: CellAxis,
    /// From top to bottom.
    pub down: CellAxis,
}

/// One axis of a [`CellGrid`]; the first pixel's centre is 0.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellAxis {
    /// Pixels of the frame from one cell's centre to the next one's.
    pub stride: f64,
    /// Where the first cell's centre lies, in pixels of the frame.
    pub offset: f64,
    /// From where to where the network saw the frame, in pixels; what is beyond has no heat.
    pub seen: [f64; 2],
}

impl CellAxis {
    /// Where a pixel of the upright frame is in the map, in cells from the first one's edge.
    pub fn cell(&self, pixel: f64) -> f64 {
        (pixel - self.offset) / self.stride + 0.5
    }

    /// Where the frame begins in the map, in cells from the first one's edge.
    pub(crate) fn shift(&self) -> f64 {
        0.5 - self.offset / self.stride
    }

    /// Which of `length` pixels the network saw the middle of.
    pub(crate) fn pixels(&self, length: usize) -> Range<usize> {
        let [start, end] = self
            .seen
            .map(|edge| (edge - 0.5).ceil().clamp(0.0, length as f64) as usize);
        start..end.max(start)
    }
}
