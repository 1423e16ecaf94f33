//! How frames lie in memory, and what their samples mean.

pub(crate) mod colorimetry;
pub(crate) mod layout;
pub(crate) mod planes;
pub(crate) mod presentation;

pub use colorimetry::{Encoding, Matrix, Range};
pub use layout::{Chroma, Component, Depth, Geometry, Layout, PackedOrder, Samples};
pub use planes::{Frame, FrameError, FrameMut, Plane, PlaneMut};
pub use presentation::{Curve, Hdr, Orientation, Presentation};
