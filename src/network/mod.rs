//! A classifier as a file: found, read, taken apart, rewritten, run.

mod activation;
mod affine;
mod catalogue;
mod cellwise;
mod classifier;
mod constant;
mod covering;
mod dissect;
mod edit;
mod error;
mod external;
mod file;
mod gates;
mod gradient;
mod graph;
mod head;
mod inline;
mod input;
mod label_text;
mod labels;
mod memory;
mod metadata;
mod obstacle;
mod onnx;
mod order;
mod output;
mod places;
mod position;
mod preprocess;
mod probe;
mod python;
mod runtime;
mod session;
mod shared;
mod tape;
mod target;
mod vjp;
mod window;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use activation::{Activation, Detail, FeatureMap, Target};
pub use catalogue::{Entry, entries, entry};
pub use classifier::{Classifier, Options, PreprocessOrigin, Source, Structure};
pub use dissect::check;
pub use error::{Error, ErrorKind, Fault};
pub use file::Trouble;
pub use head::{Head, Layout, Scores};
pub use labels::Labels;
pub use metadata::MAX_INPUT_SIZE;
pub use output::Outputs;
pub use places::Places;
pub use position::ReceptiveField;
pub use preprocess::Preprocess;
pub use runtime::environment;
pub use shared::{SharedClassifier, Turn};
pub use target::{Resolved, UnknownTarget, resolve};
