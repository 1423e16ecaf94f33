//! What the text of a target means, the same for the element and for every program.

use std::fmt;

use super::labels::Labels;
use crate::model::Target;

/// A target, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The class or rank that is meant.
    pub target: Target,
    /// Says, in two sentences, what else the text can mean, if anything.
    pub ambiguity: Option<String>,
}

/// A target that names no class of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownTarget {
    text: String,
    classes: usize,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target={:?} names none of the network's {} classes. Give top-1, top-2 or top-3, an \
             index from 0 to {}, or a label of the network.",
            self.text,
            self.classes,
            self.classes.saturating_sub(1)
        )
    }
}

const RANKS: [&str; 3] = ["top-1", "top-2", "top-3"];

/// The class that `text` stands for. In this order: `top-1` to `top-3`; `#n`, always the index; a
/// whole label; an index; whatever else [names](Labels::matches) a class.
///
/// # Errors
/// There is none.
pub fn resolve(text: &str, labels: &Labels) -> Result<Resolved, UnknownTarget> {
    let (text, classes) = (text.trim(), labels.len());
    let certain = |target| Resolved {
        target,
        ambiguity: None,
    };
    let found = if let Some(rank) = RANKS.iter().position(|rank| *rank == text) {
        (rank < classes).then(|| certain(Target::Rank(rank)))
    } else if let Some(number) = text.strip_prefix('#').and_then(index) {
        (number < classes).then(|| certain(Target::Class(number)))
    } else {
        by_name_or_index(text, labels)
    };
    found.ok_or_else(|| UnknownTarget {
        text: text.into(),
        classes,
    })
}

fn by_name_or_index(text: &str, labels: &Labels) -> Option<Resolved> {
    let called = labels.called(text);
    let number = index(text).filter(|number| *number < labels.len());
    let matches = labels.matches(text);
    let taken = *called.first().or(number.as_ref()).or(matches.first())?;
    let others = |among: &[usize]| {
        let others = among.iter().filter(|class| **class != taken);
        others.copied().collect::<Vec<usize>>()
    };
    // A label that is the name to its end needs no word about those that only begin so, unless it
    // is told of several that are.
    let named_so = others(&matches);
    let by_label = called.contains(&taken) || number != Some(taken);
    let ambiguity = if by_label && number.is_some_and(|number| number != taken) {
        number.map(|number| {
            format!(
                "target={text:?} is the label of class {taken} and the index of another: class \
                 {taken} is explained. Give #{number} to explain class {number}."
            )
        })
    } else if named_so.is_empty() {
        None
    } else if by_label {
        let others: Vec<String> = named_so.iter().map(usize::to_string).collect();
        Some(format!(
            "target={text:?} names class {taken} and also {}: class {taken} is explained. Give the \
             index, as in #{}, to explain another.",
            others.join(", "),
            named_so[0]
        ))
    } else {
        Some(format!(
            "target={text:?} is the index of class {taken} and a name of class {}: class {taken} \
             is explained. Give #{} to explain the other.",
            named_so[0], named_so[0]
        ))
    };
    Some(Resolved {
        target: Target::Class(taken),
        ambiguity,
    })
}

/// A number of digits alone.
fn index(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str, labels: &str) -> (usize, Option<String>) {
        let resolved = resolve(text, &Labels::parse(labels)).unwrap();
        match resolved.target {
            Target::Class(class) => (class, resolved.ambiguity),
            Target::Rank(rank) => panic!("rank {rank}"),
        }
    }

    #[test]
    fn a_label_wins_over_an_index_and_a_hash_never_is_one() {
        let (taken, ambiguity) = class("1", "1\n2\n3");
        assert_eq!(taken, 0);
        let words = ambiguity.unwrap();
        assert!(
            words.contains("the label of class 0 and the index"),
            "{words}"
        );
        assert!(words.ends_with("Give #1 to explain class 1."), "{words}");
        assert_eq!(class("#1", "1\n2\n3"), (1, None));
        assert_eq!(class("0", "1\n2\n3"), (0, None));
        assert_eq!(class("2", "2\n1\n0").0, 0);
        assert_eq!(class("1", "2\n1\n0"), (1, None));
        assert_eq!(class("5", "5\n10\n20"), (0, None));
        assert_eq!(class("1", "5\n10\n20"), (1, None));
        assert_eq!(class("#1", "#1\nb"), (1, None));
        assert_eq!(class("#red", "blue\n#red"), (1, None));
    }

    #[test]
    fn an_index_wins_over_a_first_name() {
        let (taken, ambiguity) = class("1", "a\nb\n1, one");
        assert_eq!(taken, 1);
        assert!(ambiguity.unwrap().contains("and a name of class 2"));
        assert_eq!(class("7", "a\n7, seven"), (1, None));
    }

    #[test]
    fn several_of_a_name_are_told() {
        let (taken, ambiguity) = class("crane", "crane\ndog\ncrane, bird");
        assert_eq!(taken, 0);
        assert!(ambiguity.unwrap().contains("names class 0 and also 2"));
        assert_eq!(class("n01440764", "n01440764 a\nn01440765 b"), (0, None));
    }

    #[test]
    fn nothing_else_is_a_class() {
        let labels = Labels::parse("a\nb");
        for text in ["", "2", "#2", "#", "+1", "-1", "top-3", "top-0", "c"] {
            assert!(resolve(text, &labels).is_err(), "{text}");
        }
        let rank = resolve(" top-2 ", &labels).unwrap().target;
        assert_eq!(rank, Target::Rank(1));
    }
}
