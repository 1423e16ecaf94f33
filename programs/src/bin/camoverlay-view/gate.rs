//! The one place that every frame passes before it is shown twice.
//!
//! It numbers the frames: behind it, frame n is shown at n times [`PERIOD`] and nobody looks at a clock, so that the
//! compositor pairs each original with its own overlay however long the network takes. It holds frames back while the
//! viewer is paused, and shows the held frame again when something about it has changed. A picture is a video that is
//! held at its end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// Time from frame to frame behind the gate.
const PERIOD: gst::ClockTime = gst::ClockTime::from_mseconds(40);
/// The same as caps, for the elements that wish to know.
pub const CAPS: &str = "video/x-raw,framerate=25/1";
/// How often a held frame looks whether the pipeline is being taken down.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Default)]
struct State {
    /// Frames that came to the queue, where some give way to newer ones, and frames that went on; a frame that is shown again
    /// counts again.
    received: u64,
    passed: u64,
    /// The frame on show.
    frame: Option<gst::Buffer>,
    paused: bool,
    /// The frame on show is to be shown again.
    stale: bool,
}

impl State {
    /// `buffer` as the next frame.
    fn number(&mut self, mut buffer: gst::Buffer) -> gst::Buffer {
        let metadata = buffer.make_mut();
        metadata.set_pts(PERIOD * self.passed);
        metadata.set_dts(gst::ClockTime::NONE);
        metadata.set_duration(PERIOD);
        self.passed += 1;
        buffer
    }
}

pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    /// A clocksync, which lets the frames of a file through when their time has come.
    clock: gst::Element,
    /// A queue, in which the newest frame waits for the network.
    queue: gst::Element,
    /// A held frame is shown again and again, for an element whose frames carry the map of an earlier one.
    restless: bool,
}

impl Gate {
    /// A gate behind `clock` and `queue`, `restless` or not; `on_caps` is called before caps pass.
    ///
    /// # Errors
    /// The queue has lost a pad.
    pub fn behind(
        clock: gst::Element,
        queue: gst::Element,
        restless: bool,
        on_caps: impl Fn(&gst::CapsRef) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, String> {
        let pad = queue
            .static_pad("src")
            .ok_or("A queue has no source pad.")?;
        let gate = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            clock,
            queue,
            restless,
        });
        let counter = Arc::clone(&gate);
        let entrance = gate.queue.static_pad("sink");
        let entrance = entrance.ok_or("A queue has no sink pad.")?;
        entrance.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.lock().received += 1;
            gst::PadProbeReturn::Ok
        });
        let keeper = Arc::clone(&gate);
        let kinds = gst::PadProbeType::BUFFER
            | gst::PadProbeType::EVENT_DOWNSTREAM
            | gst::PadProbeType::QUERY_UPSTREAM;
        pad.add_probe(kinds, move |pad, info| {
            match &mut info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => *buffer = keeper.pass(pad, buffer),
                Some(gst::PadProbeData::Event(event)) => match event.view() {
                    gst::EventView::Caps(caps) => on_caps(caps.caps()),
                    gst::EventView::Segment(_) => {
                        let numbered = gst::FormattedSegment::<gst::ClockTime>::new();
                        *event = gst::event::Segment::new(&numbered);
                    }
                    gst::EventView::Gap(_) => return gst::PadProbeReturn::Handled,
                    gst::EventView::Eos(_) => keeper.end(pad),
                    _ => {}
                },
                Some(gst::PadProbeData::Query(query)) => {
                    if let gst::QueryViewMut::Latency(latency) = query.view_mut() {
                        // Nothing behind the gate has to be in time.
                        latency.set(false, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                        return gst::PadProbeReturn::Handled;
                    }
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
        Ok(gate)
    }

    /// Holds the frame on show, or goes on.
    pub fn set_paused(&self, paused: bool) {
        // While a file is held, none of its frames may give way to the next; those of a camera must.
        let leaky = if paused && !self.is_live() {
            "no"
        } else {
            "downstream"
        };
        self.queue.set_property_from_str("leaky", leaky);
        self.lock().paused = paused;
        self.changed.notify_all();
    }

    /// Shows the frame on show again, unless another is about to take its place.
    pub fn refresh(&self) {
        self.lock().stale = true;
        self.changed.notify_all();
    }

    fn is_live(&self) -> bool {
        let mut latency = gst::query::Latency::new();
        // Before the clock, for behind it everything passes for live.
        let sink = self.clock.static_pad("sink");
        sink.is_some_and(|pad| pad.peer_query(&mut latency) && latency.result().0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `buffer` as it goes on, when it may.
    fn pass(&self, pad: &gst::Pad, buffer: &gst::Buffer) -> gst::Buffer {
        let came = Instant::now();
        let mut state = self.hold(pad, |state| state.paused);
        let held = came.elapsed();
        state.stale = false;
        state.frame = Some(buffer.clone());
        let numbered = state.number(buffer.clone());
        drop(state);
        if held > PATIENCE && !self.is_live() {
            // The frames behind it have been held as long.
            let held = i64::try_from(held.as_nanos()).unwrap_or(0);
            let before: i64 = self.clock.property("ts-offset");
            self.clock
                .set_property("ts-offset", before.saturating_add(held));
        }
        numbered
    }

    fn end(&self, pad: &gst::Pad) {
        drop(self.hold(pad, |state| state.paused || state.received == 1));
    }

    /// Waits while `closed`, and meanwhile shows the last frame again as asked.
    fn hold(&self, pad: &gst::Pad, closed: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        loop {
            let is_going_down = pad.pad_flags().contains(gst::PadFlags::FLUSHING);
            let Some(frame) = state
                .frame
                .clone()
                .filter(|_| closed(&state) && !is_going_down)
            else {
                return state;
            };
            if state.stale {
                state.stale = false;
                let again = state.number(frame);
                drop(state);
                // Fails when the pipeline is being taken down, which is seen in the next round.
                let _ = pad.peer().map(|peer| peer.chain(again));
                state = self.lock();
                continue;
            }
            let waited = self.changed.wait_timeout(state, PATIENCE);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state.stale |= self.restless && timeout.timed_out();
        }
    }
}
