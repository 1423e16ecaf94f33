//! The pipeline of a recording: input, element, encoder, file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use camoverlay::inference::printable;
use gst::ClockTime;
use gst::prelude::*;

use super::container::{Container, VideoChain, element};
use super::cutter::Cutter;
use super::files::Output;
use super::segment::Limit;
use super::sound::look_after;
use super::streams::{ENCODED_QUEUE, Streams, link, lock, pad};
use crate::command_line::say;
use crate::decoder::decoder;
use crate::failure::Failure;
use crate::input::{CameraOptions, Input};
use crate::reconnect::{Reconnecting, Wish};
use crate::source::Source;
use crate::track_header::sounds;
use crate::upright::upright;

/// Few raw frames, which are large.
const RAW_QUEUE: &str = "queue max-size-buffers=3 max-size-bytes=0 max-size-time=0";
/// What a power cut may take of a recording, besides the last fragment.
const ON_DISK_EVERY: Duration = Duration::from_secs(5);
/// Smallest side of a picture that muxers and encoders take.
const SMALLEST_SIDE: i32 = 16;

/// The pipeline and what is known of it while it runs.
pub struct Recorder {
    pub pipeline: gst::Pipeline,
    pub source: Source,
    /// Held for as long as its frames are wanted.
    _returning: Option<Reconnecting>,
    /// Where the overlay's frames come out.
    explained: gst::Pad,
    streams: Arc<Streams>,
    /// Whether the sounds of a live input are looked after.
    looks_after_sounds: AtomicBool,
}

impl Recorder {
    /// The pipeline that records the input of `output`, called `name` by the user and explained by `overlay` (a
    /// `camoverlay`), to `output`, in files within `limit`. An input that `comes_back` is opened again whenever it breaks off.
    ///
    /// # Errors
    /// There is no such input, something is in the way of the output, or GStreamer lacks an element.
    pub fn new(
        name: &str,
        camera: &CameraOptions,
        comes_back: bool,
        overlay: &gst::Element,
        (container, bitrate): (Container, Option<u32>),
        output: Output,
        limit: Option<Limit>,
    ) -> Result<Self, Failure> {
        let input = output.input.clone();
        let input = &input;
        let returning = match comes_back {
            true => Some(Reconnecting::open(Wish {
                input: input.clone(),
                camera: camera.clone(),
                name: name.to_owned(),
                has_sound: true,
                jitter: None,
            })?),
            false => None,
        };
        let pipeline = gst::Pipeline::new();
        // Of several files each tells when it is complete.
        pipeline.set_property("message-forward", true);

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

        let encoder = &chain.elements[0];
        let encoded = pad(encoder, "src")?;
        let cutter = Cutter::new(output, limit, encoded, container, &pipeline)?;
        let picture = pad(&elements[0], "sink")?;
        let streams = Streams::new(container, pipeline.clone(), picture, cutter);
        let last = elements.last().ok_or("The pipeline is empty.")?;
        let stored = streams.lead_to_muxers(last, "video_%u", |_, _| true)?;
        let entrance = pad(encoder, "sink")?;
        keep_rate(&entrance);
        streams.keep_lengths(&entrance, &stored);
        choose_format(&pad(overlay, "src")?, format, chain);
        streams.write_journal(&pad(overlay, "src")?);
        streams.tidy_what_comes_in();

        let source = match (&returning, input.uri()?) {
            // As of a camera, nothing need come.
            (Some(returning), _) => {
                Source::new(returning.element.clone(), &Input::FirstCamera, name)
            }
            (None, Some(uri)) => {
                let source = Source::new(open(&uri, &streams, input, name)?, input, name);
                source.waits_in(&elements[0])?;
                source
            }
            (None, None) => input.video(camera, name)?,
        };
        pipeline.add(&source.element)?;
        if let Some(returning) = &returning {
            pipeline.use_clock(Some(&gst::SystemClock::obtain()));
            streams.connect(&returning.streams)?;
        } else if let Some(picture) = source.element.static_pad("src") {
            link(&picture, &streams.picture)?;
        }
        let bus = pipeline.bus().ok_or("The pipeline has no bus.")?;
        // In the thread that fails, before it goes on.
        bus.enable_sync_message_emission();
        let failing = Arc::downgrade(&streams);
        bus.connect_sync_message(Some("error"), move |_, message| {
            if let (Some(streams), Some(source)) = (failing.upgrade(), message.src()) {
                streams.cutter.failed(source);
            }
        });
        keep_on_disk(&streams);
        Ok(Self {
            pipeline,
            source,
            _returning: returning,
            explained: pad(overlay, "src")?,
            streams,
            looks_after_sounds: AtomicBool::new(false),
        })
    }

    /// Ends the recording after the frames that have come in, so that the file is finished.
    pub fn finish(&self) {
        let streams = Arc::clone(&self.streams);
        // A network that is not done with a frame would hold whoever waits for what comes before it.
        std::thread::spawn(move || {
            streams.picture.send_event(gst::event::Eos::new());
            let end = streams.came_in.load(Ordering::SeqCst);
            finish_sounds(&streams, ClockTime::from_nseconds(end));
        });
    }

    /// Ends the recording after the frames that are explained, where no further one will be.
    pub fn salvage(&self) {
        finish_sounds(&self.streams, self.cutter().end());
        let explained = self.explained.clone();
        // An encoder that hangs would hold whoever waits for it.
        std::thread::spawn(move || explained.push_event(gst::event::Eos::new()));
    }

    /// Has nothing wait for a sound that a live input does not give any more, once its streams are known.
    pub fn look_after_sounds(&self) {
        let is_live = self.has_picture() && self.source.is_live();
        if is_live && !self.looks_after_sounds.swap(true, Ordering::Relaxed) {
            look_after(&self.streams, self.source.name());
        }
    }

    /// The files that are written.
    pub fn cutter(&self) -> &Cutter {
        &self.streams.cutter
    }

    /// How far all that the input has, recorded or not, has come in.
    pub fn furthest(&self) -> ClockTime {
        let furthest = self.streams.furthest.load(Ordering::Relaxed);
        ClockTime::from_nseconds(furthest).max(self.came_in())
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

/// Ends all sounds of `streams` at the running time `end`: they may be far ahead of the picture, which takes longer.
fn finish_sounds(streams: &Streams, end: ClockTime) {
    streams.end.store(end.nseconds(), Ordering::SeqCst);
    for sound in &*lock(&streams.sounds) {
        sound.entrance.send_event(gst::event::Eos::new());
    }
}

/// Has what is written so far reach the disk every [`ON_DISK_EVERY`], for as long as there are `streams`: a power cut
/// takes what the system still holds, which may be half a minute. On a thread of its own, since disks can be slow.
fn keep_on_disk(streams: &Arc<Streams>) {
    let streams = Arc::downgrade(streams);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(ON_DISK_EVERY);
            let Some(files) = streams.upgrade().map(|streams| streams.cutter.open_files()) else {
                return;
            };
            for file in files {
                // That it cannot be written is said where it is.
                let _ = file.sync_data();
            }
        }
    });
}

/// What reads `uri`, that of an `input` called `name`, and decodes its pictures, and its sounds where they cannot be stored as
/// they are.
fn open(
    uri: &str,
    streams: &Arc<Streams>,
    input: &Input,
    name: &str,
) -> Result<gst::Element, Failure> {
    let (file, name) = (input.clone(), name.to_owned());
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
        let caps = |pad: &gst::Pad| pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let pads: Vec<_> = held
            .iter()
            .map(|(pad, _)| (pad.clone(), caps(pad)))
            .collect();
        tell_of_missing_sounds(&file, &name, &pads);
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

/// Says how many sounds of the `input` called `name` are not among `pads`, if it is known.
fn tell_of_missing_sounds(input: &Input, name: &str, pads: &[(gst::Pad, gst::Caps)]) {
    let Input::File(path) = input else {
        return;
    };
    let found = pads.iter().filter(|(_, caps)| {
        let structure = caps.structure(0);
        structure.is_some_and(|structure| structure.name().starts_with("audio/"))
    });
    let found = found.count();
    if let Some(all) = sounds(path).filter(|all| *all > found) {
        say(&printable(&format!(
            "{name}: of {all} sounds GStreamer reads {found} only: it leaves out what is much shorter than the rest. To have \
             all of it, make it Matroska first: ffmpeg -i {name} -map 0 -c copy NEW.mkv"
        )));
    }
}

/// Keeps from what lies behind `pad` that the frame rate changes: an encoder would begin anew, and the container would still
/// describe the beginning of its stream. Frames are shown by their times, whatever their rate.
fn keep_rate(pad: &gst::Pad) {
    let first = OnceLock::<gst::Fraction>::new();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view())
            && let Some(structure) = caps.caps().structure(0)
            && let Ok(rate) = structure.get("framerate")
        {
            let mut kept = caps.caps_owned();
            kept.make_mut()
                .set("framerate", *first.get_or_init(|| rate));
            info.data = Some(gst::PadProbeData::Event(gst::event::Caps::new(&kept)));
        }
        gst::PadProbeReturn::Ok
    });
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
