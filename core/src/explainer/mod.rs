//! The one door to the core: a network is opened, pictures are explained, explanations painted.

mod answer;

use std::mem;
use std::sync::Arc;

use crate::cam::{ClassMap, Explanation, Method, Query};
use crate::error::Error;
use crate::faithfulness::{Faithfulness, Input, Trial};
use crate::frame::{Frame, FrameMut, Geometry, Orientation, Presentation};
use crate::inference::{Cancellation, Lease, Options, SharedClassifier};
use crate::model::{Detail, Sight, Target};
use crate::preprocess::{Fit, MapPlacer, Placement, Sampler};
use crate::render::{CellAxis, CellGrid, Colormap, MapView, Painter, Style};

pub use answer::{Answer, PooledFeatures, Question};

/// An opened classifier that explains pictures. Clones share the network, and may explain at the same time.
///
/// Who explains a stream of frames and counts every millisecond uses the parts that this is made of:
/// [`Sampler`] (frame to tensor), [`Classifier`](crate::inference::Classifier) or
/// [`SharedClassifier`] (tensor to activation), [`Explanation`]
/// (activation to class map) and [`Painter`] (class map to heat).
pub struct Explainer {
    classifier: Arc<SharedClassifier>,
    /// Of frames like the last one.
    sampler: Option<(Geometry, Presentation, Sampler)>,
    /// 1 x channels x height x width.
    tensor: Vec<f32>,
    /// The tensors of several pictures, one behind the other.
    tensors: Vec<f32>,
    placer: MapPlacer,
}

impl Explainer {
    /// Loads ONNX Runtime if that has not happened yet, and opens a network.
    ///
    /// # Errors
    /// Any [`Error`] about library, network file or labels; each is a sentence on what is wrong and
    /// one on what to do.
    pub fn open(options: &Options) -> Result<Self, Error> {
        Ok(Self::of(SharedClassifier::open(options)?))
    }

    fn of(classifier: Arc<SharedClassifier>) -> Self {
        Self {
            classifier,
            sampler: None,
            tensor: Vec::new(),
            tensors: Vec::new(),
            placer: MapPlacer::default(),
        }
    }

    /// The network: its name, labels, preprocessing and structure.
    pub fn classifier(&self) -> &SharedClassifier {
        &self.classifier
    }

    /// Explains one picture: scales it to the network's input as the network was trained
    /// (see [`Fit`](crate::preprocess::Fit)), runs the network once, and makes the class map of the
    /// target that `query` names.
    ///
    /// # Errors
    /// [`ModelError::NoSuchClass`](crate::ModelError::NoSuchClass),
    /// [`RuntimeError::Run`](crate::RuntimeError::Run), and any [`CamError`](crate::CamError).
    pub fn explain(&mut self, frame: &Frame, query: &Query) -> Result<Explanation, Error> {
        let (width, height) = self.sample(frame);
        let mut explanation = of_tensor(&mut self.lease()?, &self.tensor, (width, height), query)?;
        let placement = self.placement(frame);
        explanation.map.lay_over(placement, &mut self.placer);
        Ok(explanation)
    }

    /// Explains several classes of one picture, as [`explain`](Self::explain) does one: in one run of the network where it
    /// [tells of several](crate::inference::Network::tells_of_several), otherwise in one for each class.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn answer(&mut self, frame: &Frame, question: &Question) -> Result<Answer, Error> {
        let size = self.sample(frame);
        let answer = answer::of_tensor(&mut self.lease()?, &self.tensor, size, question)?;
        Ok(self.laid_over(answer, frame))
    }

    /// Explains several pictures, each with a question of its own, as [`answer`](Self::answer) does one. Where the network was
    /// opened [for that](crate::inference::Options::batch_size), pictures that follow each other and have tensors of one size
    /// share a run.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), of the first picture that has one.
    pub fn answers(&mut self, asked: &[(Frame, Question)]) -> Result<Vec<Answer>, Error> {
        let most = self.classifier.batch_size();
        if most == 1 {
            let answers = asked
                .iter()
                .map(|(frame, question)| self.answer(frame, question));
            return answers.collect();
        }
        let mut answers = Vec::with_capacity(asked.len());
        let alike = asked.chunk_by(|(a, _), (b, _)| self.tensor_size(a) == self.tensor_size(b));
        let batches: Vec<_> = alike.flat_map(|alike| alike.chunks(most)).collect();
        for batch in batches {
            self.answer_batch(batch, &mut answers)?;
        }
        Ok(answers)
    }

    /// Answers of one run, of pictures whose tensors are of one size.
    fn answer_batch(
        &mut self,
        asked: &[(Frame, Question)],
        answers: &mut Vec<Answer>,
    ) -> Result<(), Error> {
        let mut tensors = mem::take(&mut self.tensors);
        tensors.clear();
        let mut size = (0, 0);
        for (frame, _) in asked {
            size = self.sample(frame);
            tensors.extend_from_slice(&self.tensor);
        }
        let mut of_run = Vec::with_capacity(asked.len());
        {
            let mut lease = self.lease()?;
            let batch = lease.run_batch(&tensors, size.0, size.1)?;
            for (picture, (_, question)) in asked.iter().enumerate() {
                let activation = batch.activation(picture, Target::Rank(0));
                of_run.push(Answer::of_run(&activation, question)?);
            }
        }
        self.tensors = tensors;
        let laid = of_run.into_iter().zip(asked);
        answers.extend(laid.map(|(answer, (frame, _))| self.laid_over(answer, frame)));
        Ok(())
    }

    /// Width and height of the tensor of `frame`.
    fn tensor_size(&self, frame: &Frame) -> (usize, usize) {
        let geometry = frame.geometry();
        let fit = self.classifier.fit();
        fit.presented_size(geometry.width, geometry.height, frame.presentation())
    }

    /// The answer with its maps laid over `frame`.
    fn laid_over(&mut self, mut answer: Answer, frame: &Frame) -> Answer {
        let placement = self.placement(frame);
        for explanation in &mut answer.explanations {
            explanation.map.lay_over(placement, &mut self.placer);
        }
        answer
    }

    /// What the map of each of the `methods` is worth on one picture, for the target of `query`, and what maps are worth
    /// that know nothing: the last two. Takes some hundred runs of the network a method.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn faithfulness(
        &mut self,
        frame: &Frame,
        query: &Query,
        methods: &[Method],
    ) -> Result<Vec<Faithfulness>, Error> {
        let (width, height) = self.sample(frame);
        let mut lease = self.lease()?;
        let mut maps = Vec::new();
        let mut target = query.target;
        for &method in methods {
            let query = Query { method, ..*query };
            let explanation = of_tensor(&mut lease, &self.tensor, (width, height), &query)?;
            target = Target::Class(explanation.target.id);
            maps.push((method, explanation.map));
        }
        let normalization = lease.normalization();
        let mut explanation = Explanation::default();
        let score = |values: &[f32]| {
            let activation = lease.run(values, width, height, target, Detail::Sums)?;
            explanation.classify(&activation, None, 1)?;
            Ok(f64::from(explanation.target.score))
        };
        let input = Input {
            values: &self.tensor,
            width,
            height,
        };
        let mut trial = Trial::new(input, &normalization, score)?;
        let mut found = Vec::new();
        let mut cells = (width, height);
        for (method, map) in maps {
            cells = (map.width, map.height);
            found.push(trial.of_map(method, &map.values, cells)?);
        }
        found.extend(trial.of_none(cells)?);
        Ok(found)
    }

    /// Fills the tensor with `frame` as the network takes it: its width and height.
    fn sample(&mut self, frame: &Frame) -> (usize, usize) {
        let (geometry, presentation) = (frame.geometry(), frame.presentation());
        let classifier = &self.classifier;
        let sampler = match &mut self.sampler {
            Some((g, p, sampler)) if (&*g, &*p) == (geometry, presentation) => sampler,
            other => {
                let normalization = classifier.normalization();
                let sampler =
                    Sampler::presented(geometry, presentation, classifier.fit(), &normalization);
                &mut other.insert((*geometry, *presentation, sampler)).2
            }
        };
        let (width, height) = sampler.size();
        self.tensor.resize(sampler.values(), 0.0);
        sampler.sample(frame.planes(), &mut self.tensor);
        (width, height)
    }

    /// Where `frame` lies in its tensor.
    fn placement(&self, frame: &Frame) -> Placement {
        let (geometry, presentation) = (frame.geometry(), frame.presentation());
        let fit = self.classifier.fit();
        fit.placement(geometry.width, geometry.height, presentation)
    }

    /// The right to run the network, which nobody takes away.
    fn lease(&self) -> Result<Lease<'_>, Error> {
        self.classifier.lease(&Cancellation::default())
    }
}

/// With buffers of its own.
impl Clone for Explainer {
    fn clone(&self) -> Self {
        Self::of(self.classifier.clone())
    }
}

/// Explains a tensor; the map is that of the tensor.
fn of_tensor(
    lease: &mut Lease,
    tensor: &[f32],
    (width, height): (usize, usize),
    query: &Query,
) -> Result<Explanation, Error> {
    let Query {
        target,
        top_k,
        method,
    } = *query;
    let activation = lease.run(tensor, width, height, target, method.detail())?;
    let mut explanation = Explanation::default();
    explanation.update(&activation, top_k, method)?;
    Ok(explanation)
}

impl Explanation {
    /// Paints the class map as heat in the colours of `colormap` over `frame`, in place; map values,
    /// stretched to 0..1 over the frame, below `threshold` show no heat. A stream of frames is
    /// painted by a [`Painter`], which keeps its tables.
    pub fn paint(&self, frame: &mut FrameMut, threshold: f64, colormap: &Colormap) {
        let presentation = *frame.presentation();
        let mut map = self.map.clone();
        map.turn_back(presentation.orientation, &mut Vec::new());
        let style = Style::coloured(colormap.clone());
        let mut painter = Painter::styled(frame.geometry(), &presentation, &style);
        painter.set_map(MapView::from(&map), threshold);
        painter.paint(frame.planes_mut());
    }
}

impl ClassMap {
    /// Lays the map of a tensor over the upright frame that lies in it as `placement` says; `placer` is memory for that,
    /// to be used again.
    pub fn lay_over(&mut self, placement: Placement, placer: &mut MapPlacer) {
        let size = (self.width, self.height);
        (self.width, self.height) = placer.place(&mut self.values, size, placement);
    }

    /// Turns the map of an upright picture to how its frame lies; `room` is memory for that, to be
    /// used again.
    pub fn turn_back(&mut self, orientation: Orientation, room: &mut Vec<f32>) {
        if orientation == Orientation::IDENTITY {
            return;
        }
        let size = (self.width, self.height);
        orientation.turn_back(&self.values, size, room);
        mem::swap(&mut self.values, room);
        (self.width, self.height) = orientation.sides(size);
    }
}

impl CellGrid {
    /// Where the cells of a network's map, which look as `sight` says, lie on upright frames of `geometry` that are fitted to its
    /// input. To be painted so, a map is not [laid over](ClassMap::lay_over) the frame.
    pub fn of_sight(
        sight: &Sight,
        fit: Fit,
        geometry: &Geometry,
        presentation: &Presentation,
    ) -> Self {
        let [across, down] = fit.lie(geometry.width, geometry.height, presentation);
        let [first_down, first_across] = sight.offset([down.2, across.2]);
        let axis = |(scale, start, length): (f64, f64, usize), stride: f64, first: f64| CellAxis {
            stride: stride / scale,
            offset: (first - start) / scale,
            seen: [-start / scale, (length as f64 - start) / scale],
        };
        Self {
            across: axis(across, sight.stride[1], first_across),
            down: axis(down, sight.stride[0], first_down),
        }
    }
}

impl<'a> From<&'a ClassMap> for MapView<'a> {
    fn from(map: &'a ClassMap) -> Self {
        Self {
            values: &map.values,
            width: map.width,
            height: map.height,
        }
    }
}
