//! JSON in which no object has a key twice: of such a one nobody knows which value was meant.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text holds no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Unreadable {
    /// It holds one, but for this key, which comes twice.
    Twice(String),
    /// What is not understood, and where.
    Other(Fault),
}

/// What is not understood in a text, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// As the middle of a sentence.
    pub what: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1; 0 at the very beginning of a line.
    pub column: usize,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        let place = format!(" at line {line} column {column}");
        Self {
            what: what.strip_suffix(&place).unwrap_or(&what).to_owned(),
            line,
            column,
        }
    }
}

/// The value that `text` writes.
///
/// # Errors
/// [`Unreadable`].
pub fn parse(text: &str) -> Result<Value, Unreadable> {
    let twice = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Distinct(&twice)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match (value, twice.into_inner()) {
        (Err(_), Some(key)) => Err(Unreadable::Twice(key)),
        (value, _) => value.map_err(|error| Unreadable::Other(error.into())),
    }
}

/// Makes a value, and keeps the first key that comes twice.
#[derive(Clone, Copy)]
struct Distinct<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Distinct<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Distinct<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = pairs.next_key::<String>()? {
            if object.contains_key(&key) {
                self.0.replace(Some(key));
                return Err(A::Error::custom("a key comes twice"));
            }
            object.insert(key, pairs.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_serde() {
        for text in [
            r#"{"a": [1, -2, 0.5, "b\n", true, null, {"a": {}}]}"#,
            "[]",
            "\"text\"",
            "18446744073709551615",
        ] {
            assert_eq!(parse(text), Ok(serde_json::from_str(text).unwrap()));
        }
        assert_eq!(
            parse("[{\"a\": 1}, {\"a\": 2}]"),
            Ok(json!([{"a": 1}, {"a": 2}]))
        );
    }

    #[test]
    fn a_key_that_comes_twice_is_named() {
        for text in [r#"{"a": 1, "a": 1}"#, r#"[{"b": {"a": 1, "\u0061": 2}}]"#] {
            assert_eq!(
                parse(text),
                Err(Unreadable::Twice("a".to_owned())),
                "{text}"
            );
        }
        for text in ["", "{", "[1] 2", "{\"a\": 1} {\"a\": 2}", "{1: 2}"] {
            assert!(matches!(parse(text), Err(Unreadable::Other(_))), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn the_place_of_a_fault_stands_beside_it() {
        let fault = Fault {
            what: "EOF while parsing a list".to_owned(),
            line: 2,
            column: 2,
        };
        assert_eq!(parse("[1,\n 2"), Err(Unreadable::Other(fault)));
    }
}
