//! Pictures that GStreamer reads to their end only where something is put behind it.
//!
//! The demuxer for GIF asks on and on at a file's end (in GStreamer 1.22, with FFmpeg 5 and newer), until it finds a
//! trailer there; the parser for JPEG, which reads the orientation, waits for the end mark that a file cut short lacks.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use gst::glib;

use crate::failure::Failure;

/// Larger files are left as they are, in bytes: they are held in memory otherwise.
const LARGEST: u64 = 64 << 20;

const GIF: &[u8] = b"GIF8";
const GIF_TRAILER: &[u8] = b";";
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
const JPEG_END: &[u8] = &[0xff, 0xd9];

/// The URI that GStreamer opens for the file at `path`: its own, or one that holds the mended data.
///
/// # Errors
/// It cannot be read.
pub fn uri(path: &Path) -> Result<String, Failure> {
    let about = path.metadata()?;
    if about.is_file()
        && about.len() <= LARGEST
        && let Some((kind, end)) = missing_end(path)?
    {
        let mut data = std::fs::read(path)?;
        data.extend_from_slice(end);
        let data = glib::base64_encode(&data);
        return Ok(format!("data:image/{kind};base64,{data}"));
    }
    Ok(glib::filename_to_uri(path, None)?.into())
}

/// The media type of a picture that is stored like a video, which GStreamer takes it for then; none for anything else.
pub fn kind(path: &Path) -> Option<&'static str> {
    let mut start = [0; 12];
    let about = path.metadata().ok()?;
    // To read from a pipe is to take it away.
    let mut file = about.is_file().then(|| File::open(path).ok())??;
    file.read_exact(&mut start).ok()?;
    match &start[4..] {
        b"ftypavif" | b"ftypavis" => Some("image/avif"),
        b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1" => Some("image/heic"),
        _ => None,
    }
}

/// What to put behind the file at `path`, and what kind of picture it is, if it is one that needs it.
fn missing_end(path: &Path) -> std::io::Result<Option<(&'static str, &'static [u8])>> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    if start.starts_with(GIF) {
        return Ok(Some(("gif", GIF_TRAILER)));
    }
    if !start.starts_with(JPEG) {
        return Ok(None);
    }
    let mut end = [0; 2];
    file.seek(SeekFrom::End(-2))?;
    file.read_exact(&mut end)?;
    Ok((end != JPEG_END).then_some(("jpeg", JPEG_END)))
}
