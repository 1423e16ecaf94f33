//! An input in a pipeline: what decodes it and turns it upright, and what is seen of it on the way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gst::ClockTime;
use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;

use crate::camera;
use crate::demuxer::Demuxers;
use crate::failure::Failure;
use crate::input::{CameraOptions, Input};
use crate::still;
use crate::unreadable::{self, LARGEST_SIDE, NO_PICTURE, Symptoms};
use crate::upright::{settle, upright};
use crate::watchdog::{self, Given, Watchdog};
use crate::wholeness::{self, Wholeness};

/// After so long a server that has not answered is slow or silent; to be refused, or not to find it, takes less.
const NO_ANSWER: Duration = Duration::from_secs(10);

/// How much less than its length may come of an input that is too short by its bytes: less than frames are apart.
const TOLERANCE: ClockTime = ClockTime::from_mseconds(200);
/// The same, besides a twentieth, of one that says nothing of its bytes: lengths are rounded and guessed.
const WIDE_TOLERANCE: ClockTime = ClockTime::from_seconds(2);

/// How long after its server was given up an input ends for that reason: what came before is still on its way.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// An input in a pipeline.
pub struct Source {
    /// What goes into the pipeline.
    pub element: gst::Element,
    /// As the user calls it.
    name: String,
    input: Input,
    /// None: a camera, which may give nothing.
    watchdog: Option<Mutex<Watchdog>>,
    /// What was asked of it, if it is a camera.
    camera: Option<CameraOptions>,
    demuxers: Demuxers,
    seen: Arc<Seen>,
}

/// What the streaming threads notice.
#[derive(Default)]
struct Seen {
    /// Bytes read.
    bytes: AtomicU64,
    /// The place behind the last byte that was read.
    place: AtomicU64,
    /// How many bytes there were to be when the first ones came, if that was said. What souphttpsrc says later is wrong
    /// where a server ignores which part it is asked for.
    promised: OnceLock<Option<u64>>,
    /// Frames decoded.
    frames: AtomicU64,
    has_ended: AtomicBool,
    /// Whether the decoder waits for an answer from downstream, such as who allocates the frames: it comes only when
    /// what lies before it has been taken, and a network may still have to load.
    is_asking: AtomicBool,
    symptoms: Mutex<Symptoms>,
    /// When rtspsrc gave up waiting for a stream, which ends then as if it were complete.
    given_up: Mutex<Option<Instant>>,
    /// Where the data is read.
    reader: Mutex<Option<Reader>>,
    /// Where decoded frames wait until they are taken.
    waiting: Mutex<Option<gst::Element>>,
}

impl Seen {
    fn promised(&self) -> Option<u64> {
        self.promised.get().copied().flatten()
    }
}

/// What reads the data.
struct Reader {
    element: gst::Element,
    opened: Instant,
    /// When it had nothing more to give.
    ended: Option<Instant>,
}

impl Source {
    /// A bin of `chain`, whose last element decodes, with the first picture stream, upright, on its pad `src`.
    pub(crate) fn decoded(
        chain: &[gst::Element],
        input: &Input,
        name: &str,
    ) -> Result<Self, Failure> {
        let decoder = chain.last().ok_or("The input has no elements.")?;
        // What decodebin still has to find is the bin's own affair: the pipeline would wait for a live bin to say that it
        // is done, which it does not where decodebin is done before the bin has started (seen with GStreamer 1.22).
        let bin = gst::Bin::builder().async_handling(true).build();
        let waiting = gst::ElementFactory::make("queue")
            .property("max-size-buffers", 2u32)
            .property("max-size-bytes", 0u32)
            .property("max-size-time", 0u64)
            .build()?;
        let [convert, flip] = upright(input)?;
        bin.add_many(chain)?;
        gst::Element::link_many(chain)?;
        bin.add_many([&waiting, &convert, &flip])?;
        gst::Element::link_many([&waiting, &convert, &flip])?;
        let (entrance, exit) = (waiting.static_pad("sink"), flip.static_pad("src"));
        let (Some(entrance), Some(exit)) = (entrance, exit) else {
            return Err("An element has lost its pads.".into());
        };
        settle(&exit);
        bin.add_pad(
            &gst::GhostPad::builder_with_target(&exit)?
                .name("src")
                .build(),
        )?;
        let entrance = entrance.downgrade();
        let first = entrance.clone();
        decoder.connect_pad_added(move |_, new| {
            let is_picture = picture(new).is_some();
            if let Some(entrance) = first.upgrade()
                && is_picture
                && !entrance.is_linked()
            {
                // It fails where downstream takes no such picture, and the bus says so then.
                let _ = new.link(&entrance);
            }
        });
        let whole = bin.downgrade();
        decoder.connect_no_more_pads(move |_| {
            if let (Some(entrance), Some(bin)) = (entrance.upgrade(), whole.upgrade())
                && !entrance.is_linked()
            {
                gst::element_error!(bin, gst::StreamError::WrongType, ("{NO_PICTURE}"));
            }
        });
        let source = Self::new(bin.upcast(), input, name);
        source.waits_in(&waiting)?;
        Ok(source)
    }

    /// `element`, which reads and decodes `input`, called `name` by the user.
    pub(crate) fn new(element: gst::Element, input: &Input, name: &str) -> Self {
        let seen = Arc::new(Seen::default());
        if let Input::File(path) = input {
            lock(&seen.symptoms).kind = still::kind(path).map(String::from);
        }
        let bin = element.downcast_ref::<gst::Bin>();
        for inner in bin.iter().flat_map(|bin| bin.children()) {
            watch_reader(&inner, &seen);
        }
        watch_reader(&element, &seen);
        let watching = Arc::clone(&seen);
        if let Some(bin) = bin {
            bin.connect_deep_element_added(move |_, _, element| {
                if element.factory().is_some_and(|f| f.name() == "typefind") {
                    note_type(element, &watching);
                }
            });
        }
        Self {
            element,
            name: name.to_owned(),
            input: input.clone(),
            watchdog: match input {
                Input::File(_) | Input::Pipe { .. } => Some(Mutex::new(Watchdog::new(false))),
                Input::Uri(_) => Some(Mutex::new(Watchdog::new(true))),
                Input::FirstCamera | Input::Camera(_) => None,
            },
            camera: None,
            demuxers: Demuxers::default(),
            seen,
        }
    }

    /// As the user calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same, a camera of which such pictures were `asked`.
    pub(crate) fn of_camera(mut self, asked: &CameraOptions) -> Self {
        self.camera = Some(asked.clone());
        self
    }

    /// Counts what comes to `queue`, the first place where decoded frames wait.
    pub(crate) fn waits_in(&self, queue: &gst::Element) -> Result<(), Failure> {
        let entrance = queue.static_pad("sink").ok_or("A queue has lost a pad.")?;
        *lock(&self.seen.waiting) = Some(queue.clone());
        let seen = Arc::clone(&self.seen);
        entrance.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
            if info.query().is_some_and(|query| query.is_serialized()) {
                // Asked where it is pushed, answered where it is pulled.
                let is_asked = info.mask.contains(gst::PadProbeType::PUSH);
                seen.is_asking.store(is_asked, Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
        let seen = Arc::clone(&self.seen);
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        entrance.add_probe(kinds, move |_, info| {
            // A query that nobody could answer is not pulled.
            seen.is_asking.store(false, Ordering::Relaxed);
            let at_end = info
                .event()
                .is_some_and(|event| event.type_() == gst::EventType::Eos);
            seen.has_ended.store(at_end, Ordering::Relaxed);
            if info.buffer().is_some() {
                seen.frames.fetch_add(1, Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Whether `message` is of the input, not of what comes after it.
    pub fn is_of(&self, message: &gst::MessageRef) -> bool {
        let source = message.src();
        source
            .is_some_and(|source| *source == self.element || source.has_as_ancestor(&self.element))
    }

    /// Takes notice of a message that tells more than the error that follows it, or than its own words.
    pub(crate) fn note(&self, message: &gst::MessageRef) {
        match message.view() {
            gst::MessageView::Element(element) => {
                let named = |name: &str| element.structure().filter(|s| s.name() == name);
                if named("GstRTSPSrcTimeout").is_some() {
                    *lock(&self.seen.given_up) = Some(Instant::now());
                }
                if let Some(missing) = named("missing-plugin")
                    && let Ok(name) = missing.get::<String>("name")
                {
                    lock(&self.seen.symptoms).missing.get_or_insert(name);
                }
            }
            gst::MessageView::Error(error) if self.is_of(message) => {
                let status = error.details().map(|d| d.get::<u32>("http-status-code"));
                let mut symptoms = lock(&self.seen.symptoms);
                if let Some(Ok(status @ 300..)) = status {
                    symptoms.status.get_or_insert(status);
                }
                symptoms.lacks_parts |= unreadable::is_break(&error.error());
            }
            _ => {}
        }
    }

    /// What an error of the input is to the user.
    pub fn failure(&self, error: &glib::Error) -> Failure {
        if let Some(asked) = &self.camera {
            return camera::sentence(&self.name, asked, error).into();
        }
        let mut symptoms = lock(&self.seen.symptoms);
        if let Some(silence) = self.silence(error) {
            if silence >= NO_ANSWER {
                let seconds = silence.as_secs();
                return Failure::Stalled(watchdog::silent(&self.name, seconds, true));
            }
            symptoms.is_out_of_reach = true;
        }
        // What reads RTSP says so when nobody answers at all.
        symptoms.is_out_of_reach |=
            matches!(self.input, Input::Uri(_)) && error.matches(gst::ResourceError::OpenReadWrite);
        symptoms.lacks_parts |= unreadable::is_break(error);
        let sentence = unreadable::sentence(&self.name, error, &symptoms);
        match symptoms.lacks_parts {
            true => Failure::Stalled(sentence),
            false => sentence.into(),
        }
    }

    /// Whether `message` is of what reads the input, of which something has been read: frames may be on their way.
    pub fn is_of_broken_reader(&self, message: &gst::MessageRef) -> bool {
        let reader = lock(&self.seen.reader);
        let source = reader.as_ref().map(|reader| reader.element.upcast_ref());
        source.is_some() && message.src() == source && self.seen.bytes.load(Ordering::Relaxed) > 0
    }

    /// What an error of the input is to the user that comes after frames have.
    pub fn breakage(&self, error: &glib::Error) -> String {
        match (error.message().trim_end_matches('.'), &self.input) {
            (words, Input::Uri(_))
                if words == "Internal data stream error"
                    || error.matches(gst::ResourceError::Read)
                    || unreadable::is_break(error) =>
            {
                "Its connection broke off: try again, or download it first.".to_owned()
            }
            ("Internal data stream error", Input::File(_) | Input::Pipe { .. }) => {
                "GStreamer can decode no more of it: is it whole?".to_owned()
            }
            (words, _) => format!("{words}."),
        }
    }

    /// How long an address was asked, if `error` is that nothing at all came from it: what reads it does not say why.
    fn silence(&self, error: &glib::Error) -> Option<Duration> {
        let is_far = lock(self.watchdog.as_ref()?).is_far;
        let reader = lock(&self.seen.reader);
        let reader = reader.as_ref()?;
        let is_silent = is_far
            && error.matches(gst::StreamError::Failed)
            && reader.element.is::<gst_base::BaseSrc>()
            && self.seen.bytes.load(Ordering::Relaxed) == 0;
        is_silent.then(|| reader.ended.unwrap_or_else(Instant::now) - reader.opened)
    }

    /// What to say of an input that ended without having given a frame.
    pub fn without_frames(&self) -> Failure {
        let error = glib::Error::new(gst::StreamError::Decode, "There is no frame in it.");
        self.failure(&error)
    }

    /// Why an input has ended before its time that came to its end after `came`, of `length` if it says how long it is;
    /// none where it came whole.
    pub(crate) fn cut_short(
        &self,
        came: ClockTime,
        length: Option<ClockTime>,
    ) -> Option<&'static str> {
        let given_up = *lock(&self.seen.given_up);
        if given_up.is_some_and(|since| since.elapsed() < GIVEN_UP) {
            return Some("Nothing comes from its server: do that and the connection work?");
        }
        let place = self.seen.place.load(Ordering::Relaxed);
        let (wholeness, advice) = match &self.input {
            Input::File(path) => (
                wholeness::of_file(path),
                "The file ends before its time: copy or download it again.",
            ),
            Input::Pipe { .. } => (
                Wholeness::Unknown,
                "Not all of it came through the pipe: begin anew with the program that writes to it.",
            ),
            Input::Uri(_) => {
                let is_short = self.seen.promised().is_some_and(|bytes| place < bytes);
                (
                    if is_short {
                        Wholeness::Short
                    } else {
                        Wholeness::Unknown
                    },
                    "Not all of it came: try again, or download it first.",
                )
            }
            Input::FirstCamera | Input::Camera(_) => return None,
        };
        let is_torn = wholeness == Wholeness::Unknown
            && lock(&self.seen.symptoms).kind.as_deref() == Some("video/mpegts")
            && !wholeness::is_of_packets(place);
        let lacks = |tolerance: ClockTime| length.is_some_and(|length| came + tolerance < length);
        let is_short = match wholeness {
            Wholeness::Whole => false,
            Wholeness::Torn => true,
            Wholeness::Unknown if is_torn => true,
            Wholeness::Short => length.is_none() || lacks(TOLERANCE),
            Wholeness::Unknown => lacks(length.unwrap_or_default() / 20 + WIDE_TOLERANCE),
        };
        is_short.then_some(advice)
    }

    /// Why nothing will come any more, if nothing to speak of has since the first call for so long, although somebody
    /// waits for it.
    pub(crate) fn stalled(&self) -> Option<Failure> {
        let watchdog = self.watchdog.as_ref()?;
        let now = Instant::now();
        let given = Given {
            bytes: self.seen.bytes.load(Ordering::Relaxed),
            place: self.seen.place.load(Ordering::Relaxed),
            frames: self.seen.frames.load(Ordering::Relaxed),
        };
        if given.frames == 0
            && let Some(error) = self.demuxers.lost_error(&self.element, now)
        {
            return Some(self.failure(&error));
        }
        let mut watchdog = lock(watchdog);
        let rests = self.may_rest();
        let standstill = watchdog.look(now, given, rests, self.seen.promised())?;
        Some(Failure::Stalled(watchdog.sentence(&self.name, standstill)))
    }

    /// Whether it is not the input's fault that nothing comes: all has, what came waits to be taken, or it is live.
    fn may_rest(&self) -> bool {
        let flags = [&self.seen.is_asking, &self.seen.has_ended];
        self.has_waiting()
            || self.is_live()
            || flags.iter().any(|flag| flag.load(Ordering::Relaxed))
    }

    pub(crate) fn is_camera(&self) -> bool {
        self.camera.is_some()
    }

    /// Whether decoded frames wait to be taken.
    pub(crate) fn has_waiting(&self) -> bool {
        let waiting = lock(&self.seen.waiting);
        waiting
            .as_ref()
            .is_some_and(|queue| queue.property::<u32>("current-level-buffers") > 0)
    }

    /// Whether nobody but the program that shows it can tell how long it may give nothing: a camera, a live stream.
    pub fn is_live(&self) -> bool {
        let reader = lock(&self.seen.reader);
        let is_live = reader.as_ref().is_some_and(|reader| {
            match reader.element.downcast_ref::<gst_base::BaseSrc>() {
                Some(source) => source.is_live(),
                // RTSP and the like, which have time limits of their own.
                None => true,
            }
        });
        is_live || self.watchdog.is_none()
    }
}

/// Counts what is read, if `element` opens a URI.
fn watch_reader(element: &gst::Element, seen: &Arc<Seen>) {
    let factory = element.factory();
    if factory.is_none_or(|factory| factory.name() != "uridecodebin") {
        return;
    }
    refuse_large(element, seen);
    let seen = Arc::clone(seen);
    element.connect("source-setup", false, move |values| {
        let reader = values.get(1)?.get::<gst::Element>().ok()?;
        if let Some(pad) = reader.static_pad("src") {
            let seen = Arc::clone(&seen);
            let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
            pad.add_probe(kinds, move |pad, info| {
                if let Some(buffer) = info.buffer() {
                    seen.promised.get_or_init(|| length(pad));
                    let bytes = buffer.size() as u64;
                    let all = seen.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
                    let place = match buffer.offset() {
                        u64::MAX => all,
                        offset => offset + bytes,
                    };
                    seen.place.fetch_max(place, Ordering::Relaxed);
                } else if info.event().map(|event| event.type_()) == Some(gst::EventType::Eos)
                    && let Some(reader) = &mut *lock(&seen.reader)
                {
                    reader.ended.get_or_insert_with(Instant::now);
                }
                gst::PadProbeReturn::Ok
            });
            let kinds = gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PULL;
            pad.add_probe(kinds, |pad, info| {
                // Of a pipe, GStreamer's reader says that it has no length, which a demuxer would hand on for its own.
                if let Some(gst::QueryView::Duration(duration)) =
                    info.query().map(|query| query.view())
                    && duration.format() == gst::Format::Time
                {
                    return gst::PadProbeReturn::Drop;
                }
                if let Some(query) = info.query_mut()
                    && let gst::QueryViewMut::Seeking(seeking) = query.view_mut()
                    && gives_no_parts(pad)
                {
                    seeking.set(
                        false,
                        gst::GenericFormattedValue::none_for_format(gst::Format::Bytes),
                        gst::GenericFormattedValue::none_for_format(gst::Format::Bytes),
                    );
                }
                gst::PadProbeReturn::Ok
            });
        }
        *lock(&seen.reader) = Some(Reader {
            element: reader,
            opened: Instant::now(),
            ended: None,
        });
        None
    });
}

/// How many bytes there are in what the element of `pad` reads, if it is known.
fn length(pad: &gst::Pad) -> Option<u64> {
    let reader = pad.parent_element()?;
    let length = reader.query_duration::<gst::format::Bytes>();
    length.map(|bytes| *bytes)
}

/// Whether a web server, read from `pad`, does not offer parts of what it serves. souphttpsrc takes every server for one
/// that does, and fails where a demuxer then asks for the table at the end of the file instead of reading up to it.
fn gives_no_parts(pad: &gst::Pad) -> bool {
    let headers = pad.sticky_event::<gst::event::CustomDownstreamSticky<_>>(0);
    let headers = headers.as_ref().and_then(|event| event.structure());
    let answer = headers.and_then(|headers| headers.get::<gst::Structure>("response-headers").ok());
    answer.is_some_and(|answer| {
        let offer = answer
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("accept-ranges"));
        offer.is_none_or(|(_, units)| units.get::<&str>() != Ok("bytes"))
    })
}

/// The structure of the caps of `pad`, if it gives pictures.
fn picture(pad: &gst::Pad) -> Option<gst::Structure> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0).map(ToOwned::to_owned);
    structure.filter(|structure| structure.name() == "video/x-raw")
}

/// Says of pictures that are too large for what comes after `decoder`: GStreamer 1.22 would wait for ever.
fn refuse_large(decoder: &gst::Element, seen: &Arc<Seen>) {
    let seen = Arc::clone(seen);
    decoder.connect_pad_added(move |decoder, pad| {
        let picture = picture(pad);
        let side = |name| picture.as_ref()?.get::<i32>(name).ok();
        if let (Some(width), Some(height)) = (side("width"), side("height"))
            && width.max(height) > LARGEST_SIDE
        {
            lock(&seen.symptoms).too_large = Some((width, height));
            gst::element_error!(
                decoder,
                gst::StreamError::Format,
                ("Its pictures are too large.")
            );
        }
    });
}

/// Notes what kind of data the first typefind element finds.
fn note_type(typefind: &gst::Element, seen: &Arc<Seen>) {
    let seen = Arc::downgrade(seen);
    typefind.connect("have-type", false, move |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        let name = caps.structure(0)?.name().to_string();
        lock(&seen.upgrade()?.symptoms).kind.get_or_insert(name);
        None
    });
}

/// The data is as good after another thread's panic as before it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::CameraOptions;

    /// A pipeline in which `source` gives what it has to a sink at once.
    pub(crate) fn into_sink(source: &Source) -> (gst::Pipeline, gst_app::AppSink) {
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline
            .add_many([&source.element, sink.upcast_ref()])
            .unwrap();
        source.element.link(&sink).unwrap();
        (pipeline, sink)
    }

    #[test]
    fn an_input_that_waits_for_what_comes_after_it_has_not_stalled() {
        gst::init().unwrap();
        let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/coffee.png");
        let input = Input::parse(Some(photo.as_ref())).unwrap();
        let mut source = input.video(&CameraOptions::default(), "coffee").unwrap();
        let watchdog = source.watchdog.as_mut().unwrap().get_mut().unwrap();
        watchdog.patience = Duration::from_millis(200);
        // From the first look on, not from here.
        std::thread::sleep(Duration::from_millis(400));
        let (pipeline, sink) = into_sink(&source);
        let entrance = sink.static_pad("sink").unwrap();
        entrance.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
            if info.query().is_some_and(|query| query.is_serialized()) {
                // As while a network is loaded.
                std::thread::sleep(Duration::from_secs(1));
            }
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let mut sample = None;
        for _ in 0..600 {
            if let Some(failure) = source.stalled() {
                panic!("{failure}");
            }
            sample = sink.try_pull_sample(ClockTime::from_mseconds(50));
            if sample.is_some() {
                break;
            }
        }
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(sample.is_some(), "no frame in half a minute");
    }
}
