//! The first principal component of channels over their cells.

/// Relative change at which the iteration has converged.
const TOLERANCE: f64 = 1e-9;
const MOST_STEPS: usize = 300;

/// Projects channels on their first principal component; its buffers are kept.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    means: Vec<f64>,
    guide: Vec<f64>,
    direction: Vec<f64>,
    next: Vec<f64>,
}

impl Projection {
    /// Writes to `map` the centred values of each cell projected on the first right singular
    /// vector of the matrix X, cells x channels, of which `channels` is the transpose, row by row.
    /// The sign, which is free, is the one that goes up with the sum over the channels.
    pub fn project(&mut self, channels: &[f32], map: &mut [f32]) {
        let cells = map.len();
        self.means.clear();
        self.guide.clear();
        self.guide.resize(cells, 0.0);
        for channel in channels.chunks_exact(cells) {
            let sum: f64 = channel.iter().map(|&value| f64::from(value)).sum();
            let mean = sum / cells as f64;
            self.means.push(mean);
            for (guide, &value) in self.guide.iter_mut().zip(channel) {
                *guide += f64::from(value) - mean;
            }
        }
        // The projection is the first eigenvector of X Xᵀ times the singular value.
        let eigenvalue = self.iterate(channels, cells);
        let aligned: f64 = self
            .direction
            .iter()
            .zip(&self.guide)
            .map(|(a, b)| a * b)
            .sum();
        let scale = eigenvalue.max(0.0).sqrt().copysign(aligned);
        for (value, direction) in map.iter_mut().zip(&self.direction) {
            *value = (direction * scale) as f32;
        }
    }

    /// Power iteration with X Xᵀ, which is never formed; `direction` becomes the unit eigenvector
    /// of the largest eigenvalue, which is returned.
    fn iterate(&mut self, channels: &[f32], cells: usize) -> f64 {
        self.direction.clone_from(&self.guide);
        if normalize(&mut self.direction) == 0.0 {
            // Any start that is not orthogonal to the eigenvector will do.
            self.direction
                .iter_mut()
                .zip(1..)
                .for_each(|(d, i)| *d = f64::from(i).sin());
            normalize(&mut self.direction);
        }
        let mut eigenvalue = 0.0;
        for _ in 0..MOST_STEPS {
            self.next.clear();
            self.next.resize(cells, 0.0);
            for (channel, mean) in channels.chunks_exact(cells).zip(&self.means) {
                let pairs = channel.iter().zip(&self.direction);
                let product: f64 = pairs
                    .map(|(&value, direction)| (f64::from(value) - mean) * direction)
                    .sum();
                for (next, &value) in self.next.iter_mut().zip(channel) {
                    *next += product * (f64::from(value) - mean);
                }
            }
            eigenvalue = normalize(&mut self.next);
            let moved: f64 = self
                .next
                .iter()
                .zip(&self.direction)
                .map(|(a, b)| (a - b).abs())
                .sum();
            std::mem::swap(&mut self.direction, &mut self.next);
            if moved < TOLERANCE {
                break;
            }
        }
        eigenvalue
    }
}

/// Scales to length 1 and returns the length it had; zero stays zero.
fn normalize(vector: &mut [f64]) -> f64 {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_direction_is_found_with_its_sign() {
        // Two channels that move together: the component is their common course.
        let values = [1.0, 2.0, 6.0, 2.0, 4.0, 12.0];
        let mut map = [0.0; 3];
        Projection::default().project(&values, &mut map);
        for (value, centred) in map.iter().zip([-2.0, -1.0, 3.0]) {
            assert!((value - centred * 5f32.sqrt()).abs() < 1e-5, "{map:?}");
        }
    }

    #[test]
    fn constant_features_have_no_component() {
        let mut map = [1.0; 4];
        Projection::default().project(&[3.0; 8], &mut map);
        assert_eq!(map, [0.0; 4]);
    }
}
