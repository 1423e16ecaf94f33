//! Class map to heat over a frame, in place.

pub(crate) mod colormap;
pub(crate) mod contrast;
pub(crate) mod frame_writer;
pub(crate) mod painter;
pub(crate) mod panel;
pub(crate) mod quantize;
pub(crate) mod rgb;
pub(crate) mod scaled_map;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod yuv;

pub use painter::Painter;
pub use scaled_map::MapView;
