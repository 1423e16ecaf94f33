//! Why a classifier decided what it decided: class maps, the best classes, and a self-check.
//!
//! From one [`Activation`] an [`Explanation`] has the best classes with their scores, and the class map of the target:
//! for each cell of the feature map, how much it speaks for the class (positive) or against it (negative). [`Method`]
//! has the formulas with their sources, from Zhou et al., "Learning Deep Features for Discriminative Localization",
//! CVPR 2016, on. Where the head is affine in pooled features, the mean of the map and the class's bias are the logit;
//! [`Explanation::residual`] is how far they are from it, which is rounding alone.

mod channel_weights;
mod class;
pub(crate) mod error;
mod fused;
mod gradient;
mod map;
mod method;
mod place;
mod principal;
mod reciprocal;
mod scores;
#[cfg(test)]
mod tests;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::model::error::ModelError;
use crate::model::{Activation, Head, LogitCombination, Target, Traits};

use error::CamError;
use map::Mapper;

pub use class::Class;
pub use method::Method;
pub use place::{best_classes, features_at, logits_of};

/// What is asked of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The class to explain.
    pub target: Target,
    /// Number of classes to report.
    pub top_k: usize,
    /// How the map is made.
    pub method: Method,
}

/// The best class, and the three best reported.
impl Default for Query {
    fn default() -> Self {
        Self {
            target: Target::Rank(0),
            top_k: 3,
            method: Method::Auto,
        }
    }
}

/// How much each cell of the feature map speaks for the target: signed, `height` rows of `width`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassMap {
    /// Cells of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row; their unit is that of the logits but for [`Method::ReciproCam`], neither clipped nor normalised.
    pub values: Vec<f32>,
}

impl ClassMap {
    /// The map as an array of `height` x `width`.
    ///
    /// # Panics
    /// Where there are not as many values as cells, which no [`Explanation`] leaves so.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        ArrayView2::from_shape((self.height, self.width), &self.values)
            .expect("a map has a value for each cell")
    }
}

/// All that is known of one frame. Its buffers are kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct Explanation {
    /// The best classes, best first; classes of equal logit by number.
    pub top: Vec<Class>,
    /// The class that is explained.
    pub target: Class,
    /// The class that it is explained against, if any.
    pub other: Option<Class>,
    /// Where the features speak for the target.
    pub map: ClassMap,
    /// The method by which the map was made, never [`Method::Auto`].
    pub method: Method,
    /// What the map explains: the target's logit or, with [`Method::FinerCam`], what it has more than
    /// others.
    pub explained: LogitCombination,
    /// |mean(map) + bias - logit| of what is [`explained`](Self::explained), for [`Method::Cam`] and
    /// [`Method::FinerCam`] of affine heads: what the map leaves unexplained, zero but for rounding, and where the
    /// network puts its logits within bounds or divides them by the length of the features.
    pub residual: Option<f32>,
    mapper: Mapper,
}

impl Explanation {
    /// Explains, by `method`, the target of one run of the network, and reports its `top_k` best
    /// classes.
    ///
    /// # Errors
    /// [`CamError::NotFinite`] for logits or features that are no finite numbers,
    /// [`CamError::InfiniteGradient`], [`ModelError::NoSuchClass`], [`CamError::Method`]. What `self` holds is of no
    /// use then.
    pub fn update(
        &mut self,
        activation: &Activation,
        top_k: usize,
        method: Method,
    ) -> Result<(), Error> {
        self.update_against(activation, None, top_k, method)
    }

    /// The same where the map is that of the target's logit less another class's, if one is given: what speaks for the one rather
    /// than the other. The head must be [affine](Head::is_affine); of others, take one [explanation](Self::less) from another.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_against(
        &mut self,
        activation: &Activation,
        other: Option<Target>,
        top_k: usize,
        method: Method,
    ) -> Result<(), Error> {
        self.classify(activation, other, top_k)?;
        let Traits { head, similar, .. } = activation.traits();
        self.method = method.resolve(activation.traits())?;
        let features = &activation.features;
        (self.map.width, self.map.height) = (features.width, features.height);
        self.explained = match self.other {
            Some(other) => LogitCombination::less_mean_of(self.target.id, &[other.id], 1.0),
            None => self.method.explains(head, similar, self.target.id),
        };
        self.mapper.map(
            activation,
            &self.explained,
            self.method,
            &mut self.map.values,
        );
        if !are_finite(&self.map.values) {
            return Err(not_finite(activation).into());
        }
        self.empty_against_itself();
        let is_complete = head.is_affine() && matches!(self.method, Method::Cam | Method::FinerCam);
        self.residual = is_complete.then(|| self.unexplained(activation.logits, head));
        Ok(())
    }

    /// Finds the target, another class that it is compared with, and the `top_k` best classes of one run of the network, and
    /// makes no map.
    ///
    /// # Errors
    /// As [`update`](Self::update), of logits and target.
    pub(crate) fn classify(
        &mut self,
        activation: &Activation,
        other: Option<Target>,
        top_k: usize,
    ) -> Result<(), Error> {
        let logits = activation.logits;
        if !are_finite(logits) {
            return Err(first_not_finite(activation).into());
        }
        for Target::Rank(index) | Target::Class(index) in
            [Some(activation.target), other].into_iter().flatten()
        {
            if index >= logits.len() {
                let classes = logits.len();
                return Err(ModelError::NoSuchClass {
                    target: index,
                    classes,
                }
                .into());
            }
        }
        let rank_of = |target| match target {
            Some(Target::Rank(rank)) => rank + 1,
            Some(Target::Class(_)) | None => 0,
        };
        let ranks = top_k
            .max(rank_of(Some(activation.target)))
            .max(rank_of(other));
        scores::best(logits, ranks, &mut self.top);
        scores::score(logits, activation.scores, &mut self.top);
        self.target = class_of(activation.target, &self.top, activation);
        self.other = other.map(|other| class_of(other, &self.top, activation));
        self.top.truncate(top_k);
        Ok(())
    }

    /// Makes it one of the target rather than of the target of `other`, an explanation of the same run with the same method, which
    /// must be [linear](Method::is_linear) in the gradient.
    pub fn less(&mut self, other: &Self) {
        for (value, against) in self.map.values.iter_mut().zip(&other.map.values) {
            *value -= against;
        }
        self.other = Some(other.target);
        self.empty_against_itself();
        self.explained = LogitCombination::less_mean_of(self.target.id, &[other.target.id], 1.0);
        self.residual = None;
    }

    /// Nothing speaks for a class rather than for itself: what rounding leaves of the difference is no heat.
    fn empty_against_itself(&mut self) {
        if self.other.is_some_and(|other| other.id == self.target.id) {
            self.map.values.fill(0.0);
        }
    }

    fn unexplained(&self, logits: &[f32], head: &Head) -> f32 {
        let bias = match head {
            Head::Dense { bias, .. } => self.explained.of(bias),
            Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                0.0
            }
        };
        let sum: f64 = self.map.values.iter().map(|&value| f64::from(value)).sum();
        let mean = sum / self.map.values.len() as f64;
        (mean + bias - self.explained.of(logits)).abs() as f32
    }
}

/// A class of one run, whose best classes are `top`, as many as ranks are asked for.
fn class_of(target: Target, top: &[Class], activation: &Activation) -> Class {
    match target {
        Target::Rank(rank) => top[rank],
        Target::Class(id) => {
            let mut class = [Class {
                id,
                score: 0.0,
                logit: activation.logits[id],
            }];
            scores::score(activation.logits, activation.scores, &mut class);
            class[0]
        }
    }
}

fn are_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// Which of what a run returned stopped being numbers first. Kernels differ in what they make of a NaN (some of ONNX Runtime's
/// for AArch64 give finite logits), so that the logits are named only where the features before them are finite.
fn first_not_finite(activation: &Activation) -> CamError {
    let what = if are_finite(activation.features.values) {
        "logits"
    } else {
        "features"
    };
    CamError::NotFinite { what }
}

/// Why a map of finite logits is not finite.
fn not_finite(activation: &Activation) -> CamError {
    let gradients = [activation.gradient, activation.sums];
    if !are_finite(activation.features.values) {
        first_not_finite(activation)
    } else if gradients.into_iter().flatten().all(are_finite) {
        CamError::NotFinite {
            what: "products of features and gradients",
        }
    } else {
        CamError::InfiniteGradient
    }
}
