//! How frames go through the element: each painted while the one who brought it waits, or, with several in flight, kept until
//! it is its turn.

use std::time::{Duration, Instant};

use gst::{prelude::*, subclass::prelude::*};
use gst_base::prelude::*;

use super::errors::ElementError;
use super::imp::{CamOverlay, lock};
use super::kept::Kept;
use super::opening;
use super::properties::Live;
use super::session::Session;
use super::{log, outcome::Outcome};
use camoverlay::frame::Orientation;

impl CamOverlay {
    /// Explains, paints and annotates a frame in place.
    pub fn pass(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (mut stream, live, orientation) = self.take_stream()?;
        if stream.must_know_source() {
            stream.set_live_source(self.is_source_live());
        }
        let late = self.is_late(buffer);
        let start = Instant::now();
        let result = stream.process(buffer, &live, orientation, late);
        self.conclude(stream, buffer, late, result, || start.elapsed())
    }

    /// Takes in a frame, which is kept while the network is at work on it and on those before.
    pub fn take_in(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        if let Some(refusal) = lock(&self.refusal).take() {
            return Err(refusal);
        }
        let (mut stream, live, orientation) = self.take_stream()?;
        // The base class marks the next frame that leaves after one with this flag has come.
        let is_discont = buffer.flags().contains(gst::BufferFlags::DISCONT);
        if is_discont || stream.turns(orientation) {
            *lock(&self.stream) = Some(stream);
            self.drain()?;
            stream = lock(&self.stream).take().ok_or(gst::FlowError::Flushing)?;
        }
        let late = self.is_late(&buffer);
        let result = stream.begin(Kept::new(buffer, live, late), orientation);
        *lock(&self.stream) = Some(stream);
        result.map(|()| gst::FlowSuccess::Ok).or_else(|failure| {
            // Those before it are not to blame.
            self.drain()?;
            self.post_error_message(failure.error_message());
            Err(gst::FlowError::Error)
        })
    }

    /// The oldest frame that is kept, painted and annotated, if it is its turn.
    pub fn next_out(&self) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let is_next = |stream: &Session| stream.is_next_out();
        if lock(&self.stream).as_deref().is_some_and(is_next) {
            self.end()
        } else {
            Ok(None)
        }
    }

    /// The oldest frame that is kept, painted and annotated.
    fn end(&self) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let Some(mut stream) = lock(&self.stream).take() else {
            return Ok(None);
        };
        let Some((kept, result)) = stream.end() else {
            *lock(&self.stream) = Some(stream);
            return Ok(None);
        };
        if result.is_err() {
            stream.let_go();
        }
        let Kept {
            buffer,
            late,
            outcome,
            arrived,
            spent,
            ..
        } = kept;
        let held = lock(&self.latency).held();
        let time = || {
            let waited = arrived.elapsed();
            spent.max(waited.saturating_sub(held.into()))
        };
        let result = result.map(|()| outcome);
        self.conclude(stream, &buffer, late, result, time)?;
        Ok(Some(buffer))
    }

    /// Hands on all frames that are kept.
    fn drain(&self) -> Result<(), gst::FlowError> {
        while let Some(buffer) = self.end()? {
            if let Err(error) = self.obj().src_pad().push(buffer) {
                if let Some(stream) = lock(&self.stream).as_mut() {
                    stream.let_go();
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Hands on all frames that are kept, before what must not overtake them; the next frame learns what went wrong.
    pub fn drive_out(&self) {
        if self.keeps_frames()
            && let Err(error) = self.drain()
        {
            *lock(&self.refusal) = Some(error);
        }
    }

    /// Makes the query's pools large enough for the frames that are kept too.
    pub fn ask_for_kept(&self, query: &mut gst::query::Allocation) {
        let kept = lock(&self.settings).setup.frames_in_flight() as u32 - 1;
        if kept == 0 {
            return;
        }
        let pools: Vec<_> = query.allocation_pools().collect();
        for (index, (pool, size, min, max)) in (0..).zip(pools) {
            // No maximum is told as 0.
            let max = if max == 0 {
                0
            } else {
                max.saturating_add(kept)
            };
            let min = min.saturating_add(kept);
            query.set_nth_allocation_pool(index, pool.as_ref(), size, min, max);
        }
    }

    /// Takes the stream for the time of a frame, ready for it, with the settings and how the frame lies.
    fn take_stream(&self) -> Result<(Box<Session>, Live, Orientation), gst::FlowError> {
        let live = lock(&self.settings).live.clone();
        let orientation = lock(&self.tags).resolve(live.orientation);
        self.ensure_open()?;
        if let Some(stream) = &mut *lock(&self.stream)
            && stream.lacks_caps()
            && let Some(caps) = self.obj().sink_pad().current_caps()
            && let Ok(info) = gst_video::VideoInfo::from_caps(&caps)
        {
            // They came while the network was being opened, and a flush ended waiting for it.
            self.set_stream_info(stream, &info, orientation)?;
        }
        let stream = lock(&self.stream).take();
        Ok((stream.ok_or(gst::FlowError::Flushing)?, live, orientation))
    }

    /// Tells what came of a frame that took so much `time`, and gives back the stream.
    fn conclude(
        &self,
        stream: Box<Session>,
        buffer: &gst::BufferRef,
        late: bool,
        result: Result<Outcome, ElementError>,
        time: impl FnOnce() -> Duration,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if let Ok(outcome) = &result
            && !outcome.cut_off
        {
            lock(&self.stats).add(outcome);
            if late {
                log::late(&self.obj(), buffer.pts(), outcome.skipped);
            }
            if outcome.skipped {
                self.post_skipped(buffer);
            }
            if outcome.waited {
                self.note_latency(time());
            }
            for notice in &outcome.notices {
                self.tell(notice);
            }
            if outcome.announce {
                self.announce(&stream);
            }
        }
        *lock(&self.stream) = Some(stream);
        match result {
            Ok(outcome) if outcome.cut_off => Err(gst::FlowError::Flushing),
            Ok(_) => Ok(gst::FlowSuccess::Ok),
            Err(failure) => {
                self.post_error_message(failure.error_message());
                Err(gst::FlowError::Error)
            }
        }
    }

    pub fn set_stream_info(
        &self,
        stream: &mut Session,
        info: &gst_video::VideoInfo,
        orientation: Orientation,
    ) -> Result<(), gst::FlowError> {
        if let Err(failure) = stream.set_info(info, orientation) {
            self.post_error_message(failure.error_message());
            return Err(gst::FlowError::NotNegotiated);
        }
        log::caps(&self.obj(), info, stream.tensor_size());
        let frames = stream.frames_in_flight() as u64 - 1;
        let held = frame_duration(info).unwrap_or_default() * frames;
        if lock(&self.latency).set_held(held) {
            let obj = self.obj();
            let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        }
        Ok(())
    }

    /// Waits for a network that is still being opened.
    pub fn ensure_open(&self) -> Result<(), gst::FlowError> {
        let Some(opening) = lock(&self.opening).clone() else {
            return Ok(());
        };
        match opening.wait(None) {
            opening::Waited::Opened(stream) => {
                *lock(&self.opening) = None;
                self.install(stream);
                Ok(())
            }
            opening::Waited::Failed(error) => {
                self.post_error_message(error.error_message());
                Err(gst::FlowError::Error)
            }
            opening::Waited::Told => Err(gst::FlowError::Error),
            opening::Waited::Late | opening::Waited::CutOff => Err(gst::FlowError::Flushing),
        }
    }

    /// Asks upstream whether it is live; where nothing answers, what the pipeline has asked before counts.
    fn is_source_live(&self) -> bool {
        let mut query = gst::query::Latency::new();
        if self.obj().sink_pad().peer_query(&mut query) {
            query.result().0
        } else {
            lock(&self.latency).is_live()
        }
    }

    /// Tells at the end of a stream what the run under way found.
    pub fn finish(&self) {
        let live = lock(&self.settings).live.clone();
        let Some(mut stream) = lock(&self.stream).take() else {
            return;
        };
        match stream.finish(&live) {
            Ok(outcome) => {
                lock(&self.stats).add_run(&outcome);
                for notice in &outcome.notices {
                    self.tell(notice);
                }
                if outcome.announce {
                    self.announce(&stream);
                }
            }
            Err(failure) => self.post_error_message(failure.error_message()),
        }
        *lock(&self.stream) = Some(stream);
    }

    /// Whether this frame should not wait for the network.
    fn is_late(&self, buffer: &gst::BufferRef) -> bool {
        let obj = self.obj();
        let running_time = || self.segment()?.to_running_time(buffer.pts()?);
        obj.property::<bool>("qos")
            && running_time().is_some_and(|time| {
                let now = obj.current_running_time();
                lock(&self.latency).is_late(time, buffer.duration(), now)
            })
    }
}

/// What a frame of `info` lasts, where its rate is known.
fn frame_duration(info: &gst_video::VideoInfo) -> Option<gst::ClockTime> {
    let rate = info.fps();
    let (frames, seconds) = (rate.numer(), rate.denom());
    let whole = |number: i32| u64::try_from(number).ok().filter(|number| *number > 0);
    gst::ClockTime::SECOND.mul_div_ceil(whole(seconds)?, whole(frames)?)
}
