//! From the input's pads to the muxer's, and what is looked at on the way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::ClockTime;
use gst::prelude::*;

use super::container::Container;
use super::cutter::Cutter;
use super::part::Part;
use super::sound::Sound;
use super::stream::Stream;
use crate::failure::Failure;
use crate::unreadable::NO_PICTURE;
use gstcamoverlay::camoverlay::{CamOverlay, META_NAME};

/// As much as the other streams are ahead or behind: encoded data is small, and a full queue would end in a standstill.
pub const ENCODED_QUEUE: &str = "queue max-size-buffers=0 max-size-bytes=0 max-size-time=0";

/// Smallest time from frame to frame: what Matroska can tell apart.
pub const SMALLEST_STEP: ClockTime = ClockTime::from_mseconds(1);
/// How long a frame is shown of which nothing tells it.
const USUAL_STEP: ClockTime = ClockTime::from_mseconds(40);

/// What the streaming threads share.
pub struct Streams {
    pub container: Container,
    pub pipeline: gst::Pipeline,
    /// Where the input's picture goes in.
    pub picture: gst::Pad,
    pub sounds: Mutex<Vec<Arc<Sound>>>,
    streams: Mutex<Vec<Arc<Stream>>>,
    pub cutter: Cutter,
    /// Running time at which the last frame that came in ends, in nanoseconds.
    pub came_in: AtomicU64,
    /// The same for whatever the input has, recorded or not.
    pub furthest: AtomicU64,
    /// Running time after which sound is left out, in nanoseconds.
    pub end: AtomicU64,
    /// Running times and lengths of the frames inside the encoder.
    lengths: Mutex<VecDeque<(ClockTime, ClockTime)>>,
}

impl Streams {
    /// Streams that lead to the parts of `cutter`, so far only a picture that goes in at `picture`.
    pub fn new(
        container: Container,
        pipeline: gst::Pipeline,
        picture: gst::Pad,
        cutter: Cutter,
    ) -> Arc<Self> {
        Arc::new(Self {
            container,
            pipeline,
            picture,
            sounds: Mutex::default(),
            streams: Mutex::default(),
            cutter,
            came_in: AtomicU64::new(0),
            furthest: AtomicU64::new(0),
            end: AtomicU64::new(u64::MAX),
            lengths: Mutex::default(),
        })
    }

    /// Links the input's first picture and all its sounds, each with what it will give.
    pub fn connect(self: &Arc<Self>, pads: &[(gst::Pad, gst::Caps)]) -> Result<(), Failure> {
        let of_kind = |kind: &'static str| {
            pads.iter().filter(move |(_, caps)| {
                let structure = caps.structure(0);
                structure.is_some_and(|structure| structure.name().starts_with(kind))
            })
        };
        let (picture, _) = of_kind("video/x-raw").next().ok_or(NO_PICTURE)?;
        for (pad, _) in pads {
            self.note_how_far(pad);
        }
        for (pad, caps) in of_kind("audio/") {
            let sound = self.sound(caps)?;
            link(pad, &sound.entrance)?;
            lock(&self.sounds).push(sound);
        }
        link(picture, &self.picture)
    }

    /// Notes how far the stream on `pad` has come, linked or not.
    fn note_how_far(self: &Arc<Self>, pad: &gst::Pad) {
        let streams = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer())
                && let Some(time) = shown_at(pad, buffer)
            {
                let end = time + buffer.duration().unwrap_or_default();
                streams
                    .furthest
                    .fetch_max(end.nseconds(), Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Sound of `caps`, led to the muxers.
    fn sound(self: &Arc<Self>, caps: &gst::Caps) -> Result<Arc<Sound>, Failure> {
        let sound = Arc::new(Sound::new(caps, self.container, &self.pipeline)?);
        let streams = Arc::downgrade(self);
        let next = AtomicU64::new(0);
        self.lead_to_muxers(&sound.last, "audio_%u", move |pad, buffer| {
            let time = running_time(pad, buffer).unwrap_or_default().nseconds();
            let end = streams.upgrade().map(|s| s.end.load(Ordering::SeqCst));
            let too_late = end.is_some_and(|end| time >= end);
            // Muxers cannot place what has no time, nor what live streams repeat when they jump back.
            if too_late || buffer.pts().is_none() || time < next.load(Ordering::SeqCst) {
                return false;
            }
            next.store(time, Ordering::SeqCst);
            true
        })?;
        sound.begin(self)?;
        Ok(sound)
    }

    /// Leads what comes from `last` to a pad of the muxers that `template` names, if it is `fit`. Returns the pad that
    /// it comes from.
    pub fn lead_to_muxers(
        self: &Arc<Self>,
        last: &gst::Element,
        template: &'static str,
        fit: impl Fn(&gst::Pad, &gst::BufferRef) -> bool + Send + Sync + 'static,
    ) -> Result<gst::Pad, Failure> {
        let part = self.cutter.last();
        part.add_stream(template, true)?;
        let out = pad(last, "src")?;
        let mut streams = lock(&self.streams);
        let number = streams.len();
        let stream = Arc::new(Stream::new(
            number,
            out.clone(),
            template,
            Arc::clone(&part),
        ));
        link(&out, &part.pad(number).ok_or("The muxer has lost a pad.")?)?;
        // The pad must not keep alive what keeps the pad.
        let (shared, this) = (Arc::downgrade(self), Arc::downgrade(&stream));
        streams.push(stream);
        // Blocking ones come before the pad looks whether there is something to tell a new peer.
        let kinds = gst::PadProbeType::BLOCK
            | gst::PadProbeType::BUFFER
            | gst::PadProbeType::EVENT_DOWNSTREAM;
        out.add_probe(kinds, move |pad, info| {
            let Some((streams, stream)) = shared.upgrade().zip(this.upgrade()) else {
                return gst::PadProbeReturn::Pass;
            };
            if let Some(buffer) = info.buffer() {
                if !fit(pad, buffer) {
                    return gst::PadProbeReturn::Drop;
                }
                streams.seen_to(stream.pass_on(&streams.cutter, buffer));
            } else if info.event().map(|event| event.type_()) == Some(gst::EventType::Eos) {
                streams.seen_to(stream.end(&streams.cutter));
            }
            gst::PadProbeReturn::Pass
        });
        Ok(out)
    }

    /// Says on the bus what has gone wrong, if something has.
    fn seen_to(&self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            gst::element_error!(self.pipeline, gst::ResourceError::Write, ("{failure}"));
        }
    }

    /// Begins a new file with the frame on `pad`, the overlay's, if the one before is long or large enough.
    fn cut(&self, pad: &gst::Pad, buffer: &gst::BufferRef) -> Result<(), Failure> {
        let Some(time) = shown_at(pad, buffer) else {
            return Ok(());
        };
        if !self.cutter.is_due(time) {
            return Ok(());
        }
        let streams = lock(&self.streams);
        let add = |part: &Part| {
            let mut streams = streams.iter();
            streams.try_for_each(|stream| part.add_stream(stream.template, !stream.has_ended()))
        };
        let part = self
            .cutter
            .begin(time, self.container, &self.pipeline, add)?;
        // One may have ended before the new part could be found.
        let mut ended = streams.iter().filter(|stream| stream.has_ended());
        ended.try_for_each(|stream| stream.end_in(&part))
    }

    /// Writes into the journal what the frames on `pad`, the overlay's, carry, and what it finds after the last one.
    pub fn write_journal(self: &Arc<Self>, pad: &gst::Pad) {
        let streams = Arc::downgrade(self);
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(kinds, move |pad, info| {
            let (Some(streams), Some(segment)) = (streams.upgrade(), segment(pad)) else {
                return gst::PadProbeReturn::Ok;
            };
            let ended = info.event().map(|event| event.type_()) == Some(gst::EventType::Eos);
            let overlay = pad.parent_element();
            let overlay = overlay.filter(|_| ended).and_downcast::<CamOverlay>();
            if let Some(said) = overlay.and_then(|overlay| overlay.explanation()) {
                let last = streams.cutter.last();
                streams.seen_to(written(lock(&last.journal).ended(&segment, &said)));
            }
            if let Some(buffer) = info.buffer() {
                streams.seen_to(streams.cut(pad, buffer));
                let meta = gst::meta::CustomMeta::from_buffer(buffer, META_NAME).ok();
                let said = meta.as_ref().map(|meta| meta.structure());
                let last = streams.cutter.last();
                streams.seen_to(written(lock(&last.journal).frame(buffer, &segment, said)));
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Gives the encoded frames on `stored` the lengths that they had on `encoder`: encoder and parser of H.264 go by
    /// the frame rate alone, and where there is none they leave the last frame without any.
    pub fn keep_lengths(self: &Arc<Self>, encoder: &gst::Pad, stored: &gst::Pad) {
        let streams = Arc::downgrade(self);
        encoder.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer())
                && let (Some(time), Some(length)) = (shown_at(pad, buffer), buffer.duration())
            {
                lock(&streams.lengths).push_back((time, length));
            }
            gst::PadProbeReturn::Ok
        });
        let streams = Arc::downgrade(self);
        stored.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer_mut())
                && let Some(time) = shown_at(pad, buffer)
            {
                let mut lengths = lock(&streams.lengths);
                // What went in before it has come out or been dropped. Encoders may round.
                while lengths
                    .front()
                    .is_some_and(|(before, _)| *before + SMALLEST_STEP / 2 < time)
                {
                    lengths.pop_front();
                }
                if let Some((_, length)) = lengths
                    .front()
                    .filter(|(same, _)| *same < time + SMALLEST_STEP / 2)
                {
                    buffer.make_mut().set_duration(*length);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Notes how far the input's picture has come, and makes it fit for muxers: every frame has a time, later than that
    /// of the frame before (live streams jump back now and then), and a length (an MP4 ends where its last frame starts
    /// otherwise, and players leave that frame out); gaps are kept out, which parsers of GStreamer 1.22 hand on before
    /// the segment that they are in.
    pub fn tidy_what_comes_in(self: &Arc<Self>) {
        let streams = Arc::downgrade(self);
        // Timestamp and end of the frame before.
        let before = Mutex::new(None::<(ClockTime, ClockTime)>);
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        self.picture.add_probe(kinds, move |pad, info| {
            match info.event().map(|event| event.type_()) {
                Some(gst::EventType::Gap) => return gst::PadProbeReturn::Handled,
                Some(gst::EventType::Segment) => *lock(&before) = None,
                _ => {}
            }
            if let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer_mut()) {
                let mut before = lock(&before);
                let earliest = before.map_or(ClockTime::ZERO, |(pts, _)| pts + SMALLEST_STEP);
                let expected = before.map(|(_, end)| end);
                // libav's decoder for GIF gives every frame the time of the first.
                let own = buffer
                    .pts()
                    .filter(|pts| before.is_none_or(|(earlier, _)| *pts != earlier));
                let pts = own.or(expected).unwrap_or_default().max(earliest);
                if buffer.pts() != Some(pts) {
                    buffer.make_mut().set_pts(pts);
                }
                // Matroska's demuxer says a nanosecond where it does not know.
                let known = buffer.duration().filter(|length| *length >= SMALLEST_STEP);
                let duration = known.unwrap_or_else(|| {
                    let step = before.map(|(earlier, _)| pts - earlier);
                    period(pad).or(step).unwrap_or(USUAL_STEP)
                });
                if known.is_none() {
                    buffer.make_mut().set_duration(duration);
                }
                *before = Some((pts, pts + duration));
                if let Some(time) = running_time(pad, buffer) {
                    let end = (time + duration).nseconds();
                    streams.came_in.store(end, Ordering::SeqCst);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// What an error of the files beside the video is to the user.
pub fn written(outcome: std::io::Result<()>) -> Result<(), Failure> {
    outcome
        .map_err(|error| format!("What the network says cannot be written down: {error}.").into())
}

/// The time from frame to frame in a stream of constant rate.
fn period(pad: &gst::Pad) -> Option<ClockTime> {
    let caps = pad.current_caps()?;
    let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
    let frames = u64::from(rate.numer().unsigned_abs());
    let seconds = u64::from(rate.denom().unsigned_abs());
    (frames > 0).then(|| ClockTime::SECOND.mul_div_round(seconds, frames))?
}

pub fn segment(pad: &gst::Pad) -> Option<gst::FormattedSegment<ClockTime>> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    event.segment().clone().downcast().ok()
}

/// Running time at which `buffer` is shown.
pub fn shown_at(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<ClockTime> {
    segment(pad)?.to_running_time(buffer.pts()?)
}

pub fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<ClockTime> {
    segment(pad)?.to_running_time(buffer.dts_or_pts()?)
}

/// The always-there pad `name` of `element`.
pub fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, Failure> {
    let pad = element.static_pad(name);
    pad.ok_or_else(|| format!("{} has no pad {name}.", element.name()).into())
}

pub fn link(from: &gst::Pad, to: &gst::Pad) -> Result<(), Failure> {
    match from.link(to) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("{} does not go with {}: {error}.", from.name(), to.name()).into())
        }
    }
}

/// The data is as good after another thread's panic as before it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
