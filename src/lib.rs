//! `camoverlay`: shows on live video why an image classifier decides what it decides.

pub mod explain;
pub mod network;
pub mod picture;
