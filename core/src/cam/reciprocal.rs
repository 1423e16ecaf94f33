//! ReciproCAM in closed form: the score of a class from one cell alone.

use super::gradient::add_scaled;
use crate::model::{Activation, FeatureMap, Head, Scores};

/// Asks an affine head about each cell by itself; its buffers are kept.
#[derive(Debug, Clone, Default)]
pub struct Reciprocal {
    /// The logits of one class, one a cell.
    logits: Vec<f32>,
    /// The largest logit of each cell, and the sum of all exponentials relative to it.
    totals: Vec<(f32, f64)>,
}

impl Reciprocal {
    /// Writes to `map`, which is zero, for each cell i the score of `class`: that of its logit in W A_i / n + b.
    pub fn scores(&mut self, activation: &Activation, class: usize, map: &mut [f32]) {
        let Activation {
            features,
            head,
            scores,
            ..
        } = activation;
        let mut logits = std::mem::take(&mut self.logits);
        logits_of(features, head, class, map);
        match scores {
            Scores::Sigmoid => {
                for value in map {
                    *value = (1.0 / (1.0 + (-f64::from(*value)).exp())) as f32;
                }
            }
            Scores::Softmax => {
                self.totals.clear();
                self.totals.resize(map.len(), (f32::NEG_INFINITY, 0.0));
                for other in 0..activation.logits.len() {
                    logits.clear();
                    logits.resize(map.len(), 0.0);
                    logits_of(features, head, other, &mut logits);
                    for ((largest, sum), &logit) in self.totals.iter_mut().zip(&logits) {
                        if logit > *largest {
                            *sum = *sum * f64::from(*largest - logit).exp() + 1.0;
                            *largest = logit;
                        } else {
                            *sum += f64::from(logit - *largest).exp();
                        }
                    }
                }
                for (value, (largest, sum)) in map.iter_mut().zip(&self.totals) {
                    *value = (f64::from(*value - largest).exp() / sum) as f32;
                }
            }
        }
        self.logits = logits;
    }
}

/// Adds to `sum` the logits of `class` from each cell alone.
fn logits_of(features: &FeatureMap, head: &Head, class: usize, sum: &mut [f32]) {
    let cells = sum.len();
    match head {
        Head::Dense { weights, bias } => {
            let row = &weights[class * features.channels..][..features.channels];
            for (channel, &weight) in features.values.chunks_exact(cells).zip(row) {
                add_scaled(channel, weight, sum);
            }
            let share = 1.0 / cells as f32;
            sum.iter_mut()
                .for_each(|logit| *logit = *logit * share + bias[class]);
        }
        // The feature map itself; heads of layers are refused.
        Head::Channels | Head::PooledLayers | Head::FlattenedLayers => {
            let channel = &features.values[class * cells..][..cells];
            add_scaled(channel, 1.0 / cells as f32, sum);
        }
    }
}
