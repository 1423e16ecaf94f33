//! What the programs installed with the plugin share: the command line, the element set up from it, the input, and
//! running a pipeline to its end.
//!
//! A program's `main` is one line, [`main`] with its own arguments (a `clap::Parser`) and its own function:
//!
//! ```no_run
//! use camoverlay_programs::{Failure, OverlayOptions};
//!
//! /// Say what the element would do
//! #[derive(clap::Parser)]
//! struct Arguments {
//!     #[command(flatten)]
//!     overlay: OverlayOptions,
//! }
//!
//! fn run(arguments: Arguments) -> Result<(), Failure> {
//!     let _overlay = arguments.overlay.element()?;
//!     Ok(())
//! }
//!
//! fn main() {
//!     camoverlay_programs::main(run)
//! }
//! ```

#[cfg(feature = "server")]
pub mod access;
mod camera;
mod command_line;
mod decoder;
mod demuxer;
mod encoded;
mod failure;
mod feed;
mod heat_options;
mod input;
mod interruption;
mod key_frames;
mod options;
mod pipeline;
mod reconnect;
pub mod record;
mod restamp;
mod run;
mod source;
mod still;
mod track_header;
mod unreadable;
mod upright;
mod watchdog;
mod wholeness;

pub use camera::none as no_camera;
pub use command_line::{main, print, say};
pub use encoded::Encoded;
pub use failure::Failure;
pub use feed::Feed;
pub use heat_options::{HeatOptions, RegionOptions};
pub use input::{CameraOptions, Input, cameras, is_same_file};
pub use interruption::interrupted;
pub use key_frames::KeyFrames;
pub use options::{NetworkOptions, OverlayOptions, QuestionOptions};
pub use pipeline::{find, launch, start};
pub use reconnect::{Reconnecting, Wish};
pub use restamp::{is_key_frame, restamped};
pub use run::{Event, Next, finish, run};
pub use source::Source;
