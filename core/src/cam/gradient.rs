//! The gradient of a logit, and its products with the features.

/// The gradient G of a logit with respect to the features.
#[derive(Clone, Copy)]
pub enum Gradient<'a> {
    /// The same in all cells of a channel: one value a channel, times a common factor.
    Uniform(&'a [f32], f32),
    /// One value for each feature.
    Full(&'a [f32]),
}

impl<'a> Gradient<'a> {
    /// G of one channel's cells.
    pub fn channel(&self, channel: usize, cells: usize) -> ChannelGradient<'a> {
        match *self {
            Self::Uniform(values, factor) => ChannelGradient::Uniform(values[channel] * factor),
            Self::Full(values) => ChannelGradient::Full(&values[channel * cells..][..cells]),
        }
    }
}

/// The gradient with respect to the cells of one channel.
#[derive(Clone, Copy)]
pub enum ChannelGradient<'a> {
    /// The same in each.
    Uniform(f32),
    /// One value for each.
    Full(&'a [f32]),
}

impl ChannelGradient<'_> {
    /// G of each of the `cells`.
    pub fn cells(&self, cells: usize) -> impl Iterator<Item = f32> {
        (0..cells).map(move |cell| match self {
            Self::Uniform(value) => *value,
            Self::Full(values) => values[cell],
        })
    }
}

/// A feature times a gradient. A root's gradient is infinite at 0, as behind a channel that GeM
/// pools and that is dead. Their product goes to 0 with the feature: were it at least c > 0, the
/// gradient were at least c / A, and the logit, its integral, not finite.
pub fn product(value: f32, gradient: f32) -> f32 {
    if value == 0.0 { 0.0 } else { value * gradient }
}

/// What there is of a number above 0; what is no number stays none, so that it is noticed.
pub fn positive(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// Adds to `sum` the `values`, each times `factor`.
pub fn add_scaled(values: &[f32], factor: f32, sum: &mut [f32]) {
    if factor != 0.0 {
        sum.iter_mut()
            .zip(values)
            .for_each(|(sum, &value)| *sum += product(value, factor));
    }
}
