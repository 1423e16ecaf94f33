//! What came of a frame.

use std::time::{Duration, Instant};

use super::stats::Step;
use super::target::Notice;

/// What was done to a frame.
#[derive(Default)]
pub struct Outcome {
    /// The network's result for this or an earlier frame came in.
    pub inferred: bool,
    /// The frame waited for the network on the streaming thread.
    pub waited: bool,
    /// A flush or a stop cut off the wait for the network: nothing came of the frame.
    pub cut_off: bool,
    /// The network failed on this or an earlier frame.
    pub failed: bool,
    /// The network would have run, but the frame was late.
    pub skipped: bool,
    /// The application should get a message about this frame.
    pub announce: bool,
    /// What the application should know although all goes on.
    pub notices: Vec<Notice>,
    /// Times of the steps that were taken, by [`Step`].
    pub times: [Option<Duration>; 4],
}

impl Outcome {
    /// Does `work` and adds what it took to `step`.
    pub fn time<T>(&mut self, step: Step, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(step, start.elapsed());
        result
    }

    pub fn add(&mut self, step: Step, time: Duration) {
        *self.times[step as usize].get_or_insert_default() += time;
    }
}
