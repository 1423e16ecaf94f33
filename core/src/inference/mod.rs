//! A classifier as a file: found, opened, run, and shared.
//!
//! [`Options`] name the file, or a network of the catalogue ([`entries`]), and what to know better than the file does.
//! ONNX Runtime's library is loaded when the first network is opened, never before. A [`Classifier`] belongs to one
//! thread; a [`SharedClassifier`] gives one network, with its weights in memory once, to many streams, two of which run
//! it at a time. What a [`Network`] is does not change from run to run; the class to explain may, with every run.
//! Labels and metadata are read in the shapes in which they are found in the wild, and what does not fit is a warning,
//! not a guess. Who computes is a [`Provider`]; the first time that one is to compute a network, a process of its own tries
//! that ([`provider_check`]).

pub(crate) mod batch;
pub(crate) mod beside;
pub(crate) mod catalogue;
pub(crate) mod classifier;
pub(crate) mod distinct_json;
pub(crate) mod elf;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod folder;
#[cfg(test)]
pub(crate) mod hostile;
pub(crate) mod image_processor;
mod kept_run;
pub(crate) mod label_index;
pub(crate) mod label_json;
pub(crate) mod label_text;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod network;
pub(crate) mod open;
pub(crate) mod options;
mod place_network;
pub(crate) mod pool;
pub(crate) mod preparation;
pub(crate) mod pretrained_cfg;
pub(crate) mod printable;
pub(crate) mod probe;
pub(crate) mod provider;
pub(crate) mod python_literal;
pub(crate) mod runtime;
pub(crate) mod session;
mod several_classes;
pub(crate) mod target;
mod targets;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod told;
pub(crate) mod transform;
pub(crate) mod warnings;

pub use batch::Batch;
pub use catalogue::{Entry, entries, entry};
pub use classifier::Classifier;
pub use kept_run::KeptRun;
pub use labels::Labels;
pub use network::{Network, Structure};
pub use open::layers;
pub use options::{MAX_INPUT_SIZE, Options, PreprocessOrigin, Source};
pub use place_network::PlaceNetwork;
pub use pool::{Lease, SharedClassifier};
pub use printable::printable;
pub use provider::check::main as provider_check;
pub use provider::environment::prepare;
pub use provider::outcome::Measured;
pub use provider::survey::{Found, Survey, providers};
pub use provider::{Precision, Provider};
pub use runtime::environment;
pub use session::{Busy, Cancellation};
pub use target::{Resolved, UnknownTarget, resolve};
pub use targets::split_targets;
pub use transform::Preprocessing;
pub use warnings::Warning;
