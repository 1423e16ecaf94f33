//! Pictures to explain.

/// A packed RGB picture without padding.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture whose pixel at (x, y) is `colour(x, y)`.
    pub fn from_fn(width: usize, height: usize, colour: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let rgb = (0..width * height)
            .flat_map(|i| colour(i % width, i / width))
            .collect();
        Self { width, height, rgb }
    }

    /// Reproducible noise over a gradient.
    pub fn noise(width: usize, height: usize, seed: u32) -> Self {
        Self::from_fn(width, height, |x, y| {
            let mut state =
                seed ^ (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
            [
                x * 255 / width,
                y * 255 / height,
                (x + y) * 127 / (width + height),
            ]
            .map(|base| {
                state = (state ^ (state >> 15)).wrapping_mul(0x2c1b_3c6d);
                state ^= state >> 12;
                (base / 2 + (state >> 8) as usize % 128) as u8
            })
        })
    }

    /// The largest difference of two samples, and the share of samples that differ.
    pub fn difference(&self, other: &Self) -> (u8, f64) {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let differences = self.rgb.iter().zip(&other.rgb).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.clone().max().unwrap();
        let differing = differences.filter(|difference| *difference > 0).count();
        (largest, differing as f64 / self.rgb.len() as f64)
    }
}
