//! Elements with the same network and settings share it. In a binary of its own: it measures memory.

mod common;

use std::sync::{Arc, Barrier};
use std::thread;

use camoverlay::inference::{Cancellation, Options, SharedClassifier, Source, entry};
use camoverlay::model::{Detail, Target};

fn options(threads: usize) -> Options {
    common::options(Source::Catalogue(entry("squeezenet").unwrap()), threads)
}

#[test]
fn equal_settings_share_and_the_last_one_frees() {
    if !common::is_set_up("the memory of shared networks", &["squeezenet"]) {
        return;
    }
    let first = SharedClassifier::open(&options(1)).unwrap();
    two_at_once_take_little_more_than_one(&first);
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
    drop(other);
    what_a_session_took_is_given_back();
}

/// Each has an arena of its own, bounded by its own limit, which ends with it.
fn what_a_session_took_is_given_back() {
    let side = 1024;
    let tensor = vec![0.5; 3 * side * side];
    let after_a_run = || {
        let network = SharedClassifier::open(&Options {
            memory_limit: Some(1 << 30),
            ..options(1)
        });
        let network = network.unwrap();
        let mut lease = network.lease(&Cancellation::default()).unwrap();
        let (target, detail) = (Target::Rank(0), Detail::Sums);
        lease.run(&tensor, side, side, target, detail).unwrap();
        common::resident()
    };
    let once = after_a_run();
    // Each takes about 200 MiB for a picture of this size.
    let often = (0..8).fold(once, |_, _| after_a_run());
    assert!(often < once + 100.0, "{once} MiB became {often}");
}

/// Both have a lease before either runs, so that neither can have the other's.
fn two_at_once_take_little_more_than_one(network: &SharedClassifier) {
    let side = 227;
    let tensor = vec![0.5; 3 * side * side];
    let together = |runs: usize| {
        let start = Barrier::new(runs);
        thread::scope(|scope| {
            for _ in 0..runs {
                scope.spawn(|| {
                    let mut lease = network.lease(&Cancellation::default()).unwrap();
                    start.wait();
                    for _ in 0..10 {
                        let (target, detail) = (Target::Rank(0), Detail::Sums);
                        let activation = lease.run(&tensor, side, side, target, detail);
                        assert_eq!(activation.unwrap().logits.len(), 1000);
                    }
                });
            }
        });
        common::resident()
    };
    let (one, two) = (together(1), together(2));
    // The tensors of a run are about 5 MiB, a session of its own about 20.
    assert!(two < one + 10.0, "{one} MiB became {two}");
}
