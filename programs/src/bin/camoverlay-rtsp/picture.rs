//! The one pipeline behind all clients: input, network, encoder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camoverlay_programs::{self, Failure, Input, OverlayOptions, Reconnecting, Source, Wish};
use gst::prelude::*;

use super::relay::Relay;

/// How long a live input may give nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Milliseconds that rtspsrc waits for packets out of order; its own two seconds suit films.
const JITTER: u32 = 200;

/// H.264 in I420 has no odd sizes: such a picture is scaled by the odd pixel.
const EVEN: &str = "video/x-raw,width=[2,16384,2],height=[2,16384,2]";

/// The pipeline, which runs for as long as the program does; [`Relay`] takes what it makes.
pub struct Picture {
    pub pipeline: gst::Pipeline,
    pub relay: Relay,
    /// Unless the input comes back by itself.
    pub source: Option<Arc<Source>>,
    /// Held for as long as its frames are wanted.
    _returning: Option<Reconnecting>,
    name: String,
    is_file: bool,
    /// What the pipeline was last told to be.
    state: gst::State,
    frames: Arc<AtomicU64>,
    /// The frames at the last look, and when they became so many.
    seen: (u64, Instant),
    /// The frames when the file was last begun.
    begun: u64,
}

impl Picture {
    /// The pipeline from the input that is wished for to H.264; one that is to come `back` is opened again whenever it breaks
    /// off.
    ///
    /// # Errors
    /// There is no such camera, an option cannot be, or an element is missing.
    pub fn new(
        mut wish: Wish,
        comes_back: bool,
        overlay: &OverlayOptions,
    ) -> Result<Self, Failure> {
        let is_file = matches!(wish.input, Input::File(_));
        let name = wish.name.clone();
        // A file loses no frame; what is live never waits, at the end neither: its frames come earlier than they are due, by as
        // much as rtspsrc would wait for others, and those behind one that is held back are dropped. Parameter sets go before
        // every key frame, for clients that come later.
        let is_paced = match &wish.input {
            Input::FirstCamera | Input::Camera(_) => false,
            Input::Uri(uri) => !uri.starts_with("rtsp"),
            Input::File(_) => true,
        };
        let leaky = if is_file { "no" } else { "downstream" };
        let pipeline = camoverlay_programs::launch(&format!(
            "queue name=entrance leaky={leaky} max-size-buffers=2 ! videoconvert ! videoscale ! {EVEN} ! \
             camoverlay name=camoverlay ! videoconvert ! video/x-raw,format=I420 ! \
             x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse config-interval=-1 ! \
             video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=encoded sync={is_paced} qos={is_paced} max-buffers=1"
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
        let entrance: gst::Element = camoverlay_programs::find(&pipeline, "entrance")?;
        element.link(&entrance)?;
        overlay.configure(&camoverlay_programs::find(&pipeline, "camoverlay")?)?;
        pipeline.connect_deep_element_added(|_, _, element| {
            if element
                .factory()
                .is_some_and(|factory| factory.name() == "rtspsrc")
            {
                element.set_property("latency", JITTER);
            }
        });
        // The relay reckons by it.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let relay = Relay::new(&pipeline, camoverlay_programs::find(&pipeline, "encoded")?);
        let frames = Arc::new(AtomicU64::new(0));
        let pad = |name| entrance.static_pad(name).ok_or("A queue has lost a pad.");
        // As they come: a network may take longer for one than a live input may be silent.
        let counter = frames.clone();
        pad("sink")?.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let watch = relay.clone();
        pad("src")?.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            // What is live cannot stand still; without clients it stops short of the network.
            if is_file || watch.is_watched() || !watch.is_ready() {
                gst::PadProbeReturn::Ok
            } else {
                gst::PadProbeReturn::Drop
            }
        });
        Ok(Self {
            relay,
            pipeline,
            source,
            _returning: returning,
            name,
            is_file,
            state: gst::State::Playing,
            frames,
            seen: (0, Instant::now()),
            begun: 0,
        })
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
            .seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO);
        begun
            .map_err(|_| format!("{} cannot be played from its beginning again.", self.name).into())
    }

    /// Lets a file stand still while nobody watches, and looks whether a live input still gives frames.
    ///
    /// # Errors
    /// It has given none for too long.
    pub fn check(&mut self) -> Result<(), Failure> {
        if self.is_file {
            let wanted = match self.relay.is_watched() || !self.relay.is_ready() {
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
