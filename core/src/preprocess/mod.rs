//! Frame to tensor.

pub(crate) mod byte_table;
pub(crate) mod components;
pub(crate) mod fit;
pub(crate) mod preset;
pub(crate) mod rgb_decoder;
pub(crate) mod sampler;
pub(crate) mod transfer_function;
pub(crate) mod turned_frame;

pub use crate::luma::reader::GrayBounds;
pub use fit::{Fit, MAX_TENSOR_PIXELS, network_size};
pub use preset::Preprocess;
pub use sampler::{ChannelOrder, Normalization, Sampler};
