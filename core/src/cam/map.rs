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
        match (method, activation.sums) {
            (Method::EigenCam, _) => return self.projection.project(features, map),
            (Method::HiResCam, Some(sums)) => return map.copy_from_slice(sums),
            _ => {}
        }
        let mut weights = std::mem::take(&mut self.weights);
        let row = class_row(activation, class, &mut weights);
        if method == Method::Cam {
            weighted_sum(features, row, map);
        } else {
            let gradient = match (activation.head, activation.gradient) {
                (Head::FlattenedLayers, Some(gradient)) => Gradient::Full(gradient),
                (Head::FlattenedLayers, None)
                | (Head::Channels | Head::Dense { .. } | Head::PooledLayers, _) => {
                    Gradient::Uniform(row, 1.0 / cells as f32)
                }
            };
            by_gradient(features, &gradient, method, map);
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
        Head::PooledLayers | Head::FlattenedLayers => activation.gradient.unwrap_or_default(),
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
            .for_each(|(sum, value)| *sum += factor * value);
    }
}

fn by_gradient(features: &FeatureMap, gradient: &Gradient, method: Method, map: &mut [f32]) {
    let cells = map.len();
    for (index, channel) in features.values.chunks_exact(cells).enumerate() {
        match method {
            Method::GradCam => {
                let sum: f32 = gradient.channel(index, cells).sum();
                add_scaled(channel, sum / cells as f32, map);
            }
            Method::GradCamPlusPlus => {
                let total: f32 = channel.iter().sum();
                let weight = gradient
                    .channel(index, cells)
                    .filter(|&g| g > 0.0)
                    .map(|g| {
                        let square = g * g;
                        g * square / (2.0 * square + total * square * g + EPSILON)
                    });
                add_scaled(channel, weight.sum(), map);
            }
            Method::LayerCam => {
                let terms = channel.iter().zip(gradient.channel(index, cells));
                for (sum, (value, g)) in map.iter_mut().zip(terms) {
                    *sum += g.max(0.0) * value;
                }
            }
            // Auto was resolved, and the two others need no gradient.
            Method::HiResCam | Method::Auto | Method::Cam | Method::EigenCam => {
                let terms = channel.iter().zip(gradient.channel(index, cells));
                for (sum, (value, g)) in map.iter_mut().zip(terms) {
                    *sum += g * value;
                }
            }
        }
    }
}
