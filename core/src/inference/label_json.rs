//! Class names in JSON, or in what Python prints.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::distinct_json::{self, Fault, Unreadable};
use super::label_index::{NAME_COLUMNS, NO_INDEX, Place, Said, index_in, index_of, shown, whole};
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

pub fn json_or_python(text: &str) -> Result<Value, Unreadable> {
    distinct_json::parse(text).or_else(|of_json| match python_literal::literal(text) {
        Err(Unreadable::Other(_)) => Err(of_json),
        other => other,
    })
}

pub fn told(unreadable: Unreadable) -> String {
    match unreadable {
        Unreadable::Twice(key) => format!("the key “{}” comes twice", shortened(&key)),
        Unreadable::Other(Fault { what, line, column }) => {
            format!("it is not JSON: {what} at line {line} column {column}")
        }
    }
}

/// What is wrong with a line that was read alone, so that its own count of lines says nothing.
fn told_of_line(number: usize, unreadable: Unreadable) -> String {
    match unreadable {
        Unreadable::Other(Fault { what, column, .. }) => {
            format!("line {number}: it is not JSON: {what} at column {column}")
        }
        twice @ Unreadable::Twice(_) => format!("line {number}: {}", told(twice)),
    }
}

/// A bracket and a quote behind it are no beginning of a label.
pub fn begins_as_json(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix(['[', '{']);
    inside.is_some_and(|inside| inside.trim_start().starts_with(['"', '\'']))
}

/// Whether a line that is no JSON was meant to be: one string in its quotes, or the beginning of an
/// object or a list of strings.
fn means_json(line: &str) -> bool {
    let line = line.trim();
    let inside = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'));
    let is_string = inside.is_some_and(|inside| {
        let mut escaped = false;
        !inside.chars().any(|character| {
            let is_end = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            is_end
        })
    });
    is_string || begins_as_json(line)
}

/// The names of lines that are a JSON value each: text, or objects or lists with a name. None where
/// they are something else.
pub fn from_json_lines(text: &str) -> Option<Result<Vec<String>, String>> {
    let mut values = Vec::new();
    let mut fault = None;
    let mut is_text = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match json_or_python(line) {
            Ok(value @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
                values.push((Place::Line(number), value));
            }
            Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                fault.get_or_insert(format!(
                    "line {number} is {}, which is no name and no object",
                    shortened(&value.to_string())
                ));
            }
            Err(unreadable) => {
                is_text |= !means_json(line);
                fault.get_or_insert(told_of_line(number, unreadable));
            }
        }
    }
    // Nobody calls a class “{…}”.
    let begins_with_object = matches!(values.first(), Some((Place::Line(1), Value::Object(_))));
    if is_text && !begins_with_object {
        return None;
    }
    let ends_with_name = |value: &Value| match value {
        Value::Array(values) => matches!(values.last(), Some(Value::String(_))),
        _ => true,
    };
    let nameless = values.iter().find(|(_, value)| !ends_with_name(value));
    if let Some((place, _)) = nameless {
        let is_certain = values
            .iter()
            .any(|(_, value)| !value.is_string() && ends_with_name(value));
        return is_certain.then(|| Err(format!("{place} is a list that ends with no name")));
    }
    match (values.is_empty(), fault) {
        (true, _) => None,
        (false, Some(fault)) => Some(Err(fault)),
        (false, None) => Some(from_values(
            values.iter().map(|(place, value)| (*place, value)),
        )),
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
                let names = match held {
                    Value::Object(pairs) => from_pairs(pairs.iter()),
                    other => from_value(other),
                }?;
                if object.contains_key("id2label")
                    && let Some(Value::Object(indices)) = object.get("label2id")
                {
                    agree(&names, indices)?;
                }
                return Ok(names);
            }
            from_pairs(object.iter())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("it holds no list of labels".to_owned())
        }
    }
}

/// That `label2id` gives no name another index than `id2label`, of which `names` are. It may lack
/// some: of two classes with one name it can hold one.
fn agree(names: &[String], label2id: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in label2id {
        let index = match value {
            Value::String(text) => whole(text),
            other => index_of(other),
        };
        let named = index.and_then(|index| names.get(index));
        if named.is_none_or(|named| named.trim() != name.trim()) {
            let other = named.map_or_else(
                || "has no such index".to_owned(),
                |named| format!("calls that index “{}”", shortened(named)),
            );
            return Err(format!(
                "its label2id gives “{}” the index {}, and its id2label {other}",
                shortened(name),
                shown(value)
            ));
        }
    }
    Ok(())
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
        match index_in(place, value)? {
            Said::Index(index) => indices.push((index, place)),
            Said::Identifier(what) => without = without.or(Some((place, what))),
            Said::Nothing => without = without.or(Some((place, "no index".to_owned()))),
        }
    }
    match (without, indices.first()) {
        (Some((without, what)), Some((_, with))) => {
            Err(format!("{without} has {what}, and {with} has an index"))
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

/// A name from index to name, or from name to index.
fn from_pairs<'a>(
    pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone,
) -> Result<Vec<String>, String> {
    let key_of = |key: &str| format!("“{}”", shortened(key));
    let named = |pairs: Vec<(usize, &String, &Value)>| {
        let names: Result<Vec<_>, String> = pairs
            .into_iter()
            .map(|(index, key, value)| {
                let name = name(value).and_then(|name| filled(format!("index {index}"), name))?;
                Ok(((index, key_of(key)), name))
            })
            .collect();
        in_order(names?.into_iter())
    };
    let by_key = |index_of: fn(&str) -> Option<usize>| -> Option<Vec<_>> {
        let pairs = pairs.clone();
        pairs
            .map(|(key, value)| Some((index_of(key)?, key, value)))
            .collect()
    };
    if let Some(pairs) = by_key(|key| key.trim().parse().ok()) {
        return named(pairs);
    }
    let by_value: Option<Vec<((usize, String), String)>> = pairs
        .clone()
        .map(|(key, value)| Some(((index_of(value)?, key_of(key)), key.clone())))
        .collect();
    if let Some(pairs) = by_value {
        for ((index, _), name) in &pairs {
            filled(format!("index {index}"), name.clone())?;
        }
        return in_order(pairs.into_iter());
    }
    // Only now: “1.0” to 0 is a name and its index.
    if let Some(pairs) = by_key(whole) {
        return named(pairs);
    }
    Err(fault_of_pairs(pairs))
}

/// The first index that is none, in pairs of which most have one.
fn fault_of_pairs<'a>(pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone) -> String {
    let count = pairs.clone().count();
    let is_number = |value: &Value| value.is_number() || value.is_null();
    let by_value = pairs.clone().filter(|(_, value)| is_number(value)).count();
    let by_key = pairs
        .clone()
        .filter(|(key, _)| key.trim().parse::<f64>().is_ok())
        .count();
    let fault = if 2 * by_key >= count && by_key >= by_value {
        let key = pairs.map(|(key, _)| key).find(|key| whole(key).is_none());
        key.map(|key| format!("the index “{}” {NO_INDEX}", shortened(key)))
    } else if 2 * by_value >= count {
        let mut pairs = pairs;
        let pair = pairs.find(|(_, value)| index_of(value).is_none());
        pair.map(|(key, value)| {
            let (key, value) = (shortened(key), shown(value));
            format!("“{key}” has {value} as its index, which {NO_INDEX}")
        })
    } else {
        None
    };
    fault.unwrap_or_else(|| {
        "it says neither the name of each index nor the index of each name".to_owned()
    })
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
