//! A classifier that can be asked why.

use std::ops::Deref;
use std::sync::Arc;

use super::label_text::printable;
use super::labels::LabelFile;
use super::network::{Network, Structure};
use super::options::Options;
use super::probe;
use super::session::{Choice, Session};
use super::{metadata, runtime};
use crate::error::Error;
use crate::model::Head;
use crate::model::Places;
use crate::model::analysis::Analysis;
use crate::model::head::outputs::Wanted;
use crate::model::places::oblong;
use crate::model::{Activation, Detail, FeatureMap, Target};

/// An opened network.
pub struct Classifier {
    network: Arc<Network>,
    session: Session,
}

/// What is known of the network.
impl Deref for Classifier {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Classifier {
    /// Loads ONNX Runtime if that has not happened yet, reads the network, finds its feature map
    /// and its head.
    ///
    /// # Errors
    /// Any [`Error`] but those of a run.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let (path, entry) = options.locate()?;
        // Of a label file that cannot be read is told once the network can.
        let label_file = options.labels.as_deref().map(LabelFile::read);
        let wanted = Wanted {
            output: options.output.as_deref(),
            labels: label_file
                .as_ref()
                .and_then(|read| read.as_ref().ok()?.count()),
            own_labels: Some(metadata::label_counts),
        };
        let (analysis, mut files) = Analysis::of_file(&path, wanted)?;
        let graph = &analysis.graph;
        let mut warnings = metadata::Warnings::new(&path);
        let preprocess = metadata::preprocess(options, entry, graph, &mut warnings);
        let input_size = metadata::input_size(options, entry, &analysis, &path, &mut warnings)?;
        let places = analysis.places(&path, input_size)?;
        let environment =
            runtime::environment(options.ort_library.as_deref(), &options.search_roots)?;
        let own_labels = metadata::labels(graph);
        let name = match (entry, graph.metadata("name")) {
            (Some(entry), _) => entry.nick.to_owned(),
            (None, Some(name)) => printable(name),
            (None, None) => path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        let structure = structure(&analysis, places);
        let gradient = analysis.gradient.as_ref();
        let has_sums = gradient.is_some_and(|gradient| gradient.sums.is_some());
        let choice = gradient.map(|_| Choice {
            class: 0,
            slot: 0,
            detail: has_sums.then_some(false),
        });
        let (model, picture, head_match) = analysis.rewrite(&path)?;
        let unsupported = |message| Error::Unsupported {
            path: path.clone(),
            message,
        };
        let mut session =
            Session::new(&environment, &model, options.threads).map_err(unsupported)?;
        drop(model);
        let classes = match &head_match.head {
            Head::Dense { bias, .. } => bias.len(),
            _ => match session.inferred_classes() {
                Some(classes) => classes,
                None => {
                    let side = input_size as usize;
                    let (width, height) = picture.fixed.unwrap_or((side, side));
                    count_classes(&mut session, width, height, choice).map_err(unsupported)?
                }
            },
        };
        if classes < 2 {
            return Err(Error::OneClass { path, classes });
        }
        let labels = match label_file {
            Some(read) => {
                let file = read?;
                let labels = file.labels(classes)?;
                files.push(file.ingredient());
                labels
            }
            None => metadata::choose_labels(own_labels, classes, &mut warnings),
        };
        let is_probed = matches!(structure.places, Places::Probed { .. });
        let mut fixed = picture.fixed;
        if fixed.is_none() && (is_probed || matches!(head_match.head, Head::FlattenedLayers)) {
            // A file may declare sizes free that its layers fix.
            let [height, width] = oblong(input_size as usize)[0];
            let pixels = vec![0.0; 3 * width * height];
            if session.run(&pixels, width, height, choice).is_err() {
                fixed = Some((input_size as usize, input_size as usize));
            }
        }
        if is_probed {
            let frame = probe::Frame {
                size: match fixed {
                    Some((width, height)) => [height, width],
                    None => oblong(input_size as usize)[0],
                },
                normalization: preprocess.0.normalization(),
            };
            probe::check(&mut session, &frame, choice).map_err(|failure| match failure {
                probe::Failure::Run(message) => unsupported(message),
                probe::Failure::Lack(lack) => Error::NoPlaces {
                    path: path.clone(),
                    features: structure.features.clone(),
                    found: lack.found,
                    advice: lack.advice,
                },
            })?;
        }
        let network = Network {
            name,
            labels,
            classes,
            preprocess,
            input_size,
            fixed,
            structure,
            head: head_match.head,
            has_sums,
            scores: head_match.scores,
            warnings: warnings.texts,
            files,
        };
        Ok(Self {
            network: Arc::new(network),
            session,
        })
    }

    /// The same network for another thread, which may run it at the same time: weights, threads and
    /// all that is known of it exist once.
    pub fn another(&self) -> Self {
        Self {
            network: self.network.clone(),
            session: self.session.another(),
        }
    }

    /// What is known of the network, to be kept.
    pub(crate) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Frees what the last run returned.
    pub fn free_outputs(&mut self) {
        self.session.free_outputs();
    }

    /// Runs the network on `tensor`, 1 x 3 x `height` x `width`, fitted as [`fit`](Network::fit) says
    /// and normalised as [`normalization`](Network::normalization) says. `detail` is what a head of
    /// layers is to tell about `target`.
    ///
    /// # Errors
    /// [`Error::NoSuchClass`], [`Error::Run`].
    pub fn run(
        &mut self,
        tensor: &[f32],
        width: usize,
        height: usize,
        target: Target,
        detail: Detail,
    ) -> Result<Activation<'_>, Error> {
        let (Target::Rank(index) | Target::Class(index)) = target;
        if index >= self.network.classes {
            return Err(Error::NoSuchClass {
                target: index,
                classes: self.network.classes,
            });
        }
        let failed = |message: String| Error::Run { message };
        let wants_gradient = !self.network.has_sums || detail == Detail::Gradient;
        let choice = |class, slot| {
            Some(Choice {
                class,
                slot,
                detail: self.network.has_sums.then_some(wants_gradient),
            })
        };
        let choice = match (&self.network.head, target) {
            (Head::Channels | Head::Dense { .. }, _) => None,
            (_, Target::Class(class)) => choice(class as i64, 0),
            (_, Target::Rank(rank)) => choice(0, 1 + rank as i64),
        };
        self.session
            .run(tensor, width, height, choice)
            .map_err(failed)?;
        let features = self.session.output(0).map_err(failed)?;
        let logits = self.session.output(1).map_err(failed)?;
        let &[1, channels, height, width] = features.shape else {
            return Err(failed(format!(
                "its feature map has the shape {:?}",
                features.shape
            )));
        };
        let (channels, height, width) = (channels as usize, height as usize, width as usize);
        let output = |index, is_there: bool| {
            let output = is_there.then(|| self.session.output(index));
            output.transpose().map_err(failed)
        };
        let gradient = output(2, choice.is_some() && wants_gradient)?;
        let gradient = gradient.map(|gradient| gradient.values);
        let sums = output(3, self.network.has_sums)?.map(|sums| sums.values);
        let is_as_long = |values: Option<&[f32]>, length: usize| {
            values.is_none_or(|values| values.len() == length)
        };
        let consistent = logits.values.len() == self.network.classes
            && is_as_long(sums, width * height)
            && match &self.network.head {
                Head::Channels => channels == self.network.classes,
                Head::Dense { weights, bias } => weights.len() == bias.len() * channels,
                Head::PooledLayers => is_as_long(gradient, channels),
                Head::FlattenedLayers => is_as_long(gradient, features.values.len()),
            };
        if !consistent || features.values.is_empty() {
            return Err(failed(format!(
                "it returned {} logits for {} classes and a feature map of the shape {:?}",
                logits.values.len(),
                self.network.classes,
                features.shape
            )));
        }
        Ok(Activation {
            target,
            logits: logits.values,
            scores: self.network.scores,
            features: FeatureMap {
                values: features.values,
                channels,
                height,
                width,
            },
            head: &self.network.head,
            gradient,
            sums,
        })
    }
}

fn structure(network: &Analysis, places: Places) -> Structure {
    let Analysis {
        graph,
        picture,
        head_match,
        outputs,
        ..
    } = network;
    let operators = head_match
        .tail
        .iter()
        .map(|&index| graph.nodes()[index].op_type().to_owned());
    Structure {
        input: picture.name.clone(),
        layout: picture.layout,
        features: head_match.features.clone(),
        outputs: outputs.clone(),
        head: operators.collect(),
        places,
    }
}

/// Number of logits that a run on a black picture returns.
fn count_classes(
    session: &mut Session,
    width: usize,
    height: usize,
    choice: Option<Choice>,
) -> Result<usize, String> {
    session.run(&vec![0.0; 3 * width * height], width, height, choice)?;
    Ok(session.output(1)?.values.len())
}
