//! Where gray is read from and the picture painted to, layout by layout.

use super::band::Band;
use super::codes::{CodeRows, CodeTables};
use super::colour::Colours;
use super::gray::{gray_planes, gray_row};
use super::heat::Span;
use super::view::{Chroma, Depth, Geometry, Layout, PLANES, PlaneMut, Samples};

/// Reads the gray of frames of one geometry and paints on them.
pub(super) struct Brush {
    width: usize,
    kind: Kind,
}

/// Room for what one thread needs on the way.
pub(super) type Scratch = CodeRows;

enum Kind {
    Packed {
        bytes: usize,
        offsets: [usize; 3],
        colours: Colours,
    },
    Planar {
        planes: [usize; 3],
        colours: Colours,
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
            kind: match geometry.layout {
                Layout::Packed { bytes, r, g, b } => Kind::Packed {
                    bytes,
                    offsets: [r, g, b],
                    colours: Colours::new([r, g, b]),
                },
                Layout::Planar { r, g, b } => Kind::Planar {
                    planes: [r, g, b],
                    colours: Colours::new([r, g, b]),
                },
                Layout::YCbCr { samples, encoding } => Kind::YCbCr {
                    samples,
                    codes: Box::new(CodeTables::new(encoding, samples.depth)),
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

    /// Takes off the parts of `planes` that show the next `rows` rows of the frame, an even number
    /// unless they are the last.
    pub fn take_rows<'a>(
        &self,
        planes: &mut [PlaneMut<'a>; PLANES],
        rows: usize,
    ) -> [PlaneMut<'a>; PLANES] {
        let mut each = [rows; PLANES];
        if let Kind::YCbCr { samples, .. } = &self.kind
            && let Some(chroma) = samples.chroma
        {
            for component in [chroma.cb, chroma.cr] {
                each[component.plane] = chroma.size(self.width, rows).1;
            }
        }
        let mut each = each.into_iter();
        planes.each_mut().map(|plane| plane.take_rows(each.next().unwrap_or(rows)))
    }

    /// Prepares for pictures whose gray / 2 + heat has the minimum and maximum `range`.
    pub fn set_range(&mut self, range: Span) {
        match &mut self.kind {
            Kind::Packed { colours, .. } | Kind::Planar { colours, .. } => colours.fill(range),
            Kind::YCbCr { codes, .. } => codes.fill(range),
        }
    }

    /// Paints a band whose planes are given.
    pub fn paint(&self, planes: &mut [PlaneMut; PLANES], band: &Band, scratch: &mut Scratch) {
        let (width, rows) = (self.width, 0..band.rows.len());
        match &self.kind {
            Kind::Packed { bytes, colours, .. } => {
                for y in rows {
                    let pixels = planes[0].row_mut(y, width * *bytes);
                    match bytes {
                        3 => colours.paint_row::<3>(pixels, band.gray(y), band.index(y)),
                        _ => colours.paint_row::<4>(pixels, band.gray(y), band.index(y)),
                    }
                }
            }
            Kind::Planar { colours, .. } => {
                for y in rows {
                    let rows = planes.each_mut().map(|plane| plane.row_mut(y, width));
                    colours.paint_planes(rows, band.gray(y), band.index(y));
                }
            }
            Kind::YCbCr { samples, codes } => {
                let luma = samples.y;
                let row_bytes = width * luma.step * samples.depth.bytes();
                for y in rows {
                    let row = planes[luma.plane].row_mut(y, row_bytes);
                    codes.paint_luma(row, luma, band.gray(y), band.index(y), scratch);
                }
                if let Some(chroma) = &samples.chroma {
                    paint_chroma(planes, chroma, samples.depth, width, band, codes, scratch);
                }
            }
        }
    }
}

/// Paints the chroma of a band of rows of `width` pixels.
fn paint_chroma(
    planes: &mut [PlaneMut; PLANES],
    chroma: &Chroma,
    depth: Depth,
    width: usize,
    band: &Band,
    codes: &CodeTables,
    scratch: &mut Scratch,
) {
    let last = band.rows.len() - 1;
    let (width, height) = chroma.size(width, band.rows.len());
    for y in 0..height {
        let (above, below) = if chroma.halved_y {
            (band.index(2 * y), band.index((2 * y + 1).min(last)))
        } else {
            (band.index(y), band.index(y))
        };
        scratch.set_chroma_heat(above, below, width, chroma.halved_x);
        for (which, component) in [chroma.cb, chroma.cr].into_iter().enumerate() {
            let row_bytes = width * component.step * depth.bytes();
            let row = planes[component.plane].row_mut(y, row_bytes);
            codes.paint_chroma(row, component, which, width, scratch);
        }
    }
}
