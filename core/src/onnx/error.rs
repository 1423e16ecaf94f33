//! What can be wrong with a network file as a file.

use std::fmt;
use std::path::PathBuf;

use crate::file::Trouble;
use crate::remedy::{Remedy, one_line};

/// Why no graph comes of a network file. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum FileError {
    /// The network file does not exist.
    Missing {
        /// Each place where it was looked for.
        tried: Vec<PathBuf>,
        /// Its name in the catalogue, if it is of that.
        nick: Option<&'static str>,
    },
    /// A folder in place of a network file holds none, or several.
    NoNetwork {
        /// The folder.
        folder: PathBuf,
        /// Names of some of the ONNX files in it, if there are several.
        names: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// The network file exists but cannot be read.
    Unreadable {
        /// The network file.
        path: PathBuf,
        /// Why not.
        trouble: Trouble,
    },
    /// The file is not an ONNX model, or a damaged one.
    NotOnnx {
        /// The network file.
        path: PathBuf,
        /// What is wrong with its bytes.
        fault: Fault,
    },
    /// The tensors kept outside the ONNX file are missing, damaged, or outside its folder.
    ExternalData {
        /// The network file.
        path: PathBuf,
        /// What is wrong with which of them.
        message: String,
    },
}

/// What is wrong with the bytes of a network file.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// There are none.
    Empty,
    /// ONNX Runtime's own format, FlatBuffers.
    OrtFormat,
    /// The protobuf decoder's words.
    Format(String),
    /// A model without a graph.
    NoGraph,
    /// A model that does not say which version of ONNX's operators it is written in.
    NoOpset,
    /// A tensor that is used and that no node makes.
    Undefined {
        /// The tensor.
        tensor: String,
        /// The node that uses it.
        node: String,
    },
    /// A node that uses what is made from its own result.
    Cycle {
        /// One node of the cycle.
        node: String,
    },
    /// A tensor that two nodes make.
    Redefined {
        /// The tensor.
        tensor: String,
    },
    /// A weight whose data does not fit its shape.
    Weight {
        /// The weight.
        tensor: String,
    },
    /// Functions that call each other without end, or grow beyond measure.
    Functions,
    /// Larger than protobuf's 2 GiB.
    TooLarge,
}

impl FileError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Missing {
                nick: Some(nick), ..
            } => Remedy::InstallNetwork(nick),
            Self::Missing { nick: None, .. } => Remedy::NameNetwork,
            Self::NoNetwork { names, .. } if names.is_empty() => Remedy::ExportNetwork,
            Self::NoNetwork { .. } => Remedy::Words("Name one of them."),
            Self::Unreadable { trouble, .. } => Remedy::Words(trouble.remedy()),
            Self::NotOnnx {
                fault: Fault::OrtFormat,
                ..
            } => Remedy::Words("Use the ONNX file that it was made from."),
            Self::NotOnnx { .. } => {
                Remedy::Words("Fetch or export the file again, or name another one.")
            }
            Self::ExternalData { .. } => {
                Remedy::Words("Put those files beside it as they were exported.")
            }
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tried, .. } => match tried.as_slice() {
                [] => write!(f, "There is no place to look for the network file."),
                [path] => write!(f, "There is no network file {}.", path.display()),
                [first, ..] => {
                    let name = first.file_name().unwrap_or_default();
                    write!(f, "There is no network file {}", name.display())?;
                    for (i, folder) in tried.iter().filter_map(|path| path.parent()).enumerate() {
                        let lead = if i == 0 { " in" } else { "," };
                        write!(f, "{lead} {}", folder.display())?;
                    }
                    write!(f, ".")
                }
            },
            Self::NoNetwork { folder, names, .. } if names.is_empty() => {
                write!(f, "The folder {} holds no ONNX file.", folder.display())
            }
            Self::NoNetwork {
                folder,
                names,
                more,
            } => {
                write!(
                    f,
                    "The folder {} holds several ONNX files and none that is called model.onnx: {}",
                    folder.display(),
                    names.join(", ")
                )?;
                match more {
                    0 => write!(f, "."),
                    more => write!(f, " and {more} more."),
                }
            }
            Self::Unreadable { path, trouble } => {
                write!(f, "The network file {} {trouble}.", path.display())
            }
            Self::NotOnnx {
                path,
                fault: fault @ Fault::OrtFormat,
            } => write!(f, "{} is not an ONNX model: {fault}.", path.display()),
            Self::NotOnnx { path, fault } => {
                write!(
                    f,
                    "{} is not a complete ONNX model: {fault}.",
                    path.display()
                )
            }
            Self::ExternalData { path, message } => write!(
                f,
                "The weights that {} keeps in other files cannot be used: {}.",
                path.display(),
                one_line(message)
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::OrtFormat => write!(f, "it is in ONNX Runtime's own format (.ort)"),
            Self::Format(message) => write!(f, "{message}"),
            Self::NoGraph => write!(f, "it holds no graph"),
            Self::NoOpset => write!(f, "it names no operator set"),
            Self::Undefined { tensor, node } => write!(
                f,
                "node “{node}” uses the tensor “{tensor}” which nothing makes"
            ),
            Self::Cycle { node } => write!(
                f,
                "node “{node}” uses a tensor that is made from its own result"
            ),
            Self::Redefined { tensor } => write!(f, "the tensor “{tensor}” is made twice"),
            Self::Weight { tensor } => {
                write!(f, "the data of weight “{tensor}” does not fit its shape")
            }
            Self::Functions => write!(f, "its functions call each other without end"),
            Self::TooLarge => write!(f, "it is larger than 2 GiB"),
        }
    }
}

impl std::error::Error for FileError {}
