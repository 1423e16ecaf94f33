//! How a frame lies in memory.

use super::colorimetry::Encoding;
use super::depth::Depth;
use super::presentation::Orientation;

/// Most planes that a frame has.
pub(crate) const PLANES: usize = 3;

/// Where a frame's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One plane of pixels of 3 or 4 bytes.
    Packed(PackedOrder),
    /// Three planes of bytes, those of red, green and blue being the planes `r`, `g` and `b`.
    Planar {
        /// Index of red's plane, 0..3.
        r: usize,
        /// Index of green's plane, 0..3.
        g: usize,
        /// Index of blue's plane, 0..3.
        b: usize,
    },
    /// Luma and, mostly at a lower resolution, chroma.
    YCbCr {
        /// Where they are.
        samples: Samples,
        /// What they mean.
        encoding: Encoding,
    },
}

impl Layout {
    /// Bytes of red, green and blue.
    pub const RGB: Self = Self::Packed(PackedOrder::Rgb);
    /// Bytes of blue, green and red.
    pub const BGR: Self = Self::Packed(PackedOrder::Bgr);
    /// Also RGBA.
    pub const RGBX: Self = Self::Packed(PackedOrder::Rgbx);
    /// Also BGRA.
    pub const BGRX: Self = Self::Packed(PackedOrder::Bgrx);
    /// Also ARGB.
    pub const XRGB: Self = Self::Packed(PackedOrder::Xrgb);
    /// Also ABGR.
    pub const XBGR: Self = Self::Packed(PackedOrder::Xbgr);
    /// Planes of green, blue and red.
    pub const GBR: Self = Self::Planar { r: 2, g: 0, b: 1 };
}

/// Order of the bytes of a packed pixel. `x` is alpha or padding and is never touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PackedOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Red, green, blue, x.
    Rgbx,
    /// Blue, green, red, x.
    Bgrx,
    /// X, red, green, blue.
    Xrgb,
    /// X, blue, green, red.
    Xbgr,
}

impl PackedOrder {
    /// Bytes of a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Rgbx | Self::Bgrx | Self::Xrgb | Self::Xbgr => 4,
        }
    }

    /// Where red, green and blue are among the bytes of a pixel.
    pub const fn offsets(self) -> [usize; 3] {
        match self {
            Self::Rgb | Self::Rgbx => [0, 1, 2],
            Self::Bgr | Self::Bgrx => [2, 1, 0],
            Self::Xrgb => [1, 2, 3],
            Self::Xbgr => [3, 2, 1],
        }
    }
}

/// Where the luma and chroma samples of a Y'CbCr frame are. The constants are named as the
/// formats of GStreamer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Samples {
    pub(crate) y: Component,
    /// None in gray frames.
    pub(crate) chroma: Option<Chroma>,
    pub(crate) depth: Depth,
}

/// Where the samples of one component are: every `step`-th sample of `plane` from `offset` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// Index of the plane.
    pub plane: usize,
    /// The first sample, counted in samples of the plane's rows.
    pub offset: usize,
    /// From one sample to the next; 1: the plane is its alone.
    pub step: usize,
}

/// Where chroma samples are. A halved dimension has one sample for two pixels, rounded up:
/// horizontally at the first of the two, vertically in the middle between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chroma {
    /// Where the samples of Cb are.
    pub cb: Component,
    /// Where the samples of Cr are.
    pub cr: Component,
    /// Two pixels of a row share a sample.
    pub halved_x: bool,
    /// Two rows share a row of samples.
    pub halved_y: bool,
}

impl Chroma {
    /// Columns and rows of chroma samples of a frame of `width` x `height` pixels.
    pub(crate) fn size(&self, width: usize, height: usize) -> (usize, usize) {
        let halved = |length: usize, by: bool| if by { length.div_ceil(2) } else { length };
        (halved(width, self.halved_x), halved(height, self.halved_y))
    }
}

impl Samples {
    /// Samples of the frames turned, each component in a plane of its own.
    pub(crate) fn turned(&self, orientation: Orientation) -> Self {
        let halved = |chroma: Chroma| orientation.sides((chroma.halved_x, chroma.halved_y));
        match self.chroma.map(halved) {
            Some((halved_x, halved_y)) => Self::planar(1, 2, halved_x, halved_y, self.depth),
            None => *self,
        }
    }

    /// 4:2:0 in three planes: Y, Cb, Cr.
    pub const I420: Self = Self::planar(1, 2, true, true, Depth::Eight);
    /// 4:2:0 in three planes: Y, Cr, Cb.
    pub const YV12: Self = Self::planar(2, 1, true, true, Depth::Eight);
    /// 4:2:2 in three planes: Y, Cb, Cr.
    pub const Y42B: Self = Self::planar(1, 2, true, false, Depth::Eight);
    /// 4:4:4 in three planes: Y, Cb, Cr.
    pub const Y444: Self = Self::planar(1, 2, false, false, Depth::Eight);
    /// 4:2:0 in three planes, 10 bits in the low bits of 16: Y, Cb, Cr.
    pub const I420_10LE: Self = Self::planar(1, 2, true, true, Depth::TenLow);
    /// 4:2:0 in two planes: Y, and pairs of Cb and Cr.
    pub const NV12: Self = Self::semi_planar(0, 1, true, true, Depth::Eight);
    /// 4:2:0 in two planes: Y, and pairs of Cr and Cb.
    pub const NV21: Self = Self::semi_planar(1, 0, true, true, Depth::Eight);
    /// 4:4:4 in two planes: Y, and pairs of Cb and Cr.
    pub const NV24: Self = Self::semi_planar(0, 1, false, false, Depth::Eight);
    /// 4:2:0 in two planes, 10 bits in the high bits of 16: Y, and pairs of Cb and Cr.
    pub const P010_10LE: Self = Self::semi_planar(0, 1, true, true, Depth::TenHigh);
    /// 4:2:2 in one plane: Y, Cb, Y, Cr.
    pub const YUY2: Self = Self::packed(0, 1, 3);
    /// 4:2:2 in one plane: Y, Cr, Y, Cb.
    pub const YVYU: Self = Self::packed(0, 3, 1);
    /// 4:2:2 in one plane: Cb, Y, Cr, Y.
    pub const UYVY: Self = Self::packed(1, 0, 2);
    /// Luma alone.
    pub const GRAY8: Self = Self {
        y: Component::new(0, 0, 1),
        chroma: None,
        depth: Depth::Eight,
    };

    const fn planar(cb: usize, cr: usize, halved_x: bool, halved_y: bool, depth: Depth) -> Self {
        Self {
            y: Component::new(0, 0, 1),
            chroma: Some(Chroma {
                cb: Component::new(cb, 0, 1),
                cr: Component::new(cr, 0, 1),
                halved_x,
                halved_y,
            }),
            depth,
        }
    }

    const fn semi_planar(
        cb: usize,
        cr: usize,
        halved_x: bool,
        halved_y: bool,
        depth: Depth,
    ) -> Self {
        Self {
            y: Component::new(0, 0, 1),
            chroma: Some(Chroma {
                cb: Component::new(1, cb, 2),
                cr: Component::new(1, cr, 2),
                halved_x,
                halved_y,
            }),
            depth,
        }
    }

    const fn packed(y: usize, cb: usize, cr: usize) -> Self {
        Self {
            y: Component::new(0, y, 2),
            chroma: Some(Chroma {
                cb: Component::new(0, cb, 4),
                cr: Component::new(0, cr, 4),
                halved_x: true,
                halved_y: false,
            }),
            depth: Depth::Eight,
        }
    }
}

impl Component {
    const fn new(plane: usize, offset: usize, step: usize) -> Self {
        Self {
            plane,
            offset,
            step,
        }
    }
}

/// Layout and size, in pixels, of every frame of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Where the samples are.
    pub layout: Layout,
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Geometry {
    /// The same frames, of which chroma is not looked at.
    pub(crate) fn without_chroma(mut self) -> Self {
        if let Layout::YCbCr { samples, .. } = &mut self.layout {
            samples.chroma = None;
        }
        self
    }

    /// Bytes of a row, and rows, of each plane; none and none for planes that there are not.
    pub fn plane_sizes(&self) -> [(usize, usize); PLANES] {
        let (width, height) = (self.width, self.height);
        let mut sizes = [(0, 0); PLANES];
        match self.layout {
            Layout::Packed(order) => sizes[0] = (width * order.bytes(), height),
            Layout::Planar { .. } => sizes = [(width, height); PLANES],
            Layout::YCbCr { samples, .. } => {
                let mut add = |component: Component, width: usize, height: usize| {
                    let row = width * component.step * samples.depth.bytes();
                    let size = &mut sizes[component.plane];
                    *size = (size.0.max(row), size.1.max(height));
                };
                add(samples.y, width, height);
                if let Some(chroma) = samples.chroma {
                    let (width, height) = chroma.size(width, height);
                    add(chroma.cb, width, height);
                    add(chroma.cr, width, height);
                }
            }
        }
        sizes
    }
}
