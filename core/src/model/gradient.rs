//! What a gradient as nodes of the graph is, and the inputs that it asks for.

use crate::onnx::builder::GraphBuilder;
use crate::onnx::proto::Node;

/// Inputs that choose the class (int64, 1 x 1 and one value): slot 0 for the class given, slot 1 + r
/// for the class of rank r.
pub const CLASS: &str = "camoverlay/class";
pub const SLOT: &str = "camoverlay/slot";

/// Inputs that choose further classes of the same run, as [`CLASS`] and [`SLOT`] do the first: int64, as many values each.
pub const FURTHER_CLASS: &str = "camoverlay/further_class";
pub const FURTHER_SLOT: &str = "camoverlay/further_slot";

/// Input (bool, one value): whether the gradient of each feature is wanted.
pub const DETAIL: &str = "camoverlay/detail";

/// Input (float32, one value): the share of the mean of the three most similar classes' logits that is taken from the
/// chosen one's; 0: none of it.
pub const SHARE: &str = "camoverlay/share";

/// Input (bool, one value): whether the logits of each cell alone are wanted.
pub const ALONE: &str = "camoverlay/alone";

/// Nodes and constants that compute a gradient, and the gradient's name.
pub struct Gradient {
    pub builder: GraphBuilder,
    pub tensor: String,
    /// With respect to the layers that are explained together with the first, in their order.
    pub beside: Vec<String>,
    pub sums: Option<Sums>,
    /// What attention over the tokens of the features gains, one value a token; see
    /// [`Activation::attention`](super::Activation::attention).
    pub attention: Option<String>,
    /// The weights by which classes are told from each other, classes x values, row-major, where [`SHARE`] is an input.
    pub rows: Option<Vec<f32>>,
    /// (cells + 1) x classes: the logits that each cell makes [alone](super::Activation::alone), where [`ALONE`] is an input.
    pub alone: Option<String>,
}

/// The sums over the channels of features times gradient, one value a cell.
pub struct Sums {
    pub tensor: String,
    /// What takes the place of the layer whose result the last of these nodes makes.
    pub layer: Vec<Node>,
}
