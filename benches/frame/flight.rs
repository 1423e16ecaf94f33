//! Frames a second with one frame in flight and with several.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::{
    Effort, FULL_HD,
    element::{Feed, info, pictures},
    network::Network,
};

/// Frames in flight that are compared.
pub const FLIGHTS: [u32; 4] = [1, 2, 3, 4];
/// How often each has its turn.
const TURNS: usize = 7;

/// One way to compute one network.
pub struct Row {
    pub network: &'static str,
    pub provider: &'static str,
    pub threads: usize,
    /// Frames a second, by [`FLIGHTS`]: the median of the turns.
    pub rates: [f64; FLIGHTS.len()],
}

/// A row for each network, provider and number of threads.
pub fn rows(networks: &[Network], effort: Effort) -> Vec<Row> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for network in networks {
        for provider in ["cpu", "openvino"] {
            for threads in [1, cores] {
                rows.extend(Row::measure(network, provider, threads, effort));
            }
        }
    }
    rows
}

impl Row {
    /// None where the provider is not installed.
    fn measure(
        network: &Network,
        provider: &'static str,
        threads: usize,
        effort: Effort,
    ) -> Option<Self> {
        eprintln!(
            "{} by {provider}, {threads} threads, in flight",
            network.nick
        );
        let info = info(gst_video::VideoFormat::I420, FULL_HD.0, FULL_HD.1);
        let pictures = pictures(&info);
        let mut feeds = Vec::new();
        for in_flight in FLIGHTS {
            let element = network.element();
            element.set_property("provider", provider);
            element.set_property("threads", threads as u32);
            element.set_property("frames-in-flight", in_flight);
            // A start that fails in a harness ends the process.
            if element.set_state(gst::State::Paused).is_err() {
                let _ = element.set_state(gst::State::Null);
                return None;
            }
            feeds.push(Feed::start(element, &info, pictures.clone()).without_output());
        }
        let mut rates: [Vec<f64>; FLIGHTS.len()] = Default::default();
        for turn in 0..=TURNS {
            for (feed, rates) in feeds.iter_mut().zip(&mut rates) {
                let rate = run(feed, effort.row);
                // The first turn is to get warm.
                if turn > 0 {
                    rates.push(rate);
                }
            }
        }
        Some(Self {
            network: network.nick,
            provider,
            threads,
            rates: rates.map(|mut rates| {
                rates.sort_by(f64::total_cmp);
                rates[rates.len() / 2]
            }),
        })
    }
}

/// Frames a second for a while.
fn run(feed: &mut Feed, time: Duration) -> f64 {
    let start = Instant::now();
    let mut frames = 0;
    while start.elapsed() < time {
        feed.frame();
        frames += 1;
    }
    f64::from(frames) / start.elapsed().as_secs_f64()
}
