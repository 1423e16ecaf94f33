//! The properties that say how heat looks: names, types, defaults and values.

use std::{sync::Arc, time::Duration};

use gst::{glib, prelude::*};

use super::heat_enums::{Blend, Colormap, Placement, Scale};
use super::properties::{assign, bytes};

const DEFAULT_PAINT: bool = true;
const DEFAULT_COLORMAP: Colormap = Colormap::Jet;
const DEFAULT_BLEND: Blend = Blend::Darkened;
const DEFAULT_OPACITY: f64 = 1.0;
const DEFAULT_PLACEMENT: Placement = Placement::Frame;
const DEFAULT_SCALE: Scale = Scale::Frame;
const DEFAULT_SMOOTHING: u64 = 0;
const DEFAULT_REGIONS: bool = false;
const DEFAULT_REGION_LEVEL: f64 = 0.5;

/// What every frame reads.
#[derive(Clone, PartialEq)]
pub struct Heat {
    pub paint: bool,
    pub placement: Placement,
    pub look: Look,
    pub scale: Scale,
    pub smoothing: Duration,
    /// The class that the target is explained against.
    pub versus: Option<Arc<str>>,
    pub regions: bool,
    pub region_level: f64,
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
            scale: DEFAULT_SCALE,
            smoothing: Duration::from_nanos(DEFAULT_SMOOTHING),
            versus: None,
            regions: DEFAULT_REGIONS,
            region_level: DEFAULT_REGION_LEVEL,
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
        glib::ParamSpecEnum::builder_with_default("scale", DEFAULT_SCALE)
            .nick("Scale")
            .blurb("What is the hottest")
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("smoothing")
            .nick("Smoothing")
            .blurb("Nanoseconds, the time constant with which maps follow each other (0: at once)")
            .default_value(DEFAULT_SMOOTHING)
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("versus")
            .nick("Versus")
            .blurb("Explain why target rather than this class, given as target is (unset: explain target by itself)")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("regions")
            .nick("Regions")
            .blurb("Attach boxes of what is hot, as regions in the metadata (CamOverlayMeta) and as GstVideoRegionOfInterestMeta")
            .default_value(DEFAULT_REGIONS)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("region-level")
            .nick("Region level")
            .blurb("Share of the maximum that counts as hot for regions")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_REGION_LEVEL)
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
            "scale" => assign(&mut self.scale, value),
            "smoothing" => {
                if let Ok(nanoseconds) = value.get() {
                    self.smoothing = Duration::from_nanos(nanoseconds);
                }
            }
            "versus" => {
                let text = bytes(value).filter(|text| !text.as_os_str().is_empty());
                self.versus = text.map(|text| text.to_string_lossy().into());
            }
            "regions" => assign(&mut self.regions, value),
            "region-level" => assign(&mut self.region_level, value),
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
            "scale" => self.scale.to_value(),
            "smoothing" => {
                let nanoseconds = self.smoothing.as_nanos();
                u64::try_from(nanoseconds).unwrap_or(u64::MAX).to_value()
            }
            "versus" => self.versus.as_deref().to_value(),
            "regions" => self.regions.to_value(),
            "region-level" => self.region_level.to_value(),
            _ => return None,
        })
    }
}
