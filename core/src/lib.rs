//! Explains what an image classifier looks at: class activation maps, computed from the network's own
//! ONNX file and painted on pictures.
//!
//! A frame walks one way through the modules: [`preprocess`] (frame to tensor), [`inference`] (tensor to feature map
//! and logits), [`cam`] (feature map to class map) and [`render`] (class map to heat over the frame).

pub mod cam;
#[cfg(feature = "captions")]
pub mod caption;
pub mod frame;
pub mod inference;
pub mod model;
pub mod onnx;
pub mod preprocess;
pub mod render;

pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod luma;
#[cfg(test)]
mod oracle;
pub(crate) mod resample;
pub(crate) mod rounding;
pub(crate) mod simd;
#[cfg(test)]
mod testing;
pub(crate) mod thread_pool;

pub use error::{Error, ErrorKind, Fault};
pub use file::Trouble;
