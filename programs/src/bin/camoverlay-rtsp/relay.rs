//! Hands the encoded frames of the program's one pipeline to the media that the clients attach to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camoverlay_programs::{KeyFrames, is_key_frame, restamped};
use gst::prelude::*;
use gst_rtsp_server::{RTSPMedia, prelude::*};

/// The name of the appsrc that leads into the media.
pub const ENTRANCE: &str = "entrance";

/// The bridge from the pipeline, which lives for as long as the program does, to the RTSP server's media, which lives
/// for as long as there are clients.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    pipeline: gst::Pipeline,
    key_frames: KeyFrames,
    /// The frames that have come through.
    frames: AtomicU64,
    /// The way into the media, if there is one.
    entrance: Mutex<Option<Entrance>>,
}

struct Entrance {
    source: gst_app::AppSrc,
    /// Whether a key frame went in: nothing can be made of what comes before one.
    begun: bool,
}

impl Relay {
    /// Takes what comes to the appsink `encoded` of `pipeline`.
    pub fn new(pipeline: &gst::Pipeline, encoded: gst_app::AppSink) -> Self {
        let relay = Self(Arc::new(Inner {
            pipeline: pipeline.clone(),
            key_frames: KeyFrames::of(&encoded),
            frames: AtomicU64::new(0),
            entrance: Mutex::new(None),
        }));
        let weak = Arc::downgrade(&relay.0);
        encoded.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let Some(inner) = weak.upgrade() {
                        inner.hand_on(&sample);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        relay
    }

    /// Whether the pipeline makes frames: the second one is through, which a single picture does not have.
    pub fn is_ready(&self) -> bool {
        self.0.frames.load(Ordering::Relaxed) > 1
    }

    /// Whether there are clients.
    pub fn is_watched(&self) -> bool {
        self.0.entrance().is_some()
    }

    /// Feeds `media` for as long as it lives.
    pub fn attach(&self, media: &RTSPMedia) {
        let bin = media.element().downcast::<gst::Bin>().ok();
        let entrance =
            bin.and_then(|bin| bin.by_name(ENTRANCE)?.downcast::<gst_app::AppSrc>().ok());
        let Some(entrance) = entrance else {
            return;
        };
        let inner = self.0.clone();
        let source = entrance.clone();
        media.connect_unprepared(move |_| {
            // The next media may have come before this one is gone.
            inner.entrance().take_if(|current| current.source == source);
            inner.announce();
        });
        *self.0.entrance() = Some(Entrance {
            source: entrance,
            begun: false,
        });
        self.want_key_frame();
        self.0.announce();
    }

    /// Lets the encoder begin anew, so that a client which has just come sees something at once, or soon.
    pub fn want_key_frame(&self) {
        self.0.key_frames.want();
    }
}

impl Inner {
    fn entrance(&self) -> MutexGuard<'_, Option<Entrance>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits at the pipeline's bus: there are clients now, or none any more.
    fn announce(&self) {
        let message = gst::message::Application::new(gst::Structure::new_empty("clients"));
        // A pipeline that is being taken down needs no waking.
        let _ = self.pipeline.post_message(message);
    }

    /// Lets a frame into the media, if there is one and it runs.
    fn hand_on(&self, sample: &gst::Sample) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        let mut guard = self.entrance();
        let Some(entrance) = guard.as_mut() else {
            return;
        };
        let source = entrance.source.clone();
        if source.current_state() == gst::State::Playing
            && (entrance.begun || is_key_frame(sample))
            && let Some(base) = self.pipeline.base_time()
            && let Some(stamped) = restamped(sample, base, &source)
        {
            entrance.begun = true;
            drop(guard);
            // A media that is being taken down takes none any more.
            let _ = source.push_sample(&stamped);
        }
    }
}
