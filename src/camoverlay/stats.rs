//! What the element counts and times: the `stats` property.

use std::time::Duration;

use super::outcome::Outcome;

/// Mean and last of one repeated step.
#[derive(Clone, Copy, Default)]
struct Timing {
    total: Duration,
    last: Duration,
    count: u64,
}

impl Timing {
    fn add(&mut self, time: Duration) {
        self.total += time;
        self.last = time;
        self.count += 1;
    }

    fn mean(&self) -> Duration {
        self.total.div_f64(self.count.max(1) as f64)
    }
}

/// The steps a frame goes through, in order.
#[derive(Clone, Copy)]
pub enum Step {
    /// Frame to tensor.
    Prepare,
    /// Tensor to feature map and logits.
    Infer,
    /// Feature map to class map, and class map to heat.
    Map,
    /// Heat and frame to overlay.
    Blend,
}

impl Step {
    const NAMES: [(&'static str, &'static str); 4] = [
        ("prepare-mean", "prepare-last"),
        ("infer-mean", "infer-last"),
        ("map-mean", "map-last"),
        ("blend-mean", "blend-last"),
    ];
}

/// Counters since the element started.
#[derive(Clone, Copy, Default)]
pub struct Stats {
    /// Frames that left the element.
    pub frames: u64,
    /// Runs of the network.
    pub inferences: u64,
    /// Frames that carried the map of an earlier one.
    pub reused: u64,
    /// Inferences left out because the frame was late.
    pub skipped: u64,
    /// Frames on which the network failed.
    pub failed: u64,
    timings: [Timing; 4],
}

impl Stats {
    /// Counts a frame and what was done to it.
    pub fn add(&mut self, outcome: &Outcome) {
        self.frames += 1;
        self.reused += u64::from(!outcome.inferred);
        self.skipped += u64::from(outcome.skipped);
        self.add_run(outcome);
    }

    /// Counts a run of the network whose result no frame shows, as at the end of a stream.
    pub fn add_run(&mut self, outcome: &Outcome) {
        self.inferences += u64::from(outcome.inferred);
        self.failed += u64::from(outcome.failed);
        for (timing, time) in self.timings.iter_mut().zip(outcome.times) {
            if let Some(time) = time {
                timing.add(time);
            }
        }
    }

    /// The `stats` property: counts as uint64, times as uint64 nanoseconds.
    /// `provider` computes the network, if there is one.
    pub fn structure(&self, provider: Option<&str>) -> gst::Structure {
        let mut structure = gst::Structure::builder("application/x-camoverlay-stats")
            .field("frames", self.frames)
            .field("inferences", self.inferences)
            .field("reused", self.reused)
            .field("skipped", self.skipped)
            .field("failed", self.failed)
            .build();
        if let Some(provider) = provider {
            structure.set("provider", provider);
        }
        for ((mean, last), timing) in Step::NAMES.iter().zip(&self.timings) {
            structure.set(*mean, timing.mean().as_nanos() as u64);
            structure.set(*last, timing.last.as_nanos() as u64);
        }
        structure
    }
}
