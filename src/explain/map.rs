//! Class maps.

use crate::network::{Activation, FeatureMap, Head};

use super::ClassMap;

/// Class activation map of `class`: map = sum over k of W\[class, k\] A_k, signed, without the
/// bias, which is returned. Zhou et al., "Learning Deep Features for Discriminative
/// Localization", CVPR 2016.
pub fn class_map(activation: &Activation, class: usize, map: &mut ClassMap) -> f32 {
    let features = &activation.features;
    let cells = features.width * features.height;
    (map.width, map.height) = (features.width, features.height);
    map.values.clear();
    match activation.head {
        Head::Dense { weights, bias } => {
            let row = &weights[class * features.channels..][..features.channels];
            map.values.resize(cells, 0.0);
            weighted_sum(features, row, &mut map.values);
            bias[class]
        }
        Head::Channels | Head::PooledLayers | Head::FlattenedLayers => {
            map.values
                .extend_from_slice(&features.values[class * cells..][..cells]);
            0.0
        }
    }
}

/// Adds to `sum` the channels, each times its weight.
fn weighted_sum(features: &FeatureMap, weights: &[f32], sum: &mut [f32]) {
    for (channel, weight) in features.values.chunks_exact(sum.len()).zip(weights) {
        for (sum, value) in sum.iter_mut().zip(channel) {
            *sum += weight * value;
        }
    }
}
