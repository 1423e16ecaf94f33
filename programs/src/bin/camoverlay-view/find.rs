//! Classes by the beginning of their names.

use camoverlay::inference::{Labels, Resolved, resolve};
use camoverlay::model::Target;

/// A class's name while it is typed, and the classes that it can mean.
#[derive(Default)]
pub struct Find {
    text: String,
    /// The best first.
    matches: Vec<usize>,
    chosen: usize,
}

impl Find {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn push(&mut self, character: char, labels: &Labels) {
        self.text.extend(character.to_lowercase());
        self.search(labels);
    }

    pub fn pop(&mut self, labels: &Labels) {
        self.text.pop();
        self.search(labels);
    }

    /// Chooses the match `step` further on.
    pub fn step(&mut self, step: isize) {
        self.chosen = wrap(self.chosen, step, self.matches.len());
    }

    /// The class meant, none where none is called so.
    pub fn class(&self) -> Option<usize> {
        self.matches.get(self.chosen).copied()
    }

    /// Classes one of whose names begins with the text, the shortest name first (a whole name is the shortest that
    /// can), then those with a word that does, in the network's order.
    fn search(&mut self, labels: &Labels) {
        self.chosen = 0;
        self.matches.clear();
        if self.text.is_empty() {
            return;
        }
        let mut found: Vec<(usize, usize)> = labels
            .iter()
            .enumerate()
            .filter_map(|(class, label)| Some((rank(&label.to_lowercase(), &self.text)?, class)))
            .collect();
        found.sort_unstable();
        self.matches
            .extend(found.into_iter().map(|(_, class)| class));
        // What the text would mean as a target comes first.
        if let Ok(Resolved {
            target: Target::Class(class),
            ..
        }) = resolve(&self.text, labels)
        {
            self.matches.retain(|other| *other != class);
            self.matches.insert(0, class);
        }
    }
}

/// How far `label` is from being called `text`, none where no word of it begins so.
fn rank(label: &str, text: &str) -> Option<usize> {
    let names = label.split(',').map(str::trim);
    let shortest = names
        .filter(|name| name.starts_with(text))
        .map(str::len)
        .min();
    let has_word = || {
        label.match_indices(text).any(|(at, _)| {
            let before = label[..at].chars().next_back();
            before.is_none_or(|before| !before.is_alphanumeric())
        })
    };
    shortest.or_else(|| has_word().then_some(usize::MAX))
}

/// `index` of `length` things, `step` further on, round and round.
pub fn wrap(index: usize, step: isize, length: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let length = length.cast_signed();
    (index.cast_signed() + step)
        .rem_euclid(length)
        .cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        found_among(
            text,
            "tench, Tinca tinca\nEgyptian cat\ncatamaran\ntiger cat\nbobcat\ncats",
        )
    }

    fn found_among(text: &str, labels: &str) -> Vec<usize> {
        let labels = Labels::parse(labels);
        let mut find = Find::default();
        for character in text.chars() {
            find.push(character, &labels);
        }
        find.matches
    }

    #[test]
    fn names_that_begin_so_come_before_words_that_do() {
        assert_eq!(found("CAT"), [5, 2, 1, 3]);
        assert_eq!(found("tin"), [0]);
        assert_eq!(found("tiger c"), [3]);
        assert!(found("dog").is_empty());
        assert!(found("").is_empty());
    }

    #[test]
    fn what_a_target_means_comes_first() {
        assert_eq!(found_among("1", "10\n1\n2"), [1, 0]);
        assert_eq!(found_among("2", "10\n1\n20"), [2]);
        assert_eq!(found_among("#0", "10\n1\n2"), [0]);
        assert_eq!(
            found_among("n01440764", "n01440764 tench\nn01443537 goldfish"),
            [0]
        );
    }

    #[test]
    fn steps_go_round() {
        assert_eq!(wrap(0, -1, 5), 4);
        assert_eq!(wrap(4, 1, 5), 0);
        assert_eq!(wrap(3, 1, 0), 0);
    }
}
