//! Elements with the same network and settings share it. In a binary of its own: it measures memory.

mod common;

use std::sync::Arc;

use camoverlay::inference::{Options, SharedClassifier, Source, entry};

fn options(threads: usize) -> Options {
    common::options(Source::Catalogue(entry("squeezenet").unwrap()), threads)
}

#[test]
fn equal_settings_share_and_the_last_one_frees() {
    if !common::is_set_up("the memory of shared networks", &["squeezenet"]) {
        return;
    }
    let first = SharedClassifier::open(&options(1)).unwrap();
    let with_one = common::resident();
    let more: Vec<_> = (0..20)
        .map(|_| SharedClassifier::open(&options(1)).unwrap())
        .collect();
    assert!(more.iter().all(|other| Arc::ptr_eq(&first, other)));
    // A session of its own takes about 20 MiB.
    let with_all = common::resident();
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
