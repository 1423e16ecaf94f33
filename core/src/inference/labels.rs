//! The names of a network's classes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LabelsError;
use super::label_text;
use super::printable::printable;
use crate::file::{self, Ingredient, Trouble};

/// Most bytes of a label file.
const LARGEST_FILE: u64 = 16 << 20;

/// One label a class, in the order of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    labels: Vec<Arc<str>>,
    /// WordNet's numbers of the classes (`n01440764`); empty where the labels came without.
    synsets: Vec<Arc<str>>,
}

/// What a class's name can be found by; the stronger first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Exact,
    /// But for upper and lower case.
    Whole,
    /// WordNet's number, alone or before the label.
    Synset,
    /// What stands before the first comma.
    FirstName,
    /// Underscores stand for spaces.
    Underscores,
}

/// A label file, read.
pub struct LabelFile {
    path: PathBuf,
    text: String,
    ingredient: Ingredient,
}

impl LabelFile {
    /// Reads a UTF-8 file. Its lines hold a label each, or a label behind its index or its WordNet
    /// number; it may also be a table with a column of labels, or JSON.
    ///
    /// # Errors
    /// [`LabelsError::Missing`], [`LabelsError::Unreadable`], [`LabelsError::NotUtf8`],
    /// [`LabelsError::Malformed`].
    pub fn read(path: &Path) -> Result<Self, LabelsError> {
        let (bytes, ingredient) =
            file::read(path, LARGEST_FILE).map_err(|trouble| match trouble {
                Trouble::Missing => LabelsError::Missing {
                    path: path.to_owned(),
                },
                trouble => LabelsError::Unreadable {
                    path: path.to_owned(),
                    trouble,
                },
            })?;
        let malformed = |message: String| LabelsError::Malformed {
            path: path.to_owned(),
            message,
        };
        // First, as one of its marks begins with one of UTF-16's.
        if bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff]) {
            return Err(malformed("it is UTF-32 text, not UTF-8".to_owned()));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(malformed("it is UTF-16 text, not UTF-8".to_owned()));
        }
        let line_of = |bytes: &[u8], at: usize| {
            // All before it is UTF-8.
            let before = String::from_utf8_lossy(&bytes[..at]);
            1 + label_text::with_newlines(&before).matches('\n').count()
        };
        let text = String::from_utf8(bytes).map_err(|error| LabelsError::NotUtf8 {
            path: path.to_owned(),
            line: line_of(error.as_bytes(), error.utf8_error().valid_up_to()),
        })?;
        if let Some(at) = text.find('\0') {
            return Err(malformed(format!(
                "line {} has a zero byte, so it is UTF-16 or UTF-32 text or no text at all",
                line_of(text.as_bytes(), at)
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            text,
            ingredient,
        })
    }

    /// Which file it was.
    pub fn ingredient(self) -> Ingredient {
        self.ingredient
    }

    /// How many labels it has; none where they are not understood.
    pub fn count(&self) -> Option<usize> {
        Some(self.parse(0).ok()?.len())
    }

    /// The labels of as many `classes`.
    ///
    /// # Errors
    /// [`LabelsError::Malformed`], or [`LabelsError::Count`] if there are not `classes` labels.
    pub fn labels(&self, classes: usize) -> Result<Labels, LabelsError> {
        let labels = self
            .parse(classes)
            .map_err(|message| LabelsError::Malformed {
                path: self.path.clone(),
                message,
            })?;
        if labels.len() != classes {
            return Err(LabelsError::Count {
                path: self.path.clone(),
                labels: labels.len(),
                classes,
            });
        }
        Ok(labels)
    }

    fn parse(&self, classes: usize) -> Result<Labels, String> {
        let suffix = self.path.extension();
        let is_json = suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"));
        label_text::parse(&self.text, classes, is_json).map(Labels::from_iter)
    }
}

impl Labels {
    /// One label a line; blank lines at the end do not count.
    pub fn parse(text: &str) -> Self {
        let text = label_text::with_newlines(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end();
        text.lines().collect()
    }

    /// `class 0`, `class 1` and so on, for a network that brings no labels.
    pub fn numbered(classes: usize) -> Self {
        let labels = (0..classes).map(|class| Arc::from(format!("class {class}")));
        Self {
            labels: labels.collect(),
            synsets: Vec::new(),
        }
    }

    /// How many classes have one.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// No class has one.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The whole label of a class.
    pub fn get(&self, class: usize) -> Option<&Arc<str>> {
        self.labels.get(class)
    }

    /// The label of `class` up to its first comma, empty where there is no such class.
    pub fn first_name(&self, class: usize) -> &str {
        first_name(self.labels.get(class).map_or("", |label| label))
    }

    /// All labels, in the order of the classes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.labels.iter()
    }

    /// The classes of which `name` is the whole label, those first that are written just so.
    pub fn called(&self, name: &str) -> Vec<usize> {
        self.alike(name, Likeness::Whole)
    }

    /// All classes that `name` can mean, compared without regard to case: those of which it is the
    /// whole label, then WordNet's number, then the first name (what stands before the first
    /// comma), then one of these with underscores for spaces; lower classes first.
    pub fn matches(&self, name: &str) -> Vec<usize> {
        self.alike(name, Likeness::Underscores)
    }

    /// The classes that are at least as `least` like `name`, the likest first.
    fn alike(&self, name: &str, least: Likeness) -> Vec<usize> {
        let name = name.trim();
        if name.is_empty() {
            return Vec::new();
        }
        let wanted = Wanted {
            exact: name,
            lower: name.to_lowercase(),
            spaced: spaced(name),
        };
        let classes = 0..self.labels.len();
        let mut found: Vec<(Likeness, usize)> = classes
            .filter_map(|class| Some((self.likeness(class, &wanted)?, class)))
            .filter(|(likeness, _)| *likeness <= least)
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, class)| class).collect()
    }

    fn likeness(&self, class: usize, wanted: &Wanted) -> Option<Likeness> {
        let label = self.labels.get(class)?;
        if **label == *wanted.exact {
            return Some(Likeness::Exact);
        }
        let lower = label.to_lowercase();
        if lower == wanted.lower {
            return Some(Likeness::Whole);
        }
        if let Some(synset) = self.synsets.get(class)
            && let Some(rest) = wanted.lower.strip_prefix(&**synset)
        {
            let rest = rest.trim_start_matches([' ', '\t', ',', ':', ';']);
            if rest.is_empty() || rest == lower {
                return Some(Likeness::Synset);
            }
        }
        if first_name(&lower) == wanted.lower {
            return Some(Likeness::FirstName);
        }
        let spaced = spaced(&lower);
        (spaced == wanted.spaced || first_name(&spaced) == wanted.spaced)
            .then_some(Likeness::Underscores)
    }
}

/// A name that is looked for, in the spellings that are compared.
struct Wanted<'a> {
    exact: &'a str,
    lower: String,
    spaced: String,
}

impl<S: AsRef<str>> FromIterator<S> for Labels {
    /// Each label without space around it, and safe to print. Where every one begins with WordNet's
    /// number, that is taken off, and finds the class as well.
    fn from_iter<I: IntoIterator<Item = S>>(labels: I) -> Self {
        let labels: Vec<Arc<str>> = labels
            .into_iter()
            .map(|label| printable(label.as_ref().trim()).into())
            .collect();
        let pairs: Option<Vec<(Arc<str>, Arc<str>)>> = labels
            .iter()
            .map(|label| {
                let (synset, name) = label_text::split_synset(label)?;
                Some((synset.into(), name.into()))
            })
            .collect();
        let (synsets, labels) = match pairs {
            Some(pairs) => pairs.into_iter().unzip(),
            None => (Vec::new(), labels),
        };
        Self { labels, synsets }
    }
}

fn first_name(label: &str) -> &str {
    label.split(',').next().unwrap_or(label).trim_end()
}

fn spaced(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path, classes: usize) -> Result<Labels, LabelsError> {
        LabelFile::read(path)?.labels(classes)
    }

    #[test]
    fn a_name_is_found_whole_or_by_its_first_part() {
        let labels =
            Labels::parse("tench, Tinca tinca\r\ncrane\nmaillot, tank suit\nmaillot\ncrane\n\n");
        assert_eq!(labels.len(), 5);
        assert_eq!(labels.matches("Tench"), [0]);
        assert_eq!(labels.matches("tench, tinca TINCA"), [0]);
        assert!(labels.matches("tinca tinca").is_empty());
        assert!(labels.matches("").is_empty());
        assert_eq!(labels.matches("crane"), [1, 4]);
        assert_eq!(labels.matches("maillot"), [3, 2]);
        assert_eq!(labels.called("maillot"), [3]);
        assert_eq!(
            labels.get(0).map(|label| &**label),
            Some("tench, Tinca tinca")
        );
    }

    #[test]
    fn case_and_underscores_matter_only_where_several_are_alike() {
        let labels = Labels::parse("cat\nCat\nEgyptian cat\nbull_frog, Rana\nbull frog");
        assert_eq!(labels.matches("Cat"), [1, 0]);
        assert_eq!(labels.matches("cat"), [0, 1]);
        assert_eq!(labels.matches("Egyptian_cat"), [2]);
        assert_eq!(labels.matches("bull frog"), [4, 3]);
        assert_eq!(labels.matches("bull_frog"), [3, 4]);
    }

    #[test]
    fn a_synset_is_no_part_of_the_name_and_finds_it() {
        let labels = Labels::parse("n01440764 tench, Tinca tinca\nn01443537\tgoldfish");
        assert_eq!(labels.first_name(0), "tench");
        for name in [
            "tench",
            "n01440764",
            "N01440764 tench, Tinca tinca",
            "tench, tinca tinca",
        ] {
            assert_eq!(labels.matches(name), [0], "{name}");
        }
        assert!(labels.matches("n01440764 goldfish").is_empty());
        // Where not all have one, it is part of the name.
        let mixed = Labels::parse("n01440764 tench\nbackground");
        assert_eq!(mixed.first_name(0), "n01440764 tench");
        // And where there is nothing else, it is the name.
        assert_eq!(
            Labels::parse("n01440764\nn01443537").first_name(1),
            "n01443537"
        );
    }

    #[test]
    fn labels_are_safe_to_print() {
        let labels = Labels::parse("\u{1b}[31mred\nbe\u{7}ll\nle\u{202e}ft\ntab\tbed\nnaïve, 猫");
        let printed: Vec<&str> = labels.iter().map(|label| &**label).collect();
        assert_eq!(
            printed,
            [
                "\\u{1b}[31mred",
                "be\\u{7}ll",
                "le\\u{202e}ft",
                "tab bed",
                "naïve, 猫"
            ]
        );
    }

    #[test]
    fn lines_end_with_a_carriage_return_too() {
        let labels = Labels::parse("cat\rdog\r\r");
        assert_eq!(labels.len(), 2);
        assert_eq!(labels.first_name(1), "dog");
    }

    #[test]
    fn numbered_labels_stand_in() {
        assert_eq!(Labels::numbered(505).matches("class 504"), [504]);
    }

    #[test]
    fn each_fault_of_a_label_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.txt");
        assert!(matches!(read(&path, 2), Err(LabelsError::Missing { .. })));
        assert!(matches!(
            read(folder.path(), 2),
            Err(LabelsError::Unreadable { .. })
        ));
        std::fs::write(&path, b"cat\n\xff\n").unwrap();
        assert!(matches!(
            read(&path, 2),
            Err(LabelsError::NotUtf8 { line: 2, .. })
        ));
        std::fs::write(&path, b"cat\rdog\r\xff\r").unwrap();
        assert!(matches!(
            read(&path, 3),
            Err(LabelsError::NotUtf8 { line: 3, .. })
        ));
        std::fs::write(&path, "cat\ndog\nbird\n").unwrap();
        let error = read(&path, 2).unwrap_err().to_string();
        assert!(
            error.contains("3 labels") && error.contains("2 classes"),
            "{error}"
        );
        assert_eq!(read(&path, 3).unwrap().len(), 3);
        for (bytes, words) in [
            (&b"\xff\xfec\0a\0t\0"[..], "UTF-16"),
            (b"\xfe\xff\0c\0a\0t", "UTF-16"),
            (b"\xff\xfe\0\0c\0\0\0", "it is UTF-32 text"),
            (b"\0\0\xfe\xff\0\0\0c", "it is UTF-32 text"),
            (b"c\0a\0t\0\n\0d\0o\0g\0", "line 1 has a zero byte"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path, 2).unwrap_err();
            assert!(matches!(error, LabelsError::Malformed { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{error}");
        }
        std::fs::File::create(&path)
            .unwrap()
            .set_len(1 << 30)
            .unwrap();
        let error = read(&path, 2).unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }
}
