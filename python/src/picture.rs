//! Pictures as numpy holds them.

use std::borrow::Cow;

use camoverlay::frame::{Frame, Geometry, Layout, Plane};
use numpy::ndarray::ArrayView3;

use crate::errors::Failure;

/// A picture of 1 (gray), 3 (red, green, blue) or 4 channels (and alpha, which is not looked at) of bytes, height x width x
/// channels.
pub struct Picture<'a> {
    bytes: Cow<'a, [u8]>,
    pub width: usize,
    pub height: usize,
    layout: Layout,
}

impl<'a> Picture<'a> {
    /// What `array` holds; nothing is copied where it is in order and not gray.
    ///
    /// # Errors
    /// [`Failure`] for another number of channels, and for no pixels.
    pub fn of(array: ArrayView3<'a, u8>) -> Result<Self, Failure> {
        let (height, width, channels) = array.dim();
        if width == 0 || height == 0 {
            return Err(Failure::settings(format!(
                "A picture of {width} x {height} pixels shows nothing. Give one that has pixels."
            )));
        }
        let layout = match channels {
            1 | 3 => Layout::RGB,
            4 => Layout::RGBX,
            _ => {
                return Err(Failure::settings(format!(
                    "A picture of {channels} channels is none of gray, RGB and RGBA. Give height x width, or height x width x 3 or \
                     4."
                )));
            }
        };
        let bytes = match (channels, array.to_slice()) {
            (1, _) => {
                let mut bytes = room(array.len().saturating_mul(3))?;
                bytes.extend(array.iter().flat_map(|&gray| [gray; 3]));
                Cow::Owned(bytes)
            }
            (_, Some(slice)) => Cow::Borrowed(slice),
            (_, None) => {
                let mut bytes = room(array.len())?;
                bytes.extend(array.iter().copied());
                Cow::Owned(bytes)
            }
        };
        Ok(Self {
            bytes,
            width,
            height,
            layout,
        })
    }

    /// How its pixels lie.
    pub fn geometry(&self) -> Geometry {
        Geometry {
            layout: self.layout,
            width: self.width,
            height: self.height,
        }
    }

    /// The picture to read.
    ///
    /// # Errors
    /// None for a picture of [`of`](Self::of).
    pub fn frame(&self) -> Result<Frame<'_>, Failure> {
        let stride = self.bytes.len() / self.height;
        let plane = Plane {
            data: &self.bytes,
            stride,
        };
        Frame::new(self.geometry(), &[plane]).map_err(|error| Failure::settings(error.to_string()))
    }

    /// Its own bytes, to paint on, and how many of them are a row's.
    ///
    /// # Errors
    /// [`Failure`] where memory lacks for a copy.
    pub fn into_bytes(self) -> Result<(Vec<u8>, usize), Failure> {
        let stride = self.bytes.len() / self.height;
        let bytes = match self.bytes {
            Cow::Owned(bytes) => bytes,
            Cow::Borrowed(borrowed) => {
                let mut bytes = room(borrowed.len())?;
                bytes.extend_from_slice(borrowed);
                bytes
            }
        };
        Ok((bytes, stride))
    }
}

/// Room for a copy of so many bytes.
///
/// # Errors
/// There is not so much.
fn room(length: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| {
        Failure::settings(format!(
            "The picture takes {length} bytes more than there is memory. Give a smaller one, or a part of it."
        ))
    })?;
    Ok(bytes)
}
