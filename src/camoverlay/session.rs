//! What lives from start to stop: the network, the buffers, and the explanation on show.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Inference;
use super::at;
use super::errors::ElementError;
use super::failures::Failures;
use super::imp::lock;
use super::job::Job;
#[cfg(feature = "captions")]
use super::legend::Legend;
use super::mapped::Mapped;
use super::outcome::Outcome;
use super::painting::Painting;
use super::properties::{Live, Settings};
use super::shown::OnShow;
use super::stats::Step;
use super::target::{Notice, TargetSelection};
use super::worker::{Finished, Usher, Waited, Worker};
use super::{Placement, format, frame_memory, meta};
use camoverlay::frame::{Orientation, Presentation};
use camoverlay::inference::{Cancellation, SharedClassifier};
use camoverlay::preprocess::Sampler;
use camoverlay::render::SceneCut;
use camoverlay::{Error, RuntimeError};

/// From when on a run is told of that nobody waits for.
const OLD_MAP: Duration = Duration::from_secs(5);

/// Everything that depends on the caps.
struct Buffers {
    info: gst_video::VideoInfo,
    presentation: Presentation,
    sampler: Sampler,
    painting: Painting,
    /// Of the frames that went to the network.
    scene: SceneCut,
    #[cfg(feature = "captions")]
    legend: Legend,
    /// The job, unless the worker has it.
    job: Option<Box<Job>>,
}

pub struct Session {
    network: Arc<SharedClassifier>,
    inference: Inference,
    worker: Worker,
    selection: TargetSelection,
    buffers: Option<Buffers>,
    shown: OnShow,
    /// For those who ask about a place.
    last_run: at::Shared,
    failures: Failures,
    /// The worker's job is about a frame from before a seek or a change of caps.
    stale: bool,
    /// That the worker's job failed is known already.
    given_up: bool,
    /// That the worker's job takes long was told.
    told_of_age: bool,
    /// The next frame has nothing to do with the last one.
    is_cut: bool,
    /// That heat cannot be placed as it is asked for was told.
    told_of_placement: bool,
    /// No frame went to the network since the start, a flush, a seek or a change of caps.
    fresh: bool,
    /// Whether the source is live, once asked.
    live_source: Option<bool>,
    /// Times of the last frame.
    last: meta::Times,
    /// Frames since one was last given to the network.
    age: u32,
}

impl Session {
    /// Loads library, network and labels, unless it is cancelled.
    pub fn open(
        settings: &Settings,
        options: &camoverlay::inference::Options,
        cancellation: &Cancellation,
    ) -> Result<Self, ElementError> {
        let network = SharedClassifier::open_until(options, cancellation)?;
        let selection = TargetSelection::new(&settings.live, &network)?;
        let worker = Worker::start(network.clone()).map_err(ElementError::Thread)?;
        Ok(Self {
            network,
            inference: settings.setup.inference,
            worker,
            selection,
            buffers: None,
            shown: OnShow::default(),
            last_run: at::Shared::default(),
            failures: Failures::default(),
            stale: false,
            given_up: false,
            told_of_age: false,
            told_of_placement: false,
            is_cut: true,
            fresh: true,
            live_source: None,
            last: meta::Times::default(),
            age: 0,
        })
    }

    pub fn network(&self) -> &SharedClassifier {
        &self.network
    }

    /// Width and height of what the network gets of a frame, once there are caps.
    pub fn tensor_size(&self) -> Option<(usize, usize)> {
        self.buffers.as_ref().map(|buffers| buffers.sampler.size())
    }

    /// What the application should know before the first frame.
    pub fn notices(&self) -> Vec<Notice> {
        self.selection.notices(&self.network)
    }

    /// Makes the buffers for frames of `info` that lie as `orientation` says.
    pub fn set_info(
        &mut self,
        info: &gst_video::VideoInfo,
        orientation: Orientation,
    ) -> Result<(), ElementError> {
        let geometry = format::geometry(info)?;
        let presentation = format::presentation(info, orientation);
        let fit = self.network.fit();
        let size = fit.presented_size(geometry.width, geometry.height, &presentation);
        if size.0.saturating_mul(size.1) > format::MAX_TENSOR_PIXELS {
            return Err(ElementError::TooLarge {
                frame: (geometry.width, geometry.height),
                pixel_aspect: presentation.pixel_aspect,
                tensor: size,
            });
        }
        let placement = fit.placement(geometry.width, geometry.height, &presentation);
        self.forget();
        self.buffers = Some(Buffers {
            info: info.clone(),
            presentation,
            sampler: Sampler::presented(
                &geometry,
                &presentation,
                fit,
                &self.network.normalization(),
            ),
            scene: SceneCut::default(),
            painting: Painting::new(&geometry, &presentation, &self.network),
            #[cfg(feature = "captions")]
            legend: Legend::new(&geometry, &presentation),
            job: Some(Box::new(Job::new(size, placement))),
        });
        Ok(())
    }

    /// What the network returned last.
    pub fn last_run(&self) -> at::Shared {
        self.last_run.clone()
    }

    /// Who can cut off waiting for the network.
    pub fn usher(&self) -> Usher {
        self.worker.usher()
    }

    /// Whether it does not know yet how frames lie.
    pub fn lacks_caps(&self) -> bool {
        self.buffers.is_none()
    }

    /// Whether a frame's fate depends on what [`Self::set_live_source`] is to say.
    pub fn must_know_source(&self) -> bool {
        self.inference == Inference::Latest && self.live_source.is_none()
    }

    /// Says whether the source is live: frames of one that is not may wait.
    pub fn set_live_source(&mut self, live: bool) {
        self.live_source = Some(live);
    }

    /// Another segment begins: the next frame gets a map of its own and follows none, and the source may be another.
    pub fn begin_segment(&mut self) {
        self.fresh = true;
        self.is_cut = true;
        self.last = meta::Times::default();
        self.live_source = None;
    }

    /// Drops the map on show: the next frame has nothing to do with the last one.
    pub fn forget(&mut self) {
        self.begin_segment();
        self.shown.clear();
        *lock(&self.last_run) = at::LastRun::default();
        if let Some(buffers) = &mut self.buffers {
            buffers.painting.clear();
        }
        // Not told by the buffers: after a change of caps they have a job beside the worker's.
        self.stale = !self.worker.is_idle();
        self.worker.cancel();
    }

    /// Begins anew where frames lie in another way than the ones before.
    fn turn_to(&mut self, orientation: Orientation) -> Result<(), ElementError> {
        match &self.buffers {
            Some(buffers) if buffers.presentation.orientation != orientation => {
                let info = buffers.info.clone();
                // The source is the same as before.
                let live_source = self.live_source;
                self.set_info(&info, orientation)?;
                self.live_source = live_source;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The fields of the explanation on show.
    pub fn fields(&self) -> Option<&gst::StructureRef> {
        self.shown.fields()
    }

    /// Times of the last frame.
    pub fn last(&self) -> meta::Times {
        self.last
    }

    /// Takes over the run under way at the end of a stream; it is waited for unless the source is live.
    pub fn finish(&mut self, live: &Live) -> Result<Outcome, ElementError> {
        let mut outcome = Outcome::default();
        let Some(mut buffers) = self.buffers.take() else {
            return Ok(outcome);
        };
        if !self.stale && !self.is_source_live() {
            match self.worker.wait(live.inference_timeout) {
                Waited::Finished | Waited::TimedOut => {}
                Waited::CutOff => outcome.cut_off = true,
            }
        }
        let shows = (&mut buffers.painting, buffers.presentation.orientation);
        let result = self.collect(&mut buffers.job, shows, live, &mut outcome);
        self.buffers = Some(buffers);
        result.map(|()| outcome)
    }

    /// Where it is not known, nothing waits.
    fn is_source_live(&self) -> bool {
        self.live_source.unwrap_or(true)
    }

    /// Explains, paints and annotates one frame in place, which lies as `orientation` says. A `late` frame does not
    /// wait for the network where an earlier frame's map can be shown.
    pub fn process(
        &mut self,
        buffer: &mut gst::BufferRef,
        live: &Live,
        orientation: Orientation,
        late: bool,
    ) -> Result<Outcome, ElementError> {
        self.turn_to(orientation)?;
        let mut outcome = Outcome {
            notices: self.selection.follow(live, &self.network),
            ..Default::default()
        };
        self.mind_placement(live, &mut outcome);
        let mut buffers = self.buffers.take().ok_or(ElementError::NoCaps)?;
        let result = self.process_with(&mut buffers, buffer, live, late, &mut outcome);
        self.buffers = Some(buffers);
        result.map(|()| outcome)
    }

    fn process_with(
        &mut self,
        buffers: &mut Buffers,
        buffer: &mut gst::BufferRef,
        live: &Live,
        late: bool,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        let pts = buffer.pts();
        let elapsed = pts
            .zip(self.last.pts)
            .and_then(|(now, last)| now.checked_sub(last));
        buffers.painting.advance(elapsed.map(Duration::from));
        self.last = meta::Times {
            pts,
            duration: buffer.duration(),
        };
        let lengths = frame_memory::planes(buffer, &buffers.info)?;
        let Some(mut frame) = Mapped::new(buffer, &buffers.info, lengths, live.heat.paint) else {
            return Err(frame_memory::unmappable(buffer).into());
        };
        self.mind_age(live, outcome);
        let waits = match self.inference {
            Inference::EveryFrame => true,
            Inference::Latest => self.fresh && !self.is_source_live(),
        };
        let orientation = buffers.presentation.orientation;
        // A run from before keeps the worker from this frame.
        let mut may_run = true;
        if waits {
            may_run = self.await_run(live, outcome)?;
            if outcome.cut_off {
                return Ok(());
            }
        }
        let shows = (&mut buffers.painting, orientation);
        self.collect(&mut buffers.job, shows, live, outcome)?;
        let mut bounds = None;
        if may_run
            && self.is_due(buffers.painting.tiles_frame(live), live, late, outcome)
            && let Some(mut job) = buffers.job.take_if(|_| self.worker.is_idle())
        {
            job.asked = self.selection.ask(live);
            job.pts = pts;
            job.tiles_frame = buffers.painting.tiles_frame(live);
            self.age = 0;
            self.fresh = false;
            self.told_of_age = false;
            let planes = frame.planes();
            let sampler = &mut buffers.sampler;
            let sampled = outcome.time(Step::Prepare, || job.sample(sampler, &planes));
            job.is_cut = mem::take(&mut self.is_cut) | buffers.scene.is_cut(sampled);
            bounds = Some(sampled);
            self.worker.submit(job);
            if waits {
                outcome.waited = self.inference == Inference::EveryFrame;
                self.await_run(live, outcome)?;
                if outcome.cut_off {
                    return Ok(());
                }
                let shows = (&mut buffers.painting, orientation);
                self.collect(&mut buffers.job, shows, live, outcome)?;
            }
        }
        let painting = &mut buffers.painting;
        self.shown
            .follow_settings(&self.network, painting, live, outcome);
        if let Some(mut planes) = frame.planes_mut() {
            #[cfg(feature = "captions")]
            self.shown
                .write_caption(self.network.labels(), &mut buffers.legend, live);
            outcome.time(Step::Blend, || {
                buffers.painting.paint(&mut planes, bounds, live);
                #[cfg(feature = "captions")]
                buffers.legend.draw(&mut planes);
            });
        }
        drop(frame);
        for (class, region) in self.shown.regions() {
            meta::attach_region(buffer, self.network.labels().first_name(class), region);
        }
        match self.shown.fields() {
            Some(fields) => meta::attach(buffer, fields).map_err(|_| ElementError::Metadata),
            None => Ok(()),
        }
    }

    /// Waits for the run under way, if any. False where the network has no answer in time, so that this frame goes on
    /// without one, or, if `outcome` says so, was cut off.
    fn await_run(&mut self, live: &Live, outcome: &mut Outcome) -> Result<bool, ElementError> {
        match (
            self.worker.wait(live.inference_timeout),
            live.inference_timeout,
        ) {
            (Waited::TimedOut, Some(limit)) => {
                self.given_up = true;
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

    /// Tells once that the network does not say where its cells look.
    fn mind_placement(&mut self, live: &Live, outcome: &mut Outcome) {
        let is_asked = live.heat.placement == Placement::ReceptiveField;
        if is_asked && self.network.sight().is_none() && !self.told_of_placement {
            self.told_of_placement = true;
            outcome.notices.push(Notice::Warning(format!(
                "The graph of {} does not tell where the cells of “{}” look: heat lies as with placement=frame. Set layer to \
                 another feature map if that matters.",
                self.network.name(),
                self.network.structure().features
            )));
        }
    }

    /// With `inference=latest` nobody waits for the network: that it takes too long shows on the frames that pass by.
    fn mind_age(&mut self, live: &Live, outcome: &mut Outcome) {
        let Some(run_time) = self
            .worker
            .run_time()
            .filter(|_| self.inference == Inference::Latest)
        else {
            return;
        };
        if live.inference_timeout.is_some_and(|limit| run_time > limit) {
            self.worker.cancel();
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

    /// Takes over what the worker finished since the last frame.
    fn collect(
        &mut self,
        own_job: &mut Option<Box<Job>>,
        shows: (&mut Painting, Orientation),
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        let finished = self.worker.collect().map_err(|_| ElementError::Gone)?;
        let Some(Finished {
            mut job,
            result,
            cut_off,
        }) = finished
        else {
            return Ok(());
        };
        let given_up = mem::take(&mut self.given_up);
        let borne = match (result, live.inference_timeout) {
            _ if mem::take(&mut self.stale) => Ok(()),
            (Ok(()), _) => {
                self.failures.succeed();
                let mut last = lock(&self.last_run);
                mem::swap(&mut last.kept, &mut job.kept);
                last.view = Some(at::View {
                    network: self.network.clone(),
                    top_k: live.top_k,
                    frame: shows.0.frame(),
                    orientation: shows.1,
                    placement: job.placement,
                    grid: shows.0.grid().filter(|_| !job.tiles_frame),
                });
                drop(last);
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
        own_job.get_or_insert(job);
        borne
    }

    /// Whether this frame should go to the network.
    fn is_due(
        &mut self,
        tiles_frame: bool,
        live: &Live,
        late: bool,
        outcome: &mut Outcome,
    ) -> bool {
        self.age = self.age.saturating_add(1);
        let Some(asked) = self.shown.asked() else {
            return true;
        };
        let due = self.fresh
            || *asked != self.selection.ask(live)
            || self.shown.tiles_frame() != Some(tiles_frame)
            || self.age >= live.inference_interval;
        outcome.skipped = due && late && self.inference == Inference::EveryFrame;
        due && !outcome.skipped
    }
}
