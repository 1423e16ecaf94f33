//! An opened network, asked by any of Python's threads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camoverlay::cam::{Class, Explanation, Method};
use camoverlay::frame::Presentation;
use camoverlay::inference::{Labels, Network, Options, Resolved, resolve};
use camoverlay::preprocess::MAX_TENSOR_PIXELS;
use camoverlay::{Error, Explainer as Core, PooledFeatures, Question};
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::errors::{Failure, detached};
use crate::forked;
use crate::picture::Picture;
use crate::settings::{self, AUTO, Settings};
use crate::words;

/// Class id, label and score.
type Scored = (usize, String, f32);

/// A layer's tensor, the operator that makes it, its channels if they are known, its rows and columns.
type LayerFacts = (String, String, Option<usize>, (usize, usize));

/// What came of one picture.
#[pyclass(frozen, get_all, module = "camoverlay._core")]
pub struct Answer {
    /// Targets x height x width.
    maps: Py<PyArray3<f32>>,
    targets: Vec<Scored>,
    top: Vec<Scored>,
    logits: Py<PyArray1<f32>>,
    method: &'static str,
    /// Pooled features: the mean of each channel, and for each target that under its heat.
    features: Option<Py<PyArray1<f32>>>,
    hot_features: Option<Py<PyArray2<f32>>>,
    /// What else its targets can mean.
    ambiguities: Vec<String>,
}

/// Which of the networks that one file makes: the layer that is explained, and whether cells are run alone.
type Variant = (Option<String>, bool);

/// See `camoverlay.Explainer`.
#[pyclass(frozen, module = "camoverlay._core")]
pub struct Explainer {
    options: Options,
    method: Method,
    /// As it was asked for at first.
    core: Core,
    /// Of each variant, those that no thread uses now.
    idle: Mutex<HashMap<Variant, Vec<Core>>>,
}

#[pymethods]
impl Explainer {
    #[new]
    fn new(py: Python<'_>, settings: Settings, method: &str) -> PyResult<Self> {
        detached(py, || {
            forked::check()?;
            let method = settings::method(method)?;
            let options = settings.options(method)?;
            let core = Core::open(&options)?;
            method
                .resolve(core.classifier().traits())
                .map_err(Error::from)?;
            Ok(Self {
                options,
                method,
                core,
                idle: Mutex::default(),
            })
        })
    }

    /// Explains pictures, each with targets of its own.
    #[expect(
        clippy::too_many_arguments,
        reason = "the package gives them names and defaults"
    )]
    fn explain(
        &self,
        py: Python<'_>,
        images: Vec<PyReadonlyArray3<'_, u8>>,
        targets: Vec<Vec<String>>,
        method: Option<&str>,
        layer: Option<String>,
        top_k: usize,
        features: bool,
    ) -> PyResult<Vec<Answer>> {
        let arrays: Vec<_> = images.iter().map(|image| image.as_array()).collect();
        let answers = detached(py, || {
            forked::check()?;
            let method = method.map_or(Ok(self.method), settings::method)?;
            let pictures: Vec<Picture> = arrays
                .into_iter()
                .map(Picture::of)
                .collect::<Result<_, _>>()?;
            let variant = self.variant(method, layer);
            let mut core = self.take(&variant)?;
            let answers = answers(&mut core, &pictures, &targets, (method, top_k, features));
            self.give_back(variant, core);
            answers
        })?;
        // Those of all variants.
        let labels = self.core.classifier().labels();
        let answers = answers.into_iter();
        answers
            .map(|(answer, ambiguities)| Answer::new(py, answer, ambiguities, labels))
            .collect()
    }

    /// The network's name.
    #[getter]
    fn name(&self) -> &str {
        self.core.classifier().name()
    }

    /// The classes' whole labels.
    #[getter]
    fn labels(&self) -> Vec<String> {
        let labels = self.core.classifier().labels().iter();
        labels.map(|label| label.to_string()).collect()
    }

    /// The first class that `label` can mean, as targets are spelt; none for none.
    fn class_of(&self, label: &str) -> Option<usize> {
        self.core
            .classifier()
            .labels()
            .matches(label)
            .first()
            .copied()
    }

    /// The tensor that is explained.
    #[getter]
    fn layer(&self) -> &str {
        &self.core.classifier().structure().features
    }

    /// The names of the methods that suit the network.
    #[getter]
    fn methods(&self) -> Vec<&'static str> {
        let suiting = Method::suiting(self.core.classifier().traits());
        suiting.into_iter().map(Method::name).collect()
    }

    /// The method that is used unless another is asked for.
    #[getter]
    fn method(&self) -> &'static str {
        let resolved = self.method.resolve(self.core.classifier().traits());
        resolved.unwrap_or(self.method).name()
    }

    /// The shortest side that the network is fed, in pixels.
    #[getter]
    fn input_size(&self) -> usize {
        let fit = self.core.classifier().fit();
        // Of a square, which all but a fixed shape keep.
        let (width, height) = fit.size(1, 1);
        width.min(height)
    }

    /// Most pictures of one run.
    #[getter]
    fn batch_size(&self) -> usize {
        self.core.classifier().batch_size()
    }

    /// The layers that can be explained, in the order of the graph: tensor, operator, channels, rows and columns.
    fn layers(&self, py: Python<'_>) -> PyResult<Vec<LayerFacts>> {
        detached(py, || {
            let layers = camoverlay::inference::layers(&self.options)?;
            let facts = layers.into_iter().map(|layer| {
                let [rows, columns] = layer.cells;
                (
                    layer.tensor,
                    layer.operator,
                    layer.channels,
                    (rows, columns),
                )
            });
            Ok(facts.collect())
        })
    }

    /// Who computes.
    #[getter]
    fn provider(&self) -> &str {
        self.core.classifier().provider_nick()
    }

    /// The network's file.
    #[getter]
    fn path(&self) -> PathBuf {
        self.core.classifier().path().to_owned()
    }

    /// Width and height to which a picture is scaled before anything is cut off it.
    fn scaled_size(&self, width: usize, height: usize) -> (usize, usize) {
        let fit = self.core.classifier().fit();
        let size = fit.size(width, height);
        let place = fit.placement(width, height, &Presentation::default());
        let long =
            |[start, end]: [f64; 2], size: usize| ((end - start) * size as f64).round() as usize;
        (long(place.across, size.0), long(place.down, size.1))
    }

    /// What became of its pictures, in words.
    #[getter]
    fn input(&self) -> String {
        let network = self.core.classifier();
        format!(
            "{}; {}",
            network.fit(),
            network.preprocessing().description()
        )
    }

    /// What its files say and was not taken as it stands.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        let warnings = self.core.classifier().warnings().iter();
        warnings.map(words::of_warning).collect()
    }

    /// What its files ask for and is done in another way.
    #[getter]
    fn notices(&self) -> Vec<String> {
        let notices = self.core.classifier().notices().iter();
        notices.map(words::of_warning).collect()
    }
}

impl Explainer {
    fn variant(&self, method: Method, layer: Option<String>) -> Variant {
        let layer = match layer {
            Some(layer) => Some(layer).filter(|layer| layer != AUTO),
            None => self.options.layer.clone(),
        };
        // A head that is affine tells its cells apart anyway.
        let runs_cells = method == Method::ReciproCam && !self.core.classifier().head().is_affine();
        (layer, self.options.cell_by_cell || runs_cells)
    }

    /// What explains in that variant, for this thread alone.
    fn take(&self, variant: &Variant) -> Result<Core, Failure> {
        if let Some(core) = self.idle().get_mut(variant).and_then(Vec::pop) {
            return Ok(core);
        }
        let (layer, cell_by_cell) = variant;
        if *layer == self.options.layer && *cell_by_cell == self.options.cell_by_cell {
            return Ok(self.core.clone());
        }
        let options = Options {
            layer: layer.clone(),
            cell_by_cell: *cell_by_cell,
            ..self.options.clone()
        };
        Ok(Core::open(&options)?)
    }

    fn give_back(&self, variant: Variant, core: Core) {
        self.idle().entry(variant).or_default().push(core);
    }

    /// Nothing behind it is left half-changed by a panic.
    fn idle(&self) -> MutexGuard<'_, HashMap<Variant, Vec<Core>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn new(
        py: Python<'_>,
        answer: camoverlay::Answer,
        ambiguities: Vec<String>,
        labels: &Labels,
    ) -> PyResult<Self> {
        let camoverlay::Answer {
            explanations,
            logits,
            features,
        } = answer;
        let scored = |class: &Class| {
            (
                class.id,
                labels
                    .get(class.id)
                    .map_or_else(String::new, |label| label.to_string()),
                class.score,
            )
        };
        let top = explanations.first().map_or(&[][..], |first| &first.top);
        let (mean, hot) = match features {
            Some(PooledFeatures { mean, hot }) => (Some(mean), Some(hot)),
            None => (None, None),
        };
        Ok(Self {
            top: top.iter().map(scored).collect(),
            targets: explanations.iter().map(|one| scored(&one.target)).collect(),
            method: explanations
                .first()
                .map_or(Method::Auto, |first| first.method)
                .name(),
            maps: maps(&explanations)?.into_pyarray(py).unbind(),
            logits: logits.into_pyarray(py).unbind(),
            features: mean.map(|mean| mean.into_pyarray(py).unbind()),
            hot_features: hot
                .map(|hot| PyArray2::from_vec2(py, &hot))
                .transpose()?
                .map(Bound::unbind),
            ambiguities,
        })
    }
}

/// What comes of pictures, each with targets of its own, and what else these can mean.
fn answers(
    core: &mut Core,
    pictures: &[Picture],
    targets: &[Vec<String>],
    (method, top_k, features): (Method, usize, bool),
) -> Result<Vec<(camoverlay::Answer, Vec<String>)>, Failure> {
    let network = core.classifier();
    let mut ambiguities = Vec::with_capacity(pictures.len());
    let mut asked = Vec::with_capacity(pictures.len());
    for (picture, targets) in pictures.iter().zip(targets) {
        fits(network, picture)?;
        let targets = targets.iter().map(|text| target(network, text));
        let targets: Vec<Resolved> = targets.collect::<Result<_, _>>()?;
        let question = Question {
            targets: targets.iter().map(|resolved| resolved.target).collect(),
            top_k,
            method,
            features,
        };
        asked.push((picture.frame()?, question));
        let meant = targets.into_iter();
        ambiguities.push(meant.filter_map(|resolved| resolved.ambiguity).collect());
    }
    let answers = core.answers(&asked)?;
    Ok(answers.into_iter().zip(ambiguities).collect())
}

/// The maps of explanations of one picture, which are of one size: targets x height x width.
fn maps(explanations: &[Explanation]) -> Result<Array3<f32>, Failure> {
    let (height, width) = match explanations.first() {
        Some(first) => (first.map.height, first.map.width),
        None => (0, 0),
    };
    let values = explanations.iter().flat_map(|one| &one.map.values);
    Array3::from_shape_vec(
        (explanations.len(), height, width),
        values.copied().collect(),
    )
    .map_err(|error| Failure::run(error.to_string()))
}

/// The class or rank that `text` means.
fn target(network: &Network, text: &str) -> Result<Resolved, Failure> {
    let resolved = resolve(text, network.labels());
    resolved.map_err(|unknown| Failure::settings(unknown.to_string()))
}

/// Whether the network can be run on so long a picture.
fn fits(network: &Network, picture: &Picture) -> Result<(), Failure> {
    let Picture { width, height, .. } = *picture;
    let (across, down) = network.fit().size(width, height);
    if across.saturating_mul(down) <= MAX_TENSOR_PIXELS {
        return Ok(());
    }
    Err(Failure::settings(format!(
        "A picture of {width} x {height} pixels would become {across} x {down}, more than {MAX_TENSOR_PIXELS} pixels. Crop it, or \
         give a smaller input_size."
    )))
}
