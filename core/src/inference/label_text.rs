//! The shapes in which class names are written down:
//!
//! - one a line;
//! - one a line behind its index (`0: red`, `0 red`, `0,red`), in any order;
//! - one a line behind WordNet's number (`n01440764 tench`), which stays with the name;
//! - a table with a header (`index,label`, in any order of the columns, separated by commas, semicolons
//!   or tabs);
//! - JSON, or what Python prints: a list of names, an object from index to name or from name to
//!   index, or one that holds such a thing as `id2label`, `names`, `labels` or `classes`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::python_literal;

/// Most labels of a network: ImageNet's largest has 21,843.
const MOST: usize = 1_000_000;

/// Longest label, in bytes.
const LONGEST: usize = 4096;

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
const INDEX_COLUMNS: [&str; 9] = [
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
const NAME_COLUMNS: [&str; 9] = [
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

/// The names in `text`, which should be as many as there are `classes`. With `is_json` it can be
/// nothing else.
///
/// # Errors
/// What is wrong with it, as the end of a sentence: no JSON, indices that are not 0 to n - 1, no end
/// of labels.
pub fn parse(text: &str, classes: usize, is_json: bool) -> Result<Vec<String>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
    let names = match text.trim_start().chars().next() {
        Some('[' | '{') => {
            match serde_json::from_str(text).or_else(|_| python_literal::literal(text)) {
                Ok(value) => from_value(&value)?,
                Err(_) if !is_json => from_lines(text, classes)?,
                Err(fault) => return Err(format!("it is not JSON: {fault}")),
            }
        }
        _ if is_json => return Err("it is not JSON: it has no [ or { at its beginning".to_owned()),
        _ => from_lines(text, classes)?,
    };
    if names.len() > MOST {
        return Err(format!("it has {} labels, more than {MOST}", names.len()));
    }
    if let Some(place) = names.iter().position(|name| name.len() > LONGEST) {
        return Err(format!(
            "label {place} has {} bytes, more than {LONGEST}",
            names[place].len()
        ));
    }
    Ok(names)
}

/// The names in a list or an object.
///
/// # Errors
/// As [`parse`].
pub fn from_value(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => values.iter().map(name).collect(),
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
        _ => Err("it holds no list of labels".to_owned()),
    }
}

/// A name from index to name, or from name to index.
fn from_pairs<'a>(
    pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone,
) -> Result<Vec<String>, String> {
    let by_key: Option<Vec<(usize, &Value)>> = pairs
        .clone()
        .map(|(key, value)| Some((key.trim().parse().ok()?, value)))
        .collect();
    if let Some(pairs) = by_key {
        let names: Result<Vec<_>, String> = pairs
            .into_iter()
            .map(|(index, value)| Ok((index, name(value)?)))
            .collect();
        return in_order(names?);
    }
    let by_value: Option<Vec<(usize, String)>> = pairs
        .map(|(key, value)| Some((usize::try_from(value.as_u64()?).ok()?, key.clone())))
        .collect();
    in_order(by_value.ok_or("it says neither the name of each index nor the index of each name")?)
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
            let named = ["label", "name"]
                .iter()
                .find_map(|key| object.get(*key)?.as_str());
            named
                .map(str::to_owned)
                .ok_or_else(|| "one of its labels is an object without a name".to_owned())
        }
        Value::Bool(_) | Value::Null => Err(format!("{value} is no label")),
    }
}

/// The names by their indices.
fn in_order(pairs: Vec<(usize, String)>) -> Result<Vec<String>, String> {
    let count = pairs.len();
    let names: BTreeMap<usize, String> = pairs.into_iter().collect();
    let last = count.saturating_sub(1);
    match names.keys().next_back() {
        Some(&index) if index != last => Err(format!(
            "its {count} indices are not those from 0 to {last}: {index} is among them"
        )),
        _ if names.len() != count => Err("an index comes twice".to_owned()),
        _ => Ok(names.into_values().collect()),
    }
}

fn from_lines(text: &str, classes: usize) -> Result<Vec<String>, String> {
    if let Some(names) = from_table(text, classes) {
        return names;
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let names = with_indices(&lines);
    Ok(names.unwrap_or_else(|| lines.into_iter().map(str::to_owned).collect()))
}

/// The names of lines that all begin with an index, these being 0 to n - 1 in any order.
fn with_indices(lines: &[&str]) -> Option<Vec<String>> {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let pairs: Option<Vec<(usize, String)>> = lines
        .map(|line| {
            let end = line.find(|c: char| !c.is_ascii_digit())?;
            let (index, rest) = line.split_at(end);
            let name = rest.trim_start();
            let name = match name.strip_prefix([':', ',', ';']) {
                Some(name) => name.trim_start(),
                None if name.len() < rest.len() => name,
                None => return None,
            };
            (!name.is_empty()).then_some(())?;
            Some((index.parse().ok()?, unquoted(name).to_owned()))
        })
        .collect();
    let names = in_order(pairs?).ok()?;
    // “0 degrees, 1 degrees”: there the number is the name.
    let all_alike = names.len() > 1 && names.iter().all(|name| *name == names[0]);
    (!all_alike).then_some(names)
}

/// A name without the quotes around it.
fn unquoted(name: &str) -> &str {
    let quoted = |quote| name.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(name)
}

/// The names of a table, if `text` begins with the header of one.
fn from_table(text: &str, classes: usize) -> Option<Result<Vec<String>, String>> {
    let header = text.lines().next()?;
    let separators = [b',', b';', b'\t'];
    let separator = separators
        .into_iter()
        .max_by_key(|separator| header.bytes().filter(|byte| byte == separator).count())?;
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns: Vec<String> = rows
        .headers()
        .ok()?
        .iter()
        .map(|column| column.trim_start_matches('#').trim().to_lowercase())
        .collect();
    let column = |names: &[&str], not: Option<usize>| {
        names.iter().find_map(|name| {
            columns
                .iter()
                .enumerate()
                .position(|(place, column)| column == name && Some(place) != not)
        })
    };
    // pandas writes its index under no name.
    let nameless = columns.iter().position(|column| column.is_empty());
    let by_name = column(&NAME_COLUMNS[..8], None);
    let index = column(&INDEX_COLUMNS, by_name).or(nameless);
    let label = by_name.or_else(|| column(&NAME_COLUMNS, index))?;
    // “label” alone on the first line can be a class's name.
    let is_header = index.is_some() || text.lines().count() == classes + 1;
    if !is_header {
        return None;
    }
    Some(rows_of(&mut rows, index, label))
}

fn rows_of(
    rows: &mut csv::Reader<&[u8]>,
    index: Option<usize>,
    label: usize,
) -> Result<Vec<String>, String> {
    let mut pairs = Vec::new();
    for (number, row) in rows.records().enumerate() {
        let row = row.map_err(|error| format!("it is no table: {error}"))?;
        let field = |column: usize| {
            row.get(column)
                .ok_or_else(|| format!("row {} of its table is too short", number + 1))
        };
        let place = match index {
            None => number,
            Some(column) => {
                let text = field(column)?;
                let place = text.parse();
                place.map_err(|_| format!("“{}” in its table is no index", shortened(text)))?
            }
        };
        pairs.push((place, field(label)?.to_owned()));
    }
    in_order(pairs)
}

/// WordNet's number at the beginning of `label`, and the name behind it.
pub fn split_synset(label: &str) -> Option<(String, &str)> {
    let (synset, rest) = label.split_at_checked(9)?;
    let number = synset.strip_prefix(['n', 'N'])?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let name = rest.trim_start_matches([' ', ',', ':', ';']);
    (is_number && name.len() < rest.len() && !name.is_empty())
        .then(|| (synset.to_lowercase(), name))
}

/// `text` with tabs as spaces, and escapes for what would steer a terminal or turn writing round.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => printable.push(' '),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escape(&mut printable, character),
            control if control.is_control() => escape(&mut printable, control),
            other => printable.push(other),
        }
    }
    printable
}

fn escape(text: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{}", character.escape_unicode());
}

/// The beginning of `text`, for a sentence about it.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let text = printable(&text.lines().collect::<Vec<_>>().join(", "));
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::labels::Labels;
    use super::*;

    fn names(text: &str, classes: usize) -> Vec<String> {
        let labels = Labels::from_iter(parse(text, classes, false).unwrap());
        labels.iter().map(|label| label.to_string()).collect()
    }

    #[test]
    fn all_shapes_give_the_same() {
        for text in [
            "red\ngreen\nblue\n",
            "\u{feff}red\r\ngreen\r\nblue\r\n\r\n",
            "0: red\n1: green\n2: blue\n",
            "0 red\n1 green\n2 blue",
            "0:red\n1:green\n2:blue",
            "2\tblue\n0\tred\n1\tgreen\n",
            "0,red\n1,green\n2,blue",
            "0: 'red'\n1: 'green'\n2: 'blue'",
            "  0: red\n\n  1: green\n  2: blue",
            r#"["red", "green", "blue"]"#,
            r#"{"0": "red", "2": "blue", "1": "green"}"#,
            r#"{"id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
            r#"{"architectures": ["X"], "label2id": {"red": 0, "green": 1, "blue": 2},
                "id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
            r#"{"red": 0, "blue": 2, "green": 1}"#,
            r#"{"names": ["red", "green", "blue"]}"#,
            r#"{"0": ["n01", "red"], "1": ["n02", "green"], "2": ["n03", "blue"]}"#,
            "{0: 'red', 1: 'green',\n 2: 'blue'}",
            "['red', 'green', 'blue']",
            "index,label\n0,red\n1,green\n2,blue\n",
            "label,index\nblue,2\nred,0\ngreen,1\n",
            "\"name\";\"id\"\r\n\"red\";\"0\"\r\n\"green\";\"1\"\r\n\"blue\";\"2\"\r\n",
            "index\tmid\tdisplay_name\n0\t/m/1\tred\n1\t/m/2\tgreen\n2\t/m/3\tblue",
            ",label\n0,red\n1,green\n2,blue\n",
            "class,name\n0,red\n1,green\n2,blue\n",
            "id,class\n0,red\n1,green\n2,blue\n",
            "label\nred\ngreen\nblue\n",
        ] {
            assert_eq!(names(text, 3), ["red", "green", "blue"], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_shape_is_left_alone() {
        for (text, expected) in [
            ("1\n2\n3\n", &["1", "2", "3"][..]),
            ("5\n10\n20\n", &["5", "10", "20"]),
            ("0 degrees\n1 degrees\n", &["0 degrees", "1 degrees"]),
            ("1 euro\n2 euros\n", &["1 euro", "2 euros"]),
            ("0th\n1st\n", &["0th", "1st"]),
            ("label\nname\n", &["label", "name"]),
            (
                "tench, Tinca tinca\nname, index\n",
                &["tench, Tinca tinca", "name, index"],
            ),
            ("[unused]\nred\n", &["[unused]", "red"]),
            ("\nred\n", &["", "red"]),
        ] {
            assert_eq!(names(text, expected.len()), expected, "{text}");
        }
    }

    #[test]
    fn quotes_of_a_table_hold_separators() {
        let text = "index,label\n1,\"great white shark, white shark\"\n0,\"say \"\"cheese\"\"\"\n";
        assert_eq!(
            names(text, 2),
            ["say \"cheese\"", "great white shark, white shark"]
        );
    }

    #[test]
    fn faults_are_told() {
        for (text, is_json, words) in [
            (
                r#"{"0": "red", "2": "blue"}"#,
                false,
                "not those from 0 to 1: 2 is among",
            ),
            (
                "index,label\n1,red\n2,green\n",
                false,
                "not those from 0 to 1: 2 is among",
            ),
            ("index,label\n0,red\n0,green\n", false, "0 to 1"),
            (
                "index,label\nred,0\n",
                false,
                "“red” in its table is no index",
            ),
            (r#"["red", "#, true, "it is not JSON"),
            ("red\ngreen", true, "it is not JSON"),
            (r#"{"red": "green"}"#, false, "neither the name"),
            ("[null]", false, "null is no label"),
        ] {
            let fault = parse(text, 2, is_json).unwrap_err();
            assert!(fault.contains(words), "{text}: {fault}");
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(parse(&long, 1, false).unwrap_err().contains("4097 bytes"));
        let many = "x\n".repeat(MOST + 1);
        assert!(
            parse(&many, 1, false)
                .unwrap_err()
                .contains("1000001 labels")
        );
    }
}
