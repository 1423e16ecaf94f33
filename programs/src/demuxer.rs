//! Demuxers that find no stream, and whose word of it is lost.
//!
//! An element that fails in the moment in which decodebin connects it fails in silence (GStreamer 1.22): decodebin keeps
//! its errors back until it is connected, and drops them if it could be.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

/// How long a demuxer's own word is waited for once it has stopped.
const PATIENCE: Duration = Duration::from_millis(300);

/// Looks after the demuxers of an input.
#[derive(Default)]
pub struct Demuxers {
    /// When one was first seen to have stopped without a stream.
    stopped: Mutex<Option<Instant>>,
}

impl Demuxers {
    /// What a demuxer in `input` would have said that stopped some time before `now` without having found a stream.
    pub fn lost_error(&self, input: &gst::Element, now: Instant) -> Option<glib::Error> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_stopped(input) {
            *stopped = None;
            return None;
        }
        let since = *stopped.get_or_insert(now);
        let words = "This file contains no playable streams.";
        (now - since > PATIENCE).then(|| glib::Error::new(gst::StreamError::Demux, words))
    }
}

/// Whether a demuxer in `input` reads no more and gives nothing.
fn has_stopped(input: &gst::Element) -> bool {
    let elements = input.downcast_ref::<gst::Bin>().map(|bin| {
        let mut elements = bin.iterate_recurse();
        std::iter::from_fn(move || elements.next().ok().flatten())
    });
    let mut demuxers = elements.into_iter().flatten().filter(|element| {
        let factory = element.factory();
        factory.is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DEMUXER))
    });
    demuxers.any(|demuxer| {
        let paused = |pad: &gst::Pad| pad.task_state() == gst::TaskState::Paused;
        demuxer.src_pads().is_empty() && demuxer.sink_pads().iter().any(paused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demuxer_that_finds_nothing_is_noticed_whatever_becomes_of_its_word() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nothing.mp4");
        std::fs::write(&path, b"\0\0\0\x18ftypisom\0\0\0\0isommp41\0\0\0\x08free").unwrap();
        // Nobody reads the bus.
        let line = format!("filesrc location={} ! qtdemux", path.display());
        let pipeline = gst::parse::launch(&line).unwrap();
        let demuxers = Demuxers::default();
        let start = Instant::now();
        assert!(demuxers.lost_error(&pipeline, start).is_none());
        let _ = pipeline.set_state(gst::State::Paused);
        let error = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(20));
            demuxers.lost_error(&pipeline, Instant::now())
        });
        let error = error.take(500).flatten().next().expect("it is not noticed");
        assert!(start.elapsed() > PATIENCE);
        assert!(error.matches(gst::StreamError::Demux), "{error}");
        pipeline.set_state(gst::State::Null).unwrap();
    }
}
