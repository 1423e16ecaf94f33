//! Why a recording ends before its time, and whether what is on its way still arrives.

use std::time::{Duration, Instant};

use gst::ClockTime;
use gst::prelude::*;

use super::pipeline::Recorder;
use crate::command_line::say;
use crate::failure::Failure;

/// How long nothing may move before nothing more is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What ends a recording. What came before is still on its way, usually with an end behind it.
pub struct Ending {
    why: Failure,
    /// What to say instead where frames have come.
    after_frames: Option<String>,
    is_failure: bool,
    /// Whether it was told to end.
    is_told: bool,
    /// How far the input has come in and how many bytes have come out, and when that was last seen to change.
    reached: (ClockTime, u64),
    moved: Instant,
}

impl Ending {
    fn new(why: Failure, after_frames: Option<String>, is_failure: bool) -> Self {
        Self {
            why,
            after_frames,
            is_failure,
            is_told: false,
            reached: (ClockTime::ZERO, 0),
            moved: Instant::now(),
        }
    }

    /// The input gives nothing more, for the reason that `why` says, or `after_frames` where frames have come.
    pub fn of_input(why: Failure, after_frames: Option<String>) -> Self {
        Self::new(why, after_frames, false)
    }

    /// Something behind the input fails, the `writer` of the file if there is one.
    pub fn of_recording(error: &gst::message::Error, writer: Option<&gst::Object>) -> Self {
        let (error, debug) = (error.error(), error.debug().unwrap_or_default());
        let words = error.message().trim_end_matches('.').to_owned();
        let Some(writer) = writer else {
            return Self::new(Failure::Run(format!("{words}.")), None, true);
        };
        let path: Option<String> = writer.property("location");
        let path = path.unwrap_or_default();
        let text = if error.matches(gst::ResourceError::NoSpaceLeft) {
            format!(
                "{path} cannot be written: the disk is full. Make room on it, or record to another one."
            )
        } else {
            // GStreamer puts the system's words where users do not look.
            let system = debug.lines().last().and_then(|line| line.rsplit_once(": "));
            let why = system.map_or(words.as_str(), |(_, why)| why.trim_end_matches('.'));
            let help = match why {
                "File too large" => " Record in smaller files: --segment 1GB.",
                _ => "",
            };
            format!("{path} cannot be written: {why}.{help}")
        };
        Self::new(Failure::Run(text), None, true)
    }

    /// Whether it is not the input that has come to an end.
    pub fn is_failure(&self) -> bool {
        self.is_failure
    }

    /// What to say of it where frames have come.
    pub fn text(&self) -> String {
        let text = self.after_frames.clone();
        text.unwrap_or_else(|| self.why.to_string())
    }

    pub fn failure(self) -> Failure {
        self.why
    }

    /// Gives it time to end, once.
    pub fn wait_for_end(&mut self) -> bool {
        self.moved = Instant::now();
        !std::mem::replace(&mut self.is_told, true)
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

/// An interruption, after which what is in work still arrives, unless the network never comes to an end with a frame.
pub struct Interruption {
    /// How many frames have been explained and how many bytes have come out, and when that was last seen to change.
    reached: (u64, u64),
    moved: Instant,
    is_salvaged: bool,
}

impl Interruption {
    /// Of a recorder that has just been told to finish.
    pub fn new() -> Self {
        Self {
            reached: (0, 0),
            moved: Instant::now(),
            is_salvaged: false,
        }
    }

    /// Has the recording end behind the last frame that is explained, if nothing moves any more. Returns whether not even
    /// that has helped.
    pub fn look(&mut self, recorder: &Recorder) -> bool {
        let reached = (recorder.cutter().frames(), recorder.cutter().bytes());
        if reached != self.reached {
            (self.reached, self.moved) = (reached, Instant::now());
        }
        if self.moved.elapsed() < PATIENCE {
            return false;
        }
        if self.is_salvaged {
            return true;
        }
        say("The network is not done with a frame, which is not waited for any longer.");
        (self.is_salvaged, self.moved) = (true, Instant::now());
        recorder.salvage();
        false
    }
}
