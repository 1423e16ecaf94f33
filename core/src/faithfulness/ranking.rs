//! In which order pixels are taken: by the heat of a map, and as one would without any.

use super::input::Input;
use crate::cam::Method;
use crate::resample::coefficients::Axis;

/// What ranks the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// The map of a method.
    Map(Method),
    /// Maps of random values.
    Random,
    /// How near a pixel is to the picture's centre.
    Centre,
}

/// A value for each pixel: the higher, the hotter.
pub struct Heat(Vec<f32>);

/// The pixels in an order.
pub struct Order(Vec<usize>);

impl Order {
    pub fn hottest_first(&self) -> &[usize] {
        &self.0
    }
}

impl Heat {
    /// A map of columns x rows cells, spread over the input by bicubic interpolation as it is painted.
    pub fn of_map(map: &[f32], (columns, rows): (usize, usize), input: Input) -> Self {
        let Input { width, height, .. } = input;
        let axis = |cells: usize, pixels: usize| {
            Axis::new(cells, pixels, pixels as f64 / cells as f64, 0.0)
        };
        let (across, down) = (axis(columns, width), axis(rows, height));
        let widened: Vec<f64> = map
            .chunks_exact(columns)
            .flat_map(|row| {
                let across = &across;
                (0..width).map(move |x| across.exact_sum(x, |cell| f64::from(row[cell])))
            })
            .collect();
        let pixel = |x, y| down.exact_sum(y, |row| widened[row * width + x]) as f32;
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self(rows.map(|(x, y)| pixel(x, y)).collect())
    }

    /// A map of columns x rows cells whose values have no meaning.
    pub fn random(noise: &mut Noise, (columns, rows): (usize, usize), input: Input) -> Self {
        let map: Vec<f32> = (0..columns * rows)
            .map(|_| noise.uniform() as f32)
            .collect();
        Self::of_map(&map, (columns, rows), input)
    }

    pub fn of_centre(input: Input) -> Self {
        let Input { width, height, .. } = input;
        let offset = |place: usize, length: usize| {
            (2.0 * place as f32 + 1.0 - length as f32) / length as f32
        };
        let distance = |(x, y)| offset(x, width).hypot(offset(y, height));
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self(places.map(|place| -distance(place)).collect())
    }

    /// 0..1; 0 all over where there is no difference.
    pub fn normalised(&self) -> Vec<f32> {
        let low = self.0.iter().copied().fold(f32::INFINITY, f32::min);
        let high = self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = if high > low { 1.0 / (high - low) } else { 0.0 };
        self.0.iter().map(|value| (value - low) * scale).collect()
    }

    /// Pixels of the same heat in the order in which they lie.
    pub fn order(&self) -> Order {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by(|&a, &b| self.0[b].total_cmp(&self.0[a]));
        Order(order)
    }
}

/// Random numbers that are the same each time. Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014.
pub struct Noise(u64);

impl Noise {
    pub fn new() -> Self {
        Self(0)
    }

    /// 0..1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of mean 0 and deviation 1. Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_cell_comes_first_and_the_coldest_last() {
        let values = [0.0; 32 * 24];
        let input = Input {
            values: &values,
            width: 32,
            height: 24,
        };
        let mut map = [0.0; 12];
        (map[5], map[11]) = (1.0, -1.0);
        let order = Heat::of_map(&map, (4, 3), input).order();
        // Cell 5 of 4 x 3 has the pixels 8..16 x 8..16.
        let inside =
            |pixel: usize| (8..16).contains(&(pixel % 32)) && (8..16).contains(&(pixel / 32));
        assert!(
            order.hottest_first()[..8]
                .iter()
                .all(|&pixel| inside(pixel))
        );
        let last = order.hottest_first()[32 * 24 - 1];
        assert!(last % 32 >= 24 && last / 32 >= 16);
        let centre = Heat::of_centre(input).order().hottest_first()[0];
        assert!([15, 16].contains(&(centre % 32)) && [11, 12].contains(&(centre / 32)));
    }

    #[test]
    fn noise_has_its_mean_and_deviation() {
        let mut noise = Noise::new();
        let values: Vec<f64> = (0..100_000).map(|_| noise.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }
}
