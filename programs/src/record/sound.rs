//! A sound of the input on its way to the muxers: as it comes, or encoded anew.
//!
//! Muxers write nothing while one of their streams may still give something earlier. What a live input stops to give is
//! therefore replaced by silence, or else everything would wait in memory for as long as the recording lasts.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use camoverlay::inference::printable;
use gst::ClockTime;
use gst::prelude::*;

use super::container::{Container, element};
use super::streams::{ENCODED_QUEUE, Streams, lock, pad, segment, shown_at};
use crate::command_line::say;
use crate::failure::Failure;

/// Raw sound of which zeros are silence, its channels side by side.
const RAW: &str = "capsfilter caps=\"audio/x-raw,layout=interleaved,format=(string){S16LE,F32LE}\"";

/// How far the picture goes on without sound before silence takes its place: live sound and picture come together.
const LAG: ClockTime = ClockTime::from_seconds(2);
/// The same before a sound that is stored as it comes, for which there is no silence, is ended.
const LONGEST_LULL: ClockTime = ClockTime::from_seconds(60);
/// The picture has been away if it is so much further than it was just before; most of silence that is made at once.
const JUMP: ClockTime = ClockTime::from_seconds(10);
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

/// What was heard, in running times.
#[derive(Default)]
struct Heard {
    /// Where sound and the silence behind it end; none before the first one.
    end: Option<ClockTime>,
    /// Whether it is silence that ends there.
    is_silent: bool,
    /// How far sound was ahead of the picture when it was heard last, in nanoseconds.
    lead: i64,
    /// How far the picture had come then, or came when it had been away.
    since: ClockTime,
    /// How far the picture had come at the last look.
    looked: ClockTime,
}

/// Silence from one running time to another.
#[derive(Debug, PartialEq, Eq)]
struct Silence {
    from: ClockTime,
    to: ClockTime,
    /// Whether it follows sound.
    is_first: bool,
}

impl Heard {
    /// Sound has come from `from` to `to` while the picture had come as far as `picture`. Whether it may be recorded:
    /// silence may already have taken its place.
    fn hear(&mut self, from: ClockTime, to: ClockTime, picture: ClockTime) -> bool {
        self.since = picture;
        if self.is_silent && self.end.is_some_and(|end| from < end) {
            return false;
        }
        self.lead = to.nseconds() as i64 - picture.nseconds() as i64;
        (self.end, self.is_silent) = (Some(to), false);
        true
    }

    /// How long the picture, which has come as far as `picture`, has gone on without sound.
    fn lull(&mut self, picture: ClockTime) -> ClockTime {
        if picture > self.looked + JUMP {
            self.since = self.since.max(picture);
        }
        self.looked = picture;
        picture.saturating_sub(self.since)
    }

    /// What has to be silent now that the picture has come as far as `picture`.
    fn fill(&mut self, picture: ClockTime) -> Option<Silence> {
        let is_due = self.lull(picture) > LAG;
        let end = self.end.filter(|_| is_due)?;
        let behind = picture.saturating_sub(LAG).nseconds();
        let to = ClockTime::from_nseconds(behind.saturating_add_signed(self.lead));
        let from = end.max(to.saturating_sub(JUMP));
        if from >= to {
            return None;
        }
        let is_first = !self.is_silent;
        (self.end, self.is_silent) = (Some(to), true);
        Some(Silence { from, to, is_first })
    }
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
            if lock(&self.heard).lull(picture) < LONGEST_LULL {
                return true;
            }
            say(&printable(&format!(
                "{name} has given no sound for {} seconds: it is recorded without from here on.",
                LONGEST_LULL.seconds()
            )));
            self.entrance.send_event(gst::event::Eos::new());
            return false;
        };
        let silence = lock(&self.heard).fill(picture);
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(tenths: u64) -> ClockTime {
        ClockTime::from_mseconds(100 * tenths)
    }

    /// A second in which sound comes that is `lead` tenths of a second ahead of the picture, which starts at `start`.
    fn second(heard: &mut Heard, start: u64, lead: i64) {
        for tenth in start..start + 10 {
            let from = at(tenth.checked_add_signed(lead).unwrap());
            assert_eq!(heard.fill(at(tenth)), None);
            assert!(heard.hear(from, from + at(1), at(tenth)));
        }
    }

    #[test]
    fn silence_follows_sound_without_a_gap_and_as_far_from_the_picture() {
        for lead in [-50, 0, 50] {
            let mut heard = Heard::default();
            second(&mut heard, 100, lead);
            // The picture was at 10.9 s when sound was heard last.
            let mut end = at(110u64.checked_add_signed(lead).unwrap());
            for tenth in 110..=129 {
                assert_eq!(heard.fill(at(tenth)), None, "{lead}, {tenth}");
            }
            for tenth in 131..200 {
                let Silence { from, to, is_first } = heard.fill(at(tenth)).unwrap();
                assert_eq!((from, is_first), (end, tenth == 131), "{lead}, {tenth}");
                end = to;
            }
            // What comes again where it should is recorded at once.
            second(&mut heard, 200, lead);
        }
    }

    #[test]
    fn sound_whose_place_is_taken_is_left_out_until_it_has_caught_up() {
        let mut heard = Heard::default();
        second(&mut heard, 100, 0);
        for tenth in 110..=160 {
            heard.fill(at(tenth));
        }
        let end = heard.end.unwrap();
        for tenth in 161..200 {
            assert_eq!(heard.fill(at(tenth)), None);
            let from = at(tenth - 30);
            assert_eq!(heard.hear(from, from + at(1), at(tenth)), from >= end);
        }
    }

    #[test]
    fn an_outage_is_no_silence() {
        let mut heard = Heard::default();
        second(&mut heard, 100, 0);
        assert_eq!(heard.fill(at(36_000)), None);
        second(&mut heard, 36_000, 0);
        // Nor is one after which no sound comes filled up.
        assert_eq!(heard.fill(at(72_000)), None);
        let filled: Vec<_> = (72_001..72_050)
            .filter_map(|tenth| heard.fill(at(tenth)))
            .collect();
        let all = filled.iter().map(|silence| silence.to - silence.from);
        assert!(all.sum::<ClockTime>() <= JUMP + at(50));
        assert!(filled[0].from > at(71_000));
    }

    #[test]
    fn before_the_first_sound_nothing_is_filled() {
        let mut heard = Heard::default();
        assert!((0..200).all(|tenth| heard.fill(at(tenth)).is_none()));
    }
}
