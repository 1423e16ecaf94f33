//! `camoverlay`: shows on live video why an image classifier decides what it decides.
//!
//! A frame walks through [`picture`] (frame to tensor), [`network`] (tensor to feature map and logits), [`explain`]
//! (feature map to class map) and [`picture`] again (class map to heat over the frame); [`camoverlay`] is what GStreamer
//! sees of it.

pub mod camoverlay;

use camoverlay::register;

gst::plugin_define!(
    camoverlay,
    env!("CARGO_PKG_DESCRIPTION"),
    register,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("BUILD_REL_DATE")
);
