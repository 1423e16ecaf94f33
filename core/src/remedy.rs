//! What to do about an error or a warning.

use std::fmt;

use crate::preprocess::Preprocess;

/// What to do. `Display` words it for whoever calls this crate, by the names of
/// [`Options`](crate::inference::Options) and [`Query`](crate::cam::Query); a program words it by its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A sentence or two that name no setting.
    Words(&'static str),
    /// Install ONNX Runtime, or say where it is.
    InstallLibrary,
    /// Install a newer ONNX Runtime, or say where one is.
    ReplaceLibrary,
    /// Say where an ONNX Runtime is that works.
    RepairLibrary,
    /// Name the ONNX Runtime that the process has, or none.
    KeepLibrary,
    /// Install the execution provider with this nick, or name its library.
    InstallProvider(&'static str),
    /// Name the library of the execution provider.
    NameProviderLibrary,
    /// Load the ONNX Runtime that has the execution provider, before anything else in the process loads another.
    LoadOtherRuntime,
    /// Choose another execution provider.
    ChooseProvider,
    /// Tell the execution provider something else.
    CorrectProviderOptions,
    /// Install the program that tries execution providers.
    InstallChecker,
    /// Install this network of the catalogue, or say in which folder it is.
    InstallNetwork(&'static str),
    /// Name another network file.
    NameNetwork,
    /// Export the network into the folder, or name a network file.
    ExportNetwork,
    /// Export the network with its constants in the file, or without normalisation, which the
    /// preprocessing does.
    KeepConstants,
    /// Ask for an output by its name, or by an index below `outputs`.
    ChooseOutput {
        /// How many outputs there are.
        outputs: usize,
    },
    /// Ask for another layer.
    ChooseLayer,
    /// Ask for no input size, or export the network with free height and width.
    LeaveInputSize,
    /// Ask for a larger input size, or use a network that keeps a larger map.
    EnlargeInput,
    /// Ask for an input size of `least` pixels or more.
    RaiseInputSize {
        /// A shortest side that is large enough.
        least: u32,
    },
    /// Ask for an input size that is right.
    SetInputSize,
    /// Make sure that frames are of a size that the network takes, or ask for an input size.
    CheckInputSize,
    /// Name the right preprocessing.
    SetPreprocess,
    /// Spell the preprocessing's name in the file's metadata so, or ask for one.
    SpellPreprocess(&'static str),
    /// Allow the network more memory, or use one that takes less.
    RaiseMemoryLimit,
    /// Make sure that preprocessing and weights are right.
    CheckPreprocess,
    /// Name a label file that exists, or none.
    CorrectLabels,
    /// Name a file of the right labels.
    SetLabels,
    /// Ask for a target below `classes`.
    ChooseTarget {
        /// How many classes there are.
        classes: usize,
    },
    /// Ask for a method that suits every network.
    ChooseMethod,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::InstallLibrary => f.write_str(
                "Install ONNX Runtime 1.22 or newer, or set ort_library or the variable ORT_DYLIB_PATH to the path of \
                 its libonnxruntime.so.",
            ),
            Self::ReplaceLibrary => {
                f.write_str("Set ort_library to the path of libonnxruntime.so 1.22 or newer.")
            }
            Self::RepairLibrary => f.write_str(
                "Set ort_library to the path of a working libonnxruntime.so 1.22 or newer.",
            ),
            Self::KeepLibrary => f.write_str(
                "Leave ort_library unset, or set it to the same path for all networks of the process.",
            ),
            Self::InstallProvider(nick) => write!(
                f,
                "Install {nick}, or set provider.library to the path of its library."
            ),
            Self::NameProviderLibrary => f.write_str(
                "Set provider.library to the path of the library of an execution provider.",
            ),
            Self::LoadOtherRuntime => f.write_str(
                "Set ort_library to the path of that library for all networks of the process, or open one with this provider \
                 first.",
            ),
            Self::ChooseProvider => f.write_str("Set provider.name to cpu, or to another provider."),
            Self::CorrectProviderOptions => {
                f.write_str("Correct provider: its name, library, options or precision.")
            }
            Self::InstallChecker => f.write_str(
                "Install camoverlay-provider-check of this version beside the program, or set CAMOVERLAY_PROVIDER_CHECK \
                 to its path.",
            ),
            Self::InstallNetwork(nick) => {
                write!(f, "Set models_dir to the folder that holds the network {nick}.")
            }
            Self::NameNetwork => f.write_str("Set source to the path of an ONNX file."),
            Self::ExportNetwork => f.write_str(
                "Export the network into it, or set source to the path of an ONNX file.",
            ),
            Self::KeepConstants => f.write_str(
                "If the export made inputs of constants, such as the mean and variance of Keras' Normalization, export \
                 the network again with their values in the file, or without that layer and with preprocess set. \
                 Otherwise use a classifier with one input, the picture.",
            ),
            Self::ChooseOutput { outputs } => write!(
                f,
                "Set output to one of these names, or to an index from 0 to {}.",
                outputs.saturating_sub(1)
            ),
            Self::ChooseLayer => f.write_str(
                "Set layer to one, or up to four joined by “+”, that inference::layers lists.",
            ),
            Self::LeaveInputSize => f.write_str(
                "Leave input_size unset, or export the network with free height and width.",
            ),
            Self::EnlargeInput => f.write_str(
                "Give a larger input_size, or use a network that keeps a larger map.",
            ),
            Self::RaiseInputSize { least } => write!(f, "Set input_size to {least} or more."),
            Self::SetInputSize => f.write_str("Set input_size to the right one."),
            Self::CheckInputSize => f.write_str(
                "Check that the network takes frames of this size, or set input_size.",
            ),
            Self::SetPreprocess => write!(
                f,
                "Set preprocess to the right one of {}.",
                Preprocess::ALL.map(Preprocess::name).join(", ")
            ),
            Self::SpellPreprocess(name) => write!(f, "Write it as “{name}”, or set preprocess."),
            Self::RaiseMemoryLimit => f.write_str(
                "Use a network that takes less, or raise memory_limit, as far as the machine has memory.",
            ),
            Self::CheckPreprocess => f.write_str("Check preprocess and the network's weights."),
            Self::CorrectLabels => f.write_str(
                "Correct labels, or leave it unset for the network's own labels.",
            ),
            Self::SetLabels => f.write_str("Set labels to a file of the right ones."),
            Self::ChooseTarget { classes } => {
                write!(f, "Choose a target from 0 to {}.", classes.saturating_sub(1))
            }
            Self::ChooseMethod => f.write_str("Choose the method auto, or gradcam."),
        }
    }
}

/// A foreign message as part of one of our sentences: one line, no full stop at its end.
pub(crate) fn one_line(message: &str) -> String {
    let line: Vec<&str> = message.split_whitespace().collect();
    line.join(" ").trim_end_matches('.').to_owned()
}
