//! The programs as their users run them.

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/photos.rs"]
mod photos;

mod addresses;
mod camera;
mod heat_options;
mod inspect;
mod manual;
mod quantize;
mod recipes;
mod record;
mod record_kept;
mod record_sound;
#[cfg(feature = "rtsp")]
mod rtsp;
mod view;
mod view_mouse;
#[cfg(feature = "web")]
mod web;
