//! What the tests of all packages share, without GStreamer: where things are, pictures, what had to be left out.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part"
)]

mod picture;
mod places;
mod skips;

pub use picture::Picture;
pub use places::{is_set_up, options, python, shared, source, test_model};
pub use skips::skipped;

/// Resident memory of this process, in MiB.
pub fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
