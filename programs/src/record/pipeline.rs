//! The pipeline of a recording: input, element, encoder, file.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use gst::ClockTime;
use gst::prelude::*;

use super::container::{Container, VideoChain, element};
use super::journal::Journal;
use super::streams::{ENCODED_QUEUE, Streams, link, lock, pad};
use crate::decoder::decoder;
use crate::failure::Failure;
use crate::input::{CameraOptions, Input};
use crate::source::Source;
use crate::upright::upright;

/// Few raw frames, which are large.
const RAW_QUEUE: &str = "queue max-size-buffers=3 max-size-bytes=0 max-size-time=0";
/// Smallest side of a picture that muxers and encoders take.
const SMALLEST_SIDE: i32 = 16;

/// Timescale of MP4 pictures, in units a second: it holds the usual frame rates exactly and any other to 11 µs.
const TIMESCALE: u32 = 90_000;

/// The pipeline and what is known of it while it runs.
pub struct Recorder {
    pub pipeline: gst::Pipeline,
    pub source: Source,
    streams: Arc<Streams>,
}

impl Recorder {
    /// The pipeline that records `input`, called `name` by the user and explained by `overlay` (a `camoverlay`), into the file `video`, and writes
    /// into `journal` what the network says.
    ///
    /// # Errors
    /// There is no such input, or GStreamer lacks an element.
    pub fn new(
        (input, name): (&Input, &str),
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
        // The pipeline starts without waiting for what the encoder gives first: GStreamer never finishes a start that an error
        // of the input comes into, and what came before it would wait for ever to be written.
        let file = gst::ElementFactory::make("filesink")
            .property("location", video)
            .property("async", false)
            .build()?;
        pipeline.add_many([&muxer, &file])?;
        muxer.link(&file)?;

        let chain = container.video_chain(bitrate)?;
        let format = element("capsfilter")?;
        let [convert, flip] = upright(input)?;
        let mut elements = vec![
            element(RAW_QUEUE)?,
            convert,
            flip,
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

        let streams = Streams::new(container, muxer, pad(&elements[0], "sink")?, journal);
        let last = elements.last().ok_or("The pipeline is empty.")?;
        let stored = streams.link_to_muxer(last, "video_%u")?;
        if stored.has_property("trak-timescale") {
            stored.set_property("trak-timescale", TIMESCALE);
        }
        streams.keep_lengths(&pad(&chain.elements[0], "sink")?, &stored);
        choose_format(&pad(overlay, "src")?, format, chain);
        streams.write_journal(&pad(overlay, "src")?);
        streams.tidy_what_comes_in();

        let source = match input.uri()? {
            Some(uri) => {
                let source = Source::new(open(&uri, &streams)?, input, name);
                source.waits_in(&elements[0])?;
                source
            }
            None => input.video(camera, name)?,
        };
        pipeline.add(&source.element)?;
        if let Some(picture) = source.element.static_pad("src") {
            link(&picture, &streams.picture)?;
        }
        Ok(Self {
            pipeline,
            source,
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

    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.streams.journal)
    }

    /// Running time up to which the input's picture has come in.
    pub fn came_in(&self) -> ClockTime {
        ClockTime::from_nseconds(self.streams.came_in.load(Ordering::SeqCst))
    }

    /// Whether the input's picture is found, and of a kind that is taken.
    pub fn has_picture(&self) -> bool {
        self.streams.picture.has_current_caps()
    }

    /// How long the input is, if that is known.
    pub fn duration(&self) -> Option<ClockTime> {
        self.streams.picture.peer_query_duration()
    }
}

/// What reads `uri` and decodes its pictures, and its sounds where they cannot be stored as they are.
fn open(uri: &str, streams: &Arc<Streams>) -> Result<gst::Element, Failure> {
    let input = decoder(uri)?;
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
