//! Lists and dictionaries as Python prints them, which exporters store in metadata.

use serde_json::{Map, Number, Value};

use super::distinct_json::{Fault, Unreadable};

/// Deepest nesting that is read.
const DEEPEST: usize = 16;

/// The value that `text` writes: lists, tuples, dictionaries, strings, finite numbers, True, False,
/// None. A dictionary's keys become strings.
///
/// # Errors
/// [`Unreadable`].
pub fn literal(text: &str) -> Result<Value, Unreadable> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.fault()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn fault(&self) -> Unreadable {
        self.fault_of("it is not understood")
    }

    fn fault_of(&self, what: &str) -> Unreadable {
        let before = &self.text[..self.at];
        let in_line = before.rsplit('\n').next().unwrap_or(before);
        Unreadable::Other(Fault {
            what: what.to_owned(),
            line: 1 + before.matches('\n').count(),
            column: 1 + in_line.len(),
        })
    }

    fn next_char(&mut self) -> Option<char> {
        let character = self.text[self.at..].chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// The next character that is no space, which stays.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.at += wanted.len_utf8();
        }
        is_there
    }

    fn value(&mut self, depth: usize) -> Result<Value, Unreadable> {
        if depth > DEEPEST {
            return Err(self.fault_of("it is nested too deep"));
        }
        match self.peek() {
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some('{') => self.dictionary(depth),
            Some('\'' | '"') => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Value, Unreadable> {
        self.next_char();
        let mut values = Vec::new();
        while !self.take(end) {
            values.push(self.value(depth + 1)?);
            if !self.take(',') && self.peek() != Some(end) {
                return Err(self.fault());
            }
        }
        Ok(Value::Array(values))
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, Unreadable> {
        self.next_char();
        let mut pairs = Map::new();
        while !self.take('}') {
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                Value::Number(key) => key.to_string(),
                _ => return Err(self.fault()),
            };
            if !self.take(':') {
                return Err(self.fault());
            }
            let value = self.value(depth + 1)?;
            if pairs.contains_key(&key) {
                return Err(Unreadable::Twice(key));
            }
            pairs.insert(key, value);
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.fault());
            }
        }
        Ok(Value::Object(pairs))
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        let quote = self.next_char();
        let mut text = String::new();
        loop {
            match self.next_char() {
                None | Some('\n') => return Err(self.fault()),
                end if end == quote => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Unreadable> {
        let digits = match self.next_char() {
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some(same @ ('\\' | '\'' | '"')) => return Ok(same),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.fault()),
        };
        let code = self.text.get(self.at..self.at + digits);
        let character = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| self.fault())?;
        self.at += digits;
        Ok(character)
    }

    fn word(&mut self) -> Result<Value, Unreadable> {
        let rest = &self.text[self.at..];
        let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.');
        let word = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            number => Value::Number(number_of(number).ok_or_else(|| self.fault())?),
        };
        self.at += word.len();
        Ok(value)
    }
}

/// A finite number; Rust would take “inf”, “nan” and a leading “+” or “.” for one, too.
fn number_of(word: &str) -> Option<Number> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let whole = word.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(word.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_python_prints_is_read() {
        for (text, expected) in [
            (
                "{0: 'red', 1: \"it's\", 2: 'a\\'b\\xe9\\u732b'}",
                json!({"0": "red", "1": "it's", "2": "a'bé猫"}),
            ),
            ("['red', \"green\",]", json!(["red", "green"])),
            ("(224, 224)", json!([224, 224])),
            (" 224\n", json!(224)),
            ("{}", json!({})),
            ("{'a': [True, None, -1]}", json!({"a": [true, null, -1]})),
            ("(0.485, -1.5, 1e-05)", json!([0.485, -1.5, 1e-5])),
        ] {
            assert_eq!(literal(text).as_ref(), Ok(&expected), "{text}");
        }
        for text in [
            "",
            "{",
            "{0 'red'}",
            "['red' 'green']",
            "'open",
            "[1] 2",
            "lambda: 0",
            "'\\xé9'",
            "{0: 1, 0: 2}",
            "nan",
            "inf",
            "-inf",
            "1e999",
            "0.4.8",
            "+1",
            ".5",
        ] {
            assert!(literal(text).is_err(), "{text}");
        }
        assert!(literal(&"[".repeat(100_000)).is_err());
        let twice = Unreadable::Twice("0".to_owned());
        assert_eq!(literal("{0: 1, '0': 2}"), Err(twice));
    }
}
