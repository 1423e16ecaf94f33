//! From the bytes of a network file to a graph that ONNX Runtime can be given.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use prost::bytes::Bytes;

use super::backward::{self, Context};
use super::cell_by_cell;
use super::constant_space;
use super::cost;
use super::error::ModelError;
use super::facts::Facts;
use super::gradient::Gradient;
use super::head;
use super::head::obstacle::{NoHead, OTHER_NETWORK, Obstacle};
use super::head::outputs::{self, Outputs, Wanted};
use super::head::tap::{self, Search};
use super::image_input::INPUT_SIZE;
use super::image_input::Picture;
use super::narrowed::{self, Narrowed};
use super::normal_form::{self, classes};
use super::places::{self, Places};
use super::rewrite::uniform::uniform;
use super::rewrite::{self, Refusal};
use super::sight::Sight;
use super::tappable::{self, Layer};
use super::types::{CellOrder, Head, HeadMatch};
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
    /// What keeps the head from being a pool or a flattening, where it is neither.
    obstacle: Option<Obstacle>,
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
        let (facts, shapes) = traced(&graph, &picture, [height, width]);
        let is_fixed = picture.fixed().is_some();
        let found = head::find(&graph, &facts, &shapes, is_fixed, &told, wanted);
        let outputs::Found {
            head_match,
            outputs,
            obstacle,
        } = found.map_err(|refusal| match refusal {
            NoHead::Search(obstacle) => refused(path, obstacle),
            NoHead::Layer(unsuited) => ModelError::UnsuitedLayer {
                path: path.to_owned(),
                layer: unsuited.layer,
                reason: unsuited.reason,
            },
        })?;
        if !head_match.head.is_finite() {
            return Err(ModelError::NotFinite {
                path: path.to_owned(),
            }
            .into());
        }
        Ok(Self {
            graph,
            facts,
            shapes,
            size: [height, width],
            picture,
            head_match,
            gradient: None,
            outputs,
            obstacle,
        })
    }

    /// With the gradient that the head asks for, and `cell_by_cell`, where that can be, the logits that each cell makes alone;
    /// behind the features no more is computed than the logits read.
    ///
    /// # Errors
    /// [`ModelError::NotExplainable`] for what has no gradient, [`ModelError::Memory`] for one that takes more than `limit`
    /// bytes, [`FileError::NotOnnx`] for a graph that was not well formed.
    pub fn with_gradient(
        mut self,
        path: &Path,
        limit: Option<u64>,
        cell_by_cell: bool,
    ) -> Result<Self, Error> {
        match self.head_match.head {
            Head::Channels | Head::Dense { .. } => return Ok(self),
            Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {}
        }
        let is_fixed =
            self.picture.fixed().is_some() || matches!(self.head_match.order, CellOrder::Tokens(_));
        let mut shares = HashMap::new();
        if is_fixed && matches!(self.head_match.head, Head::Layers { .. }) {
            (self, shares) = self.narrowed().map_err(|fault| not_onnx(path, fault))?;
        }
        let bytes = cost::bytes_of_tail(&self.graph, &self.shapes, &self.head_match.tail);
        if let Some(limit) = limit.filter(|&limit| bytes > limit) {
            let layer = &self.head_match.features;
            return Err(ModelError::Memory {
                path: path.to_owned(),
                found: format!("the gradient at its layer “{layer}” takes {bytes} bytes"),
                limit: Some(limit),
            }
            .into());
        }
        let context = Context {
            graph: &self.graph,
            facts: &self.facts,
            shapes: &self.shapes,
            is_fixed,
            shares: &shares,
        };
        let made = backward::differentiate(&context, &self.head_match);
        let mut gradient = made.map_err(|found| {
            let obstacle = self.obstacle.take();
            refused(
                path,
                obstacle.unwrap_or(Obstacle {
                    found,
                    reason: "whose gradient is not known",
                    advice: OTHER_NETWORK,
                }),
            )
        })?;
        if cell_by_cell {
            let (graph, facts) = (&self.graph, &self.facts);
            gradient.alone =
                cell_by_cell::logits(&mut gradient.builder, graph, facts, &self.head_match);
        }
        self.gradient = Some(gradient);
        Ok(self)
    }

    /// As [`narrowed`](super::narrowed), with its shares.
    fn narrowed(self) -> Result<(Self, HashMap<String, f32>), Fault> {
        let Self {
            graph,
            shapes,
            mut head_match,
            ..
        } = self;
        let Narrowed { graph, shares } = narrowed::narrowed(graph, &shapes, &head_match)?;
        let (facts, shapes) = traced(&graph, &self.picture, self.size);
        head_match.tail = tap::between(&graph, &head_match.sources(), &head_match.logits);
        let narrowed = Self {
            graph,
            facts,
            shapes,
            head_match,
            ..self
        };
        Ok((narrowed, shares))
    }

    /// Where the cells of the feature map look, if the graph tells.
    pub fn sight(&self, places: &Places, side: u32) -> Option<Sight> {
        Sight::of(&self.graph, &self.picture, &self.head_match, places, side)
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

    /// Prepares for several pictures at a time, where a head that is affine in pooled features leaves it to the other layers
    /// whether they keep pictures apart. Whether that was done.
    pub fn run_several(&mut self) -> bool {
        let found = &self.head_match;
        self.picture.several = found.head.is_affine()
            && found.beside.is_empty()
            && matches!(found.order, CellOrder::Map(_));
        self.picture.several
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
        .map_err(|refusal| not_rewritten(path, limit, refusal))?;
        Ok((model, self.head_match))
    }

    /// The graph whose head is asked about one vector of features at every place; none where it cannot be.
    ///
    /// # Errors
    /// As [`rewrite`](Self::rewrite).
    pub fn uniform(self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        uniform(
            self.graph,
            &self.facts,
            &self.picture,
            &self.head_match,
            limit,
        )
        .map_err(|refusal| not_rewritten(path, limit, refusal))
    }
}

fn not_rewritten(path: &Path, limit: u64, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Fault(fault) => not_onnx(path, fault).into(),
        Refusal::Excess(excess) => ModelError::Memory {
            path: path.to_owned(),
            limit: excess.is_finite().then_some(limit),
            found: excess.to_string(),
        }
        .into(),
    }
}

/// What is known of each tensor of `graph`, and its shape, for pictures of that height and width.
fn traced(graph: &Graph, picture: &Picture, size: [usize; 2]) -> (Facts, Shapes) {
    (
        Facts::trace(graph, picture, size),
        Shapes::infer(graph, &[(&picture.name, &picture.shape(size))]),
    )
}

fn refused(path: &Path, obstacle: Obstacle) -> ModelError {
    ModelError::NotExplainable {
        path: path.to_owned(),
        found: obstacle.found,
        reason: obstacle.reason,
        advice: obstacle.advice,
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
    let network = network.with_gradient(path, None, true)?;
    network.rewrite(path, u64::MAX, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of two numbers behind the features, as the file has them and as they are run.
    fn products_behind_features(name: &str) -> [u64; 2] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/graphs/transformers");
        let path = folder.join(name);
        let (network, _) = Analysis::of_file(&path, Wanted::default()).unwrap();
        let of = |network: &Analysis| {
            let tail = network.head_match.tail.iter();
            let nodes = tail.map(|&index| &network.graph.nodes()[index]);
            nodes
                .map(|node| cost::products(&network.graph, &network.shapes, node))
                .sum()
        };
        let as_it_is = of(&network);
        [
            as_it_is,
            of(&network.with_gradient(&path, None, false).unwrap()),
        ]
    }

    #[test]
    fn behind_the_last_keys_and_values_one_token_alone_is_computed() {
        for name in ["vit.onnx", "vit-registers.onnx", "vit-oblong.onnx"] {
            let [as_it_is, run] = products_behind_features(name);
            // Of twelve parts, the dense layers of keys, values and queries are three.
            assert!(run * 3 < as_it_is, "{name}: {run} of {as_it_is}");
        }
        for name in ["vit-mean.onnx", "swin.onnx"] {
            let [as_it_is, run] = products_behind_features(name);
            assert_eq!(run, as_it_is, "{name}");
        }
    }
}
