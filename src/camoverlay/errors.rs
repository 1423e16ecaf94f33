//! What can go wrong, as GStreamer errors: domain, code, and a message a user can act on.

use std::{fmt, io, time::Duration};

use super::format;
use super::frame_memory::Fault;
use super::words;
use camoverlay::ErrorKind;
use camoverlay::inference::UnknownTarget;

/// How many times longer than wide a frame is that is called elongated.
const ELONGATED: usize = 8;

/// Why the element cannot start, negotiate or go on. `Display` is the message on the bus.
pub enum ElementError {
    Network(camoverlay::Error),
    Target(UnknownTarget),
    /// Targets that cannot be explained so: what is wrong, and what to do.
    Selection(String),
    Format(gst_video::VideoFormat),
    /// Frame and network's input, width and height: more than [`format::MAX_TENSOR_PIXELS`].
    TooLarge {
        frame: (usize, usize),
        /// Width and height of a pixel.
        pixel_aspect: (u32, u32),
        tensor: (usize, usize),
    },
    Thread(io::Error),
    NoCaps,
    Memory(Fault),
    Metadata,
    /// The network took longer on a frame than `inference-timeout` allows.
    TimedOut(Duration),
    /// The thread that runs the network is gone.
    Gone,
}

impl From<Fault> for ElementError {
    fn from(fault: Fault) -> Self {
        Self::Memory(fault)
    }
}

impl From<camoverlay::Error> for ElementError {
    fn from(error: camoverlay::Error) -> Self {
        Self::Network(error)
    }
}

impl fmt::Display for ElementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => f.write_str(&words::of_error(error)),
            Self::Target(error) => error.fmt(f),
            Self::Selection(words) => f.write_str(words),
            Self::Format(format) => write!(
                f,
                "camoverlay cannot paint {format} frames. Put a videoconvert in front of it."
            ),
            Self::TooLarge {
                frame: (width, height),
                pixel_aspect: (across, down),
                tensor,
            } => {
                let (largest, longest) = (format::MAX_TENSOR_PIXELS, tensor.0.max(tensor.1));
                let elongated = longest / tensor.0.min(tensor.1).max(1) >= ELONGATED;
                let oblong = across != down;
                let what = match (elongated, oblong) {
                    (true, true) => format!(
                        "A frame of {width} x {height} with a pixel aspect ratio of {across}/{down} is too elongated"
                    ),
                    (true, false) => format!("A frame of {width} x {height} is too elongated"),
                    (false, _) => {
                        format!("The input size is too large for frames of {width} x {height}")
                    }
                };
                let remedy = match (elongated, oblong) {
                    (true, true) => {
                        "Correct pixel-aspect-ratio in the caps with a capssetter if it is wrong, crop the frame, or give a smaller input-size."
                    }
                    (true, false) => "Crop the frame, or give a smaller input-size.",
                    (false, _) => "Give a smaller input-size.",
                };
                let (columns, rows) = tensor;
                write!(
                    f,
                    "{what}: the network would get {columns} x {rows} pixels, more than {largest}. {remedy}"
                )
            }
            Self::Thread(error) => write!(
                f,
                "The thread that runs the network cannot be started: {error}. Raise the limit of threads, or set inference=every-frame."
            ),
            Self::NoCaps => write!(
                f,
                "A frame came before its caps. Put the element behind one that announces them, as videoconvert does."
            ),
            Self::Memory(fault) => fault.fmt(f),
            Self::Metadata => write!(
                f,
                "The result cannot be attached to the frame as CamOverlayMeta. Free some memory and start again."
            ),
            Self::TimedOut(limit) => write!(
                f,
                "The network had no answer to a frame within {limit:?}, which is inference-timeout. Use a smaller network or \
                 input-size, or allow it more time."
            ),
            Self::Gone => write!(
                f,
                "The thread that runs the network has ended. Start again; standard error says why it did."
            ),
        }
    }
}

impl ElementError {
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
            Self::Target(_) | Self::Selection(_) => {
                gst::error_msg!(gst::ResourceError::Settings, ("{self}"))
            }
            Self::Format(_) | Self::TooLarge { .. } => {
                gst::error_msg!(gst::StreamError::Format, ("{self}"))
            }
            Self::NoCaps | Self::Memory(_) | Self::Metadata | Self::TimedOut(_) | Self::Gone => {
                gst::error_msg!(gst::StreamError::Failed, ("{self}"))
            }
        }
    }
}
