//! Every method next to its formula in numpy (`tests/oracle/methods.py`), and what formulas leave open.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::model::Detail;

/// A list of numbers, empty where there is none.
fn numbers(value: &Value) -> Vec<f32> {
    let values = value.as_array().into_iter().flatten();
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn every_method_is_what_numpy_makes_of_its_formula() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("methods.json")).unwrap();
    let mut shown = BTreeSet::new();
    for case in &cases {
        let size = |name: &str| case[name].as_u64().unwrap() as usize;
        let (name, target) = (case["name"].as_str().unwrap(), size("target"));
        let (height, width) = (size("height"), size("width"));
        let cells = height * width;
        let head = match name {
            "dense" => Head::Dense {
                weights: numbers(&case["weights"]),
                bias: numbers(&case["bias"]),
            },
            "channels" => Head::Channels,
            "pooled" => Head::PooledLayers,
            "flattened" => Head::FlattenedLayers,
            other => panic!("{other}"),
        };
        let features = numbers(&case["features"]);
        let logits = numbers(&case["logits"]);
        // With respect to the features.
        let full = numbers(&case["gradient"]);
        let of_means: Vec<f32> = full
            .iter()
            .step_by(cells)
            .map(|g| g * cells as f32)
            .collect();
        let gradient = match head {
            Head::Channels | Head::Dense { .. } => None,
            Head::PooledLayers => Some(of_means.as_slice()),
            Head::FlattenedLayers | Head::Layers { .. } => Some(full.as_slice()),
        };
        let kernels = Some(numbers(&case["kernels"])).filter(|kernels| !kernels.is_empty());
        let similar = SimilarClasses::new(&head, logits.len(), kernels);
        let activation = Activation {
            target: Target::Class(target),
            logits: &logits,
            scores: match case["sigmoid"].as_bool().unwrap() {
                true => Scores::Sigmoid,
                false => Scores::Softmax,
            },
            features: FeatureMap {
                values: &features,
                channels: features.len() / cells,
                height,
                width,
            },
            head: &head,
            similar: &similar,
            gradient,
            attention: None,
            beside: Default::default(),
            sums: None,
            alone: None,
        };
        let maps = case["maps"].as_object().unwrap();
        // What attention gains does not follow from the features.
        assert_eq!(maps.len(), Method::ALL.len() - 2);
        for method in Method::ALL
            .into_iter()
            .filter(|method| !matches!(method, Method::Auto | Method::LeGrad))
        {
            let about = format!("{method:?} of class {target}, {name} head");
            let mut explanation = Explanation::default();
            let result = explanation.update(&activation, 1, method);
            let Some(expected) = maps[method.name()]
                .as_array()
                .map(|_| numbers(&maps[method.name()]))
            else {
                let words = result.unwrap_err().to_string();
                assert!(
                    words.contains(&format!("method {} does not suit", method.name())),
                    "{words}"
                );
                continue;
            };
            result.unwrap_or_else(|error| panic!("{about}: {error}"));
            let largest = expected
                .iter()
                .fold(0.0, |largest: f32, value| largest.max(value.abs()));
            if largest > 0.0 {
                shown.insert(method.name());
            }
            for (value, expected) in explanation.map.values.iter().zip(&expected) {
                assert!(
                    (value - expected).abs() <= 2e-6 * largest,
                    "{about}: {value} is not {expected}"
                );
            }
            let is_complete = matches!(method, Method::Cam | Method::FinerCam);
            assert_eq!(
                explanation.residual.map(|residual| residual < 1e-5),
                is_complete.then_some(true),
                "{about}"
            );
        }
    }
    assert_eq!(shown.len(), Method::ALL.len() - 2, "{shown:?}");
}

/// Explains class 0 of `head` by `method` from channels of three cells and, for heads of layers, their gradient.
fn explain(
    head: &Head,
    values: &[f32],
    gradient: &[f32],
    method: Method,
) -> Result<Vec<f32>, Error> {
    let activation = Activation {
        gradient: Some(gradient),
        ..activation(&[1.0, 0.0], values, head)
    };
    let mut explanation = Explanation::default();
    explanation
        .update(&activation, 1, method)
        .map(|()| explanation.map.values)
}

#[test]
fn shares_of_a_channel_that_adds_up_to_nothing_are_none() {
    let gradient = [3.0, 6.0, 9.0, 0.0, 0.0, 0.0];
    let map = |first: f32, last: f32| {
        let values = [first, 0.0, last, 0.0, 0.0, 0.0];
        explain(&Head::FlattenedLayers, &values, &gradient, Method::XGradCam).unwrap()
    };
    // The weight is the mean of the gradient, not a number that rounding made.
    assert_eq!(map(1.0, -1.0), [6.0, 0.0, -6.0]);
    assert_eq!(map(1.0, -1.0 - f32::EPSILON)[0], 6.0);
    // (3 - 0.5 · 9) / 0.5 = -3
    assert_eq!(map(1.0, -0.5), [-3.0, 0.0, 1.5]);
}

#[test]
fn a_gradient_that_is_no_number_is_told() {
    let values = [1.0, 2.0, 3.0, 0.0, 0.0, 0.0];
    for method in [
        Method::XGradCam,
        Method::GradCamElementWise,
        Method::EigenGradCam,
        Method::LayerCam,
    ] {
        for (head, gradient) in [
            (Head::PooledLayers, vec![f32::NAN, 1.0]),
            (
                Head::FlattenedLayers,
                vec![1.0, f32::NAN, 1.0, 1.0, 1.0, 1.0],
            ),
        ] {
            assert_eq!(method.detail(), Detail::Gradient);
            let map = explain(&head, &values, &gradient, method);
            assert_eq!(
                map,
                Err(CamError::InfiniteGradient.into()),
                "{method:?} {head:?}"
            );
        }
        // Where there is nothing of the feature it does not matter.
        let map = explain(&Head::PooledLayers, &values, &[3.0, f32::NAN], method);
        assert!(map.is_ok(), "{method:?}: {map:?}");
    }
}

#[test]
fn what_knows_no_class_or_no_gradient_asks_for_none() {
    for method in [Method::Fem, Method::EigenCam] {
        let values = [1.0, 2.0, 3.0, 0.0, 0.0, 0.0];
        assert_eq!(method.detail(), Detail::Sums);
        assert!(explain(&Head::PooledLayers, &values, &[f32::NAN; 2], method).is_ok());
    }
}

#[test]
fn scores_of_single_cells_do_not_overflow() {
    let weights = vec![1e4, 0.0, -1e4, 0.0];
    let head = Head::Dense {
        weights,
        bias: vec![0.0; 2],
    };
    let values = [30.0, 0.0, -30.0, 0.0, 0.0, 0.0];
    let map = explain(&head, &values, &[], Method::ReciproCam).unwrap();
    assert_eq!(map, [0.5, 0.0, -0.5]);
}

#[test]
fn a_cell_among_many_is_told_from_the_others() {
    // 10000 cells, of which each moves the score by less than a ten-thousandth; single precision would tell a few apart.
    let cells = 10_000;
    let mut values: Vec<f32> = (0..cells).map(|cell| cell as f32 * 1e-4).collect();
    values.resize(2 * cells, 0.0);
    let head = Head::Dense {
        weights: vec![0.1, 0.0, -0.1, 0.0],
        bias: vec![1.0, 0.0],
    };
    for scores in [Scores::Softmax, Scores::Sigmoid] {
        let mut activation = activation(&[1.0, 0.0], &values, &head);
        (activation.features.height, activation.features.width) = (100, 100);
        activation.scores = scores;
        let mut explanation = Explanation::default();
        explanation
            .update(&activation, 1, Method::ReciproCam)
            .unwrap();
        let map = &explanation.map.values;
        assert_eq!(map[0], 0.0);
        for (cell, value) in map.iter().enumerate().skip(100) {
            let relative = value / map[cells - 1] / (cell as f32 / (cells - 1) as f32);
            assert!(
                (relative - 1.0).abs() < 1e-4,
                "{scores:?} {cell}: {relative}"
            );
        }
    }
}
