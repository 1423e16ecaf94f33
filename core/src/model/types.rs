//! What a classifier is found to be made of: the words that the rest of the module speaks in.

use super::tokens::grid::TokenGrid;

/// How scores follow from logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scores {
    /// Softmax over all classes.
    #[default]
    Softmax,
    /// The logistic function of each logit: classes do not exclude each other.
    Sigmoid,
}

/// Order of a feature map's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// N x C x h x w.
    ChannelsFirst,
    /// N x h x w x C.
    ChannelsLast,
}

/// What lies between the feature map A and the logits.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// logits = mean(A) over space: channel c belongs to class c.
    Channels,
    /// logits = W mean(A) + b.
    Dense {
        /// W: classes x channels, row-major.
        weights: Vec<f32>,
        /// b: one value a class.
        bias: Vec<f32>,
    },
    /// Layers that are not affine, on the mean of A over space.
    PooledLayers,
    /// Layers on every value of A.
    FlattenedLayers,
    /// The last part of a network, from a map or tokens inside it.
    Layers {
        /// Features times gradient add up to zero in every cell, but for rounding: what follows does not change when a
        /// cell's features are scaled.
        vanishes: bool,
        /// Attention over the tokens of the features is among what follows.
        attends: bool,
    },
}

impl Head {
    /// Whether the logits are affine in the mean of the features over space.
    pub fn is_affine(&self) -> bool {
        match self {
            Self::Channels | Self::Dense { .. } => true,
            Self::PooledLayers | Self::FlattenedLayers | Self::Layers { .. } => false,
        }
    }

    /// Whether the weights are finite, as far as they are known.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Dense { weights, bias } => {
                weights.iter().chain(bias).all(|value| value.is_finite())
            }
            Self::Channels | Self::PooledLayers | Self::FlattenedLayers | Self::Layers { .. } => {
                true
            }
        }
    }

    /// In words, for reports.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Channels => "mean over space, one channel a class",
            Self::Dense { .. } => "mean over space, dense",
            Self::PooledLayers => "mean over space, several layers",
            Self::FlattenedLayers => "flattened, several layers",
            Self::Layers { .. } => "several layers",
        }
    }
}

/// How the cells of a feature map lie in its tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum CellOrder {
    /// In rows and columns.
    Map(Layout),
    /// As tokens.
    Tokens(TokenGrid),
}

/// Where a classifier can be opened up.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadMatch {
    /// Tensor of the logits, before a softmax that ends the network.
    pub logits: String,
    pub scores: Scores,
    /// Tensor of the last feature map.
    pub features: String,
    pub order: CellOrder,
    pub head: Head,
    /// Indices of the nodes from the feature map to the logits, in the order of the graph.
    pub tail: Vec<usize>,
    /// The node that averages over space; none for flattened layers.
    pub pool: Option<usize>,
    /// Other layers that are explained together with `features`; `tail` is what follows any of them.
    pub beside: Vec<Tap>,
}

impl HeadMatch {
    /// The tensors of all layers that are explained.
    pub fn sources(&self) -> Vec<&str> {
        let beside = self.beside.iter().map(|tap| tap.features.as_str());
        std::iter::once(self.features.as_str())
            .chain(beside)
            .collect()
    }
}

/// A layer that is explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Tap {
    /// Its tensor.
    pub features: String,
    pub order: CellOrder,
}

/// Most layers that are explained together.
pub const MOST_LAYERS: usize = 4;
