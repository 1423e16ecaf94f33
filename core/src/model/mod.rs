//! What a classifier is made of: its input, its feature map, its head, and the gradients of the head.
//!
//! An ONNX graph says nothing of the kind; it is found out here. From the output that tells the classes the search goes
//! back to the last feature map before the pool over space or the flattening ([`Head`]): where what follows is affine,
//! its weights are the head; where it is not, reverse-mode differentiation adds to the graph the nodes that compute the
//! gradient of one logit. Only maps whose cells are places of the picture are of use, which the graph proves or a probe
//! at the start shows ([`Places`], [`ReceptiveField`]). The graph is then written anew, so that one run returns the
//! logits, the feature map and the gradient ([`Activation`]).

pub(crate) mod activation;
pub(crate) mod analysis;
pub(crate) mod backward;
mod cell_by_cell;
pub(crate) mod channels;
mod combination;
mod constant_space;
mod cost;
pub(crate) mod error;
pub(crate) mod facts;
pub(crate) mod gradient;
pub(crate) mod head;
pub(crate) mod image_input;
pub(crate) mod layers;
pub(crate) mod moves;
mod narrowed;
pub(crate) mod normal_form;
pub(crate) mod places;
pub(crate) mod position;
pub(crate) mod rewrite;
pub(crate) mod shape_arithmetic;
pub(crate) mod sight;
pub(crate) mod similar;
pub(crate) mod tappable;
pub(crate) mod tokens;
pub(crate) mod types;

pub use activation::{Activation, Detail, FeatureMap, Target, Traits};
pub use analysis::check;
pub use combination::LogitCombination;
pub use head::outputs::Outputs;
pub use places::Places;
pub use position::ReceptiveField;
pub use sight::Sight;
pub use similar::SimilarClasses;
pub use tappable::Layer;
pub use types::{Head, Layout, MOST_LAYERS, Scores};
