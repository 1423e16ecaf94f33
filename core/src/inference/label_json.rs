//! Class names in JSON, or in what Python prints.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::distinct_json::{self, Unreadable};
use super::printable::shortened;
use super::python_literal;

/// Keys under which objects keep their labels, the first that is there counting.
const HOLDERS: [&str; 6] = [
    "id2label",
    "names",
    "labels",
    "classes",
    "label2id",
    "class_to_idx",
];

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

pub fn json_or_python(text: &str) -> Result<Value, Unreadable> {
    distinct_json::parse(text).or_else(|of_json| match python_literal::literal(text) {
        Err(Unreadable::Other(_)) => Err(of_json),
        other => other,
    })
}

pub fn told(unreadable: Unreadable) -> String {
    match unreadable {
        Unreadable::Twice(key) => format!("the key “{}” comes twice", shortened(&key)),
        Unreadable::Other(fault) => format!("it is not JSON: {fault}"),
    }
}

/// A bracket and a quote behind it are no beginning of a label.
pub fn begins_as_json(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix(['[', '{']);
    inside.is_some_and(|inside| inside.trim_start().starts_with(['"', '\'']))
}

/// The names of lines that are a JSON value each: text, or objects or lists with a name. None where
/// they are something else.
pub fn from_json_lines(text: &str) -> Option<Result<Vec<String>, String>> {
    let mut values = Vec::new();
    let mut fault = None;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match json_or_python(line) {
            Ok(value @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
                values.push((Place::Line(number + 1), value));
            }
            Ok(Value::Null | Value::Bool(_) | Value::Number(_)) => {
                fault.get_or_insert(format!("line {} is no name and no object", number + 1));
            }
            Err(unreadable) => {
                fault.get_or_insert(format!("line {}: {}", number + 1, told(unreadable)));
            }
        }
    }
    match (values.first(), fault) {
        // Nobody calls a class “{…}”.
        (Some((Place::Line(1), Value::Object(_))), Some(fault)) => Some(Err(fault)),
        (None, _) | (_, Some(_)) => None,
        (Some(_), None) => {
            let are_names = |(_, value): &(Place, Value)| match value {
                Value::Array(values) => matches!(values.last(), Some(Value::String(_))),
                _ => true,
            };
            values
                .iter()
                .all(are_names)
                .then(|| from_values(values.iter().map(|(place, value)| (*place, value))))
        }
    }
}

/// The names in a list or an object.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn from_value(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => from_values(
            values
                .iter()
                .enumerate()
                .map(|(index, value)| (Place::Entry(index), value)),
        ),
        Value::Object(object) => {
            if let Some(held) = HOLDERS.iter().find_map(|key| object.get(*key)) {
                // An object in it is no second holder.
                return match held {
                    Value::Object(pairs) => from_pairs(pairs.iter()),
                    other => from_value(other),
                };
            }
            from_pairs(object.iter())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("it holds no list of labels".to_owned())
        }
    }
}

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

/// The names of a list, in the order of their indices where they have some.
fn from_values<'a>(
    values: impl Iterator<Item = (Place, &'a Value)>,
) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut indices = Vec::new();
    let mut without = None;
    for (place, value) in values {
        names.push(name(value).and_then(|name| filled(place, name))?);
        match index_in(value) {
            Some(index) => indices.push((index, place)),
            None => without = without.or(Some(place)),
        }
    }
    match (without, indices.first()) {
        (Some(without), Some((_, with))) => {
            Err(format!("{without} has no index, and {with} has one"))
        }
        (_, None) => Ok(names),
        // Numbers that begin with 1, or leave some out, still tell the order.
        (None, Some(_)) if indices.is_sorted_by(|(a, _), (b, _)| a < b) => Ok(names),
        (None, Some(_)) => in_order(indices.into_iter().zip(names)),
    }
}

/// `name`, if it is one.
pub fn filled(place: impl fmt::Display, name: String) -> Result<String, String> {
    if name.trim().is_empty() {
        return Err(format!("{place} has an empty label"));
    }
    Ok(name)
}

/// The index that an object in a list says it has.
fn index_in(value: &Value) -> Option<usize> {
    let object = value.as_object()?;
    // Where “label” is a number, the name has another key.
    let mut keys = INDEX_COLUMNS.iter().chain(&["label"]);
    let index = keys.find_map(|key| match object.get(*key)? {
        Value::Number(number) => number.as_u64(),
        // Digits are a name there.
        Value::String(_) if NAME_COLUMNS.contains(key) => None,
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    usize::try_from(index?).ok()
}

/// A name from index to name, or from name to index.
fn from_pairs<'a>(
    pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone,
) -> Result<Vec<String>, String> {
    let key_of = |key: &str| format!("“{}”", shortened(key));
    let by_key: Option<Vec<(usize, &String, &Value)>> = pairs
        .clone()
        .map(|(key, value)| Some((key.trim().parse().ok()?, key, value)))
        .collect();
    if let Some(pairs) = by_key {
        let names: Result<Vec<_>, String> = pairs
            .into_iter()
            .map(|(index, key, value)| {
                let name = name(value).and_then(|name| filled(format!("index {index}"), name))?;
                Ok(((index, key_of(key)), name))
            })
            .collect();
        return in_order(names?.into_iter());
    }
    let by_value: Option<Vec<((usize, String), String)>> = pairs
        .map(|(key, value)| {
            let index = usize::try_from(value.as_u64()?).ok()?;
            Some(((index, key_of(key)), key.clone()))
        })
        .collect();
    let pairs =
        by_value.ok_or("it says neither the name of each index nor the index of each name")?;
    for ((index, _), name) in &pairs {
        filled(format!("index {index}"), name.clone())?;
    }
    in_order(pairs.into_iter())
}

/// A name alone, the last of several (`["n01440764", "tench"]`, as Keras has it), or the name that
/// an object holds.
fn name(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(values) => match values.last() {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err("one of its labels is an empty list or a list of lists".to_owned()),
        },
        Value::Object(object) => {
            let named = NAME_COLUMNS
                .iter()
                .find_map(|key| object.get(*key)?.as_str());
            named
                .map(str::to_owned)
                .ok_or_else(|| "one of its labels is an object without a name".to_owned())
        }
        Value::Bool(_) | Value::Null => Err(format!("{value} is no label")),
    }
}

/// The names by their indices, each of which stands at a place that can be told.
pub fn in_order<P: fmt::Display>(
    pairs: impl Iterator<Item = ((usize, P), String)>,
) -> Result<Vec<String>, String> {
    let mut names: BTreeMap<usize, (P, String)> = BTreeMap::new();
    for ((index, place), name) in pairs {
        if let Some((first, _)) = names.get(&index) {
            return Err(format!(
                "the index {index} comes twice, at {first} and at {place}"
            ));
        }
        names.insert(index, (place, name));
    }
    let count = names.len();
    let last = count.saturating_sub(1);
    match names.keys().next_back() {
        Some(&index) if index != last => Err(format!(
            "its {count} indices are not those from 0 to {last}: {index} is among them"
        )),
        _ => Ok(names.into_values().map(|(_, name)| name).collect()),
    }
}
