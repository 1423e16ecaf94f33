//! An opened network: what is known of it, which does not change from run to run, and its run.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use super::error::RuntimeError;
use super::labels::Labels;
use super::provider::Precision;
use super::provider::outcome::Measured;
use super::session::{Choice, Failure, Outputs, Session};
use super::transform::Preprocessing;
use super::warnings::Warning;
use crate::error::Error;
use crate::file::Ingredient;
use crate::model::error::ModelError;
use crate::model::{
    self, Activation, Detail, FeatureMap, Head, Layout, MOST_LAYERS, Places, Scores, Sight,
    SimilarClasses, Target, Traits,
};
use crate::preprocess::{Fit, Normalization};

/// Most runs at the same time where each has threads for all cores. While one waits for the slower of its threads another
/// goes on; more would only take more memory.
const RUNS: usize = 2;

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
    pub outputs: model::Outputs,
    /// Operators from the feature map to the logits.
    pub head: Vec<String>,
    /// Why the cells of the feature map are taken for places of the picture.
    pub places: Places,
}

/// An opened network, as all who run it know it.
pub struct Network {
    pub(super) session: Session,
    /// Of a provider that was tried.
    pub(super) measured: Option<Measured>,
    /// As it was asked for.
    pub(super) precision: Precision,
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) classes: usize,
    pub(super) preprocessing: Preprocessing,
    pub(super) fit: Fit,
    pub(super) is_fixed: bool,
    pub(super) structure: Structure,
    pub(super) sight: Option<Sight>,
    pub(super) head: Head,
    pub(super) similar: SimilarClasses,
    /// Most pictures of one run.
    pub(super) batch_size: usize,
    /// Layers that are explained together with the first.
    pub(super) beside: usize,
    /// The graph returns [`Activation::sums`].
    pub(super) has_sums: bool,
    /// The graph compares classes by their weights.
    pub(super) has_share: bool,
    /// The graph returns [`Activation::alone`].
    pub(super) runs_cells: bool,
    /// The graph returns gradients for further classes too.
    pub(super) tells_further: bool,
    pub(super) scores: Scores,
    pub(super) warnings: Vec<Warning>,
    pub(super) notices: Vec<Warning>,
    pub(super) files: Vec<Ingredient>,
}

impl Network {
    /// The network's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The catalogue's nick, the file's own name for the network, or the file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes' labels, one each.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What its files say that could not be taken as it stands, and what was taken instead.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What its files ask for and is done in another way here, as their filters and crops.
    pub fn notices(&self) -> &[Warning] {
        &self.notices
    }

    /// How many classes it distinguishes, 2 or more.
    pub fn class_count(&self) -> usize {
        self.classes
    }

    /// From pixels to the values of its input, and where that was learnt.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How 8-bit channels become the values of its input.
    pub fn normalization(&self) -> Normalization {
        self.preprocessing.normalization
    }

    /// How a frame is fitted to the network: its shortest side becomes the input size, unless the
    /// network takes one size only, or its files say that pictures are stretched.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Whether it takes pictures of one size only.
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// What the network's graph is made of.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Where in its input the cells of the feature map look; none where the graph does not tell.
    pub fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// How scores follow from logits.
    pub fn scores(&self) -> Scores {
        self.scores
    }

    /// What makes logits of the feature map.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What methods are chosen by.
    pub fn traits(&self) -> Traits<'_> {
        Traits {
            head: &self.head,
            similar: &self.similar,
            runs_cells: self.runs_cells,
        }
    }

    /// The execution provider of ONNX Runtime that runs it, by ONNX Runtime's name for it.
    pub fn provider(&self) -> &str {
        &self.session.attachment().name
    }

    /// The execution provider that runs it, by the name that [`Provider::name`](super::Provider::name) has for it.
    pub fn provider_nick(&self) -> &str {
        &self.session.attachment().nick
    }

    /// Most pictures of one run: 1 unless more were [asked for](super::Options::batch_size) and its layers keep them apart.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Channels of a picture.
    pub(super) fn channels(&self) -> usize {
        self.session.channels()
    }

    /// How many runs there may be at the same time, of `threads` each; 0 stands for as many as there are cores.
    pub(super) fn runs(&self, threads: usize) -> usize {
        if !self.session.attachment().is_concurrent {
            return 1;
        }
        let cores = available_parallelism().map_or(1, usize::from);
        RUNS.max(cores.checked_div(threads).unwrap_or(1))
    }

    /// As [`Classifier::run`](super::Classifier::run), into `outputs`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchClass`], [`RuntimeError::Run`], [`RuntimeError::Cancelled`].
    pub(super) fn run<'a>(
        &'a self,
        tensor: &[f32],
        size: (usize, usize),
        target: Target,
        detail: Detail,
        outputs: &'a mut Outputs,
    ) -> Result<Activation<'a>, Error> {
        self.compute(tensor, size, (target, &[]), detail, outputs)?;
        self.activation(target, detail, outputs)
    }

    /// Whether all of the gradient is asked for.
    fn wants_gradient(&self, detail: Detail) -> bool {
        !self.has_sums || !matches!(detail, Detail::Sums | Detail::Cells)
    }

    /// Runs the network for a target, and for `further` ones where the graph [tells](Self::tells_further) of such.
    ///
    /// # Errors
    /// [`ModelError::NoSuchClass`], [`RuntimeError::Run`], [`RuntimeError::Cancelled`].
    pub(super) fn compute(
        &self,
        tensor: &[f32],
        (width, height): (usize, usize),
        (target, further): (Target, &[Target]),
        detail: Detail,
        outputs: &mut Outputs,
    ) -> Result<(), Error> {
        for &(Target::Rank(index) | Target::Class(index)) in further.iter().chain([&target]) {
            if index >= self.classes {
                return Err(ModelError::NoSuchClass {
                    target: index,
                    classes: self.classes,
                }
                .into());
            }
        }
        let share = match detail {
            Detail::Sums | Detail::Cells | Detail::Gradient => 0.0,
            Detail::Difference { share } => share,
        };
        let choice = || {
            Some(Choice {
                target,
                further: self.tells_further.then_some(further),
                detail: self.has_sums.then(|| self.wants_gradient(detail)),
                share: self.has_share.then_some(share),
                alone: self.runs_cells.then_some(detail == Detail::Cells),
            })
        };
        let choice = match &self.head {
            Head::Channels | Head::Dense { .. } => None,
            Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => choice(),
        };
        let run = self.session.run(tensor, width, height, choice, outputs);
        run.map_err(|failure| match failure {
            Failure::Cancelled => RuntimeError::Cancelled.into(),
            Failure::Words(message) => RuntimeError::Run { message }.into(),
        })
    }

    /// What a run for `target` left in `outputs`.
    ///
    /// # Errors
    /// [`RuntimeError::Run`].
    pub(super) fn activation<'a>(
        &'a self,
        target: Target,
        detail: Detail,
        outputs: &'a Outputs,
    ) -> Result<Activation<'a>, Error> {
        let failed = |message: String| Error::from(RuntimeError::Run { message });
        let map = |index| {
            let output = outputs.get(index).map_err(failed)?;
            let &[1, channels, height, width] = output.shape else {
                return Err(failed(format!(
                    "its feature map has the shape {:?}",
                    output.shape
                )));
            };
            Ok(FeatureMap {
                values: output.values,
                channels: channels as usize,
                height: height as usize,
                width: width as usize,
            })
        };
        let features = map(0)?;
        let FeatureMap {
            channels,
            height,
            width,
            ..
        } = features;
        let logits = outputs.get(1).map_err(failed)?;
        let output = |index, is_there: bool| {
            let output = is_there.then(|| outputs.get(index));
            output.transpose().map_err(failed)
        };
        let differentiates = !matches!(self.head, Head::Channels | Head::Dense { .. });
        let gradient = output(2, differentiates && self.wants_gradient(detail))?;
        let gradient = gradient.map(|gradient| gradient.values);
        let sums = output(3, self.has_sums)?.map(|sums| sums.values);
        let attends = matches!(self.head, Head::Layers { attends: true, .. });
        let attention = output(3, attends)?.map(|gains| gains.values);
        let mut beside = [None; MOST_LAYERS - 1];
        for (place, one) in beside.iter_mut().take(self.beside).enumerate() {
            let first = 3 + usize::from(attends) + 2 * place;
            let gradient = outputs.get(first + 1).map_err(failed)?;
            *one = Some((map(first)?, gradient.values));
        }
        let last = 3 + usize::from(self.has_sums || attends) + 2 * self.beside;
        let alone = output(last, self.runs_cells && detail == Detail::Cells)?;
        let alone = alone.map(|logits| logits.values);
        let is_as_long = |values: Option<&[f32]>, length: usize| {
            values.is_none_or(|values| values.len() == length)
        };
        let consistent = logits.values.len() == self.classes
            && is_as_long(sums, width * height)
            && is_as_long(attention, width * height)
            && is_as_long(alone, (width * height + 1) * self.classes)
            && beside
                .iter()
                .flatten()
                .all(|(features, gradient)| gradient.len() == features.values.len())
            && match &self.head {
                Head::Channels => channels == self.classes,
                Head::Dense { weights, bias } => weights.len() == bias.len() * channels,
                Head::PooledLayers => is_as_long(gradient, channels),
                Head::FlattenedLayers | Head::Layers { .. } => {
                    is_as_long(gradient, features.values.len())
                }
            };
        if !consistent || features.values.is_empty() {
            return Err(failed(format!(
                "it returned {} logits for {} classes and a feature map of {channels} x {height} x {width}",
                logits.values.len(),
                self.classes,
            )));
        }
        Ok(Activation {
            target,
            logits: logits.values,
            scores: self.scores,
            features,
            head: &self.head,
            similar: &self.similar,
            gradient,
            attention,
            beside,
            sums,
            alone,
        })
    }
}
