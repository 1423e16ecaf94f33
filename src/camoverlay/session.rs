//! What lives from start to stop: the network, the buffers, and the explanation on show.

use std::{mem, sync::Arc};

use super::engine::Engine;
use super::errors::ElementError;
use super::job::Job;
use super::outcome::Outcome;
use super::properties::{Live, Settings};
use super::shown::OnShow;
use super::stats::Step;
use super::target::{Notice, TargetSelection};
use super::worker::{Usher, Waited};
use super::{format, frame_memory, meta};
#[cfg(feature = "captions")]
use camoverlay::caption::Caption;
use camoverlay::frame::{Orientation, Presentation};
use camoverlay::inference::SharedClassifier;
use camoverlay::preprocess::Sampler;
use camoverlay::render::Painter;

/// Everything that depends on the caps.
struct Buffers {
    info: gst_video::VideoInfo,
    presentation: Presentation,
    sampler: Sampler,
    painter: Painter,
    #[cfg(feature = "captions")]
    caption: Caption,
    /// The job, unless the worker has it.
    job: Option<Box<Job>>,
}

pub struct Session {
    network: Arc<SharedClassifier>,
    engine: Engine,
    selection: TargetSelection,
    buffers: Option<Buffers>,
    shown: OnShow,
    /// The worker's job is about a frame from before a seek or a change of caps.
    stale: bool,
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
    /// Loads library, network and labels.
    pub fn open(
        settings: &Settings,
        options: &camoverlay::inference::Options,
    ) -> Result<Self, ElementError> {
        let network = SharedClassifier::open(options)?;
        let selection = TargetSelection::new(&settings.live, &network)?;
        let engine = Engine::start(settings.setup.inference, &network);
        let engine = engine.map_err(ElementError::Thread)?;
        Ok(Self {
            network,
            engine,
            selection,
            buffers: None,
            shown: OnShow::default(),
            stale: false,
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
            painter: Painter::presented(&geometry, &presentation),
            #[cfg(feature = "captions")]
            caption: Caption::presented(&geometry, &presentation),
            job: Some(Box::new(Job::new(size))),
        });
        Ok(())
    }

    /// Who can cut off waiting for the network, if anybody ever waits.
    pub fn usher(&self) -> Option<Usher> {
        self.engine.usher()
    }

    /// Whether a frame's fate depends on what [`Self::set_live_source`] is to say.
    pub fn must_know_source(&self) -> bool {
        matches!(self.engine, Engine::Worker(_)) && self.live_source.is_none()
    }

    /// Says whether the source is live: frames of one that is not may wait.
    pub fn set_live_source(&mut self, live: bool) {
        self.live_source = Some(live);
    }

    /// Another segment begins: the next frame gets a map of its own, and the source may be another.
    pub fn begin_segment(&mut self) {
        self.fresh = true;
        self.live_source = None;
    }

    /// Drops the map on show: the next frame has nothing to do with the last one.
    pub fn forget(&mut self) {
        self.begin_segment();
        self.shown.clear();
        if let Some(buffers) = &mut self.buffers {
            buffers.painter.clear_map();
        }
        // Not told by the buffers: after a change of caps they have a job beside the worker's.
        self.stale = !self.engine.is_idle();
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
        outcome.cut_off = !self.stale && !self.is_source_live() && !self.engine.wait();
        let shows = (&mut buffers.painter, buffers.presentation.orientation);
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
        self.last = meta::Times {
            pts,
            duration: buffer.duration(),
        };
        let lengths = frame_memory::planes(buffer, &buffers.info)?;
        let Ok(mut frame) =
            gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &buffers.info)
        else {
            return Err(frame_memory::unmappable(buffer).into());
        };
        let waits = self.fresh && !self.is_source_live();
        // A run from before keeps the worker from this frame.
        if waits && !self.engine.wait() {
            outcome.cut_off = true;
            return Ok(());
        }
        let orientation = buffers.presentation.orientation;
        let shows = (&mut buffers.painter, orientation);
        self.collect(&mut buffers.job, shows, live, outcome)?;
        let mut bounds = None;
        if self.is_due(live, late, outcome)
            && let Some(mut job) = buffers.job.take_if(|_| self.engine.is_idle())
        {
            job.query = self.selection.query(live);
            job.pts = pts;
            self.age = 0;
            self.fresh = false;
            let planes = format::planes(&frame, &lengths);
            let sampler = &mut buffers.sampler;
            match &mut self.engine {
                Engine::Inline => {
                    let mut lease = self.network.lease();
                    mem::swap(lease.tensor(), &mut job.tensor);
                    bounds = Some(outcome.time(Step::Prepare, || job.sample(sampler, &planes)));
                    let result = job.run(&mut lease);
                    mem::swap(lease.tensor(), &mut job.tensor);
                    drop(lease);
                    outcome.waited = true;
                    result?;
                    let shows = (&mut buffers.painter, orientation);
                    self.shown
                        .take_over(&self.network, &mut job, shows, live, outcome);
                    buffers.job = Some(job);
                }
                Engine::Worker(worker) => {
                    bounds = Some(outcome.time(Step::Prepare, || job.sample(sampler, &planes)));
                    worker.submit(job);
                    if waits {
                        if worker.wait() == Waited::CutOff {
                            outcome.cut_off = true;
                            return Ok(());
                        }
                        let shows = (&mut buffers.painter, orientation);
                        self.collect(&mut buffers.job, shows, live, outcome)?;
                    }
                }
            }
        }
        let painter = &mut buffers.painter;
        self.shown
            .follow_settings(&self.network, painter, live, outcome);
        #[cfg(feature = "captions")]
        self.shown
            .write_caption(self.network.labels(), &mut buffers.caption, live);
        outcome.time(Step::Blend, || {
            let mut planes = format::planes_mut(&mut frame, &lengths);
            match bounds {
                Some(bounds) => buffers.painter.paint_sampled(&mut planes, bounds),
                None => buffers.painter.paint(&mut planes),
            }
            #[cfg(feature = "captions")]
            buffers.caption.draw(&mut planes);
        });
        drop(frame);
        match self.shown.fields() {
            Some(fields) => meta::attach(buffer, fields).map_err(|_| ElementError::Metadata),
            None => Ok(()),
        }
    }

    /// Takes over what the worker finished since the last frame.
    fn collect(
        &mut self,
        own_job: &mut Option<Box<Job>>,
        shows: (&mut Painter, Orientation),
        live: &Live,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        let Engine::Worker(worker) = &self.engine else {
            return Ok(());
        };
        let Some((mut job, result)) = worker.collect().map_err(|_| ElementError::Gone)? else {
            return Ok(());
        };
        if !mem::take(&mut self.stale) {
            result?;
            self.shown
                .take_over(&self.network, &mut job, shows, live, outcome);
        }
        // After a change of caps there is a job of the new size already.
        own_job.get_or_insert(job);
        Ok(())
    }

    /// Whether this frame should go to the network.
    fn is_due(&mut self, live: &Live, late: bool, outcome: &mut Outcome) -> bool {
        self.age = self.age.saturating_add(1);
        let Some(query) = self.shown.query() else {
            return true;
        };
        let due = self.fresh
            || *query != self.selection.query(live)
            || self.age >= live.inference_interval;
        outcome.skipped = due && late && matches!(self.engine, Engine::Inline);
        due && !outcome.skipped
    }
}
