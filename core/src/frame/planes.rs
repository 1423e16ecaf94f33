//! The planes of one frame in memory.

use std::fmt;

use super::layout::{Geometry, Layout, PLANES};
use super::presentation::Presentation;

/// A picture to read: planes that are as large as their geometry says.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    geometry: Geometry,
    presentation: Presentation,
    planes: [Plane<'a>; PLANES],
}

/// A picture to paint on; see [`Frame`].
#[derive(Debug)]
pub struct FrameMut<'a> {
    geometry: Geometry,
    presentation: Presentation,
    planes: [PlaneMut<'a>; PLANES],
}

/// A plane that is missing, or smaller than the frame's geometry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Which of the planes.
    pub plane: usize,
    /// Bytes that it has, and that it needs.
    pub bytes: usize,
    /// See `bytes`.
    pub needed: usize,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plane,
            bytes,
            needed,
        } = self;
        write!(
            f,
            "Plane {plane} of the frame has {bytes} bytes and needs {needed}. Give all rows of the \
             picture, and the bytes between their starts as the stride."
        )
    }
}

impl std::error::Error for FrameError {}

/// Whether planes of such lengths and strides hold a frame of `geometry`.
fn check(geometry: &Geometry, planes: [(usize, usize); PLANES]) -> Result<(), FrameError> {
    let sizes = geometry.plane_sizes().into_iter().zip(planes);
    for (plane, ((row, rows), (bytes, stride))) in sizes.enumerate() {
        let before = rows.saturating_sub(1).saturating_mul(stride);
        let needed = if stride < row && rows > 1 {
            usize::MAX
        } else {
            before.saturating_add(row)
        };
        if bytes < needed {
            return Err(FrameError {
                plane,
                bytes,
                needed: needed.min(rows.saturating_mul(stride.max(row))),
            });
        }
    }
    Ok(())
}

impl<'a> Frame<'a> {
    /// A frame of `geometry`, whose planes are given in the order of its layout.
    ///
    /// # Errors
    /// [`FrameError`] for a plane that is too small, or rows that overlap.
    pub fn new(geometry: Geometry, planes: &[Plane<'a>]) -> Result<Self, FrameError> {
        let mut given = planes.iter().copied();
        let planes = [(); PLANES].map(|()| {
            given.next().unwrap_or(Plane {
                data: &[],
                stride: 0,
            })
        });
        check(
            &geometry,
            planes.map(|plane| (plane.data.len(), plane.stride)),
        )?;
        Ok(Self {
            geometry,
            presentation: Presentation::default(),
            planes,
        })
    }

    /// A picture of `width` x `height` pixels of three bytes, red, green and blue, without padding.
    ///
    /// # Errors
    /// [`FrameError`] where there are fewer bytes.
    pub fn rgb(data: &'a [u8], width: usize, height: usize) -> Result<Self, FrameError> {
        let stride = width * 3;
        Self::new(rgb(width, height), &[Plane { data, stride }])
    }

    /// The frame, meant to be seen as `presentation` says: upright, in square pixels and of the
    /// standard dynamic range unless said otherwise.
    pub fn presented(mut self, presentation: Presentation) -> Self {
        self.presentation = presentation;
        self
    }

    /// How the frame is meant to be seen.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// Layout and size of the frame.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The planes; those that the layout has not are empty.
    pub fn planes(&self) -> &[Plane<'a>] {
        &self.planes
    }
}

impl<'a> FrameMut<'a> {
    /// A frame of `geometry`, whose planes are given in the order of its layout.
    ///
    /// # Errors
    /// [`FrameError`] for a plane that is too small, or rows that overlap.
    pub fn new(
        geometry: Geometry,
        planes: impl IntoIterator<Item = PlaneMut<'a>>,
    ) -> Result<Self, FrameError> {
        let mut given = planes.into_iter();
        let planes = [(); PLANES].map(|()| given.next().unwrap_or_default());
        let sizes = planes
            .each_ref()
            .map(|plane| (plane.data.len(), plane.stride));
        check(&geometry, sizes)?;
        Ok(Self {
            geometry,
            presentation: Presentation::default(),
            planes,
        })
    }

    /// A picture of `width` x `height` pixels of three bytes, red, green and blue, without padding.
    ///
    /// # Errors
    /// [`FrameError`] where there are fewer bytes.
    pub fn rgb(data: &'a mut [u8], width: usize, height: usize) -> Result<Self, FrameError> {
        let stride = width * 3;
        Self::new(rgb(width, height), [PlaneMut { data, stride }])
    }

    /// The frame, meant to be seen as `presentation` says: upright, in square pixels and of the
    /// standard dynamic range unless said otherwise.
    pub fn presented(mut self, presentation: Presentation) -> Self {
        self.presentation = presentation;
        self
    }

    /// How the frame is meant to be seen.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// Layout and size of the frame.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The planes; those that the layout has not are empty.
    pub fn planes_mut(&mut self) -> &mut [PlaneMut<'a>] {
        &mut self.planes
    }
}

fn rgb(width: usize, height: usize) -> Geometry {
    Geometry {
        layout: Layout::RGB,
        width,
        height,
    }
}

/// One plane of a frame to read: rows `stride` bytes apart, the last of which may end with its
/// own last byte.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// All its rows, from the first byte of the first.
    pub data: &'a [u8],
    /// Bytes from the start of a row to that of the next.
    pub stride: usize,
}

impl<'a> Plane<'a> {
    /// The first `bytes` bytes of row `y`.
    pub(crate) fn row(&self, y: usize, bytes: usize) -> &'a [u8] {
        &self.data[y * self.stride..][..bytes]
    }
}

/// One plane of a frame to paint on; see [`Plane`].
#[derive(Debug, Default)]
pub struct PlaneMut<'a> {
    /// All its rows, from the first byte of the first.
    pub data: &'a mut [u8],
    /// Bytes from the start of a row to that of the next.
    pub stride: usize,
}

impl<'a> PlaneMut<'a> {
    pub(crate) fn reborrow(&mut self) -> PlaneMut<'_> {
        PlaneMut {
            data: self.data,
            stride: self.stride,
        }
    }

    pub(crate) fn to_read(&self) -> Plane<'_> {
        Plane {
            data: self.data,
            stride: self.stride,
        }
    }

    /// Takes off the first `rows` rows, or all where there are fewer.
    pub(crate) fn take_rows(&mut self, rows: usize) -> PlaneMut<'a> {
        let data = std::mem::take(&mut self.data);
        let (data, rest) = data.split_at_mut((rows * self.stride).min(data.len()));
        self.data = rest;
        PlaneMut {
            data,
            stride: self.stride,
        }
    }

    /// The first `bytes` bytes of row `y`.
    pub(crate) fn row_mut(&mut self, y: usize, bytes: usize) -> &mut [u8] {
        &mut self.data[y * self.stride..][..bytes]
    }
}
