//! A classifier as a file: found, opened, run, and shared.

pub(crate) mod catalogue;
pub(crate) mod classifier;
#[cfg(test)]
pub(crate) mod hostile;
pub(crate) mod label_text;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod network;
pub(crate) mod pool;
pub(crate) mod probe;
pub(crate) mod python_literal;
pub(crate) mod runtime;
pub(crate) mod session;
pub(crate) mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use catalogue::{Entry, entries, entry};
pub use classifier::{Classifier, Options, PreprocessOrigin, Source, Structure};
pub use labels::Labels;
pub use metadata::MAX_INPUT_SIZE;
pub use network::Network;
pub use pool::{Lease, SharedClassifier};
pub use runtime::environment;
pub use target::{Resolved, UnknownTarget, resolve};
