//! From the bytes of a network file to a graph that ONNX Runtime can be given.

use std::cell::OnceCell;
use std::path::Path;

use prost::bytes::Bytes;

use super::backward;
use super::constant_space;
use super::cost;
use super::error::ModelError;
use super::facts::Facts;
use super::gradient::Gradient;
use super::head;
use super::head::obstacle::{OTHER_NETWORK, Obstacle};
use super::head::outputs::{self, Outputs, Wanted};
use super::head::tap::Search;
use super::image_input::INPUT_SIZE;
use super::image_input::Picture;
use super::normal_form::{self, classes};
use super::places::{self, Places};
use super::rewrite::{self, Refusal};
use super::tappable::{self, Layer};
use super::types::{CellOrder, Head, HeadMatch, Layout};
use crate::error::Error;
use crate::file::{Ingredient, Opened, Trouble};
use crate::onnx::error::{Fault, FileError};
use crate::onnx::functions::inline_functions;
use crate::onnx::graph::Graph;
use crate::onnx::shapes::Shapes;
use crate::onnx::skim::{Unreadable, skim};
use crate::onnx::{external_data, load, proto};

/// A classifier's graph, taken apart.
pub struct Analysis {
    pub graph: Graph,
    /// Of a picture of the network's size, square if free.
    facts: Facts,
    shapes: Shapes,
    /// Height and width of that picture.
    size: [usize; 2],
    pub picture: Picture,
    pub head_match: HeadMatch,
    pub gradient: Option<Gradient>,
    pub outputs: Outputs,
}

impl Analysis {
    /// Reads the network file at `path`, and the files beside it that hold its weights; says which
    /// files those were.
    ///
    /// # Errors
    /// Every [`Error`] about the file.
    pub fn of_file(path: &Path, wanted: Wanted) -> Result<(Self, Vec<Ingredient>), Error> {
        let unreadable = |trouble| match trouble {
            Trouble::Missing => FileError::Missing {
                tried: vec![path.to_owned()],
                nick: None,
            },
            trouble => FileError::Unreadable {
                path: path.to_owned(),
                trouble,
            },
        };
        let own = Opened::new(path).map_err(unreadable)?;
        let bytes = skim(&own).map_err(|fault| match fault {
            Unreadable::Trouble(trouble) => unreadable(trouble),
            Unreadable::Fault(fault) => not_onnx(path, fault),
        })?;
        let mut model = load::decode(bytes.into()).map_err(|fault| not_onnx(path, fault))?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut files = external_data::inline(&mut model, &own, folder.unwrap_or(Path::new(".")))
            .map_err(|message| FileError::ExternalData {
            path: path.to_owned(),
            message,
        })?;
        own.check().map_err(unreadable)?;
        files.push(own.ingredient());
        Ok((Self::of_model(model, path, wanted)?, files))
    }

    fn of_model(mut model: proto::Model, path: &Path, wanted: Wanted) -> Result<Self, Error> {
        inline_functions(&mut model).map_err(|fault| not_onnx(path, fault))?;
        let graph = Graph::new(model).map_err(|fault| not_onnx(path, fault))?;
        let picture = Picture::of(&graph, path)?;
        let graph = normal_form::of(graph, &picture).map_err(|fault| not_onnx(path, fault))?;
        let name = match wanted.output {
            Some(asked) => Some(
                outputs::named(&graph, asked)
                    .map_err(|outputs| outputs::no_such(path, asked, outputs))?
                    .to_owned(),
            ),
            None => None,
        };
        let (graph, told) =
            classes::tell(graph, name.as_deref()).map_err(|fault| not_onnx(path, fault))?;
        let [height, width] = match wanted.size {
            Some(size_of) => size_of(&graph, &picture),
            None => picture.size(INPUT_SIZE),
        };
        let facts = Facts::trace(&graph, &picture, [height, width]);
        let shape = match picture.layout {
            Layout::ChannelsFirst => [1, picture.channels, height, width],
            Layout::ChannelsLast => [1, height, width, picture.channels],
        };
        let shapes = Shapes::infer(&graph, &[(&picture.name, &shape)]);
        let is_fixed = picture.fixed().is_some();
        let found = head::find(&graph, &facts, &shapes, is_fixed, &told, wanted);
        let refused = |obstacle: Obstacle| ModelError::NotExplainable {
            path: path.to_owned(),
            found: obstacle.found,
            reason: obstacle.reason,
            advice: obstacle.advice,
        };
        let outputs::Found {
            head_match,
            outputs,
            obstacle,
        } = found.map_err(refused)?;
        if !head_match.head.is_finite() {
            return Err(ModelError::NotFinite {
                path: path.to_owned(),
            }
            .into());
        }
        let is_fixed =
            picture.fixed().is_some() || matches!(head_match.order, CellOrder::Tokens(_));
        let gradient = match head_match.head {
            Head::Channels | Head::Dense { .. } => None,
            Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                let bytes = cost::bytes_of_tail(&graph, &shapes, &head_match.tail);
                if let Some(limit) = wanted.memory_limit.filter(|&limit| bytes > limit) {
                    let layer = &head_match.features;
                    return Err(ModelError::Memory {
                        path: path.to_owned(),
                        found: format!("the gradient at its layer “{layer}” takes {bytes} bytes"),
                        limit: Some(limit),
                    }
                    .into());
                }
                let made = backward::differentiate(&graph, &facts, &shapes, &head_match, is_fixed);
                Some(made.map_err(|found| {
                    refused(obstacle.unwrap_or(Obstacle {
                        found,
                        reason: "whose gradient is not known",
                        advice: OTHER_NETWORK,
                    }))
                })?)
            }
        };
        Ok(Self {
            graph,
            facts,
            shapes,
            size: [height, width],
            picture,
            head_match,
            gradient,
            outputs,
        })
    }

    /// What the graph says of the feature map's places, for an input of shortest side `side`.
    ///
    /// # Errors
    /// [`ModelError::NoPlaces`].
    pub fn places(&self, path: &Path, side: u32) -> Result<Places, ModelError> {
        places::of_graph(&self.graph, &self.picture, &self.head_match, side).map_err(|lack| {
            ModelError::NoPlaces {
                path: path.to_owned(),
                features: self.head_match.features.clone(),
                found: lack.found,
                advice: lack.advice,
            }
        })
    }

    /// The least shortest side above `side` that the network is explained with for certain; none
    /// where a larger one is of no help.
    pub fn least_side(&self, side: u32) -> Option<u32> {
        places::least_side(&self.graph, &self.picture, &self.head_match, side)
    }

    /// All layers that can be explained, in the order of the graph.
    pub fn layers(&self) -> Vec<Layer> {
        let Self {
            graph,
            facts,
            shapes,
            head_match,
            ..
        } = self;
        let search = Search {
            graph,
            facts,
            shapes,
            places: &OnceCell::new(),
            logits: &head_match.logits,
            scores: head_match.scores,
        };
        tappable::layers(&search, graph, facts, shapes, head_match, self.size)
    }

    /// Whether constants that meet the feature map fix its size, though the file may declare it free.
    pub fn has_constant_of_space(&self) -> bool {
        constant_space::is_in(&self.graph, &self.facts)
    }

    /// The serialised graph to run, and the head_match that belongs to it.
    ///
    /// # Errors
    /// [`FileError::NotOnnx`] for a graph of more than 2 GiB, [`ModelError::Memory`] for one that takes more than
    /// `limit` bytes for weights and what follows from them.
    pub fn rewrite(
        self,
        path: &Path,
        limit: u64,
        for_cpu: bool,
    ) -> Result<(Vec<u8>, HeadMatch), Error> {
        let model = rewrite::rewrite(
            self.graph,
            &self.facts,
            &self.picture,
            &self.head_match,
            self.gradient,
            limit,
            for_cpu,
        )
        .map_err(|refusal| match refusal {
            Refusal::Fault(fault) => not_onnx(path, fault).into(),
            Refusal::Excess(excess) => Error::from(ModelError::Memory {
                path: path.to_owned(),
                limit: excess.is_finite().then_some(limit),
                found: excess.to_string(),
            }),
        })?;
        Ok((model, self.head_match))
    }
}

fn not_onnx(path: &Path, fault: Fault) -> FileError {
    FileError::NotOnnx {
        path: path.to_owned(),
        fault,
    }
}

/// Does to the bytes of a network file all that is done before ONNX Runtime sees them; for fuzzing.
/// Weights in other files count as missing.
///
/// # Errors
/// Every [`Error`] about a network file.
pub fn check(bytes: Vec<u8>) -> Result<(), Error> {
    let path = Path::new("network.onnx");
    let model = load::decode(Bytes::from(bytes)).map_err(|fault| not_onnx(path, fault))?;
    let network = Analysis::of_model(model, path, Wanted::default())?;
    network.places(path, INPUT_SIZE)?;
    network.rewrite(path, u64::MAX, true)?;
    Ok(())
}
