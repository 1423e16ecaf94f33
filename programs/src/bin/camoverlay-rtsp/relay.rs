//! Hands the encoded frames of the program's one pipeline to the media that the clients attach to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camoverlay_programs::{Encoded, is_key_frame, restamped};
use gst::prelude::*;
use gst_rtsp_server::{RTSPMedia, prelude::*};

/// The name of the appsrc that leads into the media.
pub const ENTRANCE: &str = "entrance";

/// The bridge from the pipeline, which lives for as long as the program does, to the RTSP server's media, which lives
/// for as long as there are clients.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    encoded: Encoded,
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
    pub fn new(pipeline: &gst::Pipeline, encoded: &gst_app::AppSink) -> Self {
        let inner = Arc::new(Inner {
            encoded: Encoded::new(pipeline, encoded),
            entrance: Mutex::new(None),
        });
        let owner = Arc::downgrade(&inner);
        inner
            .encoded
            .follow(owner, |inner| &inner.encoded, Inner::hand_on);
        Self(inner)
    }

    /// Whether the pipeline makes frames.
    pub fn is_ready(&self) -> bool {
        self.0.encoded.is_ready()
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
            inner.encoded.announce();
        });
        *self.0.entrance() = Some(Entrance {
            source: entrance,
            begun: false,
        });
        self.want_key_frame();
        self.0.encoded.announce();
    }

    /// Lets the encoder begin anew, so that a client which has just come sees something at once, or soon.
    pub fn want_key_frame(&self) {
        self.0.encoded.key_frames.want();
    }
}

impl Inner {
    fn entrance(&self) -> MutexGuard<'_, Option<Entrance>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a frame into the media, if there is one and it runs.
    fn hand_on(&self, sample: &gst::Sample, base: gst::ClockTime) {
        let mut guard = self.entrance();
        let Some(entrance) = guard.as_mut() else {
            return;
        };
        let source = entrance.source.clone();
        if source.current_state() == gst::State::Playing
            && (entrance.begun || is_key_frame(sample))
            && let Some(stamped) = restamped(sample, base, &source)
        {
            entrance.begun = true;
            drop(guard);
            // A media that is being taken down takes none any more.
            let _ = source.push_sample(&stamped);
        }
    }
}
