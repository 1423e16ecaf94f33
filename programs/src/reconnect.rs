//! A live input that is opened again whenever it breaks off.
//!
//! It plays in a pipeline of its own, which may fail and be made anew while the one that takes its frames goes on. Both go by
//! the system clock, so that a frame keeps the time at which it came.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camoverlay::inference::printable;
use gst::ClockTime;
use gst::prelude::*;

use crate::command_line::say;
use crate::decoder::decoder;
use crate::failure::Failure;
use crate::input::{CameraOptions, Input};
use crate::interruption::interrupted;
use crate::run::take_down;
use crate::source::Source;
use crate::unreadable::NO_PICTURE;
use crate::upright::upright;

/// How long is waited before it is opened again: twice as long each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long it may give nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long opening may take.
const OPENING: Duration = Duration::from_secs(30);
/// How long its pipeline may take to be taken down.
const TAKE_DOWN: Duration = Duration::from_secs(2);

/// What is opened, and how.
pub struct Wish {
    pub input: Input,
    pub camera: CameraOptions,
    /// As the user calls the input.
    pub name: String,
    /// Whether its sounds are wanted, too.
    pub has_sound: bool,
    /// Milliseconds that rtspsrc waits for packets out of order; unset: its own.
    pub jitter: Option<u32>,
}

/// An input that comes back. Dropping it ends it.
pub struct Reconnecting {
    /// A bin with a pad `src`, which gives the picture, upright and raw, and `sound_0` and so on, raw too.
    pub element: gst::Element,
    /// Those pads, and what they give until the input breaks off.
    pub streams: Vec<(gst::Pad, gst::Caps)>,
    shared: Arc<Shared>,
}

struct Shared {
    wish: Wish,
    /// The picture's, then those of sounds. No more are made after the first opening.
    exits: Mutex<Vec<Exit>>,
    is_settled: AtomicBool,
    has_told_of_sound: AtomicBool,
    is_over: AtomicBool,
}

/// Where a stream leaves for the pipeline that takes it.
#[derive(Clone)]
struct Exit {
    is_picture: bool,
    /// Whether it hands on copies: a camera that is connected again does not come back where it was while an encoder holds
    /// on to the driver's memory, and with it to the device.
    copies: bool,
    source: gst_app::AppSrc,
    /// Running time there at which the last buffer ends, in nanoseconds.
    end: Arc<AtomicU64>,
}

/// The input, opened once.
struct Opened {
    pipeline: gst::Pipeline,
    source: Source,
    arrivals: Arc<Arrivals>,
}

/// Why an opened input gives nothing any more.
struct Trouble {
    /// For who has just named the input.
    failure: Failure,
    /// For who knows that it worked.
    words: String,
}

/// What has come of an opened input.
#[derive(Default)]
struct Arrivals {
    frames: AtomicU64,
    /// All streams are known.
    is_complete: AtomicBool,
    /// What is added to times so that none goes back, in nanoseconds; none before the first buffer.
    offset: Mutex<Option<u64>>,
}

/// The data is as good after another thread's panic as before it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reconnecting {
    /// Opens the input, which must succeed at first, so that a wrong address is told.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open(wish: Wish) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            wish,
            exits: Mutex::default(),
            is_settled: AtomicBool::new(false),
            has_told_of_sound: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let opened = shared.open()?;
        let known = shared.await_streams(&opened);
        if let Err(failure) = known {
            take_down(&opened.pipeline, TAKE_DOWN);
            return Err(failure);
        }
        shared.is_settled.store(true, Ordering::SeqCst);
        let bin = gst::Bin::new();
        let mut sounds = 0;
        let mut streams = Vec::new();
        for exit in &*lock(&shared.exits) {
            bin.add(&exit.source)?;
            let name = match exit.is_picture {
                true => "src".to_owned(),
                false => format!("sound_{sounds}"),
            };
            sounds += usize::from(!exit.is_picture);
            let pad = exit
                .source
                .static_pad("src")
                .ok_or("An appsrc has no pad.")?;
            let pad = gst::GhostPad::builder_with_target(&pad)?.name(name).build();
            bin.add_pad(&pad)?;
            streams.push((pad.upcast(), exit.source.caps().ok_or(NO_PICTURE)?));
        }
        let supervised = Arc::clone(&shared);
        thread::Builder::new()
            .name("input".into())
            .spawn(move || supervised.supervise(opened))?;
        Ok(Self {
            element: bin.upcast(),
            streams,
            shared,
        })
    }
}

impl Drop for Reconnecting {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    /// Opens the input and lets it play.
    fn open(self: &Arc<Self>) -> Result<Opened, Failure> {
        let Wish {
            input,
            camera,
            name,
            jitter,
            ..
        } = &self.wish;
        let pipeline = gst::Pipeline::new();
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let arrivals = Arc::new(Arrivals::default());
        let source = match input.uri()? {
            Some(uri) => {
                let element = decoder(&uri)?;
                if let Some(jitter) = *jitter {
                    set_jitter(&pipeline, jitter);
                }
                self.take_pads_of(&element, &arrivals);
                Source::new(element, input, name)
            }
            None => input.video(camera, name)?,
        };
        pipeline.add(&source.element)?;
        if let Some(pad) = source.element.static_pad("src") {
            self.take(&pad, true, &arrivals)?;
            arrivals.is_complete.store(true, Ordering::SeqCst);
        }
        // A failure is on the bus too, in better words.
        let _ = pipeline.set_state(gst::State::Playing);
        Ok(Opened {
            pipeline,
            source,
            arrivals,
        })
    }

    /// Takes the first picture and, where they are wanted, the sounds that `decoder` finds.
    fn take_pads_of(self: &Arc<Self>, decoder: &gst::Element, arrivals: &Arc<Arrivals>) {
        let taking = (Arc::downgrade(self), Arc::clone(arrivals));
        decoder.connect_pad_added(move |decoder, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let kind = caps
                .structure(0)
                .map(|structure| structure.name().to_string());
            let is_picture = kind.as_deref() == Some("video/x-raw");
            let is_sound = kind.as_deref() == Some("audio/x-raw");
            let Some(shared) = taking.0.upgrade().filter(|_| is_picture || is_sound) else {
                return;
            };
            if let Err(failure) = shared.take(pad, is_picture, &taking.1) {
                gst::element_error!(decoder, gst::StreamError::WrongType, ("{failure}"));
            }
        });
        let taken = (Arc::downgrade(self), Arc::clone(arrivals));
        decoder.connect_no_more_pads(move |decoder| {
            let has_picture = taken
                .0
                .upgrade()
                .is_none_or(|shared| lock(&shared.exits).iter().any(|exit| exit.is_picture));
            if !has_picture {
                gst::element_error!(decoder, gst::StreamError::WrongType, ("{NO_PICTURE}"));
            }
            taken.1.is_complete.store(true, Ordering::SeqCst);
        });
    }

    /// Hands on what comes out of `pad`, if its stream is wanted.
    fn take(
        self: &Arc<Self>,
        pad: &gst::Pad,
        is_picture: bool,
        arrivals: &Arc<Arrivals>,
    ) -> Result<(), Failure> {
        let parent = pad.parent_element().and_then(|element| element.parent());
        let pipeline = parent
            .and_downcast::<gst::Pipeline>()
            .ok_or("The input's pipeline is gone.")?;
        let used = pipeline
            .iterate_sinks()
            .into_iter()
            .flatten()
            .filter(|sink| sink.name().starts_with(kind(is_picture)))
            .count();
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(exit) = self.exit(is_picture, used, &caps) else {
            return Ok(());
        };
        let sink = gst_app::AppSink::builder()
            .name(format!("{} {used}", kind(is_picture)))
            .sync(false)
            .max_buffers(4)
            .build();
        let (clock, counted) = (pipeline.downgrade(), Arc::clone(arrivals));
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if exit.is_picture {
                        counted.frames.fetch_add(1, Ordering::SeqCst);
                    }
                    if let Some(base) = clock.upgrade().and_then(|pipeline| pipeline.base_time()) {
                        exit.hand_on(&sample, base, &counted);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        let mut chain = vec![gst::ElementFactory::make("queue").build()?];
        if is_picture && pad.name() != "src" {
            chain.extend(upright(&self.wish.input)?);
        }
        chain.push(sink.upcast());
        pipeline.add_many(&chain)?;
        gst::Element::link_many(&chain)?;
        for element in &chain {
            element.sync_state_with_parent()?;
        }
        let entrance = chain[0].static_pad("sink").ok_or("A queue has no pad.")?;
        pad.link(&entrance)
            .map_err(|error| format!("The input cannot be taken: {error}."))?;
        Ok(())
    }

    /// The way out of the `index`th stream of a kind, of `caps` for a start; none where it is not wanted, or was not there at first.
    fn exit(&self, is_picture: bool, index: usize, caps: &gst::Caps) -> Option<Exit> {
        let is_wanted = match is_picture {
            true => index == 0,
            false => self.wish.has_sound,
        };
        let mut exits = lock(&self.exits);
        let same = |exit: &&Exit| exit.is_picture == is_picture;
        if let Some(exit) = exits.iter().filter(same).nth(index) {
            return is_wanted.then(|| exit.clone());
        }
        let is_late = self.is_settled.load(Ordering::SeqCst);
        if is_wanted
            && !is_picture
            && is_late
            && !self.has_told_of_sound.swap(true, Ordering::SeqCst)
        {
            say(&printable(&format!(
                "{} has a sound that it had not at first: it is left out.",
                self.wish.name
            )));
        }
        if !is_wanted || is_late {
            return None;
        }
        let source = gst_app::AppSrc::builder()
            .caps(caps)
            .is_live(true)
            .format(gst::Format::Time)
            .max_buffers(4)
            .max_bytes(0)
            .block(true)
            .build();
        let exit = Exit {
            is_picture,
            copies: matches!(self.wish.input, Input::FirstCamera | Input::Camera(_)),
            source,
            end: Arc::default(),
        };
        exits.push(exit.clone());
        Some(exit)
    }

    /// Waits until all streams of an input that was just opened are known.
    fn await_streams(&self, opened: &Opened) -> Result<(), Failure> {
        let start = Instant::now();
        while !opened.arrivals.is_complete.load(Ordering::SeqCst) {
            if let Some(Trouble { failure, .. }) = self.trouble_of(opened)? {
                return Err(failure);
            }
            if start.elapsed() > OPENING {
                let (name, seconds) = (&self.wish.name, OPENING.as_secs());
                return Err(Failure::Stalled(format!(
                    "{name} has given no picture for {seconds} seconds."
                )));
            }
            if interrupted()? || self.is_over.load(Ordering::SeqCst) {
                return Err("Interrupted before the first frame.".into());
            }
        }
        Ok(())
    }

    /// What the bus says of `opened` within a tenth of a second, if it is the end.
    fn trouble_of(&self, opened: &Opened) -> Result<Option<Trouble>, Failure> {
        let bus = opened
            .pipeline
            .bus()
            .ok_or("The input's pipeline has no bus.")?;
        let Some(message) = bus.timed_pop(ClockTime::from_mseconds(100)) else {
            return Ok(None);
        };
        opened.source.note(&message);
        Ok(match message.view() {
            gst::MessageView::Error(error) => Some(Trouble {
                failure: opened.source.failure(&error.error()),
                words: error.error().message().into(),
            }),
            gst::MessageView::Eos(_) => Some(Trouble {
                failure: format!("{} has ended.", self.wish.name).into(),
                words: "It has ended.".to_owned(),
            }),
            gst::MessageView::Latency(_) => {
                opened.pipeline.recalculate_latency()?;
                self.tell_latency(&opened.pipeline);
                None
            }
            gst::MessageView::StateChanged(change)
                if change.src() == Some(opened.pipeline.upcast_ref())
                    && change.current() == gst::State::Playing =>
            {
                self.tell_latency(&opened.pipeline);
                None
            }
            _ => None,
        })
    }

    /// Says how late the input's buffers come, as the pipeline that takes them has to know.
    fn tell_latency(&self, pipeline: &gst::Pipeline) {
        let mut latency = gst::query::Latency::new();
        if pipeline.query(&mut latency) {
            let (_, min, max) = latency.result();
            for exit in &*lock(&self.exits) {
                exit.source.set_latency(Some(min), max);
            }
        }
    }

    /// Watches over the input until it is not needed any more.
    fn supervise(self: &Arc<Self>, mut opened: Opened) {
        let name = &self.wish.name;
        while let Some(why) = self.watch(&opened) {
            take_down(&opened.pipeline, TAKE_DOWN);
            let broken = Instant::now();
            say(&printable(&format!(
                "{name} has broken off: {why} It is opened again and again until it is back."
            )));
            let Some(again) = self.reopen() else {
                return;
            };
            opened = again;
            let seconds = broken.elapsed().as_secs();
            say(&printable(&format!("{name} is back after {seconds} s.")));
        }
        take_down(&opened.pipeline, TAKE_DOWN);
    }

    /// Why the input gives nothing any more; none where nobody needs it.
    fn watch(&self, opened: &Opened) -> Option<String> {
        let frames = || opened.arrivals.frames.load(Ordering::SeqCst);
        let mut last = (frames(), Instant::now());
        while !self.is_over.load(Ordering::SeqCst) {
            match self.trouble_of(opened) {
                Ok(None) => {}
                Ok(Some(Trouble { words, .. })) => return Some(words),
                Err(failure) => return Some(failure.to_string()),
            }
            if frames() != last.0 {
                last = (frames(), Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Some(format!("It has given nothing for {seconds} seconds."));
            }
        }
        None
    }

    /// Opens the input again and again until it gives frames; none where nobody needs it any more.
    fn reopen(self: &Arc<Self>) -> Option<Opened> {
        let mut pause = FIRST_PAUSE;
        loop {
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.is_over.load(Ordering::SeqCst) {
                    return None;
                }
                thread::sleep(Duration::from_millis(50));
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
            if let Ok(opened) = self.open() {
                if self.has_frames(&opened) {
                    return Some(opened);
                }
                take_down(&opened.pipeline, TAKE_DOWN);
            }
        }
    }

    fn has_frames(&self, opened: &Opened) -> bool {
        let start = Instant::now();
        while start.elapsed() < OPENING && !self.is_over.load(Ordering::SeqCst) {
            if !matches!(self.trouble_of(opened), Ok(None)) {
                return false;
            }
            if opened.arrivals.frames.load(Ordering::SeqCst) > 0 {
                return true;
            }
        }
        false
    }
}

impl Exit {
    /// Hands on a sample of a pipeline whose running time began at `base` of the clock.
    fn hand_on(&self, sample: &gst::Sample, base: ClockTime, arrivals: &Arrivals) {
        // Before the other pipeline plays, its time has not begun.
        if self.source.current_state() != gst::State::Playing {
            return;
        }
        let buffer = match self.copies {
            true => sample.buffer().and_then(|buffer| buffer.copy_deep().ok()),
            false => sample.buffer_owned(),
        };
        let Some((time, mut buffer)) = self.due(sample, base).zip(buffer) else {
            return;
        };
        let end = self.end.load(Ordering::SeqCst);
        let offset =
            *lock(&arrivals.offset).get_or_insert_with(|| end.saturating_sub(time.nseconds()));
        let time = time + ClockTime::from_nseconds(offset);
        let duration = buffer.duration().unwrap_or_default();
        self.end
            .fetch_max((time + duration).nseconds(), Ordering::SeqCst);
        let stamped = buffer.make_mut();
        stamped.set_pts(time);
        stamped.set_dts(ClockTime::NONE);
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps_if_some(sample.caps_owned().as_ref())
            .build();
        // A pipeline that is being taken down takes none any more.
        let _ = self.source.push_sample(&sample);
    }

    /// When the sample is due, in the running time of the pipeline that takes it.
    fn due(&self, sample: &gst::Sample, base: ClockTime) -> Option<ClockTime> {
        let segment = sample.segment()?.downcast_ref::<ClockTime>()?;
        let time = segment.to_running_time(sample.buffer()?.pts()?)?;
        (time + base).checked_sub(self.source.base_time()?)
    }
}

fn kind(is_picture: bool) -> &'static str {
    match is_picture {
        true => "picture",
        false => "sound",
    }
}

/// Has the rtspsrc in `pipeline`, once there is one, wait for `jitter` milliseconds at most.
fn set_jitter(pipeline: &gst::Pipeline, jitter: u32) {
    pipeline.connect_deep_element_added(move |_, _, element| {
        let factory = element.factory();
        if factory.is_some_and(|factory| factory.name() == "rtspsrc") {
            element.set_property("latency", jitter);
        }
    });
}
