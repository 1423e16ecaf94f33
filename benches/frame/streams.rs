//! Several streams beside each other, sharing one network.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    Effort,
    bare::Bare,
    element::{Feed, info},
    network::Network,
    probe,
};

pub const FRAME: (usize, usize) = (1280, 720);
/// Turns of the streams and of the bare network.
const TURNS: u32 = 3;

/// So many streams in a process of their own.
pub struct Row {
    pub count: usize,
    /// Frames a second of all streams together.
    pub frames: f64,
    /// Runs a second of the bare network, in turns with the streams.
    pub network: f64,
    /// Resident memory without the frames, in bytes.
    pub memory: u64,
}

impl Row {
    pub fn measure(network: &Network, count: usize, effort: Effort) -> Self {
        eprintln!("{count} streams");
        let numbers = [count, FRAME.0, FRAME.1, effort.row.as_millis() as usize];
        let answer = probe::run("streams", network, &numbers);
        Self {
            count,
            frames: answer[0] as f64 / 1e3,
            network: answer[1] as f64 / 1e3,
            memory: answer[2],
        }
    }
}

/// Frames and network runs a thousand seconds, and bytes.
pub fn serve(network: &Network, count: usize, frame: (usize, usize), turn: Duration) -> Vec<u64> {
    crate::start_gstreamer();
    let info = info(gst_video::VideoFormat::Rgb, frame.0, frame.1);
    let mut feeds: Vec<Feed> = (0..count).map(|_| Feed::new(network, &info)).collect();
    run(&mut feeds, turn);
    let frames_memory: u64 = feeds.iter().map(Feed::memory).sum();
    let memory = probe::resident().saturating_sub(frames_memory);
    let mut bare = Bare::open(network, frame);
    bare.run();
    let (mut frames, mut runs) = (0.0, 0.0);
    for _ in 0..TURNS {
        frames += run(&mut feeds, turn);
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < turn {
            bare.run();
            done += 1;
        }
        runs += f64::from(done) / start.elapsed().as_secs_f64();
    }
    let per_thousand_seconds = |sum: f64| (sum / f64::from(TURNS) * 1e3) as u64;
    vec![
        per_thousand_seconds(frames),
        per_thousand_seconds(runs),
        memory,
    ]
}

/// All streams at once, each on its thread, for a while: frames a second.
fn run(feeds: &mut [Feed], time: Duration) -> f64 {
    let (stop, frames) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for feed in feeds {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    feed.stale_frame();
                    frames.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    frames.into_inner() as f64 / start.elapsed().as_secs_f64()
}
