//! What a single place of a feature map says: the head, asked about one vector of features.

use super::class::Class;
use super::scores;
use crate::model::{FeatureMap, Head, Scores};
use crate::resample::coefficients::{keys, mirror};

/// The features at `place`, across and down, in cells from the map's left and top edge, one value a channel: the bicubic
/// value there, the map being mirrored at its borders.
pub fn features_at(features: &FeatureMap, place: (f64, f64)) -> Vec<f32> {
    let &FeatureMap {
        values,
        height,
        width,
        ..
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
    values.chunks_exact(height * width).map(value).collect()
}

/// The logits W A + b of a picture in all of whose places the features are `vector`. None where the head is not
/// [affine](Head::is_affine): it has to be run.
pub fn logits_of(vector: &[f32], head: &Head) -> Option<Vec<f32>> {
    match head {
        Head::Channels => Some(vector.to_vec()),
        Head::Dense { weights, bias } => {
            let rows = weights.chunks_exact(vector.len()).zip(bias);
            let logit = |(row, bias): (&[f32], &f32)| {
                row.iter().zip(vector).map(|(w, a)| w * a).sum::<f32>() + bias
            };
            Some(rows.map(logit).collect())
        }
        Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => None,
    }
}

/// The `count` best classes of `logits`, with their scores.
pub fn best_classes(logits: &[f32], kind: Scores, count: usize) -> Vec<Class> {
    let mut classes = Vec::new();
    scores::best(logits, count, &mut classes);
    scores::score(logits, kind, &mut classes);
    classes
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
        let ask = |place| {
            let vector = features_at(&features, place);
            best_classes(&logits_of(&vector, &head).unwrap(), Scores::Softmax, 3)
        };
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
        assert_eq!(logits_of(&[0.0; 2], &Head::PooledLayers), None);
    }
}
