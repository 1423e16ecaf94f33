//! What a single place of a feature map says: the head, asked about one vector of features.

use super::class::Class;
use super::scores;
use crate::model::{FeatureMap, Head, Scores};
use crate::resample::coefficients::{keys, mirror};

/// The `count` best classes of a picture all of whose places are as this one, with softmax(W A + b) or the logistic function of
/// that as scores: A is the feature map's bicubic value at `place`, across and down, in cells from its left and top edge,
/// mirrored at its borders. None where the head is not [affine](Head::is_affine).
pub fn classes_at(
    features: &FeatureMap,
    head: &Head,
    kind: Scores,
    place: (f64, f64),
    count: usize,
) -> Option<Vec<Class>> {
    let &FeatureMap {
        values,
        channels,
        height,
        width,
    } = features;
    let (across, down) = (taps(place.0, width), taps(place.1, height));
    let value = |map: &[f32]| {
        let rows = down.iter().map(|&(y, weight)| {
            let row = across.iter();
            let row = row.map(|&(x, weight)| weight * f64::from(map[y * width + x]));
            weight * row.sum::<f64>()
        });
        rows.sum::<f64>() as f32
    };
    let vector: Vec<f32> = values.chunks_exact(height * width).map(value).collect();
    let logits = match head {
        Head::Channels => vector,
        Head::Dense { weights, bias } => {
            let rows = weights.chunks_exact(channels).zip(bias);
            let logit = |(row, bias): (&[f32], &f32)| {
                row.iter().zip(&vector).map(|(w, a)| w * a).sum::<f32>() + bias
            };
            rows.map(logit).collect()
        }
        Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => return None,
    };
    let mut classes = Vec::new();
    scores::best(&logits, count, &mut classes);
    scores::score(&logits, kind, &mut classes);
    Some(classes)
}

/// The cells around a place on an axis, with their weights.
fn taps(place: f64, cells: usize) -> [(usize, f64); 4] {
    let centre = place - 0.5;
    let first = centre.floor() as isize - 1;
    [0, 1, 2, 3].map(|tap| {
        let cell = first + tap;
        (mirror(cell, cells), keys(centre - cell as f64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a_cell_s_middle_it_is_the_head_of_that_cell() {
        let values: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
        let features = FeatureMap {
            values: &values,
            channels: 2,
            height: 3,
            width: 4,
        };
        let weights = vec![1.0, 2.0, -1.0, 0.5, 0.0, 3.0];
        let bias = vec![0.1, -0.2, 0.3];
        let head = Head::Dense {
            weights: weights.clone(),
            bias: bias.clone(),
        };
        let ask = |place| classes_at(&features, &head, Scores::Softmax, place, 3).unwrap();
        for (x, y) in [(0, 0), (2, 1), (3, 2)] {
            let classes = ask((x as f64 + 0.5, y as f64 + 0.5));
            let a = [values[y * 4 + x], values[12 + y * 4 + x]];
            let logit = |c: usize| weights[2 * c] * a[0] + weights[2 * c + 1] * a[1] + bias[c];
            let sum: f32 = (0..3).map(|c| logit(c).exp()).sum();
            for class in &classes {
                assert!((class.logit - logit(class.id)).abs() < 1e-5);
                assert!((class.score - logit(class.id).exp() / sum).abs() < 1e-5);
            }
            assert!(classes.is_sorted_by(|a, b| a.logit >= b.logit));
        }
        // The border is the axis of a mirror.
        let inside = ask((0.3, 1.0));
        let outside = ask((-0.3, 1.0));
        assert_eq!(inside[0].id, outside[0].id);
        assert!((inside[0].logit - outside[0].logit).abs() < 1e-5);
        let layers = classes_at(
            &features,
            &Head::PooledLayers,
            Scores::Softmax,
            (1.0, 1.0),
            3,
        );
        assert_eq!(layers, None);
    }
}
