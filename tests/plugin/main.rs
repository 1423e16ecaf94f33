//! The element and the examples, through GStreamer and the tools of its users.
//!
//! `tests/live.rs` is a binary of its own: what it times, other tests would disturb.

#[path = "../common/mod.rs"]
mod common;

mod analytics;
#[cfg(feature = "captions")]
mod captions;
mod cases;
mod converted;
mod element;
mod errors;
mod examples;
mod faults;
mod files;
mod flight;
mod formats;
mod geometry;
mod golden;
mod heat;
mod launch;
mod memory;
mod oracle;
mod provider;
mod readme;
mod series;
mod waiting;
