//! The pipeline of a recording: input, element, encoder, file.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::ClockTime;
use gst::prelude::*;

use super::container::{Container, VideoChain, element};
use super::journal::Journal;
use crate::element::META_NAME;
use crate::program::{CameraOptions, Failure, Input};

/// Few raw frames, which are large.
const RAW_QUEUE: &str = "queue max-size-buffers=3 max-size-bytes=0 max-size-time=0";
/// As much as the other streams are ahead or behind: encoded data is small, and a full queue would end in a standstill.
const ENCODED_QUEUE: &str = "queue max-size-buffers=0 max-size-bytes=0 max-size-time=0";

/// Smallest side of a picture that muxers and encoders take.
const SMALLEST_SIDE: i32 = 16;

/// Timescale of MP4 pictures, in units a second: it holds the usual frame rates exactly and any other to 11 µs.
const TIMESCALE: u32 = 90_000;

/// Smallest time from frame to frame: what Matroska can tell apart.
const SMALLEST_STEP: ClockTime = ClockTime::from_mseconds(1);

/// The pipeline and what is known of it while it runs.
pub struct Recorder {
    pub pipeline: gst::Pipeline,
    input: gst::Element,
    streams: Arc<Streams>,
}

/// What the streaming threads share.
struct Streams {
    container: Container,
    muxer: gst::Element,
    /// Where the input's picture and sounds go in.
    picture: gst::Pad,
    sounds: Mutex<Vec<gst::Pad>>,
    journal: Mutex<Journal>,
    start: Mutex<Start>,
    /// Running time at which the last frame that came in ends, in nanoseconds.
    came_in: AtomicU64,
    /// Running time after which sound is left out, in nanoseconds.
    end: AtomicU64,
}

/// Finds out when the recording starts: where the earliest of its streams does.
struct Start {
    /// Streams that have not started yet.
    awaited: usize,
    earliest: Option<ClockTime>,
}

impl Recorder {
    /// The pipeline that records `input`, explained by `overlay` (a `camoverlay`), into the file `video`, and writes
    /// into `journal` what the network says.
    ///
    /// # Errors
    /// There is no such input, or GStreamer lacks an element.
    pub fn new(
        input: &Input,
        camera: &CameraOptions,
        overlay: &gst::Element,
        (container, bitrate): (Container, Option<u32>),
        video: &Path,
        mut journal: Journal,
    ) -> Result<Self, Failure> {
        if !container.starts_at_earliest() {
            journal.start_at(ClockTime::ZERO)?;
        }
        let pipeline = gst::Pipeline::new();
        let muxer = container.muxer()?;
        let file = gst::ElementFactory::make("filesink")
            .property("location", video)
            .build()?;
        pipeline.add_many([&muxer, &file])?;
        muxer.link(&file)?;

        let chain = container.video_chain(bitrate)?;
        let format = element("capsfilter")?;
        let mut elements = vec![
            element(RAW_QUEUE)?,
            element("videoconvert")?,
            element("videoflip video-direction=auto")?,
            element("videoconvert")?,
            overlay.clone(),
            element(RAW_QUEUE)?,
            element("videoconvert")?,
            element("videoscale")?,
            format.clone(),
        ];
        elements.extend(chain.elements.iter().cloned());
        elements.push(element(ENCODED_QUEUE)?);
        pipeline.add_many(&elements)?;
        gst::Element::link_many(&elements)?;

        let streams = Arc::new(Streams {
            container,
            picture: pad(&elements[0], "sink")?,
            muxer,
            sounds: Mutex::default(),
            journal: Mutex::new(journal),
            start: Mutex::new(Start {
                awaited: 1,
                earliest: None,
            }),
            came_in: AtomicU64::new(0),
            end: AtomicU64::new(u64::MAX),
        });
        let last = elements.last().ok_or("The pipeline is empty.")?;
        let stored = streams.link_to_muxer(last, "video_%u")?;
        if stored.has_property("trak-timescale") {
            stored.set_property("trak-timescale", TIMESCALE);
        }
        choose_format(&pad(overlay, "src")?, format, chain);
        streams.write_journal(&pad(overlay, "src")?);
        streams.tidy_what_comes_in();

        let input = match input.uri() {
            Some(uri) => open(uri, &streams)?,
            None => input.video(camera)?.upcast(),
        };
        pipeline.add(&input)?;
        if let Some(picture) = input.static_pad("src") {
            link(&picture, &streams.picture)?;
        }
        Ok(Self {
            pipeline,
            input,
            streams,
        })
    }

    /// Ends the recording after the frames that have come in, so that the file is finished.
    pub fn finish(&self) {
        let streams = &self.streams;
        streams.picture.send_event(gst::event::Eos::new());
        // Sound may be far ahead of the picture, which takes longer.
        streams
            .end
            .store(self.came_in().nseconds(), Ordering::SeqCst);
        for sound in &*lock(&streams.sounds) {
            sound.send_event(gst::event::Eos::new());
        }
    }

    /// Whether `message` is of the input, not of what comes after it.
    pub fn is_of_input(&self, message: &gst::MessageRef) -> bool {
        let source = message.src();
        source.is_some_and(|source| *source == self.input || source.has_as_ancestor(&self.input))
    }

    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.streams.journal)
    }

    /// Running time up to which the input's picture has come in.
    pub fn came_in(&self) -> ClockTime {
        ClockTime::from_nseconds(self.streams.came_in.load(Ordering::SeqCst))
    }

    /// Whether the input's picture is found.
    pub fn has_picture(&self) -> bool {
        self.streams.picture.is_linked()
    }

    /// How long the input is, if that is known.
    pub fn duration(&self) -> Option<ClockTime> {
        self.streams.picture.peer_query_duration()
    }
}

/// What reads `uri` and decodes its pictures, and its sounds where they cannot be stored as they are.
fn open(uri: &str, streams: &Arc<Streams>) -> Result<gst::Element, Failure> {
    let input = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri)
        // Those of graphics cards leave frames where camoverlay cannot reach them.
        .property("force-sw-decoders", true)
        .build()?;
    let container = streams.container;
    input.connect("autoplug-continue", false, move |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        Some(caps.is_none_or(|caps| !container.keeps(&caps)).to_value())
    });
    // Nothing flows before every stream is known: a muxer takes no new ones later.
    let held = Arc::new(Mutex::new(Vec::new()));
    let holding = Arc::clone(&held);
    input.connect_pad_added(move |_, pad| {
        let probe = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| {
            gst::PadProbeReturn::Ok
        });
        lock(&holding).push((pad.clone(), probe));
    });
    let streams = Arc::downgrade(streams);
    input.connect_no_more_pads(move |input| {
        let held = std::mem::take(&mut *lock(&held));
        let pads: Vec<gst::Pad> = held.iter().map(|(pad, _)| pad.clone()).collect();
        if let Some(streams) = streams.upgrade()
            && let Err(failure) = streams.connect(&pads)
        {
            gst::element_error!(input, gst::StreamError::WrongType, ("{failure}"));
        }
        for (pad, probe) in held {
            if let Some(probe) = probe {
                pad.remove_probe(probe);
            }
        }
    });
    Ok(input)
}

impl Streams {
    /// Links the input's first picture and all its sounds.
    fn connect(self: &Arc<Self>, pads: &[gst::Pad]) -> Result<(), Failure> {
        let of_kind = |kind: &'static str| {
            pads.iter().filter_map(move |pad| {
                let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
                let is_it = caps.structure(0)?.name().starts_with(kind);
                is_it.then_some((pad, caps))
            })
        };
        let (picture, _) = of_kind("video/x-raw")
            .next()
            .ok_or("There is no picture in it.")?;
        let sounds = of_kind("audio/");
        lock(&self.start).awaited = 1 + sounds.clone().count();
        for (pad, caps) in sounds {
            let sound = self.sound(&caps)?;
            link(pad, &sound)?;
            lock(&self.sounds).push(sound);
        }
        link(picture, &self.picture)
    }

    /// Where sound of `caps` goes in, kept as it is if the container can hold it.
    fn sound(self: &Arc<Self>, caps: &gst::Caps) -> Result<gst::Pad, Failure> {
        let mut elements = Vec::new();
        if self.container.keeps(caps) {
            elements.extend(parser(caps)?);
        } else {
            elements.push(element("queue")?);
            elements.push(element("audioconvert")?);
            elements.push(element("audioresample")?);
            elements.push(self.container.sound_encoder()?);
        }
        elements.push(element(ENCODED_QUEUE)?);
        let pipeline = self.muxer.parent().and_downcast::<gst::Pipeline>();
        pipeline
            .ok_or("The pipeline is gone.")?
            .add_many(&elements)?;
        gst::Element::link_many(&elements)?;
        let last = elements.last().ok_or("The sound has no elements.")?;
        let stored = self.link_to_muxer(last, "audio_%u")?;
        let streams = Arc::downgrade(self);
        let next = AtomicU64::new(0);
        stored.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let Some(buffer) = info.buffer() else {
                return gst::PadProbeReturn::Ok;
            };
            let time = running_time(pad, buffer).unwrap_or_default().nseconds();
            let end = streams.upgrade().map(|s| s.end.load(Ordering::SeqCst));
            let too_late = end.is_some_and(|end| time >= end);
            // Muxers cannot place what has no time, nor what live streams repeat when they jump back.
            if too_late || buffer.pts().is_none() || time < next.load(Ordering::SeqCst) {
                return gst::PadProbeReturn::Handled;
            }
            next.store(time, Ordering::SeqCst);
            gst::PadProbeReturn::Ok
        });
        for element in &elements {
            element.sync_state_with_parent()?;
        }
        pad(&elements[0], "sink")
    }

    /// Links `last` to a new pad of the muxer and looks when its stream starts.
    fn link_to_muxer(
        self: &Arc<Self>,
        last: &gst::Element,
        name: &str,
    ) -> Result<gst::Pad, Failure> {
        let stored = self.muxer.request_pad_simple(name);
        let stored = stored.ok_or("The muxer takes no further stream.")?;
        link(&pad(last, "src")?, &stored)?;
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        let streams = Arc::downgrade(self);
        stored.add_probe(kinds, move |pad, info| {
            let at_end = info
                .event()
                .is_some_and(|e| e.type_() == gst::EventType::Eos);
            if info.buffer().is_none() && !at_end {
                return gst::PadProbeReturn::Ok;
            }
            let time = info.buffer().and_then(|buffer| running_time(pad, buffer));
            if let Some(streams) = streams.upgrade() {
                streams.started(time);
            }
            gst::PadProbeReturn::Remove
        });
        Ok(stored)
    }

    /// A stream has started at the running time `time`, or ended without having started.
    fn started(&self, time: Option<ClockTime>) {
        let mut start = lock(&self.start);
        start.awaited -= 1;
        start.earliest = start.earliest.into_iter().chain(time).min();
        if self.container.starts_at_earliest()
            && start.awaited == 0
            && let Some(earliest) = start.earliest
        {
            self.written(lock(&self.journal).start_at(earliest));
        }
    }

    /// Writes into the journal what the frames on `pad` carry.
    fn write_journal(self: &Arc<Self>, pad: &gst::Pad) {
        let streams = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer()) else {
                return gst::PadProbeReturn::Ok;
            };
            if let Some(segment) = segment(pad) {
                let meta = gst::meta::CustomMeta::from_buffer(buffer, META_NAME).ok();
                let said = meta.as_ref().map(|meta| meta.structure());
                streams.written(lock(&streams.journal).frame(buffer, &segment, said));
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn written(&self, outcome: std::io::Result<()>) {
        if let Err(error) = outcome {
            let words = format!("What the network says cannot be written down: {error}.");
            gst::element_error!(self.muxer, gst::ResourceError::Write, ("{words}"));
        }
    }

    /// Notes how far the input's picture has come, and makes it fit for muxers: every frame has a time, later than that
    /// of the frame before (live streams jump back now and then), and gaps are kept out, which parsers of GStreamer
    /// 1.22 hand on before the segment that they are in.
    fn tidy_what_comes_in(self: &Arc<Self>) {
        let streams = Arc::downgrade(self);
        let next = AtomicU64::new(0);
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        self.picture.add_probe(kinds, move |pad, info| {
            match info.event().map(|event| event.type_()) {
                Some(gst::EventType::Gap) => return gst::PadProbeReturn::Handled,
                Some(gst::EventType::Segment) => next.store(0, Ordering::SeqCst),
                _ => {}
            }
            if let (Some(streams), Some(buffer)) = (streams.upgrade(), info.buffer_mut()) {
                let earliest = ClockTime::from_nseconds(next.load(Ordering::SeqCst));
                let pts = buffer.pts().map_or(earliest, |pts| pts.max(earliest));
                if buffer.pts() != Some(pts) {
                    buffer.make_mut().set_pts(pts);
                }
                next.store((pts + SMALLEST_STEP).nseconds(), Ordering::SeqCst);
                if let Some(time) = running_time(pad, buffer) {
                    let end = time + buffer.duration().unwrap_or_default();
                    streams.came_in.store(end.nseconds(), Ordering::SeqCst);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// Has `filter` ask for the size of the first frame on `pad`, in the format that the encoder of `chain` takes for it.
/// Later frames of other sizes are fitted in: no container holds them.
fn choose_format(pad: &gst::Pad, filter: gst::Element, chain: VideoChain) {
    let filter = filter.downgrade();
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |pad, info| {
        if info.buffer().is_some() {
            return gst::PadProbeReturn::Remove;
        }
        // The orientation is known after the first caps and changes them.
        if let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view())
            && let (Some(filter), Some(overlay)) = (filter.upgrade(), pad.parent_element())
        {
            match wanted(caps.caps(), &chain) {
                Ok(wanted) => filter.set_property("caps", &wanted),
                Err(failure) => {
                    gst::element_error!(overlay, gst::StreamError::Encode, ("{failure}"));
                }
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// What the encoder of `chain` shall get for frames of `caps`.
fn wanted(caps: &gst::CapsRef, chain: &VideoChain) -> Result<gst::Caps, Failure> {
    let info = gst_video::VideoInfo::from_caps(caps)?;
    let (width, height) = (info.width(), info.height());
    let (columns, rows) = (width as i32, height as i32);
    if columns.min(rows) < SMALLEST_SIDE {
        return Err(format!(
            "Its picture is {width} x {height}; the smallest that can be recorded is {SMALLEST_SIDE} x {SMALLEST_SIDE}."
        )
        .into());
    }
    Ok(gst::Caps::builder("video/x-raw")
        .field("format", chain.format(width, height)?)
        .field("width", columns)
        .field("height", rows)
        .field("pixel-aspect-ratio", info.par())
        .build())
}

/// The best parser for encoded sound of `caps`, if there is any.
fn parser(caps: &gst::Caps) -> Result<Option<gst::Element>, Failure> {
    let parsers =
        gst::ElementFactory::factories_with_type(gst::ElementFactoryType::PARSER, gst::Rank::NONE);
    let best = parsers
        .iter()
        .filter(|factory| factory.can_sink_any_caps(caps))
        .max_by_key(|factory| factory.rank());
    Ok(best.map(|factory| factory.create().build()).transpose()?)
}

fn segment(pad: &gst::Pad) -> Option<gst::FormattedSegment<ClockTime>> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    event.segment().clone().downcast().ok()
}

fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<ClockTime> {
    segment(pad)?.to_running_time(buffer.dts_or_pts()?)
}

fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, Failure> {
    let pad = element.static_pad(name);
    pad.ok_or_else(|| format!("{} has no pad {name}.", element.name()).into())
}

fn link(from: &gst::Pad, to: &gst::Pad) -> Result<(), Failure> {
    match from.link(to) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("{} does not go with {}: {error}.", from.name(), to.name()).into())
        }
    }
}

/// The data is as good after another thread's panic as before it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
