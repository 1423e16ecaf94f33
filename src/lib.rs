//! `camoverlay`: shows on live video why an image classifier decides what it decides.
//!
//! [`camoverlay`] is what GStreamer sees: properties, caps, latency, metadata, messages. What is done to a frame, from
//! tensor to heat, is the crate `camoverlay`'s, which knows no GStreamer.

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
