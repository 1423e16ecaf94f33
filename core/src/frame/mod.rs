//! How frames lie in memory, and what their samples mean.
//!
//! A [`Geometry`] is told once for a stream: where the samples of a frame are ([`Layout`]), what luma and chroma stand
//! for ([`Encoding`]: ITU-R BT.601, BT.709 and BT.2020, in limited or full range), and the size. A [`Presentation`]
//! says how the frame is meant to be seen: turned, with pixels that are not square, in a high dynamic range. [`Frame`]
//! and [`FrameMut`] are a geometry and planes that were checked against it, so that nothing behind them has to doubt a
//! stride. Frames are read and painted as they lie; none is converted.

pub(crate) mod colorimetry;
mod depth;
pub(crate) mod layout;
pub(crate) mod planes;
pub(crate) mod presentation;

pub use colorimetry::{Encoding, Matrix, Range};
pub use depth::Depth;
pub use layout::{Chroma, Component, Geometry, Layout, PackedOrder, Samples};
pub use planes::{Frame, FrameError, FrameMut, Plane, PlaneMut};
pub use presentation::{Curve, Hdr, Orientation, Presentation};
