//! What can go wrong between a network file and a class map.

use std::fmt;

use crate::cam::error::CamError;
use crate::inference::error::{LabelsError, LibraryError, RuntimeError};
use crate::inference::printable;
use crate::inference::provider::ProviderError;
use crate::model::error::ModelError;
use crate::onnx::error::FileError;
use crate::remedy::Remedy;

/// Why a network cannot be opened or run.
///
/// `Display` gives a sentence on what is wrong and one on what to do, by the names of this crate.
/// Who has other names for its settings takes [`fault`](Self::fault) and [`remedy`](Self::remedy).
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// ONNX Runtime's library is missing or unfit.
    Library(LibraryError),
    /// No graph comes of the network file.
    File(FileError),
    /// The network is not explained, or has not what is asked of it.
    Model(ModelError),
    /// ONNX Runtime does not run the network.
    Runtime(RuntimeError),
    /// The execution provider does not compute the network.
    Provider(ProviderError),
    /// The label file is not taken.
    Labels(LabelsError),
    /// No class map comes of what the network returned.
    Cam(CamError),
}

/// Which kind of failure an [`Error`] is, for mapping to an application's own error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// ONNX Runtime's library is missing or unfit.
    Library,
    /// A file is missing.
    NotFound,
    /// A file cannot be read, or is damaged.
    Read,
    /// The network is in order, and of a kind that is not explained.
    Format,
    /// What was asked for does not fit the network: labels, target, output, method, input size.
    Settings,
    /// A run of the network failed.
    Failed,
}

impl Error {
    /// Which kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Library(_)
            | Self::Provider(
                ProviderError::Missing { .. }
                | ProviderError::OtherRuntime { .. }
                | ProviderError::Library { .. }
                | ProviderError::NoDevice { .. }
                | ProviderError::NoChecker { .. }
                | ProviderError::Checker { .. },
            ) => ErrorKind::Library,
            Self::File(FileError::Missing { .. } | FileError::NoNetwork { .. })
            | Self::Labels(LabelsError::Missing { .. }) => ErrorKind::NotFound,
            Self::File(
                FileError::Unreadable { .. }
                | FileError::NotOnnx { .. }
                | FileError::ExternalData { .. },
            )
            | Self::Labels(LabelsError::Unreadable { .. }) => ErrorKind::Read,
            Self::Runtime(RuntimeError::Unsupported { .. })
            | Self::Provider(
                ProviderError::Died { .. }
                | ProviderError::TimedOut { .. }
                | ProviderError::Refused { .. }
                | ProviderError::NotBetter { .. },
            )
            | Self::Model(
                ModelError::Input { .. }
                | ModelError::MoreInputs { .. }
                | ModelError::NotExplainable { .. }
                | ModelError::NoPlaces { .. }
                | ModelError::NotFinite { .. }
                | ModelError::Batch { .. }
                | ModelError::OneClass { .. },
            ) => ErrorKind::Format,
            Self::Model(
                ModelError::FixedInput { .. }
                | ModelError::Preparation { .. }
                | ModelError::InputTooSmall { .. }
                | ModelError::Memory { .. }
                | ModelError::NoSuchClass { .. }
                | ModelError::NoSuchOutput { .. }
                | ModelError::UnsuitedLayer { .. },
            )
            | Self::Labels(
                LabelsError::NotUtf8 { .. }
                | LabelsError::Malformed { .. }
                | LabelsError::Count { .. },
            )
            | Self::Runtime(RuntimeError::Size { .. })
            | Self::Provider(ProviderError::Setting { .. })
            | Self::Cam(CamError::Method { .. }) => ErrorKind::Settings,
            Self::Runtime(RuntimeError::Run { .. } | RuntimeError::Cancelled)
            | Self::Cam(CamError::InfiniteGradient | CamError::NotFinite { .. }) => {
                ErrorKind::Failed
            }
        }
    }

    /// What is wrong, in a sentence that names no setting. What would steer a terminal, in the names of files and
    /// of what is in them, is escaped.
    pub fn fault(&self) -> String {
        let fault: &dyn fmt::Display = match self {
            Self::Library(error) => error,
            Self::File(error) => error,
            Self::Model(error) => error,
            Self::Runtime(error) => error,
            Self::Provider(error) => error,
            Self::Labels(error) => error,
            Self::Cam(error) => error,
        };
        printable(&fault.to_string())
    }

    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Library(error) => error.remedy(),
            Self::File(error) => error.remedy(),
            Self::Model(error) => error.remedy(),
            Self::Runtime(error) => error.remedy(),
            Self::Provider(error) => error.remedy(),
            Self::Labels(error) => error.remedy(),
            Self::Cam(error) => error.remedy(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.fault(), self.remedy())
    }
}

impl std::error::Error for Error {}

/// The errors of single modules.
macro_rules! from {
    ($($kind:ident($error:ty)),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$kind(error)
            }
        }
    )*};
}

from!(
    Library(LibraryError),
    File(FileError),
    Model(ModelError),
    Runtime(RuntimeError),
    Provider(ProviderError),
    Labels(LabelsError),
    Cam(CamError)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_place_and_the_remedy() {
        let tried = vec![("/a/lib.so".into(), "no such file".into())];
        let missing = Error::from(LibraryError::Missing { tried }).to_string();
        for words in ["(no such file: /a/lib.so). Install", "ort_library"] {
            assert!(missing.contains(words), "{missing}");
        }
        let tried = vec!["/m/resnet18.onnx".into(), "/n/resnet18.onnx".into()];
        let nick = Some("resnet18");
        let file = Error::from(FileError::Missing { tried, nick }).to_string();
        for words in ["no network file resnet18.onnx in /m, /n.", "models_dir"] {
            assert!(file.contains(words), "{file}");
        }
    }
}
