//! One file of a recording in the making, its muxer, and what was seen in it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;

use super::container::Container;
use super::files::Files;
use super::fragments;
use super::journal::Journal;
use super::streams::{lock, pad};
use crate::failure::Failure;

/// Timescale of MP4 pictures, in units a second: it holds the usual frame rates exactly and any other to 11 µs.
const TIMESCALE: u32 = 90_000;
/// What a muxer adds to a frame or a packet of sound, in bytes, index included.
const OVERHEAD: u64 = 64;

/// A file, from the frame that starts at `from` on.
pub struct Part {
    /// 0 for the first one.
    pub number: u32,
    /// Running time of its first frame.
    pub from: ClockTime,
    pub files: Files,
    pub journal: Mutex<Journal>,
    muxer: gst::Element,
    sink: gst::Element,
    /// Where streams go in, by their number.
    pads: Mutex<Vec<Option<gst::Pad>>>,
    start: Mutex<Start>,
    /// Bytes and frames that have come to the muxer.
    bytes: AtomicU64,
    frames: AtomicU64,
    /// Bytes of the largest frame.
    largest: AtomicU64,
    has_ended: AtomicBool,
    /// Whether it cannot be written any more.
    has_failed: Arc<AtomicBool>,
}

/// Finds out when the file starts: where the earliest of its streams does.
struct Start {
    /// Streams that have not started yet.
    awaited: usize,
    earliest: Option<ClockTime>,
}

impl Part {
    /// Puts a muxer for `container` and what writes `files` into `pipeline`.
    ///
    /// # Errors
    /// A plugin is missing, or the files beside the video cannot be written.
    pub fn new(
        number: u32,
        from: ClockTime,
        container: Container,
        files: Files,
        pipeline: &gst::Pipeline,
    ) -> Result<Self, Failure> {
        let mut journal = Journal::new(files.beside()?)?;
        let muxer = container.muxer()?;
        if number == 0 && !container.starts_at_earliest() {
            journal.start_at(ClockTime::ZERO)?;
        } else if muxer.has_property("offset-to-zero") {
            muxer.set_property("offset-to-zero", true);
        }
        let sink = gst::ElementFactory::make("filesink")
            .property("location", files.video_part())
            // The pipeline starts without waiting for what the encoder gives first: GStreamer never finishes a start that an
            // error of the input comes into, and what came before it would wait for ever to be written.
            .property("async", false)
            // What is held back is lost when the program is killed.
            .property_from_str("buffer-mode", "unbuffered")
            .build()?;
        pipeline.add_many([&muxer, &sink])?;
        muxer.link(&sink)?;
        // It writes whether or not the pipeline runs, which waits for its input: for ever if that has broken by then.
        sink.set_locked_state(true);
        sink.set_state(gst::State::Playing)?;
        let has_failed = Arc::new(AtomicBool::new(false));
        watch(&pad(&muxer, "src")?, Arc::clone(&has_failed));
        Ok(Self {
            number,
            from,
            files,
            journal: Mutex::new(journal),
            muxer,
            sink,
            pads: Mutex::default(),
            start: Mutex::new(Start {
                awaited: 0,
                earliest: None,
            }),
            bytes: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            has_failed,
        })
    }

    /// Has the muxer take a stream, if there `is` one: `template` names its pads.
    ///
    /// # Errors
    /// It takes no further one.
    pub fn add_stream(&self, template: &str, is: bool) -> Result<(), Failure> {
        let pad = match is {
            true => {
                let pad = self.muxer.request_pad_simple(template);
                Some(pad.ok_or("The muxer takes no further stream.")?)
            }
            false => None,
        };
        if let Some(pad) = &pad {
            lock(&self.start).awaited += 1;
            if template.starts_with("video") && pad.has_property("trak-timescale") {
                pad.set_property("trak-timescale", TIMESCALE);
            }
        }
        lock(&self.pads).push(pad);
        Ok(())
    }

    /// Where the stream of this number goes in, until it is [taken](Self::take_pad).
    pub fn pad(&self, stream: usize) -> Option<gst::Pad> {
        lock(&self.pads).get(stream).cloned().flatten()
    }

    /// The same, for whoever ends the stream there.
    pub fn take_pad(&self, stream: usize) -> Option<gst::Pad> {
        lock(&self.pads).get_mut(stream).and_then(Option::take)
    }

    /// Notes that the file is complete.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Lets the muxer run as the rest of a running pipeline does.
    ///
    /// # Errors
    /// It cannot.
    pub fn join(&self) -> Result<(), Failure> {
        Ok(self.muxer.sync_state_with_parent()?)
    }

    /// A stream has started at the running time `time`, or ended without having started.
    pub fn started(&self, time: Option<ClockTime>) -> std::io::Result<()> {
        let mut start = lock(&self.start);
        start.awaited = start.awaited.saturating_sub(1);
        start.earliest = start.earliest.into_iter().chain(time).min();
        let mut journal = lock(&self.journal);
        match start.earliest {
            Some(earliest) if start.awaited == 0 && journal.origin().is_none() => {
                journal.start_at(earliest)
            }
            _ => Ok(()),
        }
    }

    /// Notes so many bytes for the muxer, and whether they are a frame.
    pub fn stored(&self, bytes: u64, is_frame: bool) {
        self.bytes.fetch_add(bytes + OVERHEAD, Ordering::Relaxed);
        if is_frame {
            self.frames.fetch_add(1, Ordering::Relaxed);
            self.largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes that have come to the muxer.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How large the file may become if no frame is added to those that are noted: those that the encoder holds are
    /// taken for twice as large as the others, and one of them for one that stands on its own.
    pub fn size_to_come(&self) -> u64 {
        let (bytes, stored) = (self.bytes(), self.frames.load(Ordering::Relaxed));
        let held = lock(&self.journal).frames.saturating_sub(stored);
        let mean = bytes.checked_div(stored).unwrap_or_default();
        bytes + held * 2 * mean + self.largest.load(Ordering::Relaxed)
    }

    /// Whether `source` writes the file.
    pub fn is_written_by(&self, source: &gst::Object) -> bool {
        source == self.sink.upcast_ref::<gst::Object>()
    }

    /// Has nothing more written: what an unfinished file consists of must not be taken for that of a finished one.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Takes muxer and writer, which have come to the end of the file, out of `pipeline`.
    pub fn leave(&self, pipeline: &gst::Pipeline) {
        self.stop();
        for element in [&self.muxer, &self.sink] {
            let _ = pipeline.remove(element);
        }
    }

    fn stop(&self) {
        for element in [&self.muxer, &self.sink] {
            let _ = element.set_state(gst::State::Null);
        }
    }

    /// Writes down the rest of what was seen and gives the files their names. Returns those.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep(&self) -> Result<[PathBuf; 3], Failure> {
        self.finish_journal()?;
        self.files.keep()
    }

    /// Writes down the rest of what was seen.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish_journal(&self) -> Result<(), Failure> {
        let finished = lock(&self.journal).finish();
        finished.map_err(|error| {
            format!("What the network says cannot be written down: {error}.").into()
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Looks through what the muxer gives on `pad`, and lets nothing pass any more once it `has_failed`.
fn watch(pad: &gst::Pad, has_failed: Arc<AtomicBool>) {
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    // Where in the file the next buffer goes.
    let place = AtomicU64::new(0);
    pad.add_probe(kinds, move |pad, info| {
        if has_failed.load(Ordering::Relaxed) {
            info.flow_res = Err(gst::FlowError::Error);
            return gst::PadProbeReturn::Handled;
        }
        if let Some(gst::EventView::Segment(segment)) = info.event().map(|event| event.view())
            && let Some(bytes) = segment.segment().downcast_ref::<gst::format::Bytes>()
        {
            let start = bytes.start().map_or(0, |start| *start);
            place.store(start, Ordering::Relaxed);
        }
        if let Some(buffer) = info.buffer() {
            let at = place.fetch_add(buffer.size() as u64, Ordering::Relaxed);
            let data = buffer.map_readable();
            if data.is_ok_and(|data| fragments::is_index(&data))
                && let Some(writer) = pad.peer()
                && let Some(index) = info.take_buffer()
            {
                info.flow_res = write_index(&writer, index, at);
                return gst::PadProbeReturn::Handled;
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// Has `writer` write a fragment's `index` at `place` in the file, and only then call it one: players refuse a whole file
/// for half an index at its end, which a full disk leaves, or a kill between two of its pages.
fn write_index(
    writer: &gst::Pad,
    mut index: gst::Buffer,
    place: u64,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let end = place + index.size() as u64;
    if let Ok(mut data) = index.make_mut().map_writable() {
        fragments::mend(&mut data, place);
        fragments::hide(&mut data);
    }
    writer.chain(index)?;
    go_on_at(writer, place + fragments::NAME_PLACE as u64)?;
    writer.chain(gst::Buffer::from_slice(fragments::NAME))?;
    go_on_at(writer, end)
}

/// Has `writer` write at `place` in the file what comes next.
fn go_on_at(writer: &gst::Pad, place: u64) -> Result<gst::FlowSuccess, gst::FlowError> {
    let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    segment.set_start(gst::format::Bytes::from_u64(place));
    let is_there = writer.send_event(gst::event::Segment::new(&segment));
    is_there
        .then_some(gst::FlowSuccess::Ok)
        .ok_or(gst::FlowError::Error)
}
