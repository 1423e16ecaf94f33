//! Why a program ends badly, and what its exit code says about it.

use std::fmt;

use camoverlay::inference::printable;
use gstcamoverlay::camoverlay::words;

/// One sentence on what is wrong and, where it helps, one on what to do.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// What was asked for cannot be done: exit code 1.
    Run(String),
    /// The input gives nothing, or nothing more before its time: it stands still, breaks off or is cut short. Exit code 3.
    Stalled(String),
}

impl Failure {
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Run(_) => 1,
            Self::Usage(_) => 2,
            Self::Stalled(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What would steer a terminal can stand in the names of files and in what others wrote.
            Self::Usage(text) | Self::Run(text) | Self::Stalled(text) => {
                let lines: Vec<String> = text.lines().map(printable).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for Failure {}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Run(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Self::Run(text.to_owned())
    }
}

/// In the words of the element.
impl From<camoverlay::Error> for Failure {
    fn from(error: camoverlay::Error) -> Self {
        Self::Run(words::of_error(&error))
    }
}

/// Errors of libraries, as they word themselves.
macro_rules! from_error {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Run(format!("{error}."))
            }
        }
    )*};
}

from_error!(
    gst::glib::Error,
    gst::glib::BoolError,
    gst::StateChangeError,
    std::io::Error
);
