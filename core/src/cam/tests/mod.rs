//! Explanations of activations that are drawn up by hand.

mod methods;

use std::sync::LazyLock;

use super::*;
use crate::model::{FeatureMap, Scores, SimilarClasses};

/// Of a head whose classes are like no others.
static NONE: LazyLock<SimilarClasses> = LazyLock::new(SimilarClasses::default);

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
        similar: &NONE,
        gradient: None,
        attention: None,
        beside: Default::default(),
        sums: None,
        alone: None,
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
            let is_clipped = method == Method::LayerCam && infinite == f32::NEG_INFINITY;
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
