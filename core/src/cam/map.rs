//! Class maps, each method's formula in closed form where the head allows one.

use crate::model::{Activation, FeatureMap, Head};

use super::method::Method;
use super::principal::Projection;

/// Keeps the quotient of Grad-CAM++ finite; the value is that of its authors' code.
const EPSILON: f32 = 1e-6;

/// Makes class maps; its buffers are kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct Mapper {
    weights: Vec<f32>,
    projection: Projection,
}

/// The gradient G of a logit with respect to the features.
enum Gradient<'a> {
    /// The same in all cells of a channel: one value a channel, times a common factor.
    Uniform(&'a [f32], f32),
    /// One value for each feature.
    Full(&'a [f32]),
}

impl Gradient<'_> {
    /// G of one channel's cells.
    fn channel(&self, channel: usize, cells: usize) -> impl Iterator<Item = f32> {
        let (slice, constant) = match *self {
            Self::Uniform(values, factor) => (None, values[channel] * factor),
            Self::Full(values) => (Some(&values[channel * cells..][..cells]), 0.0),
        };
        (0..cells).map(move |cell| slice.map_or(constant, |slice| slice[cell]))
    }
}

impl Mapper {
    /// The map of `class` by `method`, which must suit the head; `map` is replaced.
    pub fn map(
        &mut self,
        activation: &Activation,
        class: usize,
        method: Method,
        map: &mut Vec<f32>,
    ) {
        let features = &activation.features;
        let cells = features.width * features.height;
        map.clear();
        map.resize(cells, 0.0);
        let mut weights = std::mem::take(&mut self.weights);
        let row = class_row(activation, class, &mut weights);
        let gradient = match activation.head {
            Head::FlattenedLayers | Head::Layers { .. } => {
                Gradient::Full(activation.gradient.unwrap_or_default())
            }
            Head::Channels | Head::Dense { .. } | Head::PooledLayers => {
                Gradient::Uniform(row, 1.0 / cells as f32)
            }
        };
        match method {
            Method::EigenCam => self.projection.project(features, map),
            Method::Cam => weighted_sum(features, row, map),
            // What `auto` stands for where `cam` does not apply.
            Method::HiResCam | Method::Auto => match activation.sums {
                Some(sums) => map.copy_from_slice(sums),
                None => weigh_features(features, &gradient, |g| g, map),
            },
            Method::LayerCam => weigh_features(features, &gradient, |g| g.max(0.0), map),
            Method::GradCam => weigh_channels(features, &gradient, GradientRule::Mean, map),
            Method::GradCamPlusPlus => {
                weigh_channels(features, &gradient, GradientRule::Positive, map);
            }
        }
        self.weights = weights;
    }
}

/// One weight a channel: the row of the class, or the gradient with respect to pooled features.
fn class_row<'a>(
    activation: &Activation<'a>,
    class: usize,
    one_hot: &'a mut Vec<f32>,
) -> &'a [f32] {
    let channels = activation.features.channels;
    match activation.head {
        Head::Dense { weights, .. } => &weights[class * channels..][..channels],
        Head::Channels => {
            one_hot.clear();
            one_hot.resize(channels, 0.0);
            one_hot[class] = 1.0;
            one_hot
        }
        Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
            activation.gradient.unwrap_or_default()
        }
    }
}

/// Adds to `sum` the channels, each times its weight.
fn weighted_sum(features: &FeatureMap, weights: &[f32], sum: &mut [f32]) {
    for (channel, &weight) in features.values.chunks_exact(sum.len()).zip(weights) {
        add_scaled(channel, weight, sum);
    }
}

fn add_scaled(values: &[f32], factor: f32, sum: &mut [f32]) {
    if factor != 0.0 {
        sum.iter_mut()
            .zip(values)
            .for_each(|(sum, &value)| *sum += product(value, factor));
    }
}

/// A feature times a gradient. A root's gradient is infinite at 0, as behind a channel that GeM
/// pools and that is dead. Their product goes to 0 with the feature: were it at least c > 0, the
/// gradient were at least c / A, and the logit, its integral, not finite.
fn product(value: f32, gradient: f32) -> f32 {
    if value == 0.0 { 0.0 } else { value * gradient }
}

/// Adds to `map` the features of each cell, each times what `weight` makes of its gradient.
fn weigh_features(
    features: &FeatureMap,
    gradient: &Gradient,
    weight: impl Fn(f32) -> f32,
    map: &mut [f32],
) {
    let cells = map.len();
    for (index, channel) in features.values.chunks_exact(cells).enumerate() {
        let terms = channel.iter().zip(gradient.channel(index, cells));
        for (sum, (value, g)) in map.iter_mut().zip(terms) {
            *sum += product(*value, weight(g));
        }
    }
}

/// How a channel's weight follows from its gradient.
#[derive(Clone, Copy)]
enum GradientRule {
    /// Its mean: Grad-CAM.
    Mean,
    /// Its positive part, by the derivatives of higher order: Grad-CAM++.
    Positive,
}

/// Adds to `map` the channels, each times the weight that `rule` gives it.
fn weigh_channels(features: &FeatureMap, gradient: &Gradient, rule: GradientRule, map: &mut [f32]) {
    let cells = map.len();
    for (index, channel) in features.values.chunks_exact(cells).enumerate() {
        let gradient = gradient.channel(index, cells);
        let weight: f32 = match rule {
            GradientRule::Mean => gradient.sum::<f32>() / cells as f32,
            GradientRule::Positive => {
                let total: f32 = channel.iter().sum();
                let weights = gradient.filter(|&g| g > 0.0).map(|g| {
                    let square = g * g;
                    g * square / (2.0 * square + total * square * g + EPSILON)
                });
                weights.sum()
            }
        };
        add_scaled(channel, weight, map);
    }
}
