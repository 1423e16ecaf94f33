//! Frame to tensor.
//!
//! [`Fit`] says how many pixels the tensor has: by default the shortest side becomes the network's input size and the
//! aspect ratio is kept, so that nothing is cropped away. Where something is, or where the frame is the middle of a
//! larger picture, a [`Placement`] says where the frame lies, and a [`MapPlacer`] lays the map over it. A [`Sampler`] is made once for frames of one geometry; it
//! scales with antialiased bicubic filters, rounds to 8 bits after each pass, turns luma and chroma into red, green and
//! blue (and a high dynamic range into what a network has seen, by ITU-R BT.2100's curves) on the small picture, and
//! normalises: (v / divisor - mean) / deviation. [`Preprocess`] names the numbers of common trainings.

pub(crate) mod byte_table;
pub(crate) mod components;
pub(crate) mod fit;
pub(crate) mod placement;
pub(crate) mod preset;
pub(crate) mod rgb_decoder;
pub(crate) mod sampler;
pub(crate) mod transfer_function;
pub(crate) mod turned_frame;

pub use crate::luma::reader::GrayBounds;
pub use fit::{Fit, FitMode, MAX_TENSOR_PIXELS, network_size};
pub use placement::{MapPlacer, Placement};
pub use preset::{ColorOrder, Preprocess};
pub use sampler::{ChannelOrder, Normalization, Sampler};
