//! Pixels in and out: frames to tensors, class maps to pictures.
//!
//! [`Sampler`] scales a frame to a network's input tensor, [`Painter`] draws a class map over a
//! frame in place. Both work on plain slices with strides, in the frame's own layout, and
//! allocate nothing once a geometry and a map size are known.

mod across;
mod brush;
#[cfg(feature = "captions")]
mod caption;
mod codes;
mod coding;
mod colour;
mod components;
mod crew;
mod extremes;
mod fit;
mod gray;
mod heat;
#[cfg(target_arch = "x86_64")]
mod inrow;
mod light;
#[cfg(target_arch = "x86_64")]
mod lookup;
mod map;
mod packed;
mod paint;
mod panel;
mod presentation;
mod quantize;
mod reader;
mod resize;
mod sample;
mod scale;
mod simd;
mod sums;
mod tile;
mod turner;
mod values;
mod view;
#[cfg(target_arch = "x86_64")]
mod vnni;
mod weave;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

#[cfg(feature = "captions")]
pub use caption::Caption;
pub use fit::{Fit, MAX_TENSOR_PIXELS, network_size};
pub use map::MapView;
pub use paint::Painter;
pub use presentation::{Curve, Hdr, Orientation, Presentation};
pub use reader::GrayBounds;
pub use sample::{ChannelOrder, Normalization, Sampler};
pub use view::{
    Chroma, Component, Depth, Encoding, Geometry, Layout, Matrix, Plane, PlaneMut, Range, Samples,
};
