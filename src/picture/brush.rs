//! Where gray is read from and the picture painted to, layout by layout.

use super::codes::CodeTables;
use super::colour::{ColourTable, paint_planes, paint_row};
use super::gray::{gray_planes, gray_row};
use super::index::IndexPlane;
use super::view::{Chroma, Depth, Geometry, Layout, PlaneMut, Samples};

/// Reads the gray of frames of one geometry and paints on them.
pub(super) struct Brush {
    width: usize,
    height: usize,
    kind: Kind,
}

enum Kind {
    Packed {
        bytes: usize,
        offsets: [usize; 3],
        colours: ColourTable,
    },
    Planar {
        planes: [usize; 3],
        colours: ColourTable,
    },
    YCbCr {
        samples: Samples,
        codes: Box<CodeTables>,
    },
}

impl Brush {
    pub fn new(geometry: &Geometry) -> Self {
        Self {
            width: geometry.width,
            height: geometry.height,
            kind: match geometry.layout {
                Layout::Packed { bytes, r, g, b } => Kind::Packed {
                    bytes,
                    offsets: [r, g, b],
                    colours: ColourTable::new(),
                },
                Layout::Planar { r, g, b } => Kind::Planar {
                    planes: [r, g, b],
                    colours: ColourTable::new(),
                },
                Layout::YCbCr { samples, encoding } => Kind::YCbCr {
                    samples,
                    codes: Box::new(CodeTables::new(encoding, samples.depth, geometry.width)),
                },
            },
        }
    }

    /// The gray, 0..=255, that each byte of [`Self::read_gray`] stands for.
    pub fn gray_levels(&self) -> [f64; 256] {
        match self.kind {
            Kind::Packed { .. } | Kind::Planar { .. } => std::array::from_fn(|gray| gray as f64),
            Kind::YCbCr { ref codes, .. } => codes.gray_levels(),
        }
    }

    /// Gray of the pixels of row `y`.
    pub fn read_gray(&self, planes: &[PlaneMut], y: usize, out: &mut [u8]) {
        let width = self.width;
        match &self.kind {
            Kind::Packed { bytes, offsets, .. } => {
                let pixels = planes[0].row(y, width * bytes);
                match (bytes, offsets) {
                    (3, [0, 1, 2]) => gray_row::<3, 0, 1, 2>(pixels, out),
                    (3, _) => gray_row::<3, 2, 1, 0>(pixels, out),
                    (_, [0, 1, 2]) => gray_row::<4, 0, 1, 2>(pixels, out),
                    (_, [2, 1, 0]) => gray_row::<4, 2, 1, 0>(pixels, out),
                    (_, [1, 2, 3]) => gray_row::<4, 1, 2, 3>(pixels, out),
                    _ => gray_row::<4, 3, 2, 1>(pixels, out),
                }
            }
            Kind::Planar { planes: order, .. } => {
                let [r, g, b] = order.map(|plane| planes[plane].row(y, width));
                gray_planes(r, g, b, out);
            }
            Kind::YCbCr { samples, codes } => {
                let luma = samples.y;
                let row_bytes = width * luma.step * samples.depth.bytes();
                codes.read_luma(planes[luma.plane].row(y, row_bytes), luma, out);
            }
        }
    }

    /// Paints a whole frame whose gray is given, in rows as long as those of `heat`, and whose
    /// gray / 2 + heat has the minimum and maximum `range`.
    pub fn paint(
        &mut self,
        planes: &mut [PlaneMut],
        gray: &[u8],
        heat: &IndexPlane,
        range: (f64, f64),
    ) {
        let (width, height) = (self.width, self.height);
        let gray = gray.chunks_exact(heat.stride());
        match &mut self.kind {
            Kind::Packed {
                bytes,
                offsets,
                colours,
            } => {
                colours.fill(range, *offsets);
                for (y, gray) in gray.enumerate() {
                    let pixels = planes[0].row_mut(y, width * *bytes);
                    match bytes {
                        3 => paint_row::<3>(pixels, gray, heat.row(y), colours),
                        _ => paint_row::<4>(pixels, gray, heat.row(y), colours),
                    }
                }
            }
            Kind::Planar {
                planes: order,
                colours,
            } => {
                colours.fill(range, *order);
                if let [first, second, third, ..] = planes {
                    for (y, gray) in gray.enumerate() {
                        let rows = [&mut *first, &mut *second, &mut *third];
                        let rows = rows.map(|plane| plane.row_mut(y, width));
                        paint_planes(rows, gray, heat.row(y), colours);
                    }
                }
            }
            Kind::YCbCr { samples, codes } => {
                codes.fill(range);
                let luma = samples.y;
                let row_bytes = width * luma.step * samples.depth.bytes();
                for (y, gray) in gray.enumerate() {
                    let row = planes[luma.plane].row_mut(y, row_bytes);
                    codes.paint_luma(row, luma, gray, heat.row(y));
                }
                if let Some(chroma) = &samples.chroma {
                    let size = chroma.size(width, height);
                    paint_chroma(planes, chroma, samples.depth, size, heat, codes);
                }
            }
        }
    }
}

/// Paints the chroma, `width` x `height` samples.
fn paint_chroma(
    planes: &mut [PlaneMut],
    chroma: &Chroma,
    depth: Depth,
    (width, height): (usize, usize),
    heat: &IndexPlane,
    codes: &mut CodeTables,
) {
    for y in 0..height {
        let (above, below) = if chroma.halved_y {
            (
                heat.row(2 * y),
                heat.row((2 * y + 1).min(heat.height() - 1)),
            )
        } else {
            (heat.row(y), heat.row(y))
        };
        codes.set_chroma_heat(above, below, width, chroma.halved_x);
        for (which, component) in [chroma.cb, chroma.cr].into_iter().enumerate() {
            let row_bytes = width * component.step * depth.bytes();
            let row = planes[component.plane].row_mut(y, row_bytes);
            codes.paint_chroma(row, component, which, width);
        }
    }
}
