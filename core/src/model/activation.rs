//! What a run of a network returns, and what can be asked of it.

use super::similar::SimilarClasses;
use super::types::{Head, MOST_LAYERS, Scores};

/// A feature map, channels x height x width, row-major.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureMap<'a> {
    /// As many as channels x height x width.
    pub values: &'a [f32],
    /// Values of a cell.
    pub channels: usize,
    /// Rows of cells.
    pub height: usize,
    /// Cells of a row.
    pub width: usize,
}

/// What one run of the network returned.
#[derive(Debug, Clone, Copy)]
pub struct Activation<'a> {
    /// The class that was asked for: what there is of a gradient is that of its logit.
    pub target: Target,
    /// One value a class, before any softmax.
    pub logits: &'a [f32],
    /// How scores follow from the logits.
    pub scores: Scores,
    /// The feature map A, before the head.
    pub features: FeatureMap<'a>,
    /// What made the logits of it.
    pub head: &'a Head,
    /// Which classes are like which, by the head's weights.
    pub similar: &'a SimilarClasses,
    /// Gradient of the target's logit, for heads of layers: one value a channel with respect to
    /// the mean of A over space ([`Head::PooledLayers`]), or one for each value of A
    /// ([`Head::FlattenedLayers`]). None for the latter where [`Detail::Sums`] were asked for and
    /// are there.
    pub gradient: Option<&'a [f32]>,
    /// For [`Head::Layers`] with attention over the tokens of the features: what each cell, as a key, gains for the target's
    /// logit, the mean over heads, queries and layers of max(∂z/∂a, 0) with respect to the weights a of attention.
    pub attention: Option<&'a [f32]>,
    /// Layers that are explained together with `features`, each with its gradient.
    pub beside: [Option<(FeatureMap<'a>, &'a [f32])>; MOST_LAYERS - 1],
    /// Σ_k G_k A_k over the channels k, one value a cell, for most [`Head::FlattenedLayers`]; see
    /// [`Detail`].
    pub sums: Option<&'a [f32]>,
    /// (cells + 1) x classes, for heads of layers where [`Detail::Cells`] were asked for: the logits of features all of whose
    /// cells but one are zero, cell by cell, and last of features without any.
    pub alone: Option<&'a [f32]>,
}

impl<'a> Activation<'a> {
    /// What methods are chosen by.
    pub fn traits(&self) -> Traits<'a> {
        Traits {
            head: self.head,
            similar: self.similar,
            runs_cells: self.alone.is_some(),
        }
    }
}

/// What of an opened network decides which methods make sense for it.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// What makes the logits of the features.
    pub head: &'a Head,
    /// Which classes are like which, by its weights.
    pub similar: &'a SimilarClasses,
    /// A head of layers can be run on each cell alone.
    pub runs_cells: bool,
}

/// What is wanted of the gradient G with respect to the feature map A, for heads of layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detail {
    /// Its sums with A over the channels, which cost less than it.
    Sums,
    /// All of it.
    Gradient,
    /// As [`Sums`](Self::Sums), and the logits that each cell makes alone, if the network was opened for that.
    Cells,
    /// All of it, of what sets the target apart: its logit less this share of the mean of those of the three classes whose
    /// weights are most like its own, where [`SimilarClasses::are_known`].
    Difference {
        /// Of the mean that is taken away.
        share: f32,
    },
}

/// The class to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The class of this rank by logit; 0 is the best.
    Rank(usize),
    /// The class of this number, counted from 0.
    Class(usize),
}
