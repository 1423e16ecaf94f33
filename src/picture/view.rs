//! How a frame lies in memory.

/// Where a frame's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One plane of pixels of `bytes` bytes (3 or 4), red, green and blue at the byte offsets
    /// `r`, `g` and `b`. A fourth byte is alpha or padding and is never touched.
    Packed {
        bytes: usize,
        r: usize,
        g: usize,
        b: usize,
    },
}

impl Layout {
    pub const RGB: Self = Self::packed(3, 0, 1, 2);
    pub const BGR: Self = Self::packed(3, 2, 1, 0);
    /// Also RGBA.
    pub const RGBX: Self = Self::packed(4, 0, 1, 2);
    /// Also BGRA.
    pub const BGRX: Self = Self::packed(4, 2, 1, 0);
    /// Also ARGB.
    pub const XRGB: Self = Self::packed(4, 1, 2, 3);
    /// Also ABGR.
    pub const XBGR: Self = Self::packed(4, 3, 2, 1);

    const fn packed(bytes: usize, r: usize, g: usize, b: usize) -> Self {
        Self::Packed { bytes, r, g, b }
    }
}

/// Layout and size, in pixels, of every frame of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub layout: Layout,
    pub width: usize,
    pub height: usize,
}

/// One plane of a frame to read: rows `stride` bytes apart, the last of which may end with its
/// own last byte.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    pub data: &'a [u8],
    pub stride: usize,
}

/// One plane of a frame to paint on; see [`Plane`].
#[derive(Debug)]
pub struct PlaneMut<'a> {
    pub data: &'a mut [u8],
    pub stride: usize,
}

impl PlaneMut<'_> {
    /// The first `bytes` bytes of row `y`.
    pub(super) fn row(&self, y: usize, bytes: usize) -> &[u8] {
        &self.data[y * self.stride..][..bytes]
    }

    /// The first `bytes` bytes of row `y`.
    pub(super) fn row_mut(&mut self, y: usize, bytes: usize) -> &mut [u8] {
        &mut self.data[y * self.stride..][..bytes]
    }
}
