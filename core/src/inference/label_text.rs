//! The shapes in which class names are written down:
//!
//! - one a line, which ends with a newline or with a carriage return;
//! - one a line behind its index (`0: red`, `0 red`, `0,red`), in any order;
//! - one a line behind WordNet's number (`n01440764 tench`), which stays with the name;
//! - a table with a header (`index,label`, in any order of the columns, separated by commas, semicolons
//!   or tabs);
//! - JSON, or what Python prints: a list of names, an object from index to name or from name to
//!   index, or one that holds such a thing as `id2label`, `names`, `labels` or `classes`;
//! - the same, one value a line: names, or objects that have a name and perhaps an index, or lists of
//!   an index and a name.

use std::borrow::Cow;

use super::distinct_json::Unreadable;
use super::label_index::{INDEX_COLUMNS, NAME_COLUMNS, Place};
use super::label_json::{
    begins_as_json, filled, from_json_lines, from_value, in_order, json_or_python, told,
};
use super::printable::shortened;

/// Most labels of a network: ImageNet's largest has 21,843.
const MOST: usize = 1_000_000;

/// Longest label, in bytes.
const LONGEST: usize = 4096;

/// Most commas, colons and brackets of a text of labels: each may become a value in memory, of many times its size.
const MOST_VALUES: usize = 4 * MOST;

/// The labels in `text`, which should be as many as there are `classes`. With `is_json` it can be
/// nothing else.
///
/// # Errors
/// What is wrong with it, as the end of a sentence: no JSON, indices that are not 0 to n - 1, no end
/// of labels.
pub fn parse(text: &str, classes: usize, is_json: bool) -> Result<Vec<String>, String> {
    check_values(text)?;
    let text = with_newlines(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end();
    let names = match text.trim_start().chars().next() {
        Some('[' | '{') => match json_or_python(text) {
            Ok(value) => from_value(&value)?,
            Err(fault @ Unreadable::Twice(_)) => return Err(told(fault)),
            Err(fault @ Unreadable::Other(_)) => match from_json_lines(text) {
                Some(names) => names?,
                None if is_json || begins_as_json(text) => return Err(told(fault)),
                None => from_lines(text, classes)?,
            },
        },
        _ if is_json => from_json_lines(text).unwrap_or_else(|| {
            Err("it is not JSON: it has no [ or { at its beginning".to_owned())
        })?,
        _ => from_lines(text, classes)?,
    };
    capped(names)
}

/// # Errors
/// More values than labels need, as the end of a sentence.
pub fn check_values(text: &str) -> Result<(), String> {
    let marks = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b'{' | b'(');
    match text.bytes().filter(marks).count() > MOST_VALUES {
        true => Err(format!("it holds more than {MOST_VALUES} values")),
        false => Ok(()),
    }
}

/// The labels in `text`, one a line whatever it looks like.
///
/// # Errors
/// More labels or longer ones than a network has.
pub fn lines(text: &str) -> Result<Vec<String>, String> {
    let text = with_newlines(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end();
    let lines = text.lines().take(MOST + 1);
    capped(lines.map(str::to_owned).collect())
}

/// # Errors
/// More labels or longer ones than a network has.
pub fn capped(names: Vec<String>) -> Result<Vec<String>, String> {
    if names.len() > MOST {
        return Err(format!("it has more than {MOST} labels"));
    }
    if let Some(place) = names.iter().position(|name| name.len() > LONGEST) {
        return Err(format!(
            "label {place} has {} bytes, more than {LONGEST}",
            names[place].len()
        ));
    }
    Ok(names)
}

/// `text` with a newline where a line ends with carriage returns, as old Macs and some spreadsheets
/// end them.
pub fn with_newlines(text: &str) -> Cow<'_, str> {
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        // Of several before a newline none ends a line of its own.
        let content = if content.len() < line.len() {
            content.trim_end_matches('\r')
        } else {
            content
        };
        lines.push_str(&content.replace('\r', "\n"));
        if line.ends_with('\n') {
            lines.push('\n');
        }
    }
    Cow::Owned(lines)
}

fn from_lines(text: &str, classes: usize) -> Result<Vec<String>, String> {
    if let Some(names) = from_table(text, classes) {
        return names;
    }
    // “null” and the like can be the first of lines that are JSON.
    let is_quoted = |line: &str| line.trim_start().starts_with('"');
    if !text.trim_start().starts_with('\'')
        && text.lines().any(is_quoted)
        && let Some(names) = from_json_lines(text)
    {
        return names;
    }
    let lines: Vec<&str> = text.lines().take(MOST + 1).map(str::trim).collect();
    match with_indices(&lines) {
        Some(names) => names,
        None => Ok(lines.into_iter().map(str::to_owned).collect()),
    }
}

/// The names of lines that all begin with an index, these being 0 to n - 1 in any order.
fn with_indices(lines: &[&str]) -> Option<Result<Vec<String>, String>> {
    let mut pairs = Vec::new();
    // Whether no line can be anything but an index and a name: “1:1” can be a ratio.
    let mut is_plain = true;
    for (number, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let end = line.find(|c: char| !c.is_ascii_digit())?;
        let (index, rest) = line.split_at(end);
        let name = rest.trim_start();
        let name = match name.strip_prefix([':', ',', ';']) {
            Some(name) => name.trim_start(),
            None if name.len() < rest.len() => {
                is_plain = false;
                name
            }
            None => return None,
        };
        let name = unquoted(name);
        is_plain &= name.starts_with(char::is_alphabetic);
        (!name.is_empty()).then_some(())?;
        pairs.push((
            (index.parse().ok()?, Place::Line(number + 1)),
            name.to_owned(),
        ));
    }
    let mut indices: Vec<usize> = pairs.iter().map(|((index, _), _)| *index).collect();
    indices.sort_unstable();
    let begins_with_0 = indices.first() == Some(&0);
    let comes_twice = indices.windows(2).any(|pair| pair[0] == pair[1]);
    let names = in_order(pairs.into_iter());
    if is_plain && begins_with_0 && comes_twice {
        return Some(names);
    }
    let names = names.ok()?;
    // “0 degrees, 1 degrees”: there the number is the name.
    let all_alike = names.len() > 1 && names.iter().all(|name| *name == names[0]);
    (!all_alike).then_some(Ok(names))
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
        let line = row.position().map_or(0, csv::Position::line);
        let line = Place::Line(usize::try_from(line).unwrap_or(usize::MAX));
        let field = |column: usize| {
            row.get(column)
                .ok_or_else(|| format!("row {} of its table is too short", number + 1))
        };
        let index = match index {
            None => number,
            Some(column) => {
                let text = field(column)?;
                let index = text.parse();
                index.map_err(|_| format!("“{}” in its table is no index", shortened(text)))?
            }
        };
        pairs.push(((index, line), filled(line, field(label)?.to_owned())?));
    }
    in_order(pairs.into_iter())
}

/// WordNet's number at the beginning of `label`, and the name behind it.
pub fn split_synset(label: &str) -> Option<(String, &str)> {
    let (synset, rest) = label.split_at_checked(9)?;
    let name = rest.trim_start_matches([' ', ',', ':', ';']);
    (is_synset(synset) && name.len() < rest.len() && !name.is_empty())
        .then(|| (synset.to_lowercase(), name))
}

/// Whether `name` is WordNet's number of a noun, and nothing else.
pub fn is_synset(name: &str) -> bool {
    let number = name.strip_prefix(['n', 'N']);
    number
        .is_some_and(|number| number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
