//! Frames a second with one frame in flight and with several.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::{
    Effort, FULL_HD,
    element::{Feed, info, pictures},
    network::{FEW, Network},
    probe,
};

/// Those that are compared.
const PROVIDERS: [&str; 2] = ["cpu", "openvino"];

/// Frames in flight that are compared.
pub const FLIGHTS: [u32; 4] = [1, 2, 3, 4];
/// How often each has its turn.
const TURNS: usize = 5;

/// One way to compute one network.
pub struct Row {
    pub network: &'static str,
    pub provider: &'static str,
    pub threads: usize,
    /// Frames a second, by [`FLIGHTS`]: the median of the turns.
    pub rates: [f64; FLIGHTS.len()],
}

/// A row for each network, provider that is installed, and number of threads.
pub fn rows(networks: &[Network], effort: Effort) -> Vec<Row> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for network in networks.iter().filter(|one| FEW.contains(&one.nick)) {
        for (index, provider) in PROVIDERS.into_iter().enumerate() {
            for threads in [1, cores] {
                eprintln!("{} by {provider} on {threads} threads", network.nick);
                let numbers = [index, threads, effort.row.as_millis() as usize / 2];
                // A process has one ONNX Runtime, and some providers are part of another.
                let answer = probe::run("flight", network, &numbers);
                let rates = answer.iter().map(|rate| *rate as f64 / 1e3);
                if let Ok(rates) = rates.collect::<Vec<_>>().try_into() {
                    rows.push(Row {
                        network: network.nick,
                        provider,
                        threads,
                        rates,
                    });
                }
            }
        }
    }
    rows
}

/// The other end: frames a thousand seconds, by [`FLIGHTS`]; none where the provider is not installed.
pub fn serve(network: &Network, provider: usize, threads: usize, turn: Duration) -> Vec<u64> {
    crate::start_gstreamer();
    let info = info(gst_video::VideoFormat::I420, FULL_HD.0, FULL_HD.1);
    let pictures = pictures(&info);
    let mut feeds = Vec::new();
    for in_flight in FLIGHTS {
        let element = network.element();
        element.set_property("provider", PROVIDERS[provider]);
        element.set_property("threads", threads as u32);
        element.set_property("frames-in-flight", in_flight);
        // A harness around an element that does not start ends the process.
        if element.set_state(gst::State::Paused).is_err() {
            let _ = element.set_state(gst::State::Null);
            return Vec::new();
        }
        feeds.push(Feed::start(element, &info, pictures.clone()).without_output());
    }
    let mut rates: [Vec<f64>; FLIGHTS.len()] = Default::default();
    for round in 0..=TURNS {
        for (feed, rates) in feeds.iter_mut().zip(&mut rates) {
            let rate = run(feed, turn);
            // The first round is to get warm.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    rates
        .map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            (rates[rates.len() / 2] * 1e3) as u64
        })
        .into()
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
