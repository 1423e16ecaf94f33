//! What can be wrong with a network, or with what is asked of it.

use std::fmt;
use std::path::PathBuf;

use crate::remedy::{Remedy, one_line};

/// Why a network is not explained. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelError {
    /// The network takes something other than pictures of one or three channels.
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
    /// A layer that was asked for cannot be explained.
    UnsuitedLayer {
        /// The network file.
        path: PathBuf,
        /// The layer.
        layer: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The cells of the network's last feature map are not places of the picture.
    NoPlaces {
        /// The network file.
        path: PathBuf,
        /// The tensor that holds the feature map.
        features: String,
        /// What is wrong with it.
        found: String,
        /// What to do.
        advice: Remedy,
    },
    /// The network takes more memory than it may.
    Memory {
        /// The network file.
        path: PathBuf,
        /// What in it does.
        found: String,
        /// How much it may take, in bytes; none where no limit would do.
        limit: Option<u64>,
    },
    /// The weights of the network's head hold what is no number.
    NotFinite {
        /// The network file.
        path: PathBuf,
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
        /// Width of the pictures it takes, in pixels; none where it takes any.
        width: Option<usize>,
        /// Height of the pictures it takes, in pixels; none where it takes any.
        height: Option<usize>,
        /// The shortest side asked for, in pixels.
        asked: u32,
    },
    /// What is asked about the network's pictures does not go with the network.
    Preparation {
        /// The network file.
        path: PathBuf,
        /// What the network takes, or was asked for.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// The network takes several pictures at a time, and its layers do not compute one by itself.
    Batch {
        /// The network file.
        path: PathBuf,
        /// How many it takes.
        pictures: usize,
        /// What became of one.
        message: String,
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
    /// The target is not a class or a rank of this network.
    NoSuchClass {
        /// The class or rank, counted from 0.
        target: usize,
        /// How many classes the network has.
        classes: usize,
    },
}

impl ModelError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Input { .. } => Remedy::Words(
                "Use an image classifier with one input of pictures, such as 1 x 3 x height x width.",
            ),
            Self::MoreInputs { .. } => Remedy::KeepConstants,
            Self::NotExplainable { advice, .. } => Remedy::Words(advice),
            Self::UnsuitedLayer { .. } => Remedy::ChooseLayer,
            Self::NoPlaces { advice, .. } => *advice,
            Self::Memory { limit: Some(_), .. } => Remedy::RaiseMemoryLimit,
            Self::Memory { limit: None, .. } => {
                Remedy::Words("Use a network without it, or export this one without it.")
            }
            Self::NotFinite { .. } => Remedy::Words(
                "Check the network's weights: a training that failed or a wrong conversion may have left NaN or \
                 infinity there.",
            ),
            Self::NoSuchOutput { outputs, .. } => Remedy::ChooseOutput {
                outputs: outputs.len(),
            },
            Self::OneClass { .. } => Remedy::Words("Use a classifier with two or more classes."),
            Self::FixedInput { .. } => Remedy::LeaveInputSize,
            Self::Batch { .. } => Remedy::Words(
                "Export the network for one picture at a time, or for any number of them.",
            ),
            Self::Preparation { advice, .. } => Remedy::Words(advice),
            Self::InputTooSmall { least, .. } => Remedy::RaiseInputSize { least: *least },
            Self::NoSuchClass { classes, .. } => Remedy::ChooseTarget { classes: *classes },
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { path, found } => {
                write!(f, "{} does not take pictures: {found}.", path.display())
            }
            Self::MoreInputs {
                path,
                picture,
                others,
            } => write!(
                f,
                "{} takes more than its picture “{picture}”: it also asks for “{}”.",
                path.display(),
                others.join("”, “")
            ),
            Self::NotExplainable {
                path,
                found,
                reason,
                ..
            } => write!(
                f,
                "{} cannot be explained: going back from its output in search of a spatial \
                 feature map, {found} was found, {reason}.",
                path.display()
            ),
            Self::UnsuitedLayer {
                path,
                layer,
                reason,
            } => write!(
                f,
                "{} cannot be explained at {layer}, {reason}.",
                path.display()
            ),
            Self::NoPlaces {
                path,
                features,
                found,
                ..
            } => write!(
                f,
                "{} cannot be explained: its feature map “{features}” {found}.",
                path.display()
            ),
            Self::Memory { path, found, limit } => {
                write!(f, "{} takes memory ", path.display())?;
                match limit {
                    Some(limit) => write!(f, "beyond the {limit} bytes that it may: {found}."),
                    None => write!(f, "without bound: {found}."),
                }
            }
            Self::NotFinite { path } => write!(
                f,
                "{} cannot be explained: the weights of its last dense layers are not finite.",
                path.display()
            ),
            Self::NoSuchOutput {
                path,
                asked,
                outputs,
            } => write!(
                f,
                "{} has no output “{asked}”; it has “{}”.",
                path.display(),
                outputs.join("”, “")
            ),
            Self::OneClass { path, classes } => write!(
                f,
                "{} distinguishes {classes} class, so there is nothing to compare.",
                path.display()
            ),
            Self::FixedInput {
                path,
                width,
                height,
                asked,
            } => {
                let side =
                    |side: &Option<usize>| side.map_or("any".to_owned(), |side| side.to_string());
                write!(
                    f,
                    "{} takes pictures of {} x {} pixels only, not of shortest side {asked}.",
                    path.display(),
                    side(width),
                    side(height)
                )
            }
            Self::Batch {
                path,
                pictures,
                message,
            } => write!(
                f,
                "{} takes {pictures} pictures at a time, and its layers do not compute one by itself: {}.",
                path.display(),
                one_line(message)
            ),
            Self::Preparation { path, found, .. } => write!(f, "{} {found}.", path.display()),
            Self::InputTooSmall { path, asked, .. } => write!(
                f,
                "A shortest side of {asked} pixels is too small for {}: too little of such a picture is left in its \
                 feature map.",
                path.display()
            ),
            Self::NoSuchClass { target, classes } => write!(
                f,
                "There is no class {target} among the network's {classes} classes."
            ),
        }
    }
}

impl std::error::Error for ModelError {}
