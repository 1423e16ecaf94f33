//! The properties that say how heat looks: names, types, defaults and values.

use gst::{glib, prelude::*};

use super::heat_enums::{Blend, Colormap, Placement};
use super::properties::assign;

const DEFAULT_PAINT: bool = true;
const DEFAULT_COLORMAP: Colormap = Colormap::Jet;
const DEFAULT_BLEND: Blend = Blend::Darkened;
const DEFAULT_OPACITY: f64 = 1.0;
const DEFAULT_PLACEMENT: Placement = Placement::Frame;

/// What every frame reads.
#[derive(Clone, PartialEq)]
pub struct Heat {
    pub paint: bool,
    pub placement: Placement,
    pub look: Look,
}

/// What a painter's tables are made of.
#[derive(Clone, Copy, PartialEq)]
pub struct Look {
    pub colormap: Colormap,
    pub blend: Blend,
    pub opacity: f64,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colormap: DEFAULT_COLORMAP,
            blend: DEFAULT_BLEND,
            opacity: DEFAULT_OPACITY,
        }
    }
}

impl Default for Heat {
    fn default() -> Self {
        Self {
            paint: DEFAULT_PAINT,
            placement: DEFAULT_PLACEMENT,
            look: Look::default(),
        }
    }
}

pub fn param_specs() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecBoolean::builder("paint")
            .nick("Paint")
            .blurb("Paint heat and labels; otherwise frames pass untouched, by reference, with metadata and messages only")
            .default_value(DEFAULT_PAINT)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("colormap", DEFAULT_COLORMAP)
            .nick("Colour map")
            .blurb("The colours of heat")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("blend", DEFAULT_BLEND)
            .nick("Blend")
            .blurb("How heat lies over the picture")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("opacity")
            .nick("Opacity")
            .blurb("Share of the heat that is shown")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_OPACITY)
            .controllable()
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("placement", DEFAULT_PLACEMENT)
            .nick("Placement")
            .blurb("Where heat lies")
            .mutable_playing()
            .build(),
    ]
}

impl Heat {
    /// Stores `value` under property `name`, if it is one of these.
    pub fn set(&mut self, name: &str, value: &glib::Value) {
        match name {
            "paint" => assign(&mut self.paint, value),
            "colormap" => assign(&mut self.look.colormap, value),
            "blend" => assign(&mut self.look.blend, value),
            "opacity" => assign(&mut self.look.opacity, value),
            "placement" => assign(&mut self.placement, value),
            _ => {}
        }
    }

    /// The value of property `name`, `None` for a name that is none of these.
    pub fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "paint" => self.paint.to_value(),
            "colormap" => self.look.colormap.to_value(),
            "blend" => self.look.blend.to_value(),
            "opacity" => self.look.opacity.to_value(),
            "placement" => self.placement.to_value(),
            _ => return None,
        })
    }
}
