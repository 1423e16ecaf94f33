//! Numbers of few elements.

use crate::onnx::constant_fold::{Constant, Values};

/// A small tensor, row-major. Integers beyond 2^53 lose their last digits: no size is as large.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
    /// Integers or truth values.
    pub is_integer: bool,
}

impl Numbers {
    /// The values as integers; those beyond their range become the nearest one.
    pub fn integers(&self) -> Vec<i64> {
        self.values.iter().map(|&value| value as i64).collect()
    }

    pub fn reshaped(self, shape: Vec<usize>) -> Option<Self> {
        (shape.iter().product::<usize>() == self.values.len()).then_some(Self { shape, ..self })
    }

    /// The values at `places`, which are positions in row-major order, as a tensor of `shape`.
    pub fn picked(&self, shape: Vec<usize>, places: &[usize]) -> Option<Self> {
        let values = places.iter().map(|&place| self.values.get(place).copied());
        Some(Self {
            shape,
            values: values.collect::<Option<_>>()?,
            is_integer: self.is_integer,
        })
    }
}

impl From<Constant> for Numbers {
    fn from(constant: Constant) -> Self {
        let (values, is_integer) = match constant.values {
            Values::Floats(values) => (values.into_iter().map(f64::from).collect(), false),
            Values::Integers(values) => {
                (values.into_iter().map(|value| value as f64).collect(), true)
            }
        };
        Self {
            shape: constant.shape,
            values,
            is_integer,
        }
    }
}
