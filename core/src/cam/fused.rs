//! Maps of several layers made one: the mean of all after min-max, on the cells of the largest.
//!
//! As pytorch-grad-cam fuses the maps of several target layers, but with cells in place of the picture's pixels.

use crate::resample::coefficients::Axis;

/// Fuses maps; its buffers are kept.
#[derive(Debug, Clone, Default)]
pub struct Fusing {
    /// The map of one layer.
    pub map: Vec<f32>,
    /// Its rows, as long as those of the largest map.
    widened: Vec<f32>,
    resamplings: Vec<Resampling>,
}

impl Fusing {
    /// Adds the layer's [`map`](Self::map), of height and width `from`, to `sum`, which has `to`.
    pub fn add_to(&mut self, sum: &mut [f32], from: [usize; 2], to: [usize; 2]) {
        normalise(&mut self.map);
        if from == to {
            sum.iter_mut().zip(&self.map).for_each(|(sum, x)| *sum += x);
            return;
        }
        let known = self
            .resamplings
            .iter()
            .position(|known| known.from == from && known.to == to);
        let place = known.unwrap_or_else(|| {
            self.resamplings.push(Resampling::new(from, to));
            self.resamplings.len() - 1
        });
        self.resamplings[place].add_to(&self.map, &mut self.widened, sum);
    }
}

/// Takes the values to 0..1; all to 0 where they are the same.
pub fn normalise(map: &mut [f32]) {
    let low = map.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = high - low;
    for value in map {
        *value = if range > 0.0 {
            (*value - low) / range
        } else {
            0.0
        };
    }
}

/// From a map to one of more cells, by bicubic interpolation.
#[derive(Debug, Clone)]
struct Resampling {
    from: [usize; 2],
    to: [usize; 2],
    /// By how much each row and each column counts: cells of the larger map x cells of the smaller one.
    weights: [Vec<f32>; 2],
}

impl Resampling {
    fn new(from: [usize; 2], to: [usize; 2]) -> Self {
        let along = |axis: usize| {
            let (input, output) = (from[axis], to[axis]);
            let taps = Axis::new(input, output, output as f64 / input as f64, 0.0);
            let mut weights = vec![0.0; input * output];
            for (row, (places, shares)) in weights.chunks_exact_mut(input).zip(taps.exact_taps()) {
                for (&place, &share) in places.iter().zip(shares) {
                    row[place] += share as f32;
                }
            }
            weights
        };
        Self {
            from,
            to,
            weights: [along(0), along(1)],
        }
    }

    fn add_to(&self, map: &[f32], widened: &mut Vec<f32>, sum: &mut [f32]) {
        let ([_, columns], [_, wide]) = (self.from, self.to);
        let [down, across] = &self.weights;
        widened.clear();
        for row in map.chunks_exact(columns) {
            let column = |weights: &[f32]| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>();
            widened.extend(across.chunks_exact(columns).map(column));
        }
        for (weights, row) in down
            .chunks_exact(self.from[0])
            .zip(sum.chunks_exact_mut(wide))
        {
            for (weight, source) in weights.iter().zip(widened.chunks_exact(wide)) {
                let pairs = row.iter_mut().zip(source);
                pairs.for_each(|(sum, x)| *sum += weight * x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_one_between_the_borders() {
        let mut fusing = Fusing {
            map: (0..16).map(|cell| (cell % 4) as f32).collect(),
            ..Fusing::default()
        };
        let mut sum = vec![0.0; 64];
        fusing.add_to(&mut sum, [4, 4], [8, 8]);
        for row in sum.chunks_exact(8) {
            for (x, value) in row.iter().enumerate().take(5).skip(3) {
                let expected = ((x as f32 + 0.5) / 2.0 - 0.5) / 3.0;
                assert!((value - expected).abs() < 1e-6, "{x}: {value} {expected}");
            }
        }
    }

    #[test]
    fn nothing_is_made_of_a_map_without_a_difference() {
        let mut map = vec![3.0; 4];
        normalise(&mut map);
        assert_eq!(map, [0.0; 4]);
    }
}
