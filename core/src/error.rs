//! What can go wrong between a network file and a class map, in sentences for the user.

use std::fmt;
use std::path::PathBuf;

use crate::file::Trouble;

/// Why a network cannot be opened or run.
///
/// `Display` gives one sentence on what is wrong and one on what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// libonnxruntime was found nowhere, or not loadable.
    LibraryMissing {
        /// Each place tried, with what happened there.
        tried: Vec<(PathBuf, String)>,
    },
    /// libonnxruntime is older than 1.17.
    LibraryTooOld {
        /// The library.
        path: PathBuf,
        /// Its version, as it tells it.
        version: String,
    },
    /// libonnxruntime refused to start.
    LibraryBroken {
        /// Its own words.
        message: String,
    },
    /// The network file does not exist.
    FileMissing {
        /// Each place where it was looked for.
        tried: Vec<PathBuf>,
        /// What installs it in the source tree, for a network of the catalogue.
        command: Option<String>,
    },
    /// The network file exists but cannot be read.
    FileUnreadable {
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
    /// ONNX Runtime refuses the network, usually for an operator it does not have.
    Unsupported {
        /// The network file.
        path: PathBuf,
        /// ONNX Runtime's own words.
        message: String,
    },
    /// The network takes something other than one picture of three channels.
    Input {
        /// The network file.
        path: PathBuf,
        /// What it takes.
        found: String,
    },
    /// The network asks for more than its picture.
    MoreInputs {
        /// The network file.
        path: PathBuf,
        /// Name of the input that takes the picture.
        picture: String,
        /// Names of the other inputs.
        others: Vec<String>,
    },
    /// The network has no spatial feature map before its head.
    NotExplainable {
        /// The network file.
        path: PathBuf,
        /// The node or the place at which the search ended.
        found: String,
        /// Why it ended there.
        reason: &'static str,
        /// A sentence on what to do.
        advice: &'static str,
    },
    /// The cells of the network's last feature map are not places of the picture.
    NoPlaces {
        /// The network file.
        path: PathBuf,
        /// The tensor that holds the feature map.
        features: String,
        /// What is wrong with it.
        found: String,
        /// A sentence on what to do.
        advice: &'static str,
    },
    /// The network has no output of the name or index asked for.
    NoSuchOutput {
        /// The network file.
        path: PathBuf,
        /// The name or index asked for.
        asked: String,
        /// Names of the outputs that there are.
        outputs: Vec<String>,
    },
    /// The network distinguishes fewer than two classes.
    OneClass {
        /// The network file.
        path: PathBuf,
        /// How many it distinguishes.
        classes: usize,
    },
    /// The network takes pictures of one size only and another was asked for.
    FixedInput {
        /// The network file.
        path: PathBuf,
        /// Width of the pictures it takes, in pixels.
        width: usize,
        /// Height of the pictures it takes, in pixels.
        height: usize,
        /// The shortest side asked for, in pixels.
        asked: u32,
    },
    /// Pictures of the size asked for leave too few cells, or none, of the network's feature map.
    InputTooSmall {
        /// The network file.
        path: PathBuf,
        /// The shortest side asked for, in pixels.
        asked: u32,
        /// A shortest side that is large enough, in pixels.
        least: u32,
    },
    /// The label file does not exist.
    LabelsMissing {
        /// The label file.
        path: PathBuf,
    },
    /// The label file exists but cannot be read.
    LabelsUnreadable {
        /// The label file.
        path: PathBuf,
        /// Why not.
        trouble: Trouble,
    },
    /// The label file is not UTF-8 text.
    LabelsNotUtf8 {
        /// The label file.
        path: PathBuf,
        /// The first line that is not, counted from 1.
        line: usize,
    },
    /// The label file is text, but not of labels.
    LabelsMalformed {
        /// The label file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There are not as many labels as classes.
    LabelCount {
        /// The label file.
        path: PathBuf,
        /// How many labels it has.
        labels: usize,
        /// How many classes the network has.
        classes: usize,
    },
    /// The target is not a class or a rank of this network.
    NoSuchClass {
        /// The class or rank, counted from 0.
        target: usize,
        /// How many classes the network has.
        classes: usize,
    },
    /// The method makes no sense for the network's head.
    Method {
        /// [`Method::name`](crate::cam::Method::name).
        method: &'static str,
        /// Why it makes none.
        reason: &'static str,
    },
    /// ONNX Runtime failed on a frame.
    Run {
        /// ONNX Runtime's own words.
        message: String,
    },
    /// The gradient of the head is infinite, or no number, where features are not zero.
    InfiniteGradient,
    /// The network returned a value that is not a finite number.
    NotFinite {
        /// What holds the value: logits, features.
        what: &'static str,
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
            Self::LibraryMissing { .. }
            | Self::LibraryTooOld { .. }
            | Self::LibraryBroken { .. } => ErrorKind::Library,
            Self::FileMissing { .. } | Self::LabelsMissing { .. } => ErrorKind::NotFound,
            Self::FileUnreadable { .. }
            | Self::LabelsUnreadable { .. }
            | Self::NotOnnx { .. }
            | Self::ExternalData { .. } => ErrorKind::Read,
            Self::Unsupported { .. }
            | Self::Input { .. }
            | Self::MoreInputs { .. }
            | Self::NotExplainable { .. }
            | Self::NoPlaces { .. }
            | Self::OneClass { .. } => ErrorKind::Format,
            Self::FixedInput { .. }
            | Self::InputTooSmall { .. }
            | Self::LabelsNotUtf8 { .. }
            | Self::LabelsMalformed { .. }
            | Self::LabelCount { .. }
            | Self::NoSuchClass { .. }
            | Self::NoSuchOutput { .. }
            | Self::Method { .. } => ErrorKind::Settings,
            Self::Run { .. } | Self::InfiniteGradient | Self::NotFinite { .. } => ErrorKind::Failed,
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LibraryMissing { tried } => {
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
                write!(
                    f,
                    "{}. Run `make setup` in the source tree, or set the property ort-library \
                     or the variable ORT_DYLIB_PATH to the path of libonnxruntime.so 1.17 or newer.",
                    if tried.is_empty() { "" } else { ")" }
                )
            }
            Self::LibraryTooOld { path, version } => write!(
                f,
                "ONNX Runtime {version} at {} is too old. Run `make setup` in the source tree, or \
                 set the property ort-library to the path of libonnxruntime.so 1.17 or newer.",
                path.display()
            ),
            Self::LibraryBroken { message } => write!(
                f,
                "ONNX Runtime does not start: {}. Set the property ort-library to the path of a \
                 working libonnxruntime.so 1.17 or newer.",
                sentence(message)
            ),
            Self::FileMissing { tried, command } => {
                match tried.as_slice() {
                    [] => write!(f, "There is no place to look for the network file.")?,
                    [path] => write!(f, "There is no network file {}.", path.display())?,
                    [first, ..] => {
                        let name = first.file_name().unwrap_or_default();
                        write!(f, "There is no network file {}", name.display())?;
                        for (i, folder) in tried.iter().filter_map(|path| path.parent()).enumerate()
                        {
                            let lead = if i == 0 { " in" } else { "," };
                            write!(f, "{lead} {}", folder.display())?;
                        }
                        write!(f, ".")?;
                    }
                }
                match command {
                    Some(command) => write!(
                        f,
                        " Run `{command}` in the source tree to install it, or set the property \
                         models-dir to the folder that holds it."
                    ),
                    None => write!(f, " Set the property model to the path of an ONNX file."),
                }
            }
            Self::FileUnreadable { path, trouble } => write!(
                f,
                "The network file {} {trouble}. {}",
                path.display(),
                trouble.remedy()
            ),
            Self::NotOnnx {
                path,
                fault: fault @ Fault::OrtFormat,
            } => write!(
                f,
                "{} is not an ONNX model: {fault}. Use the ONNX file that it was made from.",
                path.display()
            ),
            Self::NotOnnx { path, fault } => write!(
                f,
                "{} is not a complete ONNX model: {fault}. Fetch or export the file again, or \
                 name another one.",
                path.display()
            ),
            Self::ExternalData { path, message } => write!(
                f,
                "The weights that {} keeps in other files cannot be used: {}. Put those files \
                 beside it as they were exported.",
                path.display(),
                sentence(message)
            ),
            Self::Unsupported { path, message } => write!(
                f,
                "ONNX Runtime cannot run {}: {}. Export the network with standard ONNX operators, \
                 or use a newer ONNX Runtime.",
                path.display(),
                sentence(message)
            ),
            Self::Input { path, found } => write!(
                f,
                "{} does not take pictures: {found}. Use an image classifier with one input of \
                 1 x 3 x height x width.",
                path.display()
            ),
            Self::MoreInputs {
                path,
                picture,
                others,
            } => write!(
                f,
                "{} takes more than its picture “{picture}”: it also asks for “{}”. If the export \
                 made inputs of constants, such as the mean and variance of Keras' Normalization, \
                 export the network again with their values in the file, or without that layer \
                 and with the property preprocess. Otherwise use a classifier with one input of \
                 1 x 3 x height x width.",
                path.display(),
                others.join("”, “")
            ),
            Self::NotExplainable {
                path,
                found,
                reason,
                advice,
            } => write!(
                f,
                "{} cannot be explained: going back from its output in search of a spatial \
                 feature map, {found} was found, {reason}. {advice}",
                path.display()
            ),
            Self::NoPlaces {
                path,
                features,
                found,
                advice,
            } => write!(
                f,
                "{} cannot be explained: its feature map “{features}” {found}. {advice}",
                path.display()
            ),
            Self::NoSuchOutput {
                path,
                asked,
                outputs,
            } => write!(
                f,
                "{} has no output “{asked}”; it has “{}”. Set output to one of these names, or to an index from 0 \
                 to {}.",
                path.display(),
                outputs.join("”, “"),
                outputs.len().saturating_sub(1)
            ),
            Self::OneClass { path, classes } => write!(
                f,
                "{} distinguishes {classes} class, so there is nothing to compare. Use a \
                 classifier with two or more classes.",
                path.display()
            ),
            Self::FixedInput {
                path,
                width,
                height,
                asked,
            } => write!(
                f,
                "{} takes pictures of {width} x {height} pixels only, not of shortest side \
                 {asked}. Leave input-size at 0, or export the network with free height and width.",
                path.display()
            ),
            Self::InputTooSmall { path, asked, least } => write!(
                f,
                "An input-size of {asked} is too small for {}: too little of such a picture is left in \
                 its feature map. Set input-size to {least} or more.",
                path.display()
            ),
            Self::LabelsMissing { path } => write!(
                f,
                "There is no label file {}. Correct the property labels, or leave it unset for \
                 the network's own labels.",
                path.display()
            ),
            Self::LabelsUnreadable { path, trouble } => write!(
                f,
                "The label file {} {trouble}. {}",
                path.display(),
                trouble.remedy()
            ),
            Self::LabelsMalformed { path, message } => write!(
                f,
                "The label file {} cannot be understood: {}. Save it as UTF-8, one class a line, \
                 in the order of the classes.",
                path.display(),
                sentence(message)
            ),
            Self::LabelsNotUtf8 { path, line } => write!(
                f,
                "Line {line} of the label file {} is not UTF-8 text. Save the file as UTF-8, one \
                 class a line.",
                path.display()
            ),
            Self::LabelCount {
                path,
                labels,
                classes,
            } => write!(
                f,
                "{} has {labels} labels but the network has {classes} classes. Give one label a \
                 line, in the order of the classes.",
                path.display()
            ),
            Self::NoSuchClass { target, classes } => write!(
                f,
                "There is no class {target} among the network's {classes} classes. Choose a \
                 target from 0 to {}.",
                classes.saturating_sub(1)
            ),
            Self::Method { method, reason } => write!(
                f,
                "The method {method} does not suit this network: {reason}. Choose the method auto, \
                 or hirescam."
            ),
            Self::Run { message } => write!(
                f,
                "The network failed on a frame: {}. Check that the network takes frames of this \
                 size, or set input-size.",
                sentence(message)
            ),
            Self::InfiniteGradient => write!(
                f,
                "The gradient of the network's head is not finite on this frame, as that of a root \
                 or a logarithm of 0 is. Choose the method eigencam, which needs none, or export \
                 the network with a small bound below what it takes the root or the logarithm of."
            ),
            Self::NotFinite { what } => write!(
                f,
                "The network returned {what} that are not finite numbers. Check the preprocess \
                 property and the network's weights."
            ),
        }
    }
}

impl std::error::Error for Error {}

/// A foreign message as part of one of our sentences: one line, no full stop at its end.
fn sentence(message: &str) -> String {
    let line: Vec<&str> = message.split_whitespace().collect();
    line.join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_place_and_the_remedy() {
        let missing = Error::LibraryMissing {
            tried: vec![("/a/lib.so".into(), "no such file".into())],
        }
        .to_string();
        for words in ["(no such file: /a/lib.so)", "ort-library", "make setup"] {
            assert!(missing.contains(words), "{missing}");
        }
        let file = Error::FileMissing {
            tried: vec!["/m/resnet18.onnx".into(), "/n/resnet18.onnx".into()],
            command: Some("make model NET=resnet18".into()),
        }
        .to_string();
        for words in [
            "no network file resnet18.onnx in /m, /n.",
            "make model NET=resnet18",
        ] {
            assert!(file.contains(words), "{file}");
        }
    }

    #[test]
    fn foreign_messages_become_one_line() {
        let run = Error::Run {
            message: "bad\nshape.".into(),
        };
        assert!(
            run.to_string()
                .starts_with("The network failed on a frame: bad shape. ")
        );
    }
}
