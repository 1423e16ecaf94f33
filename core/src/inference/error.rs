//! What can go wrong with ONNX Runtime, and with label files.

use std::fmt;
use std::path::PathBuf;

use crate::file::Trouble;
use crate::remedy::{Remedy, one_line};

/// Why ONNX Runtime's library does not serve. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum LibraryError {
    /// libonnxruntime was found nowhere, or not loadable.
    Missing {
        /// Each place tried, with what happened there.
        tried: Vec<(PathBuf, String)>,
    },
    /// libonnxruntime is older than 1.22.
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version, as it tells it.
        version: String,
    },
    /// libonnxruntime refused to start.
    Broken {
        /// Its own words.
        message: String,
    },
    /// The process has loaded another libonnxruntime than the one that was asked for.
    Second {
        /// What was asked for.
        asked: PathBuf,
        /// What is loaded.
        loaded: PathBuf,
    },
}

/// What ONNX Runtime does not do. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum RuntimeError {
    /// ONNX Runtime refuses the network, usually for an operator it does not have.
    Unsupported {
        /// The network file.
        path: PathBuf,
        /// ONNX Runtime's own words.
        message: String,
    },
    /// ONNX Runtime fails on pictures of the size asked for, though the network says that any will do.
    Size {
        /// The network file.
        path: PathBuf,
        /// Their shortest side, in pixels.
        side: u32,
        /// ONNX Runtime's own words.
        message: String,
    },
    /// ONNX Runtime failed on a frame.
    Run {
        /// ONNX Runtime's own words.
        message: String,
    },
    /// A run was ended from outside, by a [`Cancellation`](crate::inference::Cancellation).
    Cancelled,
}

/// Why a label file is not taken. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelsError {
    /// The label file does not exist.
    Missing {
        /// The label file.
        path: PathBuf,
    },
    /// The label file exists but cannot be read.
    Unreadable {
        /// The label file.
        path: PathBuf,
        /// Why not.
        trouble: Trouble,
    },
    /// The label file is not UTF-8 text.
    NotUtf8 {
        /// The label file.
        path: PathBuf,
        /// The first line that is not, counted from 1.
        line: usize,
    },
    /// The label file is text, but not of labels.
    Malformed {
        /// The label file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There are not as many labels as classes.
    Count {
        /// The label file.
        path: PathBuf,
        /// How many labels it has.
        labels: usize,
        /// How many classes the network has.
        classes: usize,
    },
}

impl LibraryError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Missing { .. } => Remedy::InstallLibrary,
            Self::TooOld { .. } => Remedy::ReplaceLibrary,
            Self::Broken { .. } => Remedy::RepairLibrary,
            Self::Second { .. } => Remedy::KeepLibrary,
        }
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tried } => {
                write!(f, "ONNX Runtime's library could not be loaded")?;
                let mut reasons: Vec<&str> = Vec::new();
                for (_, reason) in tried {
                    if !reasons.contains(&reason.as_str()) {
                        reasons.push(reason);
                    }
                }
                for (i, reason) in reasons.iter().enumerate() {
                    write!(f, "{}{reason}: ", if i == 0 { " (" } else { "; " })?;
                    let places = tried.iter().filter(|(_, other)| other == reason);
                    for (j, (path, _)) in places.enumerate() {
                        write!(f, "{}{}", if j == 0 { "" } else { ", " }, path.display())?;
                    }
                }
                write!(f, "{}.", if tried.is_empty() { "" } else { ")" })
            }
            Self::TooOld { path, version } => {
                write!(
                    f,
                    "ONNX Runtime {version} at {} is too old.",
                    path.display()
                )
            }
            Self::Broken { message } => {
                write!(f, "ONNX Runtime does not start: {}.", one_line(message))
            }
            Self::Second { asked, loaded } => write!(
                f,
                "{} cannot be loaded: a process has one ONNX Runtime, and this one has loaded {}.",
                asked.display(),
                loaded.display()
            ),
        }
    }
}

impl std::error::Error for LibraryError {}

impl RuntimeError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unsupported { message, .. }
            | Self::Size { message, .. }
            | Self::Run { message }
                if lacks_memory(message) =>
            {
                Remedy::RaiseMemoryLimit
            }
            Self::Unsupported { .. } => Remedy::Words(
                "Export the network with standard ONNX operators, or use a newer ONNX Runtime.",
            ),
            Self::Size { .. } | Self::Run { .. } => Remedy::CheckInputSize,
            Self::Cancelled => Remedy::Words("Allow it more time, or use a smaller network."),
        }
    }
}

/// Whether ONNX Runtime says that there was no memory: it has no code for that.
fn lacks_memory(message: &str) -> bool {
    memory_words(message).is_some()
}

/// What ONNX Runtime says of the memory that there was not, where it does.
fn memory_words(message: &str) -> Option<&str> {
    let beginnings = [
        "Available memory of",
        "Failed to allocate memory",
        "std::bad_alloc",
    ];
    let place = beginnings.iter().find_map(|words| message.find(words))?;
    Some(&message[place..])
}

/// ONNX Runtime's words as the end of a sentence.
fn told(message: &str) -> String {
    match memory_words(message) {
        Some(words) => format!("it takes more memory than it may ({})", one_line(words)),
        None => one_line(message),
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { path, message } => write!(
                f,
                "ONNX Runtime cannot run {}: {}.",
                path.display(),
                told(message)
            ),
            Self::Size {
                path,
                side,
                message,
            } => write!(
                f,
                "ONNX Runtime cannot run {} on pictures of shortest side {side}: {}.",
                path.display(),
                told(message)
            ),
            Self::Run { message } => {
                write!(f, "The network failed on a frame: {}.", told(message))
            }
            Self::Cancelled => write!(f, "The network was stopped before it had an answer."),
        }
    }
}

impl std::error::Error for RuntimeError {}

impl LabelsError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Missing { .. } => Remedy::CorrectLabels,
            Self::Unreadable { trouble, .. } => Remedy::Words(trouble.remedy()),
            Self::Malformed { .. } => {
                Remedy::Words("Save it as UTF-8, one class a line, in the order of the classes.")
            }
            Self::NotUtf8 { .. } => Remedy::Words("Save the file as UTF-8, one class a line."),
            Self::Count { .. } => {
                Remedy::Words("Give one label a line, in the order of the classes.")
            }
        }
    }
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "There is no label file {}.", path.display()),
            Self::Unreadable { path, trouble } => {
                write!(f, "The label file {} {trouble}.", path.display())
            }
            Self::Malformed { path, message } => write!(
                f,
                "The label file {} cannot be understood: {}.",
                path.display(),
                one_line(message)
            ),
            Self::NotUtf8 { path, line } => write!(
                f,
                "Line {line} of the label file {} is not UTF-8 text.",
                path.display()
            ),
            Self::Count {
                path,
                labels,
                classes,
            } => write!(
                f,
                "{} has {labels} labels but the network has {classes} classes.",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LabelsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_their_places() {
        let tried = vec![("/a/lib.so".into(), "no such file".into())];
        let missing = LibraryError::Missing { tried }.to_string();
        assert!(
            missing.ends_with(" (no such file: /a/lib.so)."),
            "{missing}"
        );
    }

    #[test]
    fn foreign_messages_become_one_line() {
        let message = "bad\nshape.".into();
        let run = RuntimeError::Run { message };
        assert_eq!(run.to_string(), "The network failed on a frame: bad shape.");
    }
}
