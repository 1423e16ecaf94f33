//! The `target` property's text: which class is meant.

use std::fmt;

use crate::network::{Labels, Target};

/// A target that names no class of the network.
#[derive(Debug)]
pub struct UnknownTarget {
    text: String,
    classes: usize,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target={:?} names none of the network's {} classes. Give top-1, top-2 or top-3, an index from 0 to {}, or a label of the network.",
            self.text,
            self.classes,
            self.classes.saturating_sub(1)
        )
    }
}

/// The class that `text` stands for: `top-1` to `top-3`, an index, or a label.
pub fn resolve(text: &str, labels: &Labels) -> Result<Target, UnknownTarget> {
    let classes = labels.len();
    let ranks = ["top-1", "top-2", "top-3"];
    let target = match ranks.iter().position(|rank| *rank == text.trim()) {
        Some(rank) => Some(Target::Rank(rank)).filter(|_| rank < classes),
        None => match text.trim().parse() {
            Ok(index) => Some(Target::Class(index)).filter(|_| index < classes),
            Err(_) => labels.find(text.trim()).map(Target::Class),
        },
    };
    target.ok_or_else(|| UnknownTarget {
        text: text.into(),
        classes,
    })
}
