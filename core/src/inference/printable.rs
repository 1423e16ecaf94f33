//! Text of others, for sentences and for terminals.

use std::fmt::Write;

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
