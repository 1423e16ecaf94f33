//! The one pipeline behind all clients of a server: input, network, encoder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::ClockTime;
use gst::prelude::*;

use crate::failure::Failure;
use crate::input::Input;
use crate::options::OverlayOptions;
use crate::pipeline::{find, launch};
use crate::reconnect::{Reconnecting, Wish};
use crate::source::Source;

/// How long a live input may give nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Milliseconds that rtspsrc waits for packets out of order; its own two seconds suit films.
const JITTER: u32 = 200;

/// From one time to the next that a single picture is shown.
const STILL: ClockTime = ClockTime::from_mseconds(200);

/// Whether anybody wants frames.
pub type Wanted = dyn Fn() -> bool + Send + Sync;

/// The pipeline, which runs for as long as the program does.
pub struct Feed {
    pub pipeline: gst::Pipeline,
    /// The `camoverlay` in it.
    pub overlay: gst::Element,
    /// Unless the input comes back by itself.
    pub source: Option<Arc<Source>>,
    /// Held for as long as its frames are wanted.
    _returning: Option<Reconnecting>,
    name: String,
    is_file: bool,
    /// What is not live, and comes as fast as it is taken.
    is_paced: bool,
    wanted: Arc<Wanted>,
    /// What the pipeline was last told to be.
    state: gst::State,
    frames: Arc<AtomicU64>,
    /// The frames at the last look, and when they became so many.
    seen: (u64, Instant),
    /// The frames when the file was last begun.
    begun: u64,
}

impl Feed {
    /// The pipeline from the input that is wished for through `chain`, elements in gst-launch-1.0's syntax with a
    /// `camoverlay name=camoverlay` among them, to an appsink called `encoded`. One that is to come `back` is opened again
    /// whenever it breaks off. While frames are not `wanted`, nothing is computed.
    ///
    /// # Errors
    /// There is no such camera, an option cannot be, or an element is missing.
    pub fn new(
        mut wish: Wish,
        comes_back: bool,
        overlay: &OverlayOptions,
        chain: &str,
    ) -> Result<Self, Failure> {
        let is_file = wish.input.is_local();
        let name = wish.name.clone();
        // What comes as fast as it is taken loses no frame; what is live never waits, at the end neither: its frames come earlier
        // than they are due, by as much as rtspsrc would wait for others, and those behind one that is held back are dropped.
        let is_paced = match &wish.input {
            Input::FirstCamera | Input::Camera(_) => false,
            Input::Uri(uri) => !uri.starts_with("rtsp"),
            Input::File(_) | Input::Pipe { .. } => true,
        };
        let leaky = if is_paced { "no" } else { "downstream" };
        let pipeline = launch(&format!(
            "queue name=entrance leaky={leaky} max-size-buffers=2 ! clocksync name=exit sync=false ! {chain} ! \
             appsink name=encoded sync={is_paced} qos={is_paced} max-buffers=1"
        ))?;
        let (source, returning) = if comes_back {
            wish.jitter = Some(JITTER);
            (None, Some(Reconnecting::open(wish)?))
        } else {
            let source = wish.input.video(&wish.camera, &name)?;
            (Some(Arc::new(source)), None)
        };
        let returned = returning.as_ref().map(|input| &input.element);
        let element = source.as_ref().map(|source| &source.element).or(returned);
        let element = element.ok_or("There is no input.")?;
        pipeline.add(element)?;
        let entrance: gst::Element = find(&pipeline, "entrance")?;
        element.link(&entrance)?;
        let explaining: gst::Element = find(&pipeline, "camoverlay")?;
        overlay.configure(&explaining)?;
        pipeline.connect_deep_element_added(|_, _, element| {
            if element
                .factory()
                .is_some_and(|factory| factory.name() == "rtspsrc")
            {
                element.set_property("latency", JITTER);
            }
        });
        // Who takes the frames reckons by it.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let frames = Arc::new(AtomicU64::new(0));
        let entering = entrance
            .static_pad("sink")
            .ok_or("A queue has lost a pad.")?;
        // As they come: a network may take longer for one than a live input may be silent.
        let counter = frames.clone();
        entering.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        Ok(Self {
            pipeline,
            overlay: explaining,
            source,
            _returning: returning,
            name,
            is_file,
            is_paced,
            wanted: Arc::new(|| true),
            state: gst::State::Playing,
            frames,
            seen: (0, Instant::now()),
            begun: 0,
        })
    }

    /// Has nothing computed while frames are not `wanted`: a file stands still then, and others, which cannot, stop short of
    /// the network, as fast as they play.
    ///
    /// # Errors
    /// The pipeline has no exit.
    pub fn run_while(
        &mut self,
        wanted: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        self.wanted = Arc::new(wanted);
        if self.is_file {
            return Ok(());
        }
        let (wanted, is_paced) = (Arc::clone(&self.wanted), self.is_paced);
        self.exit()?
            .add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
                let is_wanted = wanted();
                if is_paced && let Some(clock) = pad.parent_element() {
                    // Where frames are wanted, the sink at the end sees to it.
                    clock.set_property("sync", !is_wanted);
                }
                match is_wanted {
                    true => gst::PadProbeReturn::Ok,
                    false => gst::PadProbeReturn::Drop,
                }
            });
        Ok(())
    }

    /// Has a file with a single picture show it for as long as the pipeline plays.
    ///
    /// # Errors
    /// The pipeline has no exit.
    pub fn hold_stills(&self) -> Result<(), Failure> {
        let mut frames = 0_u64;
        let mut picture = None;
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        let state = std::sync::Mutex::new(move |pad: &gst::Pad, info: &gst::PadProbeInfo<'_>| {
            if let Some(buffer) = info.buffer() {
                frames += 1;
                picture = (frames == 1).then(|| buffer.to_owned());
            } else if info.event().map(|event| event.type_()) == Some(gst::EventType::Eos)
                && let (Some(mut again), Some(peer)) = (picture.take(), pad.peer())
            {
                // The sink at the end lets each through when it is due.
                loop {
                    let frame = again.make_mut();
                    let before = frame.pts().unwrap_or_default();
                    frame.set_pts(before + STILL);
                    frame.set_dts(ClockTime::NONE);
                    frame.set_duration(STILL);
                    if peer.chain(again.clone()).is_err() {
                        break;
                    }
                }
            }
        });
        self.exit()?.add_probe(kinds, move |pad, info| {
            let mut look = state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            look(pad, info);
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Where frames leave for the network.
    fn exit(&self) -> Result<gst::Pad, Failure> {
        let exit: gst::Element = find(&self.pipeline, "exit")?;
        let exit = exit.static_pad("src");
        exit.ok_or_else(|| "An element has lost a pad.".into())
    }

    /// Begins a file that has come to its end anew.
    ///
    /// # Errors
    /// It is no file, or has no other beginning.
    pub fn ended(&mut self) -> Result<(), Failure> {
        let frames = self.frames.load(Ordering::Relaxed);
        if !self.is_file {
            return Err(format!("{} has ended.", self.name).into());
        }
        if frames - self.begun < 2 {
            return Err(format!("{} has a single picture; give a video.", self.name).into());
        }
        self.begun = frames;
        // After a flush, running time goes on with the clock: clients see no seam.
        let begun = self
            .pipeline
            .seek_simple(gst::SeekFlags::FLUSH, ClockTime::ZERO);
        begun
            .map_err(|_| format!("{} cannot be played from its beginning again.", self.name).into())
    }

    /// Lets a file stand still while nobody watches, and looks whether a live input still gives frames.
    ///
    /// # Errors
    /// It has given none for too long.
    pub fn check(&mut self) -> Result<(), Failure> {
        if self.is_file {
            let wanted = match (self.wanted)() {
                true => gst::State::Playing,
                false => gst::State::Paused,
            };
            if wanted != self.state {
                self.state = wanted;
                self.pipeline.set_state(wanted)?;
            }
            return Ok(());
        }
        // The rest is watched wherever it is read.
        if !self.source.as_ref().is_some_and(|source| source.is_live()) {
            return Ok(());
        }
        let frames = self.frames.load(Ordering::Relaxed);
        let now = Instant::now();
        if frames != self.seen.0 {
            self.seen = (frames, now);
        } else if now.duration_since(self.seen.1) > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(
                format!("{} has given no picture for {seconds} seconds.", self.name).into(),
            );
        }
        Ok(())
    }
}
