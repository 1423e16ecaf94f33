//! Class map to heat over a frame, in place.
//!
//! The map is scaled to the frame (antialiased bicubic), stretched to 0..1 and quantised to 255 steps, none below a
//! threshold. Each step has the colour that a [`Colormap`] gives it: MATLAB's jet, the darker the colder, unless another
//! is asked for. How picture and heat become one is a [`Blend`]. By default the picture is gray / 2 + heat in each channel, stretched so that its least and greatest value over all
//! pixels become 0 and 255: the recipe of the figures that came with Zhou et al., CVPR 2016. In luma and chroma the same picture is painted in the frame's own matrix and
//! range. A [`Painter`] keeps what frames of one geometry need; several threads share a frame, and the result is the
//! same to the last bit with every instruction set.

mod cell_grid;
pub(crate) mod colormap;
pub(crate) mod column_group;
pub(crate) mod contour;
pub(crate) mod contrast;
pub(crate) mod frame_writer;
pub(crate) mod heat;
pub(crate) mod overlay;
pub(crate) mod painter;
pub(crate) mod quantize;
mod regions;
pub(crate) mod rgb;
pub(crate) mod scale;
pub(crate) mod scaled_map;
mod scene;
mod several;
pub(crate) mod style;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod yuv;

pub use cell_grid::{CellAxis, CellGrid};
pub use colormap::{Colormap, class_colour};
pub use painter::Painter;
pub use regions::Region;
pub use scale::Scale;
pub use scaled_map::MapView;
pub use scene::SceneCut;
pub use several::MOST_CLASSES;
pub use style::{Blend, Style};
