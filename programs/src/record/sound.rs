//! A sound of the input on its way to the muxers: as it comes, or encoded anew.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use camoverlay::inference::printable;
use gst::ClockTime;
use gst::prelude::*;

use super::container::{Container, element};
use super::silence::{Heard, Silence};
use super::streams::{ENCODED_QUEUE, Streams, lock, pad, segment, shown_at};
use crate::command_line::say;
use crate::failure::Failure;

/// Raw sound of which zeros are silence, its channels side by side.
const RAW: &str = "capsfilter caps=\"audio/x-raw,layout=interleaved,format=(string){S16LE,F32LE}\"";

/// How far the picture goes on before a sound that is stored as it comes, for which there is no silence, is ended.
const LONGEST_LULL: ClockTime = ClockTime::from_seconds(60);
/// How often it is looked whether sound is missing.
const LOOK: Duration = Duration::from_millis(200);

/// A sound of the input.
pub struct Sound {
    /// Where it goes in.
    pub entrance: gst::Pad,
    /// The last element that it goes through.
    pub last: gst::Element,
    /// Where it has been brought into the form in which it is encoded; none where it is not.
    raw: Option<gst::Pad>,
    heard: Mutex<Heard>,
}

impl Sound {
    /// What brings sound of `caps` into the form in which `container` holds it, in `pipeline`; as it comes if that is one.
    ///
    /// # Errors
    /// GStreamer lacks an element.
    pub fn new(
        caps: &gst::Caps,
        container: Container,
        pipeline: &gst::Pipeline,
    ) -> Result<Self, Failure> {
        let mut elements = Vec::new();
        let mut raw = None;
        if container.keeps(caps) {
            elements.extend(parser(caps)?);
        } else {
            let (format, convert) = (element(RAW)?, element("audioconvert")?);
            keep_format(&pad(&format, "src")?, &format);
            raw = Some(pad(&convert, "sink")?);
            elements.extend([
                element("queue")?,
                element("audioconvert")?,
                element("audioresample")?,
                format,
                convert,
                container.sound_encoder()?,
            ]);
        }
        let last = element(ENCODED_QUEUE)?;
        elements.push(last.clone());
        pipeline.add_many(&elements)?;
        gst::Element::link_many(&elements)?;
        Ok(Self {
            entrance: pad(&elements[0], "sink")?,
            last,
            raw,
            heard: Mutex::default(),
        })
    }

    /// Lets sound flow, and notes what is heard of it beside the picture of `streams`.
    ///
    /// # Errors
    /// An element cannot begin.
    pub fn begin(self: &Arc<Self>, streams: &Arc<Streams>) -> Result<(), Failure> {
        let before = self.raw.as_ref().and_then(|raw| raw.peer());
        let heard_at = before.unwrap_or_else(|| self.entrance.clone());
        let (sound, streams) = (Arc::downgrade(self), Arc::downgrade(streams));
        heard_at.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(sound), Some(streams)) = (sound.upgrade(), streams.upgrade())
                && let Some(buffer) = info.buffer()
                && let Some(from) = shown_at(pad, buffer)
            {
                let to = from + buffer.duration().unwrap_or_default();
                if !lock(&sound.heard).hear(from, to, came_in(&streams)) && sound.raw.is_some() {
                    return gst::PadProbeReturn::Drop;
                }
            }
            gst::PadProbeReturn::Ok
        });
        let mut element = self.entrance.parent_element();
        while let Some(own) = element {
            own.sync_state_with_parent()?;
            let next = own.static_pad("src").and_then(|pad| pad.peer());
            element = next
                .filter(|_| own != self.last)
                .and_then(|pad| pad.parent_element());
        }
        Ok(())
    }

    /// Sees to it that nothing waits for this sound of the input called `name`, beside a `picture` that has come so far.
    /// False where it is over.
    fn look(&self, picture: ClockTime, name: &str) -> bool {
        let Some(raw) = &self.raw else {
            if lock(&self.heard).lull(picture, Instant::now()) < LONGEST_LULL {
                return true;
            }
            say(&printable(&format!(
                "{name} has given no sound for {} seconds: it is recorded without from here on.",
                LONGEST_LULL.seconds()
            )));
            self.entrance.send_event(gst::event::Eos::new());
            return false;
        };
        let silence = lock(&self.heard).fill(picture, Instant::now());
        let Some(silence) = silence else {
            return true;
        };
        if silence.is_first {
            say(&printable(&format!(
                "{name} gives no sound any more: silence is recorded in its place."
            )));
        }
        // What it leads to has come to its end or is being taken down otherwise.
        zeros(raw, &silence).is_some_and(|zeros| raw.chain(zeros).is_ok())
    }
}

/// Looks after the sounds of `streams`, which come from a live input called `name`, for as long as there are any: each on
/// a thread of its own, since a sound may have to wait for another one.
pub fn look_after(streams: &Arc<Streams>, name: &str) {
    for sound in &*lock(&streams.sounds) {
        let (sound, streams) = (Arc::downgrade(sound), Arc::downgrade(streams));
        let name = name.to_owned();
        thread::spawn(move || {
            while let (Some(sound), Some(streams)) = (sound.upgrade(), streams.upgrade()) {
                if !sound.look(came_in(&streams), &name) {
                    return;
                }
                drop((sound, streams));
                thread::sleep(LOOK);
            }
        });
    }
}

/// How far the picture has come in.
fn came_in(streams: &Streams) -> ClockTime {
    ClockTime::from_nseconds(streams.came_in.load(Ordering::SeqCst))
}

/// A buffer of `silence` for `pad`, if raw sound has come to it.
fn zeros(pad: &gst::Pad, silence: &Silence) -> Option<gst::Buffer> {
    let caps = pad.current_caps()?;
    let structure = caps.structure(0)?;
    let count = |field| structure.get::<i32>(field).ok()?.try_into().ok();
    let (rate, channels): (u64, u64) = (count("rate")?, count("channels")?);
    let width = match structure.get::<&str>("format").ok()? {
        "S16LE" => 2,
        _ => 4,
    };
    let length = silence.to - silence.from;
    let samples = length
        .nseconds()
        .mul_div_round(rate, ClockTime::SECOND.nseconds())?;
    let bytes = usize::try_from(samples * channels * width).ok()?;
    let mut buffer = gst::Buffer::from_mut_slice(vec![0; bytes]);
    let stamped = buffer.make_mut();
    stamped.set_pts(segment(pad)?.position_from_running_time(silence.from)?);
    stamped.set_duration(length);
    Some(buffer)
}

/// Has `filter` ask for what the first sound on `pad` is, its rate and its channels above all, from then on: no container
/// holds others.
fn keep_format(pad: &gst::Pad, filter: &gst::Element) {
    let filter = filter.downgrade();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view()) else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some(filter) = filter.upgrade() {
            filter.set_property("caps", caps.caps_owned());
        }
        gst::PadProbeReturn::Remove
    });
}

/// The best parser for encoded sound of `caps`, if there is any. Not one for raw sound: it takes µ-law and A-law as well, and
/// for what its properties say.
fn parser(caps: &gst::Caps) -> Result<Option<gst::Element>, Failure> {
    let parsers =
        gst::ElementFactory::factories_with_type(gst::ElementFactoryType::PARSER, gst::Rank::NONE);
    let raw = gst::Caps::new_empty_simple("audio/x-raw");
    let best = parsers
        .iter()
        .filter(|factory| factory.can_sink_any_caps(caps) && !factory.can_sink_any_caps(&raw))
        .max_by_key(|factory| factory.rank());
    Ok(best.map(|factory| factory.create().build()).transpose()?)
}
