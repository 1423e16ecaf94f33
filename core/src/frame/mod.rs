//! How frames lie in memory, and what their samples mean.

pub(crate) mod colorimetry;
pub(crate) mod layout;
pub(crate) mod presentation;

pub use layout::{
    Chroma, Component, Depth, Encoding, Geometry, Layout, Matrix, PackedOrder, Plane, PlaneMut,
    Range, Samples,
};
pub use presentation::{Curve, Hdr, Orientation, Presentation};
