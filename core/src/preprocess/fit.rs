//! From the size of frames to that of tensors.

use crate::frame::Presentation;

/// Most pixels of a picture fed to a network: beyond it an inference needs many GiB.
pub const MAX_TENSOR_PIXELS: usize = 16 << 20;

/// How a frame is fitted to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The shortest side becomes so many pixels and the aspect ratio is kept; see
    /// [`network_size`].
    ShortestSide(usize),
    /// Width and height are scaled independently.
    Exact {
        /// Pixels of a row of the tensor.
        width: usize,
        /// Rows of the tensor.
        height: usize,
    },
}

/// How many pixels a tensor has, and at what scales they are made.
pub(crate) struct Scaling {
    /// Width and height of the tensor.
    pub size: (usize, usize),
    /// Pixels of the tensor to one of the frame, across and down.
    pub scale: (f64, f64),
}

impl Fit {
    /// Width and height of the tensor for an upright frame of `width` x `height` square pixels.
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        self.scaling((width, height), (1, 1)).size
    }

    /// Width and height of the tensor for a frame of `width` x `height` pixels as it is stored.
    pub fn presented_size(
        self,
        width: usize,
        height: usize,
        presentation: &Presentation,
    ) -> (usize, usize) {
        let upright = presentation.orientation.sides((width, height));
        self.scaling(upright, presentation.upright_aspect()).size
    }

    /// For an upright frame of `width` x `height` pixels whose width and height are as `aspect`.
    pub(crate) fn scaling(self, (width, height): (usize, usize), aspect: (u32, u32)) -> Scaling {
        match self {
            Self::ShortestSide(side) => {
                let (across, down) = (f64::from(aspect.0), f64::from(aspect.1));
                // The width that is shown, in heights of a pixel.
                let shown = width as f64 * across / down;
                let (size, scale) = (side, side as f64);
                let long = |length: f64, scale: f64| (length * scale).ceil() as usize;
                if height as f64 <= shown {
                    let scale = scale / height as f64;
                    Scaling {
                        size: (long(shown, scale), size),
                        scale: (scale * (across / down), scale),
                    }
                } else {
                    let down = scale / shown;
                    Scaling {
                        size: (size, long(height as f64, down)),
                        scale: (scale / width as f64, down),
                    }
                }
            }
            Self::Exact {
                width: out_width,
                height: out_height,
            } => Scaling {
                size: (out_width, out_height),
                scale: (
                    out_width as f64 / width as f64,
                    out_height as f64 / height as f64,
                ),
            },
        }
    }
}

/// Width and height of a frame whose shortest side is scaled to `side`: the other side is
/// `ceil(length * side / shortest)`. `width` and `height` must be positive.
pub fn network_size(width: usize, height: usize, side: usize) -> (usize, usize) {
    Fit::ShortestSide(side).size(width, height)
}
