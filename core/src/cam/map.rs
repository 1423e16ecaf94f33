//! Class maps, each method's formula in closed form where the head allows one.

use crate::model::{Activation, FeatureMap, Head, LogitCombination};

use super::channel_weights;
use super::gradient::{ChannelGradient, Gradient, add_scaled, positive, product};
use super::method::Method;
use super::principal::Projection;
use super::reciprocal::Reciprocal;

/// Makes class maps; its buffers are kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub struct Mapper {
    weights: Vec<f32>,
    products: Vec<f32>,
    projection: Projection,
    reciprocal: Reciprocal,
}

impl Mapper {
    /// The map of what is `explained` by `method`, which must suit the head; `map` is replaced.
    pub fn map(
        &mut self,
        activation: &Activation,
        explained: &LogitCombination,
        method: Method,
        map: &mut Vec<f32>,
    ) {
        let features = &activation.features;
        let cells = features.width * features.height;
        map.clear();
        map.resize(cells, 0.0);
        let mut weights = std::mem::take(&mut self.weights);
        let row = combined_row(activation, explained, &mut weights);
        let gradient = match activation.head {
            Head::FlattenedLayers | Head::Layers { .. } => {
                Gradient::Full(activation.gradient.unwrap_or_default())
            }
            Head::Channels | Head::Dense { .. } | Head::PooledLayers => {
                Gradient::Uniform(row, 1.0 / cells as f32)
            }
        };
        let by_gradient = |weight: fn(&[f32], ChannelGradient) -> f32, map: &mut [f32]| {
            weigh_channels(
                features,
                |channel, values| weight(values, gradient.channel(channel, cells)),
                map,
            );
        };
        match method {
            Method::Cam | Method::FinerCam => {
                weigh_channels(features, |channel, _| row[channel], map);
            }
            // What `auto` stands for where `cam` does not apply.
            Method::HiResCam | Method::Auto => match activation.sums {
                Some(sums) => map.copy_from_slice(sums),
                None => add_products(features, gradient, product, map),
            },
            Method::LayerCam => {
                let weigh = |value, g| product(value, positive(g));
                add_products(features, gradient, weigh, map);
            }
            Method::GradCamElementWise => {
                let weigh = |value, g| positive(product(value, g));
                add_products(features, gradient, weigh, map);
            }
            Method::GradCam => by_gradient(channel_weights::mean, map),
            Method::GradCamPlusPlus => by_gradient(channel_weights::plus_plus, map),
            Method::XGradCam => by_gradient(channel_weights::by_share, map),
            Method::Fem => {
                weigh_channels(features, |_, values| channel_weights::outlying(values), map);
            }
            Method::EigenCam => self.projection.project(features.values, map),
            Method::EigenGradCam => {
                multiply(features, gradient, cells, &mut self.products);
                self.projection.project(&self.products, map);
            }
            Method::ReciproCam => self.reciprocal.scores(activation, explained.class(), map),
        }
        self.weights = weights;
    }
}

/// One weight a channel: what the head's weights of the classes that are `explained` add up to, or the
/// gradient with respect to pooled features.
fn combined_row<'a>(
    activation: &Activation<'a>,
    explained: &LogitCombination,
    sum: &'a mut Vec<f32>,
) -> &'a [f32] {
    let channels = activation.features.channels;
    match (activation.head, explained.terms()) {
        (Head::Dense { weights, .. }, &[(class, _)]) => &weights[class * channels..][..channels],
        (Head::Dense { weights, .. }, terms) => {
            sum.clear();
            sum.resize(channels, 0.0);
            for &(class, weight) in terms {
                add_scaled(&weights[class * channels..][..channels], weight, sum);
            }
            sum
        }
        (Head::Channels, terms) => {
            sum.clear();
            sum.resize(channels, 0.0);
            terms
                .iter()
                .for_each(|&(class, weight)| sum[class] = weight);
            sum
        }
        (Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. }, _) => {
            activation.gradient.unwrap_or_default()
        }
    }
}

/// Adds to `map` the channels, each times the weight that it has by its number and its features.
fn weigh_channels(features: &FeatureMap, weight: impl Fn(usize, &[f32]) -> f32, map: &mut [f32]) {
    for (index, channel) in features.values.chunks_exact(map.len()).enumerate() {
        add_scaled(channel, weight(index, channel), map);
    }
}

/// Adds to `map`, over the channels, what `weigh` makes of the features of each cell and their gradient.
fn add_products(
    features: &FeatureMap,
    gradient: Gradient,
    weigh: impl Fn(f32, f32) -> f32,
    map: &mut [f32],
) {
    let cells = map.len();
    for (index, channel) in features.values.chunks_exact(cells).enumerate() {
        let gradient = gradient.channel(index, cells);
        let terms = channel.iter().zip(gradient.cells(cells));
        for (sum, (&value, g)) in map.iter_mut().zip(terms) {
            *sum += weigh(value, g);
        }
    }
}

/// Fills `products` with the features times their gradient, but for the channels that have none.
fn multiply(features: &FeatureMap, gradient: Gradient, cells: usize, products: &mut Vec<f32>) {
    products.clear();
    products.reserve(features.values.len());
    for (index, channel) in features.values.chunks_exact(cells).enumerate() {
        let gradient = gradient.channel(index, cells);
        if !matches!(gradient, ChannelGradient::Uniform(0.0)) {
            let terms = channel.iter().zip(gradient.cells(cells));
            products.extend(terms.map(|(&value, g)| product(value, g)));
        }
    }
}
