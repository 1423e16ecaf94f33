//! Why a recording ends before its time, and whether what is on its way still arrives.

use std::time::{Duration, Instant};

use gst::ClockTime;
use gst::prelude::*;

use super::pipeline::Recorder;
use crate::failure::Failure;

/// How long nothing may move before nothing more is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What ends a recording. What came before is still on its way, usually with an end behind it.
pub struct Ending {
    why: Failure,
    is_failure: bool,
    /// How far the input has come in and how many bytes have come out, and when that was last seen to change.
    reached: (ClockTime, u64),
    moved: Instant,
}

impl Ending {
    fn new(why: Failure, is_failure: bool) -> Self {
        Self {
            why,
            is_failure,
            reached: (ClockTime::ZERO, 0),
            moved: Instant::now(),
        }
    }

    /// The input gives nothing more, for the reason that `text` says.
    pub fn of_input(text: String) -> Self {
        Self::new(Failure::Stalled(text), false)
    }

    /// The input has given nothing, for whatever reason.
    pub fn before_any_frame(why: Failure) -> Self {
        Self::new(why, false)
    }

    /// Something behind the input fails, the `writer` of the file if there is one.
    pub fn of_recording(error: &gst::message::Error, writer: Option<&gst::Object>) -> Self {
        let (error, debug) = (error.error(), error.debug().unwrap_or_default());
        let words = error.message().trim_end_matches('.').to_owned();
        let Some(writer) = writer else {
            return Self::new(Failure::Run(format!("{words}.")), true);
        };
        let path: Option<String> = writer.property("location");
        let path = path.unwrap_or_default();
        let text = if error.matches(gst::ResourceError::NoSpaceLeft) {
            format!(
                "{path} cannot be written: the disk is full. Make room on it, or record to another one."
            )
        } else {
            // GStreamer puts the system's words where users do not look.
            let system = debug.split("system error: ").nth(1);
            let why = system.and_then(|why| why.lines().next()).unwrap_or(&words);
            let help = match why {
                "File too large" => " Record in smaller files: --segment 1GB.",
                _ => "",
            };
            format!("{path} cannot be written: {why}.{help}")
        };
        Self::new(Failure::Run(text), true)
    }

    /// Whether it is not the input that has come to an end.
    pub fn is_failure(&self) -> bool {
        self.is_failure
    }

    pub fn text(&self) -> String {
        self.why.to_string()
    }

    pub fn failure(self) -> Failure {
        self.why
    }

    /// Whether nothing has moved for so long that nothing will.
    pub fn is_over(&mut self, recorder: &Recorder) -> bool {
        let reached = (recorder.came_in(), recorder.cutter().bytes());
        // A frame that waits for a slow network moves too.
        if reached != self.reached || recorder.source.has_waiting() {
            (self.reached, self.moved) = (reached, Instant::now());
        }
        self.moved.elapsed() > PATIENCE
    }
}
