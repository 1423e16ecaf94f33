//! Saving what the window shows.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use camoverlay_programs::Failure;

/// Saves `shown` as PNG under the first free name in the current folder, and gives the name.
///
/// # Errors
/// It cannot be encoded or written.
pub fn save(shown: &gst::Sample) -> Result<String, Failure> {
    let caps = gst::Caps::builder("image/png").build();
    let png = gst_video::convert_sample(shown, &caps, Some(gst::ClockTime::from_seconds(10)))?;
    let png = png.buffer().ok_or("The PNG is empty.")?.map_readable()?;
    for number in 1.. {
        let name = format!("camoverlay-view-{number:03}.png");
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(mut file) => {
                file.write_all(&png)?;
                println!("Saved {name}");
                return Ok(name);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("{name} cannot be written: {error}.").into()),
        }
    }
    Err("There is no free name for the picture.".into())
}
