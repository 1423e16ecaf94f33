//! All that speaks GStreamer: the element type, its properties, its metadata, its messages and its errors.

use gst::{glib, prelude::*, subclass::prelude::*};

mod analytics;
mod asked;
mod at;
mod bus;
mod enums;
mod errors;
mod failures;
mod following;
mod format;
mod frame_memory;
mod frames;
mod heat;
mod heat_enums;
mod imp;
mod job;
mod kept;
mod lane;
mod latency;
#[cfg(feature = "captions")]
mod legend;
mod log;
mod mapped;
mod meta;
mod opening;
mod orientation;
mod outcome;
mod painting;
mod properties;
mod runs;
mod session;
mod shown;
mod stats;
mod target;
pub mod words;
mod worker;

pub use enums::{ColorOrder, Fit, Inference, Method, Net, PostMessages, Precision, Preprocess};
pub use format::presentation;
pub use heat_enums::{Blend, Colormap, Placement, Scale};
pub use meta::META_NAME;

glib::wrapper! {
    /// The `camoverlay` element.
    pub struct CamOverlay(ObjectSubclass<imp::CamOverlay>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

impl CamOverlay {
    /// What the element opens when it starts, as its properties are now: who opens the same shares it.
    pub fn options(&self) -> camoverlay::inference::Options {
        self.imp().options()
    }

    /// What the newest finished run of the network found, with the fields of `CamOverlayMeta`.
    pub fn explanation(&self) -> Option<gst::Structure> {
        self.imp().explanation()
    }
}

/// Registers the element and its metadata with GStreamer.
///
/// # Errors
/// GStreamer's own, if there is an element of that name.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    if !gst::meta::CustomMeta::is_registered(META_NAME) {
        // Without tags, so that no converter or encoder has a reason to drop it.
        gst::meta::CustomMeta::register(META_NAME, &[]);
    }
    gst::Element::register(
        Some(plugin),
        "camoverlay",
        gst::Rank::NONE,
        CamOverlay::static_type(),
    )
}
