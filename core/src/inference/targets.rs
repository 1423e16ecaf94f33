//! Several targets in one text.

/// The targets that `text` holds, separated by semicolons; `\;` is a semicolon of a label.
pub fn split_targets(text: &str) -> Vec<String> {
    let mut targets = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ';' => targets.push(String::new()),
            '\\' if characters.next_if_eq(&';').is_some() => {
                if let Some(target) = targets.last_mut() {
                    target.push(';');
                }
            }
            other => {
                if let Some(target) = targets.last_mut() {
                    target.push(other);
                }
            }
        }
    }
    // As after the last of a list.
    if targets.len() > 1
        && targets
            .last()
            .is_some_and(|target| target.trim().is_empty())
    {
        targets.pop();
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_separate_unless_they_are_escaped() {
        for (text, expected) in [
            ("top-1", &["top-1"][..]),
            ("", &[""]),
            ("espresso; cup ;#3", &["espresso", " cup ", "#3"]),
            (r"a\;b;c", &["a;b", "c"]),
            (r"a\b;c\", &[r"a\b", r"c\"]),
            ("a;b;", &["a", "b"]),
            ("a;;b", &["a", "", "b"]),
        ] {
            assert_eq!(split_targets(text), expected, "{text}");
        }
    }
}
