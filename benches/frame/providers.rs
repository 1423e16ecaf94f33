//! Execution providers next to `cpu`: the first frame, the network and whole frames.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::{
    Effort, FULL_HD,
    element::{Feed, info, pictures},
    median,
    network::{FEW, Network},
    probe,
};

/// Those that are compared, `cpu` first, with their precisions.
const PROVIDERS: [(&str, &str); 3] = [
    ("cpu", "auto"),
    ("openvino", "auto"),
    ("openvino", "reduced"),
];
/// How often each has its turn, in a process of its own.
const TURNS: usize = 5;

/// The least of the turns.
pub struct Row {
    pub network: &'static str,
    pub provider: &'static str,
    pub precision: &'static str,
    /// From READY to the first painted frame, what the provider keeps on disk being there.
    pub first_frame: Duration,
    /// The network's step.
    pub infer: Duration,
    pub total: Duration,
}

/// A row for each network and provider that is installed.
pub fn rows(networks: &[Network], effort: Effort) -> Vec<Row> {
    let mut rows = Vec::new();
    for network in networks.iter().filter(|one| FEW.contains(&one.nick)) {
        let mut least: [Option<[u64; 3]>; PROVIDERS.len()] = Default::default();
        // The first turn compiles, tries and keeps.
        for turn in 0..=TURNS {
            for (index, least) in least.iter_mut().enumerate() {
                let (provider, precision) = PROVIDERS[index];
                eprintln!("{} by {provider}, {precision}", network.nick);
                let numbers = [index, effort.row.as_millis() as usize];
                let answer: Result<[u64; 3], _> =
                    probe::run("provider", network, &numbers).try_into();
                if let Ok(times) = answer
                    && turn > 0
                {
                    let before = least.unwrap_or(times);
                    *least = Some(std::array::from_fn(|i| before[i].min(times[i])));
                }
            }
        }
        rows.extend(PROVIDERS.into_iter().zip(least).filter_map(
            |((provider, precision), least)| {
                let [first_frame, infer, total] = least?.map(Duration::from_nanos);
                Some(Row {
                    network: network.nick,
                    provider,
                    precision,
                    first_frame,
                    infer,
                    total,
                })
            },
        ));
    }
    rows
}

/// The other end: first frame, and medians of the network's step and of a frame; nothing where the provider is not installed.
pub fn serve(network: &Network, provider: usize, time: Duration) -> Vec<u64> {
    crate::start_gstreamer();
    let info = info(gst_video::VideoFormat::I420, FULL_HD.0, FULL_HD.1);
    let pictures = pictures(&info);
    let element = network.element();
    let (provider, precision) = PROVIDERS[provider];
    element.set_property("provider", provider);
    element.set_property_from_str("precision", precision);
    let start = Instant::now();
    // A harness around an element that does not start ends the process.
    if element.set_state(gst::State::Paused).is_err() {
        let _ = element.set_state(gst::State::Null);
        return Vec::new();
    }
    let mut feed = Feed::start(element, &info, pictures);
    feed.frame();
    let first_frame = start.elapsed();
    let (mut infer, mut total) = (Vec::new(), Vec::new());
    let effort = Effort {
        row: time,
        rounds: 5,
    };
    effort.repeat(|counts| {
        let time = feed.frame();
        let stats = feed.element.property::<gst::Structure>("stats");
        if counts {
            total.push(time);
            let step = stats.get("infer-last").expect("stats has the step");
            infer.push(Duration::from_nanos(step));
        }
    });
    [first_frame, median(infer), median(total)]
        .map(|time| time.as_nanos() as u64)
        .into()
}
