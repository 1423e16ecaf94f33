//! The enums of the properties that say how heat looks.

use gst::glib;

use camoverlay::render;

/// As in `enums.rs`.
macro_rules! format {
    ($($argument:tt)*) => { &*std::format!($($argument)*).leak() };
}

/// Property `colormap`: the colours of heat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayColormap", allow_name_conflict)]
pub enum Colormap {
    #[enum_value(name = "MATLAB's jet, the darker the colder", nick = "jet")]
    Jet,
    #[enum_value(name = "Turbo, a jet without false edges", nick = "turbo")]
    Turbo,
    #[enum_value(name = "Dark violet by green to yellow", nick = "viridis")]
    Viridis,
    #[enum_value(name = "Black by purple and orange to pale yellow", nick = "inferno")]
    Inferno,
    #[enum_value(
        name = "Dark blue by gray to yellow, alike to the colour-blind",
        nick = "cividis"
    )]
    Cividis,
    #[enum_value(name = "Black to white", nick = "gray")]
    Gray,
}

impl From<Colormap> for render::Colormap {
    fn from(colormap: Colormap) -> Self {
        match colormap {
            Colormap::Jet => Self::jet(),
            Colormap::Turbo => Self::turbo(),
            Colormap::Viridis => Self::viridis(),
            Colormap::Inferno => Self::inferno(),
            Colormap::Cividis => Self::cividis(),
            Colormap::Gray => Self::gray(),
        }
    }
}

/// Property `placement`: where heat lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayPlacement", allow_name_conflict)]
pub enum Placement {
    #[enum_value(name = "The map's cells tile the frame", nick = "frame")]
    Frame,
    #[enum_value(name = "Heat lies where each cell looks", nick = "receptive-field")]
    ReceptiveField,
}

/// Property `scale`: what is the hottest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayScale", allow_name_conflict)]
pub enum Scale {
    #[enum_value(name = "What is hottest in each frame", nick = "frame")]
    Frame,
    #[enum_value(name = "What was hottest lately", nick = "steady")]
    Steady,
    #[enum_value(name = "What is hottest for the best class", nick = "common")]
    Common,
    #[enum_value(
        name = "What is hottest in each frame, times the score",
        nick = "score"
    )]
    Score,
}

/// Property `blend`: how heat lies over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstCamOverlayBlend", allow_name_conflict)]
pub enum Blend {
    #[enum_value(name = "Over the darkened gray picture, stretched", nick = "darkened")]
    Darkened,
    #[enum_value(name = "Over the picture's own colours", nick = "colour")]
    Colour,
    #[enum_value(name = "As lines of equal heat", nick = "contour")]
    Contour,
    #[enum_value(name = "What is cold goes dark", nick = "mask")]
    Mask,
}

impl From<Blend> for render::Blend {
    fn from(blend: Blend) -> Self {
        match blend {
            Blend::Darkened => Self::Darkened,
            Blend::Colour => Self::Colour,
            Blend::Contour => Self::Contour,
            Blend::Mask => Self::Mask,
        }
    }
}
