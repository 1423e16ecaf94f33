//! Runs of the network on behalf of a stream: which frames need one, what is waited for, what is borne.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::Inference;
use super::at;
use super::errors::ElementError;
use super::imp::lock;
use super::outcome::Outcome;
use super::properties::Live;
use super::session::{Canvas, Passing, Sampling, Session};
use super::stats::Step;
use super::target::Notice;
use super::worker::{Finished, Waited};
use camoverlay::frame::Plane;
use camoverlay::preprocess::GrayBounds;
use camoverlay::{Error, RuntimeError};

/// From when on a run is told of that nobody waits for.
const OLD_MAP: Duration = Duration::from_secs(5);

impl Session {
    /// Runs the network on the frame in `planes`, if that is due, and takes over what has come of it and of runs before, for
    /// which it waits as the settings say. What the frame's gray lies in, where it was sampled.
    pub(super) fn run_now<'a>(
        &mut self,
        at: usize,
        (sampling, canvas): (&'a mut Sampling, &mut Canvas),
        planes: &[Plane],
        passing: Passing,
        outcome: &mut Outcome,
    ) -> Result<Option<&'a GrayBounds>, ElementError> {
        let live = passing.live;
        self.mind_age(live, outcome);
        let waits = match self.inference {
            Inference::EveryFrame => true,
            Inference::Latest => self.fresh && !self.is_source_live(),
        };
        // A run from before keeps the worker from this frame.
        let mut may_run = true;
        if waits {
            may_run = self.await_run(at, live, outcome)?;
            if outcome.cut_off {
                return Ok(None);
            }
        }
        self.collect(at, canvas, live, outcome)?;
        if !may_run || !self.is_due(passing, outcome) {
            return Ok(None);
        }
        let bounds = self.begin_run(at, sampling, planes, passing, outcome);
        if waits && bounds.is_some() {
            self.take_run(at, canvas, live, outcome)?;
        }
        Ok(bounds)
    }

    /// Hands the frame in `planes` to the network, if lane `at` is free. What its gray lies in, if it is.
    pub(super) fn begin_run<'a>(
        &mut self,
        at: usize,
        sampling: &'a mut Sampling,
        planes: &[Plane],
        passing: Passing,
        outcome: &mut Outcome,
    ) -> Option<&'a GrayBounds> {
        let lane = &mut self.lanes[at];
        let mut job = lane.job.take_if(|_| lane.worker.is_idle())?;
        job.asked = self.selection.ask(passing.live);
        job.pts = passing.pts;
        job.tiles_frame = passing.tiles_frame;
        self.age = 0;
        self.fresh = false;
        self.told_of_age = false;
        let Sampling { sampler, scene } = sampling;
        let bounds = outcome.time(Step::Prepare, || job.sample(sampler, planes));
        job.is_cut = mem::take(&mut self.is_cut) | scene.is_cut(bounds);
        lane.worker.submit(job);
        Some(bounds)
    }

    /// Waits for the run on a frame, and takes it over.
    pub(super) fn take_run(
        &mut self,
        at: usize,
        canvas: &mut Canvas,
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        outcome.waited = self.inference == Inference::EveryFrame;
        self.await_run(at, live, outcome)?;
        if outcome.cut_off {
            return Ok(());
        }
        self.collect(at, canvas, live, outcome)
    }

    /// Waits for the run under way, if any. False where the network has no answer in time, so that this frame goes on
    /// without one, or, if `outcome` says so, was cut off.
    fn await_run(
        &mut self,
        at: usize,
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<bool, ElementError> {
        let lane = &mut self.lanes[at];
        match (
            lane.worker.wait(live.inference_timeout),
            live.inference_timeout,
        ) {
            (Waited::TimedOut, Some(limit)) => {
                lane.given_up = true;
                self.fail(ElementError::TimedOut(limit), live, outcome)?;
                Ok(false)
            }
            (Waited::CutOff, _) => {
                outcome.cut_off = true;
                Ok(false)
            }
            (Waited::Finished | Waited::TimedOut, _) => Ok(true),
        }
    }

    /// With `inference=latest` nobody waits for the network: that it takes too long shows on the frames that pass by.
    fn mind_age(&mut self, live: &Live, outcome: &mut Outcome) {
        let worker = &self.lanes[self.first].worker;
        let Some(run_time) = worker
            .run_time()
            .filter(|_| self.inference == Inference::Latest)
        else {
            return;
        };
        if live.inference_timeout.is_some_and(|limit| run_time > limit) {
            worker.cancel();
        }
        if run_time > OLD_MAP && !self.told_of_age {
            self.told_of_age = true;
            outcome.notices.push(Notice::Failure(format!(
                "The network has been at work on one frame for {} s, and what is shown is older. Use a smaller network \
                 or input-size, or bound it with inference-timeout.",
                run_time.as_secs()
            )));
        }
    }

    /// Bears that the network failed on a frame, or does not.
    fn fail(
        &mut self,
        error: ElementError,
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        outcome.failed = true;
        if !self.failures.bear(live.max_errors) {
            return Err(error);
        }
        let shows = match self.shown.fields() {
            Some(_) => "The last map stays.",
            None => "The frame has no map.",
        };
        let warning = self
            .failures
            .warning(Instant::now(), || format!("{error} {shows}"));
        outcome.notices.extend(warning.map(Notice::Failure));
        Ok(())
    }

    /// Takes over what the worker of lane `at` has finished, if it has.
    pub(super) fn collect(
        &mut self,
        at: usize,
        canvas: &mut Canvas,
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        let lane = &mut self.lanes[at];
        let finished = lane.worker.collect().map_err(|_| ElementError::Gone)?;
        let Some(Finished {
            mut job,
            result,
            cut_off,
        }) = finished
        else {
            return Ok(());
        };
        let given_up = mem::take(&mut lane.given_up);
        let borne = match (result, live.inference_timeout) {
            _ if mem::take(&mut lane.stale) => Ok(()),
            (Ok(()), _) => {
                self.failures.succeed();
                let painting = &mut canvas.painting;
                let mut last = lock(&self.last_run);
                mem::swap(&mut last.kept, &mut job.kept);
                if !self.network.head().is_affine() {
                    mem::swap(&mut last.tensor, &mut job.tensor);
                    last.size = job.size;
                }
                last.view = Some(at::View {
                    network: self.network.clone(),
                    asker: self.asker.clone(),
                    top_k: live.top_k,
                    frame: painting.frame(),
                    orientation: canvas.orientation,
                    placement: job.placement,
                    grid: painting.grid().filter(|_| !job.tiles_frame),
                });
                drop(last);
                let shows = (painting, canvas.orientation);
                self.shown
                    .take_over(&self.network, &mut job, shows, live, outcome);
                Ok(())
            }
            (Err(_), _) if given_up => Ok(()),
            (Err(Error::Runtime(RuntimeError::Cancelled)), _) if cut_off => Ok(()),
            (Err(Error::Runtime(RuntimeError::Cancelled)), Some(limit)) => {
                self.fail(ElementError::TimedOut(limit), live, outcome)
            }
            (Err(error), _) => self.fail(error.into(), live, outcome),
        };
        // After a change of caps there is a job of the new size already.
        self.lanes[at].job.get_or_insert(job);
        borne
    }

    /// Whether this frame should go to the network.
    pub(super) fn is_due(&mut self, passing: Passing, outcome: &mut Outcome) -> bool {
        self.age = self.age.saturating_add(1);
        let shown = || Some((*self.shown.asked()?, self.shown.tiles_frame()?));
        let Some((asked, tiles_frame)) = self.asked_under_way().or_else(shown) else {
            return true;
        };
        let live = passing.live;
        let due = self.fresh
            || asked != self.selection.ask(live)
            || tiles_frame != passing.tiles_frame
            || self.age >= live.inference_interval;
        outcome.skipped = due && passing.late && self.inference == Inference::EveryFrame;
        due && !outcome.skipped
    }

    /// Whether an explanation is on show.
    pub(super) fn shows(&self) -> bool {
        self.shown.asked().is_some()
    }
}
