//! One stream, and the files that it goes to one after the other.

use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;

use super::cutter::Cutter;
use super::part::Part;
use super::streams::{SMALLEST_STEP, lock, running_time, written};
use crate::failure::Failure;

/// One stream on its way to the muxers.
pub struct Stream {
    number: usize,
    /// The last pad before the muxers.
    out: gst::Pad,
    /// Names the pads of muxers for it.
    pub template: &'static str,
    way: Mutex<Way>,
}

/// How far a stream has come.
struct Way {
    /// The part that it goes to.
    part: Arc<Part>,
    has_begun: bool,
    has_ended: bool,
}

impl Stream {
    /// The stream that comes out at `out` and goes to `part` first, where it has this `number`; `template` names the pads
    /// of muxers for it.
    pub fn new(number: usize, out: gst::Pad, template: &'static str, part: Arc<Part>) -> Self {
        Self {
            number,
            out,
            template,
            way: Mutex::new(Way {
                part,
                has_begun: false,
                has_ended: false,
            }),
        }
    }

    /// Sends `buffer`, the next one on its pad, to the part that it belongs to.
    pub fn pass_on(&self, cutter: &Cutter, buffer: &gst::BufferRef) -> Result<(), Failure> {
        let mut way = lock(&self.way);
        let is_frame = self.template.starts_with("video");
        let time = running_time(&self.out, buffer);
        // Only a picture that stands on its own can begin a file; the encoder was asked for one.
        if let Some(time) = time
            && !(is_frame && buffer.flags().contains(gst::BufferFlags::DELTA_UNIT))
        {
            for part in cutter.after(&way.part, time + SMALLEST_STEP / 2) {
                self.leave(&mut way)?;
                self.enter(&mut way, part)?;
            }
        }
        if !way.has_begun {
            way.has_begun = true;
            written(way.part.started(time))?;
        }
        way.part.stored(buffer.size() as u64, is_frame);
        Ok(())
    }

    /// Ends its stream in the part that it goes to.
    fn leave(&self, way: &mut Way) -> Result<(), Failure> {
        if !way.has_begun {
            written(way.part.started(None))?;
        }
        if let Some(pad) = way.part.take_pad(self.number) {
            let _ = self.out.unlink(&pad);
            self.end_on(&pad);
        }
        Ok(())
    }

    fn enter(&self, way: &mut Way, part: Arc<Part>) -> Result<(), Failure> {
        let pad = part.pad(self.number);
        let pad = pad.ok_or("The muxer has lost a pad.")?;
        // An encoder would ask once more what is wanted of it, and be answered only behind what the muxer has not taken yet.
        let checks = gst::PadLinkCheck::DEFAULT | gst::PadLinkCheck::NO_RECONFIGURE;
        self.out
            .link_full(&pad, checks)
            .map_err(|error| format!("A file cannot be begun: {error}."))?;
        (way.part, way.has_begun) = (part, false);
        Ok(())
    }

    pub fn has_ended(&self) -> bool {
        lock(&self.way).has_ended
    }

    /// It gives nothing more, which the part that it goes to is told by the pad itself.
    pub fn end(&self, cutter: &Cutter) -> Result<(), Failure> {
        let later = {
            let mut way = lock(&self.way);
            way.has_ended = true;
            if !way.has_begun {
                written(way.part.started(None))?;
            }
            cutter.after(&way.part, ClockTime::MAX)
        };
        later.iter().try_for_each(|part| self.end_in(part))
    }

    /// Ends it in a part that it never came to.
    pub fn end_in(&self, part: &Part) -> Result<(), Failure> {
        if let Some(pad) = part.take_pad(self.number) {
            self.end_on(&pad);
            written(part.started(None))?;
        }
        Ok(())
    }

    /// Tells the muxer's `pad` that nothing more comes, and what kind of stream it would have been.
    fn end_on(&self, pad: &gst::Pad) {
        if !pad.has_current_caps() {
            self.out.sticky_events_foreach(|event| {
                if event.type_() != gst::EventType::Eos {
                    pad.send_event(event.clone());
                }
                std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
            });
        }
        pad.send_event(gst::event::Eos::new());
    }
}
