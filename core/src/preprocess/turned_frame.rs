//! Frames turned upright, sample by sample.

use std::array;
use std::sync::Arc;

use crate::frame::Orientation;
use crate::frame::layout::PLANES;
use crate::frame::{Geometry, Layout, Plane, Samples};
use crate::thread_pool::ThreadPool;

/// Copies frames of one geometry upright.
///
/// Samples are turned where they lie, as `videoflip` does it: those of halved chroma keep their places among
/// each other, not their distance of a quarter of a sample from those of luma. Chroma that is halved across
/// alone is halved down alone once it was turned by a quarter.
pub(crate) struct Turner {
    orientation: Orientation,
    grids: Vec<Grid>,
    /// The turned planes, and bytes of a row of each.
    planes: Vec<(Vec<u8>, usize)>,
    /// Of the turned frames.
    geometry: Geometry,
    pool: Arc<ThreadPool>,
}

/// Samples, or groups of them, that are turned into a plane of their own.
struct Grid {
    /// The stored plane, the first byte of a row, bytes from there to the next group, and bytes of a group.
    plane: usize,
    offset: usize,
    step: usize,
    bytes: usize,
    /// Groups of a stored row, and stored rows.
    size: (usize, usize),
}

/// Parts that a plane is turned in, and rows of a part that are written at once.
const BANDS: usize = 16;
const ROWS: usize = 16;

impl Turner {
    pub fn new(geometry: &Geometry, orientation: Orientation) -> Self {
        let stored = (geometry.width, geometry.height);
        let whole = |plane, bytes| Grid {
            plane,
            offset: 0,
            step: bytes,
            bytes,
            size: stored,
        };
        let (layout, grids) = match geometry.layout {
            Layout::Packed(order) => (geometry.layout, vec![whole(0, order.bytes())]),
            Layout::Planar { .. } => (geometry.layout, (0..PLANES).map(|p| whole(p, 1)).collect()),
            Layout::YCbCr { samples, encoding } => {
                let (samples, grids) = y_cb_cr(samples, stored, orientation);
                (Layout::YCbCr { samples, encoding }, grids)
            }
        };
        let (width, height) = orientation.sides(stored);
        let plane = |grid: &Grid| {
            let bytes = grid.size.0 * grid.size.1 * grid.bytes;
            (vec![0; bytes], orientation.sides(grid.size).0 * grid.bytes)
        };
        Self {
            orientation,
            planes: grids.iter().map(plane).collect(),
            grids,
            geometry: Geometry {
                layout,
                width,
                height,
            },
            pool: ThreadPool::get(),
        }
    }

    /// Layout and size of the turned frames.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Turns the frame in `planes`.
    pub fn turn(&mut self, planes: &[Plane]) {
        for (grid, (out, row_bytes)) in self.grids.iter().zip(&mut self.planes) {
            let (row_bytes, orientation) = (*row_bytes, self.orientation);
            let rows = (out.len() / row_bytes)
                .div_ceil(BANDS)
                .next_multiple_of(ROWS);
            let mut bands = out.chunks_mut(rows * row_bytes).enumerate();
            let mut parts: [_; BANDS] = array::from_fn(|_| bands.next());
            let plane = planes[grid.plane];
            self.pool.each(&mut parts, |part| {
                if let Some((band, out)) = part {
                    for (i, out) in out.chunks_mut(ROWS * row_bytes).enumerate() {
                        let first = *band * rows + i * ROWS;
                        match grid.bytes {
                            1 => grid.turn::<1>(plane, orientation, first, row_bytes, out),
                            2 => grid.turn::<2>(plane, orientation, first, row_bytes, out),
                            3 => grid.turn::<3>(plane, orientation, first, row_bytes, out),
                            _ => grid.turn::<4>(plane, orientation, first, row_bytes, out),
                        }
                    }
                }
            });
        }
    }

    /// The planes of the turned frame; those it has not are empty.
    pub fn planes(&self) -> [Plane<'_>; PLANES] {
        array::from_fn(|plane| match self.planes.get(plane) {
            Some((data, stride)) => Plane {
                data,
                stride: *stride,
            },
            None => Plane {
                data: &[],
                stride: 0,
            },
        })
    }
}

/// Turned samples, and what is turned into each of their planes: each component on its own, unless both of chroma lie
/// side by side in a plane.
fn y_cb_cr(
    samples: Samples,
    stored: (usize, usize),
    orientation: Orientation,
) -> (Samples, Vec<Grid>) {
    let bytes = samples.depth.bytes();
    let grid = |component: crate::frame::Component, size| Grid {
        plane: component.plane,
        offset: component.offset * bytes,
        step: component.step * bytes,
        bytes,
        size,
    };
    let mut grids = vec![grid(samples.y, stored)];
    let mut turned = samples.turned(orientation);
    if let (Some(chroma), Some(turned)) = (samples.chroma, &mut turned.chroma) {
        let size = chroma.size(stored.0, stored.1);
        if chroma.cb.plane == chroma.cr.plane && chroma.cb.step == 2 {
            (turned.cb.plane, turned.cr.plane) = (1, 1);
            (turned.cb.offset, turned.cr.offset) = (chroma.cb.offset, chroma.cr.offset);
            (turned.cb.step, turned.cr.step) = (2, 2);
            grids.push(Grid {
                offset: 0,
                bytes: 2 * bytes,
                ..grid(chroma.cb, size)
            });
        } else {
            grids.extend([grid(chroma.cb, size), grid(chroma.cr, size)]);
        }
    }
    (turned, grids)
}

impl Grid {
    /// Turns into some rows of the turned plane, from row `first` on.
    fn turn<const BYTES: usize>(
        &self,
        plane: Plane,
        orientation: Orientation,
        first: usize,
        row_bytes: usize,
        out: &mut [u8],
    ) {
        let (width, height) = self.size;
        let Orientation {
            transposed,
            mirrored_x,
            mirrored_y,
        } = orientation;
        let length = (width - 1) * self.step + self.offset + BYTES;
        let row = |y: usize| {
            let y = if mirrored_y { height - 1 - y } else { y };
            &plane.row(y, length)[self.offset..]
        };
        let group = |row: &[u8], x: usize| -> [u8; BYTES] {
            let x = if mirrored_x { width - 1 - x } else { x };
            array::from_fn(|byte| row[x * self.step + byte])
        };
        if transposed {
            for y in 0..height {
                let source = row(y);
                for (x, out) in (first..).zip(out.chunks_exact_mut(row_bytes)) {
                    out.as_chunks_mut().0[y] = group(source, x);
                }
            }
        } else {
            for (y, out) in (first..).zip(out.chunks_exact_mut(row_bytes)) {
                let source = row(y);
                for (x, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                    *out = group(source, x);
                }
            }
        }
    }
}
