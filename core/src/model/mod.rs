//! What a classifier is made of: its input, its feature map, its head, and the gradients of the head.

pub(crate) mod activation;
pub(crate) mod analysis;
pub(crate) mod backward;
pub(crate) mod head;
pub(crate) mod image_input;
pub(crate) mod places;
pub(crate) mod position;
pub(crate) mod rewrite;
pub(crate) mod shape_arithmetic;
pub(crate) mod window;

pub use activation::{Activation, Detail, FeatureMap, Target};
pub use analysis::check;
pub use head::outputs::Outputs;
pub use head::{Head, Layout, Scores};
pub use places::Places;
pub use position::ReceptiveField;
