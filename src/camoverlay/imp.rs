//! The element's virtual methods: what GStreamer calls, and when.

use std::{
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_base::{
    prelude::*,
    subclass::{base_transform::GenerateOutputSuccess, prelude::*},
};
use gst_video::{VideoOrientationMethod, subclass::prelude::*};

use super::at;
use super::enums::Method;
use super::errors::ElementError;
use super::format;
use super::latency::LatencyTracker;
use super::log::{self, CAT};
use super::opening::{self, Opening};
use super::orientation::Tags;
use super::properties::{self, Settings};
use super::session::Session;
use super::stats::Stats;
use super::target::Notice;
use super::worker::Usher;

pub type Segment = gst::FormattedSegment<gst::ClockTime>;

/// How long starting waits for the network. One that takes longer is waited for by the first frame, so that the
/// application can stop the pipeline whatever the network does.
const PATIENCE: Duration = Duration::from_millis(700);

#[derive(Default)]
pub struct CamOverlay {
    pub settings: Mutex<Settings>,
    /// From start on, where opening the network takes long, until the first frame.
    pub opening: Mutex<Option<Opening>>,
    /// From start to stop. The streaming thread takes it out for the time of a frame, so that no lock is held
    /// across inference.
    pub stream: Mutex<Option<Box<Session>>>,
    /// While there is a stream: end waiting from outside the streaming thread.
    ushers: Mutex<Vec<Usher>>,
    /// Whether frames are kept while others come, from start to stop.
    keeps: AtomicBool,
    /// What the next frame is answered, where events drove out frames that went wrong.
    pub refusal: Mutex<Option<gst::FlowError>>,
    pub stats: Mutex<Stats>,
    /// Who computes the network, once there is one: by itself, since the session is held while it runs.
    provider: Mutex<Option<String>>,
    /// Of the stream: for those who ask about a place.
    pub last_run: Mutex<Option<at::Shared>>,
    pub pointer: Mutex<at::Pointer>,
    pub latency: Mutex<LatencyTracker>,
    pub tags: Mutex<Tags>,
}

/// A lock that outlives a panic of another thread: all the values behind these are whole at any time.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for CamOverlay {
    const NAME: &'static str = "GstCamOverlay";
    // A program may be linked with the plugin and find it as a file too.
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = crate::camoverlay::CamOverlay;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for CamOverlay {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let mut specs = properties::param_specs();
            specs.push(
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Counts of frames and inferences, and mean and last nanoseconds of each step")
                    .read_only()
                    .build(),
            );
            specs
        });
        &PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<[glib::subclass::Signal; 1]> = LazyLock::new(|| [at::signal()]);
        &*SIGNALS
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        lock(&self.settings).set(pspec.name(), value);
        if let Ok(VideoOrientationMethod::Custom) = value.get() {
            self.tell(&Notice::Warning(
                "orientation=custom says nothing that camoverlay could follow: frames are taken as upright. \
                 Give auto, identity, or one of the turns."
                    .into(),
            ));
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let setting = lock(&self.settings).get(pspec.name());
        setting.unwrap_or_else(|| self.statistics().to_value())
    }
}

impl GstObjectImpl for CamOverlay {}

impl ElementImpl for CamOverlay {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Class activation map overlay",
                "Filter/Effect/Video/Analyzer",
                "Shows with a heat map which parts of the picture make a classifier decide as it does",
                "The camoverlay authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static PAD_TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_video::VideoCapsBuilder::new()
                .format_list(format::formats())
                .build();
            [
                ("src", gst::PadDirection::Src),
                ("sink", gst::PadDirection::Sink),
            ]
            .into_iter()
            .filter_map(|(name, direction)| {
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).ok()
            })
            .collect()
        });
        &PAD_TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        // The pads stop when the streaming thread comes back.
        if transition == gst::StateChange::PausedToReady {
            self.hurry(true);
        }
        self.parent_change_state(transition)
    }
}

impl BaseTransformImpl for CamOverlay {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        *lock(&self.stats) = Stats::default();
        *lock(&self.provider) = None;
        *lock(&self.latency) = LatencyTracker::default();
        let keeps = settings.setup.frames_in_flight() > 1;
        self.keeps.store(keeps, Ordering::Relaxed);
        let options = self.options();
        camoverlay::inference::prepare(&options);
        let element = self.obj().downgrade();
        let opening = Opening::begin(
            move |cancellation| Session::open(&settings, &options, cancellation),
            move |error| {
                if let Some(element) = element.upgrade() {
                    element.imp().post_error_message(error.error_message());
                }
            },
        );
        let opening = opening.map_err(|error| ElementError::Thread(error).error_message())?;
        match opening.wait(Some(PATIENCE)) {
            opening::Waited::Opened(stream) => self.install(stream),
            opening::Waited::Failed(error) => return Err(error.error_message()),
            opening::Waited::Late | opening::Waited::Told | opening::Waited::CutOff => {
                *lock(&self.opening) = Some(opening);
            }
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(opening) = lock(&self.opening).take() {
            opening.abandon();
        }
        *lock(&self.last_run) = None;
        lock(&self.ushers).clear();
        *lock(&self.stream) = None;
        *lock(&self.refusal) = None;
        *lock(&self.tags) = Tags::default();
        Ok(())
    }

    fn before_transform(&self, buffer: &gst::BufferRef) {
        if let Some(time) = self
            .segment()
            .and_then(|segment| segment.to_stream_time(buffer.pts()?))
            && let Err(error) = self.obj().sync_values(time)
        {
            gst::debug!(
                CAT,
                imp = self,
                "a controlled property has no value at {time}: {error}"
            );
        }
    }

    fn transform_ip(
        &self,
        buffer: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.pass(buffer)
    }

    fn submit_input_buffer(
        &self,
        is_discont: bool,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        // Negotiates, and puts the frame where the base class would take it from.
        let flow = self.parent_submit_input_buffer(is_discont, buffer)?;
        if !self.keeps_frames() {
            return Ok(flow);
        }
        match self.take_queued_buffer() {
            Some(buffer) => self.take_in(buffer),
            None => Ok(flow),
        }
    }

    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        if !self.keeps_frames() {
            return self.parent_generate_output();
        }
        let next = self.next_out()?;
        Ok(next.map_or(
            GenerateOutputSuccess::NoOutput,
            GenerateOutputSuccess::Buffer,
        ))
    }

    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        self.parent_propose_allocation(decide_query, query)?;
        self.ask_for_kept(query);
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if event.is_serialized() && event.type_() != gst::EventType::FlushStop {
            self.drive_out();
        }
        match event.type_() {
            // Comes while a frame may be waiting.
            gst::EventType::FlushStart => self.hurry(true),
            gst::EventType::FlushStop | gst::EventType::StreamStart => {
                lock(&self.latency).earliest = None;
                *lock(&self.refusal) = None;
                if let Some(stream) = lock(&self.stream).as_mut() {
                    stream.forget();
                }
                if event.type_() == gst::EventType::FlushStop {
                    self.hurry(false);
                }
            }
            gst::EventType::Segment => {
                if let Some(stream) = lock(&self.stream).as_mut() {
                    stream.begin_segment();
                }
            }
            gst::EventType::Eos | gst::EventType::SegmentDone => self.finish(),
            _ => {}
        }
        match event.view() {
            gst::EventView::StreamStart(_) => *lock(&self.tags) = Tags::default(),
            gst::EventView::Tag(tag) => lock(&self.tags).add(tag.tag()),
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Qos(qos) => {
                // Handled here and sent on, so that the base class never drops a frame: a late one goes out with the
                // last map instead.
                let (_, _, diff, timestamp) = qos.get();
                lock(&self.latency).earliest = timestamp.and_then(|timestamp| {
                    let time = (timestamp.nseconds() as i64).saturating_add(diff);
                    u64::try_from(time).ok().map(gst::ClockTime::from_nseconds)
                });
                self.obj().sink_pad().push_event(event)
            }
            gst::EventView::Navigation(_) => {
                self.navigate(&event);
                self.parent_src_event(event)
            }
            _ => self.parent_src_event(event),
        }
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if direction == gst::PadDirection::Sink && query.is_serialized() {
            self.drive_out();
        }
        if direction != gst::PadDirection::Src || query.type_() != gst::QueryType::Latency {
            return BaseTransformImplExt::parent_query(self, direction, query);
        }
        let mut upstream = gst::query::Latency::new();
        if !self.obj().sink_pad().peer_query(&mut upstream) {
            return false;
        }
        let (live, min, max) = upstream.result();
        let own = {
            let mut latency = lock(&self.latency);
            latency.set_upstream(live.then_some(min));
            latency.latency()
        };
        if let gst::QueryViewMut::Latency(answer) = query.view_mut() {
            answer.set(live, min + own, max.map(|max| max + own));
        }
        true
    }
}

impl VideoFilterImpl for CamOverlay {
    fn set_info(
        &self,
        _in_caps: &gst::Caps,
        in_info: &gst_video::VideoInfo,
        _out_caps: &gst::Caps,
        _out_info: &gst_video::VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        let asked = lock(&self.settings).live.orientation;
        let orientation = lock(&self.tags).resolve(asked);
        if self.ensure_open().is_err() {
            // Told already, or on the way down: the first frame finds no stream.
            return Ok(());
        }
        let Some(stream) = &mut *lock(&self.stream) else {
            return Err(gst::loggable_error!(
                CAT,
                "caps came before the element was started"
            ));
        };
        self.set_stream_info(stream, in_info, orientation)
            .map_err(|_| gst::loggable_error!(CAT, "these caps cannot be explained"))
    }
}

impl CamOverlay {
    pub fn options(&self) -> camoverlay::inference::Options {
        let plugin_file = gst::Registry::get()
            .find_plugin("camoverlay")
            .and_then(|plugin| plugin.filename());
        let settings = lock(&self.settings);
        camoverlay::inference::Options {
            cell_by_cell: settings.live.method == Method::ReciproCam,
            ..settings.setup.options(plugin_file.as_deref())
        }
    }

    pub fn explanation(&self) -> Option<gst::Structure> {
        let stream = lock(&self.stream);
        Some(stream.as_ref()?.fields()?.to_owned())
    }

    /// The property `stats`.
    fn statistics(&self) -> gst::Structure {
        let provider = lock(&self.provider).clone();
        lock(&self.stats).structure(provider.as_deref())
    }

    pub fn segment(&self) -> Option<Segment> {
        self.obj().segment().downcast().ok()
    }

    /// Tells of the network that is open now, and lets frames come.
    pub fn install(&self, stream: Box<Session>) {
        let method = lock(&self.settings).live.method;
        log::opened(&self.obj(), stream.network(), method.into());
        for notice in stream.notices() {
            self.tell(&notice);
        }
        *lock(&self.provider) = Some(stream.network().provider_nick().to_owned());
        *lock(&self.last_run) = Some(stream.last_run());
        *lock(&self.ushers) = stream.ushers();
        *lock(&self.stream) = Some(stream);
    }

    /// Ends waiting for the network and lets nobody wait, or allows it again.
    fn hurry(&self, hurried: bool) {
        if let Some(opening) = &*lock(&self.opening) {
            opening.hurry(hurried);
        }
        for usher in &*lock(&self.ushers) {
            usher.hurry(hurried);
        }
    }

    /// Whether frames are kept while others come.
    pub fn keeps_frames(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }
}
