//! Where the picture is painted to, layout by layout.

use std::ops::Range;

use super::colormap::{Colormap, Span};
use super::rgb::Colours;
use super::yuv::code_tables::{ChromaRows, YuvTables};
use crate::frame::layout::PLANES;
use crate::frame::{Chroma, Geometry, Layout, PackedOrder, PlaneMut, Samples};
use crate::luma::gray::gray_planes;
use crate::luma::tiles::{self, COLUMNS};

/// Paints on frames of one geometry.
pub(crate) struct FrameWriter {
    width: usize,
    /// Share of the codes above black that white takes, where it is not all.
    white: Option<f64>,
    kind: Kind,
}

/// Room for what one thread needs on the way.
pub(crate) struct Scratch {
    /// Bytes between rows: whole tiles.
    pub stride: usize,
    /// Heat indices of a row of tiles.
    pub index: Vec<u8>,
    /// Gray of one row.
    gray: Vec<u8>,
}

impl Scratch {
    /// Room for frames of `width` pixels, without heat.
    pub fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(COLUMNS);
        Self {
            stride,
            index: vec![0; stride * tiles::ROWS],
            gray: vec![0; stride],
        }
    }
}

enum Kind {
    Packed {
        bytes: usize,
        paint: PaintRow,
        colours: Colours,
    },
    Planar {
        /// Planes of red, green and blue.
        order: [usize; 3],
        colours: Colours,
    },
    YCbCr {
        samples: Samples,
        tables: Box<YuvTables>,
    },
}

/// [`Colours::paint_row`] for one order of bytes.
type PaintRow = fn(&Colours, &mut [u8], &[u8], &mut [u8]);

fn paint_row(order: PackedOrder) -> PaintRow {
    match order {
        PackedOrder::Rgb => Colours::paint_row::<3, 0, 1, 2>,
        PackedOrder::Bgr => Colours::paint_row::<3, 2, 1, 0>,
        PackedOrder::Rgbx => Colours::paint_row::<4, 0, 1, 2>,
        PackedOrder::Bgrx => Colours::paint_row::<4, 2, 1, 0>,
        PackedOrder::Xrgb => Colours::paint_row::<4, 1, 2, 3>,
        PackedOrder::Xbgr => Colours::paint_row::<4, 3, 2, 1>,
    }
}

impl FrameWriter {
    pub fn new(geometry: &Geometry, white: Option<f64>, colormap: &Colormap) -> Self {
        Self {
            width: geometry.width,
            white,
            kind: match geometry.layout {
                Layout::Packed(order) => Kind::Packed {
                    bytes: order.bytes(),
                    paint: paint_row(order),
                    colours: Colours::new(order.offsets(), colormap),
                },
                Layout::Planar { r, g, b } => Kind::Planar {
                    order: [r, g, b],
                    colours: Colours::new([r, g, b], colormap),
                },
                Layout::YCbCr { samples, encoding } => Kind::YCbCr {
                    samples,
                    tables: Box::new(YuvTables::new(encoding, samples.depth, white, colormap)),
                },
            },
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
        planes
            .each_mut()
            .map(|plane| plane.take_rows(each.next().unwrap_or(rows)))
    }

    /// The colours from the next [`Self::set_range`] on.
    pub fn set_colormap(&mut self, colormap: &Colormap) {
        match &mut self.kind {
            Kind::Packed { colours, .. } | Kind::Planar { colours, .. } => {
                colours.set_colormap(colormap);
            }
            Kind::YCbCr { tables, .. } => tables.set_colormap(colormap),
        }
    }

    /// Prepares for pictures whose gray / 2 + heat has the minimum and maximum `range`.
    pub fn set_range(&mut self, range: Span) {
        match &mut self.kind {
            Kind::Packed { colours, .. } | Kind::Planar { colours, .. } => {
                let to_white = |white| Span {
                    highest: range.lowest + (range.highest - range.lowest) / white,
                    ..range
                };
                colours.fill(self.white.map_or(range, to_white));
            }
            Kind::YCbCr { tables, .. } => tables.fill(range),
        }
    }

    /// Paints the rows `rows` of a band whose planes are given; their heat indices are those of
    /// `scratch`.
    pub fn paint(
        &self,
        planes: &mut [PlaneMut; PLANES],
        rows: Range<usize>,
        scratch: &mut Scratch,
    ) {
        let width = self.width;
        let Scratch {
            stride,
            index,
            gray,
        } = scratch;
        let lines = || rows.clone().zip(index.chunks_exact(*stride));
        match &self.kind {
            Kind::Packed {
                bytes,
                paint,
                colours,
            } => {
                for (y, index) in lines() {
                    let pixels = planes[0].row_mut(y, width * *bytes);
                    paint(colours, pixels, &index[..width], &mut gray[..width]);
                }
            }
            Kind::Planar { order, colours } => {
                for (y, index) in lines() {
                    let rows = planes.each_mut().map(|plane| plane.row_mut(y, width));
                    let [r, g, b] = order.map(|plane| &*rows[plane]);
                    gray_planes(r, g, b, &mut gray[..width]);
                    colours.paint_planes(rows, gray, index);
                }
            }
            Kind::YCbCr { samples, tables } => {
                let luma = samples.y;
                let chroma = samples.chroma.as_ref();
                if let Some(chroma) = chroma.filter(|chroma| chroma.cb.plane == luma.plane) {
                    let row_bytes = width.div_ceil(2) * chroma.cb.step;
                    for (y, index) in lines() {
                        let row = planes[luma.plane].row_mut(y, row_bytes);
                        tables.paint_packed(row, luma, chroma, index, width);
                    }
                    return;
                }
                for (y, index) in lines() {
                    let row = planes[luma.plane].row_mut(y, width * samples.depth.bytes());
                    tables.paint_luma(row, &index[..width]);
                }
                if let Some(chroma) = chroma {
                    let index = &index[..rows.len() * *stride];
                    paint_chroma(planes, chroma, tables, (width, rows.start), index, *stride);
                }
            }
        }
    }
}

/// Paints the chroma of rows of `width` pixels from row `first` of a band on, whose heat indices are
/// given.
fn paint_chroma(
    planes: &mut [PlaneMut; PLANES],
    chroma: &Chroma,
    tables: &YuvTables,
    (width, first): (usize, usize),
    index: &[u8],
    stride: usize,
) {
    let line = |y: usize| &index[y * stride..][..stride];
    let rows = index.len() / stride;
    let (samples, height) = chroma.size(width, rows);
    let (_, first) = chroma.size(width, first);
    let bytes = samples * chroma.cb.step * tables.depth().bytes();
    for y in 0..height {
        let heat = if chroma.halved_y {
            [line(2 * y), line((2 * y + 1).min(rows - 1))]
        } else {
            [line(y); 2]
        };
        let rows = if chroma.cb.plane == chroma.cr.plane {
            let row = planes[chroma.cb.plane].row_mut(first + y, bytes);
            ChromaRows::Pairs(row, chroma.cb.offset)
        } else {
            let both = planes.get_disjoint_mut([chroma.cb.plane, chroma.cr.plane]);
            let Ok(both) = both else { continue };
            ChromaRows::Planes(both.map(|plane| plane.row_mut(first + y, bytes)))
        };
        tables.paint_chroma(rows, heat, chroma.halved_x);
    }
}
