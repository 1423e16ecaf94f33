//! The espresso, and now and then the cat, as phones and other programs store them, made by ffmpeg.
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

/// How an MP4 says the same: from left and top as they are stored to left and top as they are shown, in its order.
const SHOWN: [[i32; 4]; 8] = [
    [1, 0, 0, 1],
    [-1, 0, 0, 1],
    [-1, 0, 0, -1],
    [1, 0, 0, -1],
    [0, 1, 1, 0],
    [0, 1, -1, 0],
    [0, -1, -1, 0],
    [0, -1, 1, 0],
];

/// The orientations of photos and clips.
pub const TURNS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// The filter that makes a second of a photo.
pub const SECOND: &str = "loop=24:1,format=yuv420p";

/// Stores the espresso, changed by the ffmpeg filter `filter`, in `folder` under `name`.
pub fn store(folder: &Path, filter: &str, name: &str) -> PathBuf {
    store_photo("coffee", folder, filter, name)
}

/// The same with any of the examples' photos.
pub fn store_photo(photo: &str, folder: &Path, filter: &str, name: &str) -> PathBuf {
    let path = folder.join(name);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(source(&format!("examples/media/{photo}.png")))
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

/// A second of the espresso as MP4, stored and turned as [`turned`] does it.
pub fn turned_clip(folder: &Path, orientation: u8) -> PathBuf {
    let turn = usize::from(orientation) - 1;
    let filter = format!("{},{SECOND}", STORED[turn]);
    let path = store(folder, &filter, &format!("turned-{orientation}.mp4"));
    let mut clip = fs::read(&path).unwrap();
    let header = clip.windows(4).position(|kind| kind == b"tkhd").unwrap();
    let [a, b, c, d] = SHOWN[turn].map(|sample| sample << 16);
    // Behind kind, version, times, place and volume.
    let matrix = &mut clip[header + 44..][..36];
    for (bytes, value) in matrix.chunks_mut(4).zip([a, b, 0, c, d, 0, 0, 0, 1 << 30]) {
        bytes.copy_from_slice(&i32::to_be_bytes(value));
    }
    fs::write(&path, clip).unwrap();
    path
}

/// A clip of the cat in square pixels, and one of half as many across that are twice as wide.
pub fn square_and_oblong(folder: &Path) -> [PathBuf; 2] {
    [
        ("square", "600:400,setsar=1"),
        ("oblong", "300:400,setsar=2/1"),
    ]
    .map(|(name, size)| {
        let filter = format!("scale={size},{SECOND}");
        store_photo("chelsea", folder, &filter, &format!("{name}.mp4"))
    })
}
