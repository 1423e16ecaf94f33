#![warn(missing_docs)]
//! Explains what an image classifier looks at: class activation maps, computed from the network's own
//! ONNX file and painted on pictures.
//!
//! ```
//! use camoverlay::cam::Query;
//! use camoverlay::frame::{Frame, FrameMut};
//! use camoverlay::inference::Options;
//! use camoverlay::render::Colormap;
//! use camoverlay::{Error, Explainer, FileError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::default(); // SqueezeNet, as set-up installs it
//! # let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
//! # let options = Options { search_roots: vec![root.into()], ..options };
//! let mut explainer = match Explainer::open(&options) {
//!     Ok(explainer) => explainer,
//!     Err(error @ (Error::Library(_) | Error::File(FileError::Missing { .. }))) => {
//!         eprintln!("{error}"); // says what to install
//!         return Ok(());
//!     }
//!     Err(error) => return Err(error.into()),
//! };
//!
//! let (width, height) = (320, 240);
//! let mut rgb: Vec<u8> = (0..3 * width * height).map(|i| (i % 251) as u8).collect();
//! let explanation = explainer.explain(&Frame::rgb(&rgb, width, height)?, &Query::default())?;
//!
//! let best = explanation.top[0];
//! println!("{} {:.2}", explainer.classifier().labels().first_name(best.id), best.score);
//! let map = explanation.map.view(); // rows x columns; for SqueezeNet 14 x 18
//! assert!(map.nrows() > 1 && map.ncols() > map.nrows());
//! explanation.paint(&mut FrameMut::rgb(&mut rgb, width, height)?, 0.2, &Colormap::jet());
//! # Ok(())
//! # }
//! ```
//!
//! # The walk of a frame
//!
//! [`Explainer`] is the door, and made of parts that a program may also use one by one. A [`frame`] walks one way
//! through them and never turns back:
//!
//! 1. [`preprocess`]: the frame is scaled to the network's input and becomes a tensor.
//! 2. [`inference`]: the tensor becomes a feature map and logits, in one run of ONNX Runtime. When the network was
//!    opened, its graph was taken apart ([`model`]) and made to return both.
//! 3. [`cam`]: the feature map becomes the map of one class, by one of several published formulas.
//! 4. [`render`]: the class map becomes heat over the frame, in place.
//!
//! Nothing here knows GStreamer; the element that puts this on video is the crate `gst-plugin-camoverlay`. With the
//! feature `captions` there is also a module that draws labels, which needs Pango.

pub mod cam;
#[cfg(feature = "captions")]
pub mod caption;
pub mod faithfulness;
pub mod frame;
pub mod inference;
pub mod model;
pub mod preprocess;
pub mod render;

pub(crate) mod error;
mod explainer;
pub(crate) mod file;
pub(crate) mod luma;
pub(crate) mod onnx;

#[cfg(test)]
mod oracle;
pub(crate) mod remedy;
pub(crate) mod resample;
pub(crate) mod rounding;
pub(crate) mod simd;
#[cfg(test)]
mod testing;
pub(crate) mod thread_pool;

pub use cam::error::CamError;
pub use error::{Error, ErrorKind};
pub use explainer::{Answer, Explainer, PooledFeatures, Question};
pub use file::Trouble;
pub use inference::error::{LabelsError, LibraryError, RuntimeError};
pub use inference::provider::ProviderError;
pub use model::error::ModelError;
pub use onnx::error::{Fault, FileError};
pub use remedy::Remedy;
