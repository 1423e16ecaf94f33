//! What counts as the index of a label, and where one may stand.

use std::fmt;

use serde_json::Value;

use super::printable::shortened;

/// Headers of a table's column of indices and of its column of names, the better first.
pub const INDEX_COLUMNS: [&str; 9] = [
    "index",
    "idx",
    "id",
    "class_id",
    "class id",
    "class_index",
    "label_id",
    "number",
    "class",
];
pub const NAME_COLUMNS: [&str; 9] = [
    "label",
    "name",
    "class_name",
    "class name",
    "display_name",
    "label_name",
    "labels",
    "names",
    "class",
];

/// Keys of an index that can hold another identifier (`n01440764`, `/m/04_sv`) as well.
const IDENTIFIERS: [&str; 4] = ["id", "class_id", "class id", "label_id"];

/// Where in a file something stands.
#[derive(Clone, Copy)]
pub enum Place {
    /// Counted from 1.
    Line(usize),
    /// Of a list, counted from 0.
    Entry(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(index) => write!(f, "entry {index}"),
        }
    }
}

/// What an entry of a list says of its index.
pub enum Said {
    Index(usize),
    /// Another kind of number, such as WordNet's, told as the middle of a sentence.
    Identifier(String),
    Nothing,
}

/// Whole numbers up to here are exact in double precision.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// The index that a number is: programs of statistics write 2.0 for 2.
pub fn index_of(value: &Value) -> Option<usize> {
    let number = value.as_number()?;
    match number.as_u64() {
        Some(index) => usize::try_from(index).ok(),
        None => whole_float(number.as_f64()?),
    }
}

/// The index that a text writes.
pub fn whole(text: &str) -> Option<usize> {
    let text = text.trim();
    let index = text.parse().ok();
    index.or_else(|| whole_float(text.parse().ok()?))
}

fn whole_float(number: f64) -> Option<usize> {
    let is_index = number.fract() == 0.0 && (0.0..=LARGEST).contains(&number);
    is_index.then_some(number as usize)
}

/// A value in a sentence.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("“{}”", shortened(text)),
        other => shortened(&other.to_string()),
    }
}

/// Why a value is refused, as the end of a sentence.
pub const NO_INDEX: &str = "is no whole number from 0 on";

/// The index that an entry of a list says it has: an object under a key, a list of several before
/// the name.
pub fn index_in(place: Place, value: &Value) -> Result<Said, String> {
    let object = match value {
        Value::Array(values) => {
            return match values.as_slice() {
                [
                    first @ (Value::Number(_) | Value::Null | Value::Bool(_)),
                    ..,
                    _,
                ] => index_of(first).map(Said::Index).ok_or_else(|| {
                    let first = shown(first);
                    format!("{place} has {first} before its name, which {NO_INDEX}")
                }),
                _ => Ok(Said::Nothing),
            };
        }
        Value::Object(object) => object,
        _ => return Ok(Said::Nothing),
    };
    let mut identifier = None;
    // Where “label” is a number, the name has another key.
    for key in INDEX_COLUMNS.iter().chain(&["label"]) {
        let Some(value) = object.get(*key) else {
            continue;
        };
        let index = match value {
            Value::Number(_) => index_of(value),
            // Digits are a name there.
            _ if NAME_COLUMNS.contains(key) => continue,
            Value::String(text) => whole(text),
            _ => None,
        };
        if let Some(index) = index {
            return Ok(Said::Index(index));
        }
        let told = format!("{} as its “{key}”, which {NO_INDEX}", shown(value));
        let is_identifier = IDENTIFIERS.contains(key)
            && value
                .as_str()
                .is_some_and(|text| !text.trim().is_empty() && text.trim().parse::<f64>().is_err());
        if !is_identifier {
            return Err(format!("{place} has {told}"));
        }
        identifier = identifier.or(Some(told));
    }
    Ok(identifier.map_or(Said::Nothing, Said::Identifier))
}
