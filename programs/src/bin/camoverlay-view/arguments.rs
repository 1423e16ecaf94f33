//! The command line.

use std::ffi::OsString;

use camoverlay_programs::{CameraOptions, OverlayOptions};

/// What the keys do, for `--help` and for the key that shows it.
pub const KEYS: &str = "\
1 2 3   explain the first, second or third class
n p     the next or previous class; so do the arrows
/ text  the class of this name, with Return (Escape: not);
        other letters begin a name too
m       the next method
+ -     raise or lower the threshold
space   pause
s       save a PNG in the current folder
h       show or hide the keys
q       quit";

/// Shows a video and, beside it, what a classifier sees in it
///
/// The original is on the left; on the right is where the classifier sees the explained class, under the most likely
/// classes. A picture stays until the window is closed, a video runs to its end. Both are shown at most 640 x 480 large
/// unless --size says otherwise. Ends with exit code 3 where a file or a web address gives nothing, or next to nothing,
/// for some seconds.
#[derive(clap::Parser)]
#[command(name = "camoverlay-view", version, after_help = keys())]
pub struct Arguments {
    /// Camera (like /dev/video0), file or URI; the first camera unless given
    pub input: Option<OsString>,
    /// List the cameras
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub camera: CameraOptions,
    #[command(flatten)]
    pub overlay: OverlayOptions,
}

fn keys() -> String {
    let lines = KEYS.lines().map(|line| format!("  {line}\n"));
    let keys = lines.collect::<String>();
    format!(
        "The mouse over the explained picture asks what is there; a click explains that.\n\nKeys in the window:\n{keys}"
    )
}
