//! The names of a network's classes.

use std::path::Path;
use std::sync::Arc;

use super::Error;

/// One label a class, in the order of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    labels: Vec<Arc<str>>,
}

impl Labels {
    /// Reads a UTF-8 file of one label a line.
    ///
    /// # Errors
    /// [`Error::LabelsMissing`], [`Error::LabelsNotUtf8`], or [`Error::LabelCount`] if the file
    /// has not `classes` labels.
    pub fn read(path: &Path, classes: usize) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::LabelsMissing {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| Error::LabelsNotUtf8 {
            path: path.to_owned(),
            line: 1 + bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count(),
        })?;
        let labels = Self::parse(text);
        if labels.len() != classes {
            return Err(Error::LabelCount {
                path: path.to_owned(),
                labels: labels.len(),
                classes,
            });
        }
        Ok(labels)
    }

    /// One label a line; blank lines at the end do not count.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
        let labels = text.lines().map(|line| Arc::from(line.trim()));
        Self {
            labels: labels.collect(),
        }
    }

    /// `class 0`, `class 1` and so on, for a network that brings no labels.
    pub fn numbered(classes: usize) -> Self {
        let labels = (0..classes).map(|class| Arc::from(format!("class {class}")));
        Self {
            labels: labels.collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub fn get(&self, class: usize) -> Option<&Arc<str>> {
        self.labels.get(class)
    }

    /// The label of `class` up to its first comma, empty where there is no such class.
    pub fn first_name(&self, class: usize) -> &str {
        let label = self.labels.get(class).map_or("", |label| label);
        label.split(',').next().unwrap_or(label).trim_end()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.labels.iter()
    }

    /// The class that `name` means: the first of its [`matches`](Self::matches).
    pub fn find(&self, name: &str) -> Option<usize> {
        self.matches(name).first().copied()
    }

    /// All classes that `name` can mean, compared without regard to case: those of which it is the
    /// whole label, then those of which it is the first name (what stands before the first comma);
    /// lower classes first.
    pub fn matches(&self, name: &str) -> Vec<usize> {
        let name = name.trim().to_lowercase();
        if name.is_empty() {
            return Vec::new();
        }
        let mut whole = Vec::new();
        let mut first_name = Vec::new();
        for (class, label) in self.labels.iter().enumerate() {
            let label = label.to_lowercase();
            if label == name {
                whole.push(class);
            } else if label
                .split(',')
                .next()
                .is_some_and(|first| first.trim() == name)
            {
                first_name.push(class);
            }
        }
        whole.extend(first_name);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whole_or_by_its_first_part() {
        let labels =
            Labels::parse("tench, Tinca tinca\r\ncrane\nmaillot, tank suit\nmaillot\ncrane\n\n");
        assert_eq!(labels.len(), 5);
        assert_eq!(labels.find("Tench"), Some(0));
        assert_eq!(labels.find("tench, tinca TINCA"), Some(0));
        assert_eq!(labels.find("tinca tinca"), None);
        assert_eq!(labels.find(""), None);
        assert_eq!(labels.matches("crane"), [1, 4]);
        assert_eq!(labels.matches("maillot"), [3, 2]);
        assert_eq!(
            labels.get(0).map(|label| &**label),
            Some("tench, Tinca tinca")
        );
    }

    #[test]
    fn numbered_labels_stand_in() {
        assert_eq!(Labels::numbered(505).find("class 504"), Some(504));
    }

    #[test]
    fn each_fault_of_a_label_file_is_told() {
        let folder = std::env::temp_dir().join(format!("camoverlay-labels-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("labels.txt");
        assert!(matches!(
            Labels::read(&path, 2),
            Err(Error::LabelsMissing { .. })
        ));
        std::fs::write(&path, b"cat\n\xff\n").unwrap();
        assert!(matches!(
            Labels::read(&path, 2),
            Err(Error::LabelsNotUtf8 { line: 2, .. })
        ));
        std::fs::write(&path, "cat\ndog\nbird\n").unwrap();
        let error = Labels::read(&path, 2).unwrap_err().to_string();
        assert!(
            error.contains("3 labels") && error.contains("2 classes"),
            "{error}"
        );
        assert_eq!(Labels::read(&path, 3).unwrap().len(), 3);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
