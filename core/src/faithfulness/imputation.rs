//! Pixels made of their neighbours: what ROAD puts in the place of those that are taken away.

use super::input::Input;
use super::ranking::Noise;

/// How much each of the four neighbours at the sides counts, and each of the four at the corners.
const SIDE: f32 = 1.0 / 6.0;
const CORNER: f32 = 1.0 / 12.0;

/// Deviation of what is added to imputed pixels, so that they cannot be told by their smoothness.
const NOISE: f64 = 0.01;

/// Where the largest change of a round is below this share of the picture's range, the pixels are what they will be.
const ENOUGH: f32 = 1e-3;

/// Most rounds of a relaxation; for pictures of a network's size a hundred are enough.
const ROUNDS: usize = 1000;

/// Most channels.
const CHANNELS: usize = 4;

type Pixel = [f32; CHANNELS];

/// Fills `out` with `input` whose `removed` pixels are the weighted mean of their neighbours, removed ones included, and a
/// little noise: noisy linear imputation, Rong et al., ICML 2022, section 4.2.
///
/// The equations are solved by successive over-relaxation, Young, "Iterative Methods for Solving Partial Difference Equations
/// of Elliptic Type", 1954.
pub fn impute(input: Input, removed: &[usize], out: &mut Vec<f32>) {
    let Input { width, height, .. } = input;
    let pixels = input.pixels();
    // With a border of zeros, which count for nothing.
    let row = width + 2;
    let place = |pixel: usize| (pixel / width + 1) * row + pixel % width + 1;
    let mut values = vec![Pixel::default(); row * (height + 2)];
    let mut mean = Pixel::default();
    let mut is_removed = vec![false; pixels];
    removed.iter().for_each(|&pixel| is_removed[pixel] = true);
    let kept = (pixels - removed.len()).max(1) as f32;
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for (channel, source) in input.values.chunks_exact(pixels).enumerate() {
        for (pixel, &value) in source.iter().enumerate() {
            if !is_removed[pixel] {
                values[place(pixel)][channel] = value;
                mean[channel] += value / kept;
                (low, high) = (low.min(value), high.max(value));
            }
        }
    }
    // The share of all neighbours that lie in the picture, by row and column.
    let inside = |at: usize, length: usize| {
        let neighbours = [at > 0, at + 1 < length].map(|is_there| f32::from(u8::from(is_there)));
        neighbours[0] + neighbours[1]
    };
    let mut unknown: Vec<(usize, f32)> = Vec::new();
    for (pixel, _) in is_removed
        .iter()
        .enumerate()
        .filter(|(_, removed)| **removed)
    {
        values[place(pixel)] = mean;
        let (across, down) = (inside(pixel % width, width), inside(pixel / width, height));
        let weights = SIDE * (across + down) + CORNER * across * down;
        if weights > 0.0 {
            unknown.push((place(pixel), 1.0 / weights));
        }
    }
    // The best factor of a square whose border is known.
    let omega = 2.0 / (1.0 + (std::f32::consts::PI / width.max(height) as f32).sin());
    for _ in 0..ROUNDS {
        let mut largest = 0.0f32;
        for &(at, scale) in &unknown {
            let [above, below] = [at - row, at + row];
            let around: Pixel = std::array::from_fn(|channel| {
                let value = |at: usize| values[at][channel];
                let sides = value(at - 1) + value(at + 1) + value(above) + value(below);
                let corners =
                    value(above - 1) + value(above + 1) + value(below - 1) + value(below + 1);
                (SIDE * sides + CORNER * corners) * scale
            });
            for (value, around) in values[at].iter_mut().zip(around) {
                let change = omega * (around - *value);
                *value += change;
                largest = largest.max(change.abs());
            }
        }
        if largest <= ENOUGH * (high - low) {
            break;
        }
    }
    let mut noise = Noise::new();
    out.clear();
    for (channel, _) in input.values.chunks_exact(pixels).enumerate() {
        let value = |pixel: usize| {
            let noise = if is_removed[pixel] {
                NOISE * noise.normal()
            } else {
                0.0
            };
            values[place(pixel)][channel] + noise as f32
        };
        out.extend((0..pixels).map(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane is the mean of its neighbours everywhere, so that a hole in one is filled as if it had never been.
    #[test]
    fn a_hole_in_a_plane_is_filled() {
        let (width, height) = (40, 30);
        let plane: Vec<f32> = (0..width * height)
            .map(|at| (at % width) as f32 * 0.05 - (at / width) as f32 * 0.03)
            .collect();
        let hole = |at: usize| (10..30).contains(&(at % width)) && (8..22).contains(&(at / width));
        let removed: Vec<usize> = (0..width * height).filter(|&at| hole(at)).collect();
        let input = Input {
            values: &plane,
            width,
            height,
        };
        let mut filled = Vec::new();
        impute(input, &removed, &mut filled);
        let mut square = 0.0;
        for (at, (value, expected)) in filled.iter().zip(&plane).enumerate() {
            if hole(at) {
                square += (value - expected).powi(2);
            } else {
                assert_eq!(value, expected, "{at}");
            }
        }
        let deviation = (square / removed.len() as f32).sqrt();
        assert!(deviation < 1.5 * NOISE as f32, "{deviation}");
    }
}
