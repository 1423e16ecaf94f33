//! The one door to the core: a network is opened, pictures are explained, explanations painted.

use crate::cam::{Explanation, Query};
use crate::error::Error;
use crate::frame::{Frame, FrameMut, Geometry};
use crate::inference::{Classifier, Options};
use crate::preprocess::Sampler;
use crate::render::{MapView, Painter};

/// An opened classifier that explains pictures.
///
/// Who explains a stream of frames and counts every millisecond uses the parts that this is made of:
/// [`Sampler`] (frame to tensor), [`Classifier`] or
/// [`SharedClassifier`](crate::inference::SharedClassifier) (tensor to activation), [`Explanation`]
/// (activation to class map) and [`Painter`] (class map to heat).
pub struct Explainer {
    classifier: Classifier,
    /// Of frames like the last one.
    sampler: Option<(Geometry, Sampler)>,
    /// 1 x 3 x height x width.
    tensor: Vec<f32>,
}

impl Explainer {
    /// Loads ONNX Runtime if that has not happened yet, and opens a network.
    ///
    /// # Errors
    /// Any [`Error`] about library, network file or labels; each is a sentence on what is wrong and
    /// one on what to do.
    pub fn open(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            classifier: Classifier::open(options)?,
            sampler: None,
            tensor: Vec::new(),
        })
    }

    /// The network: its name, labels, preprocessing and structure.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Explains one picture: scales it to the network's input as the network was trained
    /// (see [`Fit`](crate::preprocess::Fit)), runs the network once, and makes the class map of the
    /// target that `query` names.
    ///
    /// # Errors
    /// [`Error::NoSuchClass`], [`Error::Method`], [`Error::Run`], [`Error::NotFinite`].
    pub fn explain(&mut self, frame: &Frame, query: &Query) -> Result<Explanation, Error> {
        let geometry = frame.geometry();
        let classifier = &self.classifier;
        let sampler = match &mut self.sampler {
            Some((last, sampler)) if last == geometry => sampler,
            other => {
                let sampler = Sampler::new(geometry, classifier.fit(), &classifier.normalization());
                &mut other.insert((*geometry, sampler)).1
            }
        };
        let (width, height) = sampler.size();
        self.tensor.resize(3 * width * height, 0.0);
        sampler.sample(frame.planes(), &mut self.tensor);
        let Query {
            target,
            top_k,
            method,
        } = *query;
        let detail = method.detail();
        let activation = self
            .classifier
            .run(&self.tensor, width, height, target, detail)?;
        let mut explanation = Explanation::default();
        explanation.update(&activation, top_k, method)?;
        Ok(explanation)
    }
}

impl Explanation {
    /// Paints the class map as heat over `frame`, in place; map values, stretched to 0..1 over the
    /// frame, below `threshold` show no heat. A stream of frames is painted by a [`Painter`], which
    /// keeps its tables.
    pub fn paint(&self, frame: &mut FrameMut, threshold: f64) {
        let mut painter = Painter::new(frame.geometry());
        let map = MapView {
            values: &self.map.values,
            width: self.map.width,
            height: self.map.height,
        };
        painter.set_map(map, threshold);
        painter.paint(frame.planes_mut());
    }
}
