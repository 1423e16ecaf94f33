//! The values of a JSON object that somebody else wrote, looked at before they are believed.

use serde_json::{Map, Value};

use super::label_index::{index_of, shown};
use super::options::MAX_INPUT_SIZE;
use super::warnings::{Fault, Place, Said};

/// Largest magnitude of a mean, a deviation, or a number of pixels' values.
const LARGEST: f64 = 1e6;

/// Least deviation, and least factor of a pixel's value.
const LEAST: f64 = 1e-6;

/// An object, and where it stands.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub place: Place,
    pub object: &'a Map<String, Value>,
}

/// Height and width in pixels, or the shortest side alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixels {
    Shortest(u32),
    Sides { height: u32, width: u32 },
}

impl Pixels {
    pub fn shortest(self) -> u32 {
        match self {
            Self::Shortest(side) => side,
            Self::Sides { height, width } => height.min(width),
        }
    }
}

impl<'a> Fields<'a> {
    /// The value of `key`, unless it is null.
    pub fn get(self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// `key` and its value, for a sentence.
    pub fn said(self, key: &str) -> Said {
        let value = match self.object.get(key) {
            Some(Value::String(text)) => text.clone(),
            // Of long lists only the beginning is shown.
            Some(Value::Array(values)) => {
                let rest = if values.len() > 8 { ", …" } else { "" };
                let values: Vec<String> = values.iter().take(8).map(shown).collect();
                format!("[{}{rest}]", values.join(", "))
            }
            Some(other) => other.to_string(),
            None => String::new(),
        };
        Said {
            place: self.place,
            key: key.to_owned(),
            value,
        }
    }

    pub fn fault(self, key: &str, what: &str) -> Fault {
        Fault {
            said: self.said(key),
            what: what.to_owned(),
        }
    }

    /// What `read` makes of the value of `key`, if there is one.
    ///
    /// # Errors
    /// What the value is not: `what`.
    pub fn read<T>(
        self,
        key: &str,
        what: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let value = self.get(key).map(read);
        match value {
            Some(None) => Err(self.fault(key, &format!("which is {what}"))),
            other => Ok(other.flatten()),
        }
    }

    /// # Errors
    /// Neither true nor false.
    pub fn flag(self, key: &str) -> Result<Option<bool>, Fault> {
        self.read(key, "neither true nor false", Value::as_bool)
    }

    /// A number by which pixels' values are multiplied.
    ///
    /// # Errors
    /// None, or one beyond measure.
    pub fn factor(self, key: &str) -> Result<Option<f64>, Fault> {
        self.read(key, "no number that pixels can be scaled by", |value| {
            value.as_f64().filter(|&factor| is_scale(factor))
        })
    }

    /// A share of something.
    ///
    /// # Errors
    /// No number above 0 and up to 1.
    pub fn share(self, key: &str) -> Result<Option<f64>, Fault> {
        self.read(key, "no number above 0 and up to 1", |value| {
            value.as_f64().filter(|share| (LEAST..=1.0).contains(share))
        })
    }

    /// A mean for each channel; one number is that of all.
    ///
    /// # Errors
    /// No three numbers, or such beyond measure.
    pub fn mean(self, key: &str) -> Result<Option<[f64; 3]>, Fault> {
        self.read(key, "no mean of three channels", |value| {
            triple(value).filter(|mean| mean.iter().all(|mean| mean.abs() <= LARGEST))
        })
    }

    /// A deviation for each channel; one number is that of all.
    ///
    /// # Errors
    /// No three positive numbers, or such beyond measure.
    pub fn deviation(self, key: &str) -> Result<Option<[f64; 3]>, Fault> {
        self.read(key, "no deviation of three channels", |value| {
            triple(value).filter(|deviation| deviation.iter().copied().all(is_scale))
        })
    }

    /// A size as image processors write it: a number, height and width, or an object that names them.
    ///
    /// # Errors
    /// Nothing of that, or sides that no network is fed.
    pub fn pixels(self, key: &str) -> Result<Option<Pixels>, Fault> {
        let what = format!("no size from 1 to {MAX_INPUT_SIZE}");
        self.read(key, &what, |value| match value {
            Value::Array(sides) => sides_of(sides),
            Value::Object(named) => {
                let named = |key| named.get(key).filter(|side| !side.is_null());
                match (named("height"), named("width"), named("shortest_edge")) {
                    (Some(height), Some(width), _) => Some(Pixels::Sides {
                        height: side_of(height)?,
                        width: side_of(width)?,
                    }),
                    (None, None, Some(shortest)) => side_of(shortest).map(Pixels::Shortest),
                    _ => None,
                }
            }
            side => side_of(side).map(Pixels::Shortest),
        })
    }
}

/// The last two of several numbers: channels, and the number of pictures, stand before the sides.
fn sides_of(sides: &[Value]) -> Option<Pixels> {
    match sides {
        [side] => side_of(side).map(Pixels::Shortest),
        [.., height, width] if sides.len() <= 4 => Some(Pixels::Sides {
            height: side_of(height)?,
            width: side_of(width)?,
        }),
        _ => None,
    }
}

fn side_of(value: &Value) -> Option<u32> {
    let side = u32::try_from(index_of(value)?).ok()?;
    (1..=MAX_INPUT_SIZE).contains(&side).then_some(side)
}

fn is_scale(factor: f64) -> bool {
    (LEAST..=LARGEST).contains(&factor)
}

fn triple(value: &Value) -> Option<[f64; 3]> {
    match value {
        Value::Array(values) => match values.as_slice() {
            [same] => Some([same.as_f64()?; 3]),
            [first, second, third] => Some([first.as_f64()?, second.as_f64()?, third.as_f64()?]),
            _ => None,
        },
        same => Some([same.as_f64()?; 3]),
    }
}
