//! Elements with the same network and settings share it.

mod common;

use std::sync::Arc;

use gstcamoverlay::network::{Options, SharedClassifier, Source, entry};

fn options(threads: usize) -> Options {
    common::options(Source::Catalogue(entry("squeezenet").unwrap()), threads)
}

/// Resident memory of this process, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

#[test]
fn equal_settings_share_and_the_last_one_frees() {
    let first = SharedClassifier::open(&options(1)).unwrap();
    let with_one = resident();
    let more: Vec<_> = (0..20)
        .map(|_| SharedClassifier::open(&options(1)).unwrap())
        .collect();
    assert!(more.iter().all(|other| Arc::ptr_eq(&first, other)));
    // A session of its own takes about 20 MiB.
    let with_all = resident();
    assert!(
        with_all - with_one < 20.0,
        "{with_one} MiB became {with_all}"
    );

    let other = SharedClassifier::open(&options(2)).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    let weak = Arc::downgrade(&first);
    drop((first, more));
    assert!(weak.upgrade().is_none());
}
