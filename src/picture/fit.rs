//! From the size of frames to that of tensors.

/// Most pixels of a picture fed to a network: beyond it an inference needs many GiB.
pub const MAX_TENSOR_PIXELS: usize = 16 << 20;

/// How a frame is fitted to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The shortest side becomes so many pixels and the aspect ratio is kept; see
    /// [`network_size`].
    ShortestSide(usize),
    /// Width and height are scaled independently.
    Exact { width: usize, height: usize },
}

impl Fit {
    /// Width and height of the tensor for a frame of `width` x `height` pixels.
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::ShortestSide(side) => network_size(width, height, side),
            Self::Exact { width, height } => (width, height),
        }
    }

    /// Horizontal and vertical scale.
    pub(super) fn scale(self, width: usize, height: usize) -> (f64, f64) {
        match self {
            Self::ShortestSide(side) => {
                let scale = side as f64 / width.min(height) as f64;
                (scale, scale)
            }
            Self::Exact {
                width: out_width,
                height: out_height,
            } => (
                out_width as f64 / width as f64,
                out_height as f64 / height as f64,
            ),
        }
    }
}

/// Width and height of a frame whose shortest side is scaled to `side`: the other side is
/// `ceil(length * side / shortest)`. `width` and `height` must be positive.
pub fn network_size(width: usize, height: usize, side: usize) -> (usize, usize) {
    let scaled = |long: usize, short: usize| {
        let scale = side as f64 / short as f64;
        (long as f64 * scale).ceil() as usize
    };
    if height <= width {
        (scaled(width, height), side)
    } else {
        (side, scaled(height, width))
    }
}
