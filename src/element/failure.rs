//! What can go wrong, as GStreamer errors: domain, code, and a message a user can act on.

use std::{fmt, io};

use super::question::UnknownTarget;
use crate::network::{self, ErrorKind};

/// Why the element cannot start, negotiate or go on. `Display` is the message on the bus.
pub enum Failure {
    Network(network::Error),
    Target(UnknownTarget),
    Format(gst_video::VideoFormat),
    Elongated {
        frame: (usize, usize),
        /// Width and height of a pixel.
        pixel_aspect: (u32, u32),
        tensor: (usize, usize),
    },
    Thread(io::Error),
    NoCaps,
    Unmappable,
    Metadata,
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Self {
        Self::Network(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Target(error) => error.fmt(f),
            Self::Format(format) => write!(
                f,
                "camoverlay cannot paint {format} frames. Put a videoconvert in front of it."
            ),
            Self::Elongated {
                frame: (width, height),
                pixel_aspect: (across, down),
                tensor,
            } if across != down => write!(
                f,
                "A frame of {width} x {height} with a pixel aspect ratio of {across}/{down} is too elongated: the network would get {} x {} pixels. Correct pixel-aspect-ratio in the caps with a capssetter if it is wrong, crop the frame, or give a smaller input-size.",
                tensor.0, tensor.1
            ),
            Self::Elongated {
                frame: (width, height),
                tensor,
                ..
            } => write!(
                f,
                "A frame of {width} x {height} is too elongated: the network would get {} x {} pixels. Crop the frame or give a smaller input-size.",
                tensor.0, tensor.1
            ),
            Self::Thread(error) => write!(
                f,
                "The thread that runs the network cannot be started: {error}. Raise the limit of threads, or set inference=every-frame."
            ),
            Self::NoCaps => write!(
                f,
                "A frame came before its caps. Put the element behind one that announces them, as videoconvert does."
            ),
            Self::Unmappable => write!(
                f,
                "A frame's memory cannot be written. Put a videoconvert in front of camoverlay, or a download element if frames are on a GPU."
            ),
            Self::Metadata => write!(
                f,
                "The result cannot be attached to the frame as CamOverlayMeta. Free some memory and start again."
            ),
        }
    }
}

impl Failure {
    /// The error to post on the bus.
    pub fn error_message(&self) -> gst::ErrorMessage {
        match self {
            Self::Network(error) => match error.kind() {
                ErrorKind::Library => gst::error_msg!(gst::LibraryError::Init, ("{self}")),
                ErrorKind::NotFound => gst::error_msg!(gst::ResourceError::NotFound, ("{self}")),
                ErrorKind::Read => gst::error_msg!(gst::ResourceError::Read, ("{self}")),
                ErrorKind::Format => gst::error_msg!(gst::StreamError::Format, ("{self}")),
                ErrorKind::Settings => gst::error_msg!(gst::ResourceError::Settings, ("{self}")),
                ErrorKind::Failed => gst::error_msg!(gst::StreamError::Failed, ("{self}")),
            },
            Self::Thread(_) => gst::error_msg!(gst::ResourceError::Failed, ("{self}")),
            Self::Target(_) => gst::error_msg!(gst::ResourceError::Settings, ("{self}")),
            Self::Format(_) | Self::Elongated { .. } => {
                gst::error_msg!(gst::StreamError::Format, ("{self}"))
            }
            Self::NoCaps | Self::Unmappable | Self::Metadata => {
                gst::error_msg!(gst::StreamError::Failed, ("{self}"))
            }
        }
    }
}
