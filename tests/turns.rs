//! Threads that run one network at the same time.

mod common;

use std::sync::Barrier;
use std::thread;

use gstcamoverlay::network::{Detail, Options, SharedClassifier, Source, Target, entry};

fn options(threads: usize) -> Options {
    common::options(Source::Catalogue(entry("squeezenet").unwrap()), threads)
}

#[test]
fn runs_at_the_same_time_return_what_runs_alone_do() {
    let network = SharedClassifier::open(&options(2)).unwrap();
    // Pictures of several sizes, since memory is planned by size.
    let run = |picture: usize| {
        let (width, height) = (64 + 16 * (picture % 3), 64 + 16 * (picture % 2));
        let tensor: Vec<f32> = (0..3 * width * height)
            .map(|i| ((i * (picture + 3)) % 251) as f32 / 125.0 - 1.0)
            .collect();
        let mut turn = network.turn();
        let activation = turn.run(&tensor, width, height, Target::Rank(0), Detail::Sums);
        let activation = activation.unwrap();
        (
            activation.logits.to_vec(),
            activation.features.values.to_vec(),
        )
    };
    const PICTURES: usize = 6;
    let alone: Vec<_> = (0..PICTURES).map(run).collect();
    // Two may run at once, and others wait for their turn.
    let start = Barrier::new(PICTURES);
    thread::scope(|scope| {
        for (picture, expected) in alone.iter().enumerate() {
            let (run, start) = (&run, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..40 {
                    assert!(run(picture) == *expected, "picture {picture}");
                }
            });
        }
    });
}

#[test]
fn two_have_their_turn_at_once_and_a_third_waits() {
    let network = SharedClassifier::open(&options(1)).unwrap();
    let first = network.turn();
    let second = network.turn();
    thread::scope(|scope| {
        let third = scope.spawn(|| network.turn().name().to_owned());
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(!third.is_finished());
        drop(first);
        assert_eq!(third.join().unwrap(), "squeezenet");
    });
    drop(second);
}
