//! Why a classifier decided what it decided: class maps, the best classes, and a self-check.
//!
//! From one [`Activation`] an [`Explanation`] has the best classes with their scores, and the class map of the target:
//! for each cell of the feature map, how much it speaks for the class (positive) or against it (negative). [`Method`]
//! has the formulas with their sources, from Zhou et al., "Learning Deep Features for Discriminative Localization",
//! CVPR 2016, on. Where the head is affine in pooled features, the mean of the map and the class's bias are the logit;
//! [`Explanation::residual`] is how far they are from it, which is rounding alone.

mod class;
pub(crate) mod error;
mod map;
mod method;
mod principal;
mod scores;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::model::error::ModelError;
use crate::model::{Activation, Head, Target};

use error::CamError;
use map::Mapper;

pub use class::Class;
pub use method::Method;

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
    /// Row by row; their unit is that of the logits, neither clipped nor normalised.
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
    /// Where the features speak for the target.
    pub map: ClassMap,
    /// The method by which the map was made, never [`Method::Auto`].
    pub method: Method,
    /// |mean(map) + bias - logit| of the target, for [`Method::Cam`]: what the map leaves
    /// unexplained, zero but for rounding, and where the network puts its logits within bounds or divides them by the
    /// length of the features.
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
        let logits = activation.logits;
        if !are_finite(logits) {
            return Err(CamError::NotFinite { what: "logits" }.into());
        }
        let (Target::Rank(index) | Target::Class(index)) = activation.target;
        if index >= logits.len() {
            let classes = logits.len();
            return Err(ModelError::NoSuchClass {
                target: index,
                classes,
            }
            .into());
        }
        self.method = method.resolve(activation.head)?;
        let ranks = match activation.target {
            Target::Rank(rank) => top_k.max(rank + 1),
            Target::Class(_) => top_k,
        };
        scores::best(logits, ranks, &mut self.top);
        scores::score(logits, activation.scores, &mut self.top);
        self.target = match activation.target {
            Target::Rank(rank) => self.top[rank],
            Target::Class(id) => {
                let mut class = [Class {
                    id,
                    score: 0.0,
                    logit: logits[id],
                }];
                scores::score(logits, activation.scores, &mut class);
                class[0]
            }
        };
        self.top.truncate(top_k);
        let features = &activation.features;
        (self.map.width, self.map.height) = (features.width, features.height);
        self.mapper.map(
            activation,
            self.target.id,
            self.method,
            &mut self.map.values,
        );
        if !are_finite(&self.map.values) {
            return Err(not_finite(activation).into());
        }
        self.residual = (self.method == Method::Cam).then(|| self.unexplained(activation.head));
        Ok(())
    }

    fn unexplained(&self, head: &Head) -> f32 {
        let bias = match head {
            Head::Dense { bias, .. } => bias[self.target.id],
            Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                0.0
            }
        };
        let sum: f64 = self.map.values.iter().map(|&value| f64::from(value)).sum();
        let mean = sum / self.map.values.len() as f64;
        (mean + f64::from(bias) - f64::from(self.target.logit)).abs() as f32
    }
}

fn are_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// Why a map of finite logits is not finite.
fn not_finite(activation: &Activation) -> CamError {
    let gradients = [activation.gradient, activation.sums];
    if !are_finite(activation.features.values) {
        CamError::NotFinite { what: "features" }
    } else if gradients.into_iter().flatten().all(are_finite) {
        CamError::NotFinite {
            what: "products of features and gradients",
        }
    } else {
        CamError::InfiniteGradient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FeatureMap, Scores};

    fn activation<'a>(logits: &'a [f32], values: &'a [f32], head: &'a Head) -> Activation<'a> {
        Activation {
            target: Target::Rank(0),
            logits,
            scores: Scores::Softmax,
            features: FeatureMap {
                values,
                channels: 2,
                height: 1,
                width: 3,
            },
            head,
            gradient: None,
            sums: None,
        }
    }

    impl Explanation {
        /// Explains `activation` as if it had been asked for `query`'s target.
        fn update_with(&mut self, activation: &Activation, query: &Query) -> Result<(), Error> {
            let activation = Activation {
                target: query.target,
                ..*activation
            };
            self.update(&activation, query.top_k, query.method)
        }
    }

    const FEATURES: [f32; 6] = [1.0, 2.0, 3.0, 0.0, 1.0, 5.0];

    #[test]
    fn a_dense_head_is_explained_completely() {
        let head = Head::Dense {
            weights: vec![1.0, 0.0, -1.0, 2.0, 0.5, 0.5],
            bias: vec![0.0, 1.0, -1.0],
        };
        let logits = [2.0, 3.0, 1.0];
        let mut explanation = Explanation::default();
        let mut query = Query {
            target: Target::Rank(0),
            top_k: 2,
            method: Method::Auto,
        };
        explanation
            .update_with(&activation(&logits, &FEATURES, &head), &query)
            .unwrap();
        assert_eq!(explanation.target.id, 1);
        assert_eq!(explanation.map.values, [-1.0, 0.0, 7.0]);
        assert_eq!((explanation.map.width, explanation.map.height), (3, 1));
        assert_eq!(explanation.residual, Some(0.0));
        assert_eq!(explanation.top.len(), 2);
        query.target = Target::Rank(2);
        explanation
            .update_with(&activation(&logits, &FEATURES, &head), &query)
            .unwrap();
        assert_eq!((explanation.target.id, explanation.top.len()), (2, 2));
        query.target = Target::Class(0);
        explanation
            .update_with(&activation(&logits, &FEATURES, &head), &query)
            .unwrap();
        assert_eq!(explanation.map.values, [1.0, 2.0, 3.0]);
        let expected = 1.0 / (1.0 + 1f32.exp() + (-1f32).exp());
        assert!((explanation.target.score - expected).abs() < 1e-6);
    }

    #[test]
    fn a_channel_is_its_own_map() {
        let mut explanation = Explanation::default();
        let query = Query {
            target: Target::Class(1),
            top_k: 3,
            method: Method::Auto,
        };
        let activation = activation(&[2.0, 2.0], &FEATURES, &Head::Channels);
        explanation.update_with(&activation, &query).unwrap();
        assert_eq!(explanation.map.values, FEATURES[3..]);
        assert_eq!(
            explanation
                .top
                .iter()
                .map(|class| class.id)
                .collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(explanation.top[0].score, 0.5);
    }

    #[test]
    fn methods_agree_where_the_gradient_is_uniform() {
        let head = Head::Dense {
            weights: vec![1.0, -2.0, 0.0, 0.0],
            bias: vec![0.5, 0.0],
        };
        let layers = Activation {
            gradient: Some(&[1.0, -2.0]),
            ..activation(&[1.0, 0.0], &FEATURES, &Head::PooledLayers)
        };
        let dense = activation(&[1.0, 0.0], &FEATURES, &head);
        let full = [
            1.0 / 3.0,
            1.0 / 3.0,
            1.0 / 3.0,
            -2.0 / 3.0,
            -2.0 / 3.0,
            -2.0 / 3.0,
        ];
        let flat = Activation {
            gradient: Some(&full),
            ..activation(&[1.0, 0.0], &FEATURES, &Head::FlattenedLayers)
        };
        let map = |activation: &Activation, method| {
            let mut explanation = Explanation::default();
            let query = Query {
                target: Target::Class(0),
                top_k: 1,
                method,
            };
            explanation
                .update_with(activation, &query)
                .map(|()| explanation.map.values)
        };
        assert_eq!(map(&dense, Method::Cam).unwrap(), [1.0, 0.0, -7.0]);
        for method in [
            Method::GradCam,
            Method::HiResCam,
            Method::GradCamPlusPlus,
            Method::LayerCam,
            Method::EigenCam,
        ] {
            let expected = map(&dense, method).unwrap();
            for other in [&layers, &flat] {
                for (a, b) in map(other, method).unwrap().iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-6, "{method:?}");
                }
            }
        }
        assert_eq!(
            map(&dense, Method::LayerCam).unwrap(),
            [1.0 / 3.0, 2.0 / 3.0, 1.0]
        );
        assert!(matches!(
            map(&flat, Method::Cam),
            Err(Error::Cam(CamError::Method { method: "cam", .. }))
        ));
    }

    #[test]
    fn an_infinite_gradient_counts_where_there_is_a_feature() {
        let explain = |values: &[f32], gradient: &[f32], head, method| {
            let activation = Activation {
                gradient: Some(gradient),
                ..activation(&[1.0, 0.0], values, &head)
            };
            let mut explanation = Explanation::default();
            explanation
                .update(&activation, 1, method)
                .map(|()| explanation.map.values)
        };
        let dead = [0.0, 0.0, 0.0, 3.0, 6.0, 9.0];
        for infinite in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            for method in [Method::HiResCam, Method::GradCam, Method::LayerCam] {
                let map = explain(&dead, &[infinite, 1.0], Head::PooledLayers, method);
                assert_eq!(map, Ok(vec![1.0, 2.0, 3.0]), "{method:?}");
                let map = explain(&FEATURES, &[1.0, infinite], Head::PooledLayers, method);
                // The maximum of what is no number and 0 is 0.
                let is_clipped = method == Method::LayerCam && infinite != f32::INFINITY;
                assert_eq!(
                    map == Err(CamError::InfiniteGradient.into()),
                    !is_clipped,
                    "{method:?}"
                );
            }
            let map = explain(
                &dead,
                &[infinite, 1.0],
                Head::PooledLayers,
                Method::GradCamPlusPlus,
            );
            assert!(map.is_ok());
        }
        let full = [f32::NAN, 1.0, 1.0, 1.0, 1.0, 1.0];
        let map = explain(
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            &full,
            Head::FlattenedLayers,
            Method::HiResCam,
        );
        assert_eq!(map, Ok(vec![3.0, 5.0, 7.0]));
        let words = CamError::InfiniteGradient.to_string();
        assert!(
            words.starts_with("The gradient of the network's head is not finite"),
            "{words}"
        );
    }

    #[test]
    fn what_is_not_finite_is_an_error() {
        let mut explanation = Explanation::default();
        let query = Query {
            target: Target::Rank(0),
            top_k: 3,
            method: Method::Auto,
        };
        let logits = activation(&[f32::NAN, 1.0], &FEATURES, &Head::Channels);
        assert_eq!(
            explanation.update_with(&logits, &query),
            Err(CamError::NotFinite { what: "logits" }.into())
        );
        let broken = [f32::INFINITY; 6];
        let features = activation(&[1.0, 0.0], &broken, &Head::Channels);
        assert_eq!(
            explanation.update_with(&features, &query),
            Err(CamError::NotFinite { what: "features" }.into())
        );
        let query = Query {
            target: Target::Class(2),
            ..query
        };
        let fine = activation(&[1.0, 0.0], &FEATURES, &Head::Channels);
        assert!(matches!(
            explanation.update_with(&fine, &query),
            Err(Error::Model(ModelError::NoSuchClass {
                target: 2,
                classes: 2
            }))
        ));
    }
}
