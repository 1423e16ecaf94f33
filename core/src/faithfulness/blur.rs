//! A blurred picture, in which nothing small is left to see.

use super::input::Input;

/// `input` blurred by a Gaussian of `deviation` pixels, mirrored at the borders; cut off at four deviations.
pub fn gaussian(input: Input, deviation: f64) -> Vec<f32> {
    let reach = (4.0 * deviation).ceil() as isize;
    let weight = |distance: isize| (-0.5 * (distance as f64 / deviation).powi(2)).exp();
    let weights: Vec<f64> = (-reach..=reach).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    let Input { width, height, .. } = input;
    let along = |values: &[f32], stride: usize, length: usize| -> Vec<f32> {
        (0..values.len())
            .map(|at| {
                let place = (at / stride % length) as isize;
                let first = at - place as usize * stride;
                let taps = weights.iter().zip(-reach..=reach);
                let sum = taps.map(|(weight, distance)| {
                    let source = mirrored(place + distance, length);
                    weight * f64::from(values[first + source * stride])
                });
                sum.sum::<f64>() as f32
            })
            .collect()
    };
    along(&along(input.values, 1, width), width, height)
}

/// The place of an axis of `length` that lies at `place` where the axis is mirrored at both ends, its first and last
/// element twice.
fn mirrored(place: isize, length: usize) -> usize {
    let period = 2 * length as isize;
    let place = place.rem_euclid(period) as usize;
    place.min(2 * length - 1 - place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_mirrored() {
        let places = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].map(|place| mirrored(place, 3));
        assert_eq!(places, [2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn what_is_flat_stays_and_what_is_one_pixel_spreads() {
        let mut values = vec![0.0; 64 * 48];
        values[20 * 64 + 30] = 1.0;
        let input = Input {
            values: &values,
            width: 64,
            height: 48,
        };
        let blurred = gaussian(input, 2.0);
        let expected = 1.0 / (std::f64::consts::TAU * 4.0);
        assert!((f64::from(blurred[20 * 64 + 30]) - expected).abs() < 1e-4);
        let ratio = blurred[22 * 64 + 30] / blurred[20 * 64 + 30];
        assert!((f64::from(ratio) - (-0.5f64).exp()).abs() < 1e-4);
        let sum: f32 = blurred.iter().sum();
        assert!((sum - 1.0).abs() < 1e-4);
    }
}
