//! What the files of a network say of how its pictures are made: its evaluation transform, in the
//! words of those who exported it.

use super::fields::{Fields, Pixels};
use super::warnings::{Fault, Said};
use crate::preprocess::{ChannelOrder, Normalization};

/// How large the pictures are.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// The key that says it, for sentences about it.
    pub said: Said,
    pub pixels: Pixels,
    /// Pictures are scaled to height and width whatever their aspect.
    pub is_stretched: bool,
}

/// A centre crop that follows the scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct Crop {
    /// The key that says it, for sentences about it.
    pub said: Said,
    /// Share of the shortest side that is kept, above 0 and up to 1.
    pub share: f64,
}

/// Height, width and filter of the pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geometry {
    pub size: Option<Size>,
    pub crop: Option<Crop>,
    /// The filter that scales, where it is another than the bicubic one.
    pub filter: Option<(Said, &'static str)>,
    /// What could not be understood, and what is not done.
    pub faults: Vec<Fault>,
}

/// From pixels to numbers: `(v * factor - mean) / deviation`.
pub fn normalization(
    order: ChannelOrder,
    factor: f64,
    mean: [f64; 3],
    deviation: [f64; 3],
) -> Normalization {
    Normalization {
        order,
        divisor: (1.0 / factor) as f32,
        mean: mean.map(|mean| mean as f32),
        deviation: deviation.map(|deviation| deviation as f32),
    }
}

impl Geometry {
    /// What was read, or nothing and the fault in `faults`.
    pub fn keep<T: Default>(&mut self, read: Result<T, Fault>) -> T {
        read.unwrap_or_else(|fault| {
            self.faults.push(fault);
            T::default()
        })
    }

    /// Reads the name of a filter, or its number in Pillow.
    pub fn read_filter(&mut self, fields: Fields, key: &str) {
        const FILTERS: [&str; 6] = [
            "nearest", "lanczos", "bilinear", "bicubic", "box", "hamming",
        ];
        let read = fields.read(key, "no filter that is known", |value| {
            let number = value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok());
            let by_name = || {
                let name = value.as_str()?.to_lowercase();
                FILTERS.into_iter().find(|filter| *filter == name)
            };
            number
                .and_then(|number| FILTERS.get(number).copied())
                .or_else(by_name)
        });
        let filter = self.keep(read);
        self.filter = filter
            .filter(|filter| *filter != "bicubic")
            .map(|filter| (fields.said(key), filter));
    }
}
