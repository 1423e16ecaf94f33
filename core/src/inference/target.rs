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
    /// The class of which the text, though it can be none, is the label.
    called: Option<usize>,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            classes,
            called,
        } = self;
        let last = classes.saturating_sub(1);
        let mut ranks = RANKS[..RANKS.len().min(*classes)].join(", ");
        if let Some(comma) = ranks.rfind(", ") {
            ranks.replace_range(comma..comma + 2, " and ");
        }
        let is_rank = is_like_a_rank(text);
        match called {
            Some(class) if is_rank => write!(
                f,
                "target={text:?} is always a rank, and of the network's {classes} classes there are \
                 only {ranks}. Give #{class} to explain the class of that label."
            ),
            Some(class) => write!(
                f,
                "target={text:?} is always an index, and the network's {classes} classes have those \
                 from 0 to {last}. Give #{class} to explain the class of that label."
            ),
            None if is_rank => write!(
                f,
                "target={text:?} is none of the ranks that there are, {ranks}. Give one of them, an \
                 index from 0 to {last}, or a label of the network."
            ),
            None => write!(
                f,
                "target={text:?} names none of the network's {classes} classes. Give {}, an index \
                 from 0 to {last}, or a label of the network.",
                ranks.replace(" and ", " or ")
            ),
        }
    }
}

/// What can only be meant for a rank, where it is no label.
fn is_like_a_rank(text: &str) -> bool {
    let lower = text.to_lowercase();
    let rest = lower.strip_prefix("top");
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(['-', '_', ' ']) || index(rest).is_some()
    })
}

const RANKS: [&str; 3] = ["top-1", "top-2", "top-3"];

/// The class that `text` stands for. In this order: `top-1` to `top-3`; `#n`, always the index; a
/// whole label; an index; whatever else [names](Labels::matches) a class. A class whose label is
/// `top-1` or `#1` is therefore given by its own index, `#n`.
///
/// # Errors
/// There is none.
pub fn resolve(text: &str, labels: &Labels) -> Result<Resolved, UnknownTarget> {
    let (text, classes) = (text.trim(), labels.len());
    let mut called = labels.called(text).into_iter();
    let found = if let Some(rank) = RANKS.iter().position(|rank| *rank == text) {
        (rank < classes).then(|| Resolved {
            target: Target::Rank(rank),
            ambiguity: called.clone().next().map(|class| {
                format!(
                    "target={text:?} is a rank and also the label of class {class}: whichever class \
                     has that rank is explained. Give #{class} to explain class {class}."
                )
            }),
        })
    } else if let Some(number) = text.strip_prefix('#').and_then(index) {
        (number < classes).then(|| Resolved {
            target: Target::Class(number),
            ambiguity: called.clone().find(|class| *class != number).map(|class| {
                format!(
                    "target={text:?} is the index of class {number} and also the label of class \
                     {class}: class {number} is explained. Give #{class} to explain class {class}."
                )
            }),
        })
    } else {
        by_name_or_index(text, labels)
    };
    found.ok_or_else(|| UnknownTarget {
        text: text.into(),
        classes,
        called: called.next(),
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
        assert_eq!(class("#1", "a\n#1"), (1, None));
        assert_eq!(class("#red", "blue\n#red"), (1, None));
    }

    #[test]
    fn a_label_like_an_index_or_a_rank_is_told_and_has_its_own_index() {
        assert_eq!(
            class("#1", "#1\nb"),
            (
                1,
                Some(
                    "target=\"#1\" is the index of class 1 and also the label of class 0: class 1 is \
                     explained. Give #0 to explain class 0."
                        .to_owned()
                )
            )
        );
        assert_eq!(class("#0", "#1\nb"), (0, None));
        let labels = Labels::parse("a\ntop-1\n#7");
        let ranked = resolve("top-1", &labels).unwrap();
        assert_eq!(ranked.target, Target::Rank(0));
        assert_eq!(
            ranked.ambiguity.unwrap(),
            "target=\"top-1\" is a rank and also the label of class 1: whichever class has that rank is \
             explained. Give #1 to explain class 1."
        );
        assert_eq!(resolve("top-2", &labels).unwrap().ambiguity, None);
        assert_eq!(class("#1", "a\ntop-1\n#7"), (1, None));
        assert_eq!(
            resolve("#7", &labels).unwrap_err().to_string(),
            "target=\"#7\" is always an index, and the network's 3 classes have those from 0 to 2. Give #2 to \
             explain the class of that label."
        );
        assert_eq!(
            resolve("top-3", &Labels::parse("a\ntop-3"))
                .unwrap_err()
                .to_string(),
            "target=\"top-3\" is always a rank, and of the network's 2 classes there are only top-1 and top-2. \
             Give #1 to explain the class of that label."
        );
        // A fourth rank is none, so that it can be a label.
        assert_eq!(class("top-4", "a\ntop-4"), (1, None));
    }

    #[test]
    fn ranks_that_there_are_not_are_told_which_there_are() {
        let labels = Labels::parse("a\nb\nc\nd");
        for text in [
            "top-4", "top-0", "top-x", "top-", "Top-1", "top_1", "top1", "top",
        ] {
            assert_eq!(
                resolve(text, &labels).unwrap_err().to_string(),
                format!(
                    "target={text:?} is none of the ranks that there are, top-1, top-2 and top-3. Give one of \
                     them, an index from 0 to 3, or a label of the network."
                )
            );
        }
        let two = resolve("top-3", &Labels::parse("a\nb"))
            .unwrap_err()
            .to_string();
        assert!(
            two.contains("that there are, top-1 and top-2. Give"),
            "{two}"
        );
        assert_eq!(
            resolve("topcoat", &labels).unwrap_err().to_string(),
            "target=\"topcoat\" names none of the network's 4 classes. Give top-1, top-2 or top-3, an index from 0 \
             to 3, or a label of the network."
        );
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
