//! The espresso as phones and other programs store it, made by ffmpeg.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::source;

/// How ffmpeg stores a picture that the EXIF orientation n, from 1, turns upright.
const STORED: [&str; 8] = [
    "null",
    "hflip",
    "hflip,vflip",
    "vflip",
    "transpose=0",
    "transpose=2",
    "transpose=3",
    "transpose=1",
];

/// Stores the espresso, changed by the ffmpeg filter `filter`, in `folder` under `name`.
pub fn store(folder: &Path, filter: &str, name: &str) -> PathBuf {
    let path = folder.join(name);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(source("examples/media/coffee.png"))
        .args(["-vf", filter, "-q:v", "2"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    path
}

/// The espresso as JPEG with the EXIF orientation `orientation`, stored so that it is upright when turned.
pub fn turned(folder: &Path, orientation: u8) -> PathBuf {
    let filter = STORED[usize::from(orientation) - 1];
    let path = store(folder, filter, &format!("exif-{orientation}.jpg"));
    let jpeg = fs::read(&path).unwrap();
    // APP1 of 34 bytes: one IFD with the one tag 0x0112, a short.
    let mut tagged = vec![0xff, 0xd8, 0xff, 0xe1, 0, 34];
    tagged.extend_from_slice(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    tagged.push(orientation);
    tagged.extend_from_slice(&[0; 6]);
    tagged.extend_from_slice(&jpeg[2..]);
    fs::write(&path, tagged).unwrap();
    path
}
