//! Class maps, each method's formula in closed form where the head allows one.

use crate::model::{Activation, FeatureMap, Head, LogitCombination, MOST_LAYERS};

use super::channel_weights;
use super::fused::{self, Fusing};
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
    fusing: Fusing,
}

impl Mapper {
    /// The map of what is `explained` by `method`, which must suit the head; `map` is replaced. Of several layers that are
    /// explained together the mean of their maps after min-max.
    pub fn map(
        &mut self,
        activation: &Activation,
        explained: &LogitCombination,
        method: Method,
        map: &mut Vec<f32>,
    ) {
        self.map_one(activation, explained, method, map);
        let others = activation.beside.iter().flatten();
        // What attention gains is the mean of all of it already.
        if others.clone().next().is_none() || method == Method::LeGrad {
            return;
        }
        let size = |features: &FeatureMap| [features.height, features.width];
        let mut fusing = std::mem::take(&mut self.fusing);
        let mut layers = 1.0;
        fused::normalise(map);
        for &(features, gradient) in others {
            let one = Activation {
                features,
                gradient: Some(gradient),
                beside: [None; MOST_LAYERS - 1],
                ..*activation
            };
            self.map_one(&one, explained, method, &mut fusing.map);
            fusing.add_to(map, size(&features), size(&activation.features));
            layers += 1.0;
        }
        map.iter_mut().for_each(|value| *value /= layers);
        self.fusing = fusing;
    }

    fn map_one(
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
            Method::FinerCam if matches!(activation.head, Head::Layers { vanishes: true, .. }) => {
                by_gradient(channel_weights::mean, map);
            }
            Method::Cam => weigh_channels(features, |channel, _| row[channel], map),
            Method::FinerCam if matches!(activation.head, Head::Channels | Head::Dense { .. }) => {
                weigh_channels(features, |channel, _| row[channel], map);
            }
            // What `auto` stands for where `cam` does not apply.
            Method::HiResCam | Method::Auto | Method::FinerCam => match activation.sums {
                Some(sums) => map.copy_from_slice(sums),
                None => add_products(features, gradient, product, map),
            },
            Method::LeGrad => map.copy_from_slice(activation.attention.unwrap_or_default()),
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
