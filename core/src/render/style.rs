//! How heat lies over the picture.

use super::colormap::Colormap;

/// What becomes of a picture under its heat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Blend {
    /// Gray / 2 + heat in each channel, stretched over the whole picture.
    #[default]
    Darkened,
    /// The picture's own colours, mixed half and half with the colour of the heat where there is any. Nothing is stretched, so
    /// that brightness does not follow the hottest pixel, and pixels without heat stay as they are.
    Colour,
    /// The picture's own colours, and lines where the heat rises above one, two, three and four fifths, each in the colour of
    /// the middle of the fifth that it encloses. Their width is a 200th of the frame's shorter side, 1 to 8 pixels.
    Contour,
    /// The picture's own colours, each channel times its heat: what is cold goes dark.
    Mask,
}

impl Blend {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Darkened, Self::Colour, Self::Contour, Self::Mask];

    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Darkened => "darkened",
            Self::Colour => "colour",
            Self::Contour => "contour",
            Self::Mask => "mask",
        }
    }

    /// The one of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|blend| blend.name() == name)
    }

    /// Share of each channel that is the picture's own at heat index `index`,
    /// which is such a share of the hottest.
    pub(crate) fn kept(self, index: usize, strength: f64, opacity: f64) -> f64 {
        match self {
            Self::Mask => 1.0 - opacity * (1.0 - strength),
            Self::Colour | Self::Contour | Self::Darkened if index == 0 => 1.0,
            Self::Colour => 1.0 - opacity / 2.0,
            Self::Contour | Self::Darkened => 1.0 - opacity,
        }
    }
}

/// The colours of heat, and how they are laid over a picture.
#[derive(Clone, Debug)]
pub struct Style {
    /// The colour of each heat; [`Blend::Mask`] shows none.
    pub colormap: Colormap,
    /// How heat and picture become one.
    pub blend: Blend,
    /// Share of the heat that is shown, 0 to 1; what is beyond counts as these.
    pub opacity: f64,
}

/// Darkened gray under all of jet's heat.
impl Default for Style {
    fn default() -> Self {
        Self {
            colormap: Colormap::default(),
            blend: Blend::Darkened,
            opacity: 1.0,
        }
    }
}

impl Style {
    /// [`Blend::Darkened`] with all the heat in other colours.
    pub fn coloured(colormap: Colormap) -> Self {
        Self {
            colormap,
            ..Self::default()
        }
    }
}
