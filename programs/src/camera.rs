//! What is wrong with a camera, in one sentence for all programs, and one on what to do.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gst::glib;

use crate::input::CameraOptions;

/// Why no camera is found.
pub fn none() -> String {
    let devices = Path::new("/dev").read_dir().into_iter().flatten().flatten();
    let mut closed: Vec<PathBuf> = devices
        .filter(|device| device.file_name().to_string_lossy().starts_with("video"))
        .map(|device| device.path())
        .filter(|path| is_closed(path))
        .collect();
    closed.sort();
    match closed.first() {
        Some(path) => no_entry(path),
        None => {
            "There is no camera. Connect one, or give a file, a device like /dev/video0, or a URI."
                .to_owned()
        }
    }
}

/// Whether the device at `path` is there, but not for this user.
pub fn is_closed(path: &Path) -> bool {
    let opened = File::options().read(true).write(true).open(path);
    opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// What to say of such a device.
pub fn no_entry(path: &Path) -> String {
    let name = path.display();
    format!(
        "You may not open the camera {name}. `ls -l {name}` tells whose it is; on Debian, join the group video and log in \
         again: sudo adduser $USER video"
    )
}

/// What `error` of the camera `name`, of which such pictures were `asked`, is to the user.
pub fn sentence(name: &str, asked: &CameraOptions, error: &glib::Error) -> String {
    let words = error.message().trim_end_matches('.');
    if error.matches(gst::ResourceError::Busy) {
        format!(
            "{name} cannot be read: another program uses it. `fuser -v /dev/video*` tells which; end that first."
        )
    } else if error.matches(gst::ResourceError::Read) {
        format!("{name} gives nothing any more ({words}). Is it still connected?")
    } else if error.is::<gst::StreamError>() && *asked != CameraOptions::default() {
        let size = asked.size.map(|(w, h)| format!(" of {w}x{h}"));
        let rate = asked.fps.map(|fps| format!(" at {fps} frames a second"));
        format!(
            "{name} gives no pictures{}{}. `v4l2-ctl --list-formats-ext` lists what it gives; or leave out --size and --fps.",
            size.unwrap_or_default(),
            rate.unwrap_or_default()
        )
    } else {
        format!("{name} cannot be read: {words}. Connect it anew, or try another one.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_what_to_do() {
        gst::init().unwrap();
        let nothing = CameraOptions::default();
        let size = CameraOptions {
            size: Some((333, 77)),
            fps: None,
        };
        let both = CameraOptions {
            fps: Some(60),
            ..size.clone()
        };
        let stream = glib::Error::new(gst::StreamError::Failed, "Internal data stream error.");
        let busy = glib::Error::new(gst::ResourceError::Busy, "Device '/dev/video0' is busy");
        let gone = glib::Error::new(gst::ResourceError::Read, "Could not read from resource.");
        for (asked, error, expected) in [
            (
                &both,
                &busy,
                "a cannot be read: another program uses it. `fuser -v /dev/video*` tells which; end that first.",
            ),
            (
                &both,
                &gone,
                "a gives nothing any more (Could not read from resource). Is it still connected?",
            ),
            (
                &size,
                &stream,
                "a gives no pictures of 333x77. `v4l2-ctl --list-formats-ext` lists what it gives; or leave out --size and \
                 --fps.",
            ),
            (
                &both,
                &stream,
                "a gives no pictures of 333x77 at 60 frames a second. `v4l2-ctl --list-formats-ext` lists what it gives; or \
                 leave out --size and --fps.",
            ),
            (
                &nothing,
                &stream,
                "a cannot be read: Internal data stream error. Connect it anew, or try another one.",
            ),
        ] {
            assert_eq!(sentence("a", asked, error), expected);
        }
    }
}
