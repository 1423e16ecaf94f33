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
            (1, _) => array.iter().flat_map(|&gray| [gray; 3]).collect(),
            (_, Some(slice)) => Cow::Borrowed(slice),
            (_, None) => array.iter().copied().collect(),
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
    pub fn into_bytes(self) -> (Vec<u8>, usize) {
        let stride = self.bytes.len() / self.height;
        (self.bytes.into_owned(), stride)
    }
}
