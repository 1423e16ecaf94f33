//! The weights that methods give whole channels, from a channel's features A and the gradient G.

use super::gradient::{ChannelGradient, product};

/// Keeps the quotient of Grad-CAM++ finite; the value is that of its authors' code.
const PLUS_PLUS_EPSILON: f32 = 1e-6;

/// Of the sum of their magnitudes, how much the features of a channel must add up to for XGrad-CAM to weigh its cells by
/// them: below this the sum is rounding, and its quotient anything.
const CANCELLED: f64 = 1e-6;

/// By how many standard deviations a feature stands out for FEM.
const OUTLYING: f64 = 2.0;

/// Grad-CAM: the mean of G.
pub fn mean(channel: &[f32], gradient: ChannelGradient) -> f32 {
    match gradient {
        ChannelGradient::Uniform(value) => value,
        ChannelGradient::Full(values) => values.iter().sum::<f32>() / channel.len() as f32,
    }
}

/// Grad-CAM++: the positive part of G, by the derivatives of higher order.
pub fn plus_plus(channel: &[f32], gradient: ChannelGradient) -> f32 {
    let total: f32 = channel.iter().sum();
    let positive = gradient.cells(channel.len()).filter(|&g| g > 0.0);
    let weights = positive.map(|g| {
        let square = g * g;
        g * square / (2.0 * square + total * square * g + PLUS_PLUS_EPSILON)
    });
    weights.sum()
}

/// XGrad-CAM: the mean of G over the cells, each counting for its share of the channel.
pub fn by_share(channel: &[f32], gradient: ChannelGradient) -> f32 {
    let ChannelGradient::Full(values) = gradient else {
        return mean(channel, gradient);
    };
    let (mut sum, mut magnitude, mut products) = (0.0, 0.0, 0.0);
    for (&value, &g) in channel.iter().zip(values) {
        sum += f64::from(value);
        magnitude += f64::from(value.abs());
        products += f64::from(product(value, g));
    }
    if f64::abs(sum) > CANCELLED * magnitude {
        (products / sum) as f32
    } else {
        mean(channel, gradient)
    }
}

/// FEM: the share of the cells whose features stand out among the channel's.
pub fn outlying(channel: &[f32]) -> f32 {
    let cells = channel.len() as f64;
    let values = || channel.iter().map(|&value| f64::from(value));
    let mean = values().sum::<f64>() / cells;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / cells;
    let bound = mean + OUTLYING * variance.sqrt();
    (values().filter(|&value| value > bound).count() as f64 / cells) as f32
}
