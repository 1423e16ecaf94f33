//! ReciproCAM: what one cell alone adds to the score of a class; in closed form where the head is affine.

use super::gradient::add_scaled;
use crate::model::{Activation, FeatureMap, Head, Scores};

/// Tells what each cell is worth by itself; its buffers are kept.
///
/// On a map of many cells a single one moves the score by millionths, hence double precision until the score of the empty
/// map is subtracted.
#[derive(Debug, Clone, Default)]
pub struct Reciprocal {
    /// What each cell adds to the logit of one class.
    shares: Vec<f32>,
    /// Of each cell, and last of the empty map.
    totals: Vec<Total>,
}

/// A sum of exponentials that does not overflow.
#[derive(Debug, Clone, Copy)]
struct Total {
    largest: f64,
    /// Relative to the exponential of the largest.
    sum: f64,
}

impl Total {
    const NONE: Self = Self {
        largest: f64::NEG_INFINITY,
        sum: 0.0,
    };

    fn add(&mut self, logit: f64) {
        if logit > self.largest {
            self.sum = self.sum * (self.largest - logit).exp() + 1.0;
            self.largest = logit;
        } else {
            self.sum += (logit - self.largest).exp();
        }
    }

    fn softmax(self, logit: f64) -> f64 {
        (logit - self.largest).exp() / self.sum
    }
}

impl Reciprocal {
    /// Writes to `map`, which is zero, for each cell the score of `class` from features that have it alone, less that from
    /// features that have none.
    pub fn scores(&mut self, activation: &Activation, class: usize, map: &mut [f32]) {
        match activation.alone {
            Some(logits) => of_rows(logits, activation, class, map),
            None => self.of_affine(activation, class, map),
        }
    }

    /// From W A_i / n + b of the cell i, and from b.
    fn of_affine(&mut self, activation: &Activation, class: usize, map: &mut [f32]) {
        let Activation {
            features,
            head,
            scores,
            ..
        } = activation;
        let bias = |class: usize| match head {
            Head::Dense { bias, .. } => f64::from(bias[class]),
            Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                0.0
            }
        };
        add_shares(features, head, class, map);
        match scores {
            Scores::Sigmoid => {
                let score = |logit: f64| 1.0 / (1.0 + (-logit).exp());
                for value in map {
                    let logit = bias(class) + f64::from(*value);
                    *value = (score(logit) - score(bias(class))) as f32;
                }
            }
            Scores::Softmax => {
                self.totals.clear();
                self.totals.resize(map.len() + 1, Total::NONE);
                for other in 0..activation.logits.len() {
                    self.shares.clear();
                    self.shares.resize(map.len(), 0.0);
                    add_shares(features, head, other, &mut self.shares);
                    // A cell that adds nothing stands for the empty map.
                    let shares = self.shares.iter().chain(&[0.0]);
                    for (total, &share) in self.totals.iter_mut().zip(shares) {
                        total.add(bias(other) + f64::from(share));
                    }
                }
                let empty = self.totals[map.len()].softmax(bias(class));
                for (value, total) in map.iter_mut().zip(&self.totals) {
                    let logit = bias(class) + f64::from(*value);
                    *value = (total.softmax(logit) - empty) as f32;
                }
            }
        }
    }
}

/// From rows of logits, one a cell and last that of none.
fn of_rows(rows: &[f32], activation: &Activation, class: usize, map: &mut [f32]) {
    let score = |row: &[f32]| match activation.scores {
        Scores::Sigmoid => 1.0 / (1.0 + (-f64::from(row[class])).exp()),
        Scores::Softmax => {
            let mut total = Total::NONE;
            row.iter().for_each(|&logit| total.add(logit.into()));
            total.softmax(row[class].into())
        }
    };
    let (cells, empty) = rows.split_at(map.len() * activation.logits.len());
    let empty = score(empty);
    for (value, row) in map
        .iter_mut()
        .zip(cells.chunks_exact(activation.logits.len()))
    {
        *value = (score(row) - empty) as f32;
    }
}

/// Adds to `shares` what each cell adds to the logit of `class`; heads of layers have been refused.
fn add_shares(features: &FeatureMap, head: &Head, class: usize, shares: &mut [f32]) {
    let cells = shares.len();
    let share = 1.0 / cells as f32;
    match head {
        Head::Dense { weights, .. } => {
            let row = &weights[class * features.channels..][..features.channels];
            for (channel, &weight) in features.values.chunks_exact(cells).zip(row) {
                add_scaled(channel, weight, shares);
            }
            shares.iter_mut().for_each(|sum| *sum *= share);
        }
        Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
            let channel = &features.values[class * cells..][..cells];
            add_scaled(channel, share, shares);
        }
    }
}
