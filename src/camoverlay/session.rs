//! What lives from start to stop: the network, the buffers, and the explanation on show.

use std::{io, sync::Arc, time::Duration};

use super::Inference;
use super::analytics::Analytics;
use super::at;
use super::errors::ElementError;
use super::failures::Failures;
use super::imp::lock;
use super::job::Job;
use super::kept::Run;
use super::lane::Lane;
#[cfg(feature = "captions")]
use super::legend::Legend;
use super::mapped::Mapped;
use super::outcome::Outcome;
use super::painting::Painting;
use super::properties::{Live, Settings};
use super::shown::OnShow;
use super::stats::Step;
use super::target::{Notice, TargetSelection};
use super::worker::{Usher, Waited};
use super::{Placement, format, frame_memory, meta};
use camoverlay::frame::{Orientation, Presentation};
use camoverlay::inference::{Cancellation, SharedClassifier};
use camoverlay::preprocess::{GrayBounds, Sampler};
use camoverlay::render::SceneCut;

/// Everything that depends on the caps.
pub struct Buffers {
    pub info: gst_video::VideoInfo,
    presentation: Presentation,
    pub sampling: Sampling,
    pub canvas: Canvas,
}

/// What makes tensors of frames.
pub struct Sampling {
    pub sampler: Sampler,
    /// Of the frames that go to the network.
    pub scene: SceneCut,
}

/// What paints frames.
pub struct Canvas {
    pub painting: Painting,
    #[cfg(feature = "captions")]
    legend: Legend,
    /// How the frames lie.
    pub orientation: Orientation,
}

/// What is to be known of a frame on its way.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    pub pts: Option<gst::ClockTime>,
    pub live: &'a Live,
    /// It does not wait for the network where an earlier frame's map can be shown.
    pub late: bool,
    /// Maps are to be laid over the frame.
    pub tiles_frame: bool,
}

pub struct Session {
    pub(super) network: Arc<SharedClassifier>,
    pub(super) inference: Inference,
    /// Where the network is at work, as many as there may be frames in flight, one after the other.
    pub(super) lanes: Vec<Lane>,
    /// The lane of the oldest frame that is kept, or of the next one.
    pub(super) first: usize,
    /// How many frames are kept, each on a lane, from the first on.
    pub(super) kept: usize,
    pub(super) selection: TargetSelection,
    pub(super) buffers: Option<Buffers>,
    pub(super) shown: OnShow,
    analytics: Option<&'static Analytics>,
    /// For those who ask about a place.
    pub(super) last_run: at::Shared,
    pub(super) asker: Arc<at::Asker>,
    pub(super) failures: Failures,
    /// That the worker's job takes long was told.
    pub(super) told_of_age: bool,
    /// The next frame has nothing to do with the last one.
    pub(super) is_cut: bool,
    /// That heat cannot be placed as it is asked for was told.
    told_of_placement: bool,
    /// No frame went to the network since the start, a flush, a seek or a change of caps.
    pub(super) fresh: bool,
    /// Whether the source is live, once asked.
    live_source: Option<bool>,
    /// Times of the last frame.
    last: meta::Times,
    /// Frames since one was last given to the network.
    pub(super) age: u32,
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
        let lanes = (0..settings.setup.frames_in_flight()).map(|_| Lane::open(&network));
        let lanes: io::Result<Vec<_>> = lanes.collect();
        Ok(Self {
            lanes: lanes.map_err(ElementError::Thread)?,
            first: 0,
            kept: 0,
            network,
            inference: settings.setup.inference,
            selection,
            buffers: None,
            shown: OnShow::default(),
            analytics: Analytics::installed(),
            last_run: at::Shared::default(),
            asker: Arc::new(at::Asker::new(options)),
            failures: Failures::default(),
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
        self.buffers
            .as_ref()
            .map(|buffers| buffers.sampling.sampler.size())
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
            sampling: Sampling {
                sampler: Sampler::presented(
                    &geometry,
                    &presentation,
                    fit,
                    &self.network.normalization(),
                ),
                scene: SceneCut::default(),
            },
            canvas: Canvas {
                painting: Painting::new(&geometry, &presentation, &self.network),
                #[cfg(feature = "captions")]
                legend: Legend::new(&geometry, &presentation),
                orientation,
            },
        });
        for lane in &mut self.lanes {
            lane.job = Some(Box::new(Job::new(size, placement)));
        }
        Ok(())
    }

    /// What the network returned last.
    pub fn last_run(&self) -> at::Shared {
        self.last_run.clone()
    }

    /// Who can cut off waiting for the network.
    pub fn ushers(&self) -> Vec<Usher> {
        self.lanes.iter().map(|lane| lane.worker.usher()).collect()
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

    /// Drops the map on show, and the frames that are kept: the next frame has nothing to do with the last one.
    pub fn forget(&mut self) {
        self.begin_segment();
        self.shown.clear();
        *lock(&self.last_run) = at::LastRun::default();
        if let Some(buffers) = &mut self.buffers {
            buffers.canvas.painting.clear();
        }
        self.let_go();
    }

    /// Whether frames that lie as `orientation` says are others than those before.
    pub fn turns(&self, orientation: Orientation) -> bool {
        self.buffers
            .as_ref()
            .is_some_and(|buffers| buffers.presentation.orientation != orientation)
    }

    /// Begins anew where frames lie in another way than the ones before.
    pub(super) fn turn_to(&mut self, orientation: Orientation) -> Result<(), ElementError> {
        match &self.buffers {
            Some(buffers) if self.turns(orientation) => {
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
        let may_wait = !self.is_source_live();
        let mut result = Ok(());
        for at in 0..self.lanes.len() {
            let lane = &self.lanes[at];
            if may_wait && !lane.stale {
                match lane.worker.wait(live.inference_timeout) {
                    Waited::Finished | Waited::TimedOut => {}
                    Waited::CutOff => outcome.cut_off = true,
                }
            }
            result = result.and(self.collect(at, &mut buffers.canvas, live, &mut outcome));
        }
        self.buffers = Some(buffers);
        result.map(|()| outcome)
    }

    /// Where it is not known, nothing waits.
    pub(super) fn is_source_live(&self) -> bool {
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
        let passing = Passing {
            pts: buffer.pts(),
            live,
            late,
            tiles_frame: buffers.canvas.painting.tiles_frame(live),
        };
        let result = self.process_with(0, &mut buffers, buffer, passing, Run::ToCome, &mut outcome);
        self.buffers = Some(buffers);
        result.map(|()| outcome)
    }

    /// Paints and annotates a frame, on lane `at`; where its `run` was not begun yet, that is done now.
    pub(super) fn process_with(
        &mut self,
        at: usize,
        buffers: &mut Buffers,
        buffer: &mut gst::BufferRef,
        passing: Passing,
        run: Run,
        outcome: &mut Outcome,
    ) -> Result<(), ElementError> {
        let elapsed = passing
            .pts
            .zip(self.last.pts)
            .and_then(|(now, last)| now.checked_sub(last));
        buffers.canvas.painting.advance(elapsed.map(Duration::from));
        self.last = meta::Times {
            pts: passing.pts,
            duration: buffer.duration(),
        };
        let lengths = frame_memory::planes(buffer, &buffers.info)?;
        let is_painted = passing.live.heat.paint;
        let Some(mut frame) = Mapped::new(buffer, &buffers.info, lengths, is_painted) else {
            return Err(frame_memory::unmappable(buffer).into());
        };
        let Buffers {
            sampling, canvas, ..
        } = buffers;
        match run {
            Run::ToCome => {
                let planes = frame.planes();
                let bounds = self.run_now(at, (sampling, canvas), &planes, passing, outcome)?;
                if outcome.cut_off {
                    return Ok(());
                }
                self.paint(canvas, &mut frame, bounds, passing.live, outcome);
            }
            Run::NotDue => self.paint(canvas, &mut frame, None, passing.live, outcome),
            Run::Begun(..) => {
                self.take_run(at, canvas, passing.live, outcome)?;
                if outcome.cut_off {
                    return Ok(());
                }
                let bounds = self.lanes[at].bounds.take();
                self.paint(canvas, &mut frame, bounds.as_ref(), passing.live, outcome);
                self.lanes[at].bounds = bounds;
            }
        }
        drop(frame);
        let labels = self.network.labels();
        let attached = self.shown.attach(buffer, labels, self.analytics);
        attached.map_err(|_| ElementError::Metadata)
    }

    /// Tells once that the network does not say where its cells look.
    pub(super) fn mind_placement(&mut self, live: &Live, outcome: &mut Outcome) {
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

    /// Paints what is on show over `frame`, unless that is only read.
    fn paint(
        &mut self,
        canvas: &mut Canvas,
        frame: &mut Mapped,
        bounds: Option<&GrayBounds>,
        live: &Live,
        outcome: &mut Outcome,
    ) {
        self.shown
            .follow_settings(&self.network, &mut canvas.painting, live, outcome);
        let Some(mut planes) = frame.planes_mut() else {
            return;
        };
        #[cfg(feature = "captions")]
        self.shown
            .write_caption(self.network.labels(), &mut canvas.legend, live);
        outcome.time(Step::Blend, || {
            canvas.painting.paint(&mut planes, bounds, live);
            #[cfg(feature = "captions")]
            canvas.legend.draw(&mut planes);
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // All at once, before one after the other is waited for.
        for lane in &self.lanes {
            lane.worker.close();
        }
    }
}
