//! Errors of the core as exceptions of the package.

use std::panic::{AssertUnwindSafe, catch_unwind};

use camoverlay::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::words;

/// What went wrong: the exception's class, and a sentence on what is wrong with one on what to do.
pub struct Failure {
    class: &'static str,
    words: String,
}

impl Failure {
    /// Something that was asked for does not go together, or with the network.
    pub fn settings(words: impl Into<String>) -> Self {
        Self {
            class: "SettingsError",
            words: words.into(),
        }
    }

    /// A run failed.
    pub fn run(words: impl Into<String>) -> Self {
        Self {
            class: "RunError",
            words: words.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = match error.kind() {
            ErrorKind::Library => "LibraryError",
            ErrorKind::NotFound => "NotFoundError",
            ErrorKind::Read => "ReadError",
            ErrorKind::Format => "FormatError",
            ErrorKind::Settings => "SettingsError",
            ErrorKind::Failed => "RunError",
        };
        Self {
            class,
            words: words::of_error(&error),
        }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| {
            let exception = PyModule::import(py, "camoverlay.errors")
                .and_then(|errors| errors.getattr(failure.class))
                .and_then(|class| class.call1((failure.words,)));
            exception.map_or_else(|error| error, PyErr::from_value)
        })
    }
}

/// Does `work` while Python's other threads go on. A panic, which would be a mistake of ours, is an exception like others.
///
/// # Errors
/// Those of `work`.
pub fn detached<T: Send>(
    py: Python,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    let failed = |_| {
        Failure::run(
            "camoverlay failed where it should not, as the words above say. Please report it.",
        )
    };
    Ok(done.map_err(failed).flatten()?)
}
