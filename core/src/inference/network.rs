//! What is known of an opened network, and does not change from run to run.

use crate::file::Ingredient;
use crate::model::{Head, Layout, Outputs, Places, Scores};
use crate::preprocess::{Fit, Normalization, Preprocess};

use super::labels::Labels;
use super::options::PreprocessOrigin;

/// What a network's graph is made of, in the words of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// Name of the input.
    pub input: String,
    /// Order of the input's axes.
    pub layout: Layout,
    /// Name of the feature map.
    pub features: String,
    /// The output that is explained, and others that might be.
    pub outputs: Outputs,
    /// Operators from the feature map to the logits.
    pub head: Vec<String>,
    /// Why the cells of the feature map are taken for places of the picture.
    pub places: Places,
}

/// An opened network, as all who run it know it.
pub struct Network {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) classes: usize,
    pub(crate) preprocess: (Preprocess, PreprocessOrigin),
    pub(crate) input_size: u32,
    pub(crate) fixed: Option<(usize, usize)>,
    pub(crate) structure: Structure,
    pub(crate) head: Head,
    /// The graph returns [`Activation::sums`].
    pub(crate) has_sums: bool,
    pub(crate) scores: Scores,
    pub(crate) warnings: Vec<String>,
    pub(crate) files: Vec<Ingredient>,
}

impl Network {
    /// The catalogue's nick, the file's own name for the network, or the file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes' labels, one each.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What in the file's metadata could not be taken as it stands, and what was taken instead: two
    /// sentences each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many classes it distinguishes, 2 or more.
    pub fn class_count(&self) -> usize {
        self.classes
    }

    /// The preprocessing and where it was learnt.
    pub fn preprocess(&self) -> (Preprocess, PreprocessOrigin) {
        self.preprocess
    }

    /// How 8-bit channels become the values of its input.
    pub fn normalization(&self) -> Normalization {
        self.preprocess.0.normalization()
    }

    /// How a frame is fitted to the network: its shortest side becomes the input size, unless the
    /// network takes one size only.
    pub fn fit(&self) -> Fit {
        match self.fixed {
            Some((width, height)) => Fit::Exact { width, height },
            None => Fit::ShortestSide(self.input_size as usize),
        }
    }

    /// What the network's graph is made of.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// What makes logits of the feature map.
    pub fn head(&self) -> &Head {
        &self.head
    }
}
