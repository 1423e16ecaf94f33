//! From the size of frames to that of tensors.

use std::fmt;

use super::placement::Placement;
use crate::frame::Presentation;

/// Most pixels of a picture fed to a network: beyond it an inference needs many GiB.
pub const MAX_TENSOR_PIXELS: usize = 16 << 20;

/// How a frame is fitted to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The shortest side becomes so many pixels and the aspect ratio is kept; see
    /// [`network_size`].
    ShortestSide(usize),
    /// The height becomes so many pixels and the aspect ratio is kept.
    Height(usize),
    /// The width becomes so many pixels and the aspect ratio is kept.
    Width(usize),
    /// Width and height are scaled independently.
    Exact {
        /// Pixels of a row of the tensor.
        width: usize,
        /// Rows of the tensor.
        height: usize,
    },
    /// The aspect ratio is kept, and the middle of the frame is taken.
    Crop {
        /// Pixels of a row of the tensor.
        width: usize,
        /// Rows of the tensor.
        height: usize,
        /// Width and height, in pixels, that the frame just covers before the middle is taken: as many as the tensor's
        /// for the largest crop, more for a smaller one.
        covers: (usize, usize),
    },
    /// The aspect ratio is kept, and the whole frame lies in the middle of the tensor, which is 0 around it.
    Letterbox {
        /// Pixels of a row of the tensor.
        width: usize,
        /// Rows of the tensor.
        height: usize,
    },
}

/// The ways to fit frames of any shape to what a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FitMode {
    /// The whole frame in its own shape, its shortest side as many pixels as the network wants.
    ShortestSide,
    /// The middle of the frame, in the shape of the network's pictures.
    Crop,
    /// The whole frame, stretched to the shape of the network's pictures.
    Stretch,
    /// The whole frame in its own shape, in the middle of the network's picture.
    Letterbox,
}

impl FitMode {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::ShortestSide,
        Self::Crop,
        Self::Stretch,
        Self::Letterbox,
    ];

    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortestSide => "shortest-side",
            Self::Crop => "crop",
            Self::Stretch => "stretch",
            Self::Letterbox => "letterbox",
        }
    }

    /// The one of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// How many pixels a tensor has, and at what scales they are made.
pub(crate) struct Scaling {
    /// Width and height of the tensor.
    pub size: (usize, usize),
    /// Pixels of the tensor to one of the frame, across and down.
    pub scale: (f64, f64),
    /// Width and height of what is made of the frame.
    pub picture: (usize, usize),
    /// Where in the tensor that begins, from left and top.
    pub inset: (usize, usize),
    /// Pixels of the scaled frame that are left out at the left and at the top.
    pub cut: (f64, f64),
}

impl Scaling {
    fn whole(size: (usize, usize), scale: (f64, f64)) -> Self {
        Self {
            size,
            scale,
            picture: size,
            inset: (0, 0),
            cut: (0.0, 0.0),
        }
    }
}

/// In words, such as “shortest side 224” or “224 x 224 of the middle”.
impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortestSide(side) => write!(f, "any size, shortest side {side}"),
            Self::Height(side) => write!(f, "any width, height {side}"),
            Self::Width(side) => write!(f, "any height, width {side}"),
            Self::Exact { width, height } => write!(f, "{width} x {height}, stretched"),
            Self::Crop {
                width,
                height,
                covers: (across, down),
            } => write!(
                f,
                "the middle {width} x {height} of a picture that covers {across} x {down}"
            ),
            Self::Letterbox { width, height } => {
                write!(f, "{width} x {height}, the whole picture in the middle")
            }
        }
    }
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

    /// Where the upright frame lies in the tensor, of a frame of `width` x `height` pixels as it is stored.
    pub fn placement(self, width: usize, height: usize, presentation: &Presentation) -> Placement {
        match self {
            // Up to the rounding of the longer side.
            Self::ShortestSide(_) | Self::Height(_) | Self::Width(_) | Self::Exact { .. } => {
                Placement::WHOLE
            }
            Self::Crop { .. } | Self::Letterbox { .. } => {
                let upright = presentation.orientation.sides((width, height));
                let Scaling {
                    size,
                    scale,
                    inset,
                    cut,
                    ..
                } = self.scaling(upright, presentation.upright_aspect());
                let along = |length: usize, scale: f64, inset: usize, cut: f64, size: usize| {
                    let start = inset as f64 - cut;
                    [start, start + length as f64 * scale].map(|edge| edge / size as f64)
                };
                Placement {
                    across: along(upright.0, scale.0, inset.0, cut.0, size.0),
                    down: along(upright.1, scale.1, inset.1, cut.1, size.1),
                }
            }
        }
    }

    /// Where the upright frame lies in the tensor, of a frame of `width` x `height` pixels as it is stored: for each axis,
    /// across and down, pixels of the tensor to one of the frame, where the frame's edge is in the tensor, and how long that is.
    pub(crate) fn lie(
        self,
        width: usize,
        height: usize,
        presentation: &Presentation,
    ) -> [(f64, f64, usize); 2] {
        let upright = presentation.orientation.sides((width, height));
        let scaling = self.scaling(upright, presentation.upright_aspect());
        let Scaling {
            size,
            scale,
            inset,
            cut,
            ..
        } = scaling;
        [
            (scale.0, inset.0 as f64 - cut.0, size.0),
            (scale.1, inset.1 as f64 - cut.1, size.1),
        ]
    }

    /// For an upright frame of `width` x `height` pixels whose width and height are as `aspect`.
    pub(crate) fn scaling(self, (width, height): (usize, usize), aspect: (u32, u32)) -> Scaling {
        let (across, down) = (f64::from(aspect.0), f64::from(aspect.1));
        // The width that is shown, in heights of a pixel.
        let shown = width as f64 * across / down;
        let long = |length: f64, scale: f64| (length * scale).ceil() as usize;
        let by_height = |side: usize| {
            let scale = side as f64 / height as f64;
            Scaling::whole((long(shown, scale), side), (scale * (across / down), scale))
        };
        let by_width = |side: usize| {
            let scale = side as f64 / shown;
            Scaling::whole(
                (side, long(height as f64, scale)),
                (side as f64 / width as f64, scale),
            )
        };
        match self {
            Self::ShortestSide(side) if height as f64 <= shown => by_height(side),
            Self::ShortestSide(side) => by_width(side),
            Self::Height(side) => by_height(side),
            Self::Width(side) => by_width(side),
            Self::Exact {
                width: out_width,
                height: out_height,
            } => Scaling::whole(
                (out_width, out_height),
                (
                    out_width as f64 / width as f64,
                    out_height as f64 / height as f64,
                ),
            ),
            Self::Crop {
                width: out_width,
                height: out_height,
                covers,
            } => {
                let scale = (covers.0 as f64 / shown).max(covers.1 as f64 / height as f64);
                let cut = |length: f64, size: usize| (length * scale - size as f64).max(0.0) / 2.0;
                Scaling {
                    cut: (cut(shown, out_width), cut(height as f64, out_height)),
                    ..Scaling::whole((out_width, out_height), (scale * (across / down), scale))
                }
            }
            Self::Letterbox {
                width: out_width,
                height: out_height,
            } => {
                let scale = (out_width as f64 / shown).min(out_height as f64 / height as f64);
                let side =
                    |length: f64, most: usize| ((length * scale).round() as usize).clamp(1, most);
                let picture = (side(shown, out_width), side(height as f64, out_height));
                Scaling {
                    size: (out_width, out_height),
                    scale: (
                        picture.0 as f64 / width as f64,
                        picture.1 as f64 / height as f64,
                    ),
                    picture,
                    inset: ((out_width - picture.0) / 2, (out_height - picture.1) / 2),
                    cut: (0.0, 0.0),
                }
            }
        }
    }
}

/// Width and height of a frame whose shortest side is scaled to `side`: the other side is
/// `ceil(length * side / shortest)`. `width` and `height` must be positive.
pub fn network_size(width: usize, height: usize, side: usize) -> (usize, usize) {
    Fit::ShortestSide(side).size(width, height)
}
