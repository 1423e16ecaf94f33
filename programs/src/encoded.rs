//! The encoded frames of a program's one pipeline, which lives for as long as the program does, for clients that come and go.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

use super::key_frames::KeyFrames;

/// What comes to an appsink behind an encoder.
pub struct Encoded {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    /// Frames that have come through.
    frames: AtomicU64,
    /// For clients that have just come.
    pub key_frames: KeyFrames,
}

impl Encoded {
    /// Of the appsink `sink` of `pipeline`.
    pub fn new(pipeline: &gst::Pipeline, sink: &gst_app::AppSink) -> Self {
        Self {
            pipeline: pipeline.clone(),
            sink: sink.clone(),
            frames: AtomicU64::new(0),
            key_frames: KeyFrames::of(sink),
        }
    }

    /// Has `hand_on` called with each frame, and the pipeline's base time where it has one, for as long as `owner` lives, to whom
    /// these frames belong.
    pub fn follow<T: Send + Sync + 'static>(
        &self,
        owner: Weak<T>,
        encoded: fn(&T) -> &Self,
        hand_on: fn(&T, &gst::Sample, gst::ClockTime),
    ) {
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
            if let Some(owner) = owner.upgrade() {
                let encoded = encoded(&owner);
                encoded.frames.fetch_add(1, Ordering::Relaxed);
                if let Some(base) = encoded.pipeline.base_time() {
                    hand_on(&owner, &sample, base);
                }
            }
            Ok(gst::FlowSuccess::Ok)
        });
        self.sink.set_callbacks(callbacks.build());
    }

    /// Whether the pipeline makes frames: the second one is through, which a single picture does not have.
    pub fn is_ready(&self) -> bool {
        self.frames.load(Ordering::Relaxed) > 1
    }

    /// Wakes whoever waits at the pipeline's bus: there are clients now, or none any more.
    pub fn announce(&self) {
        let message = gst::message::Application::new(gst::Structure::new_empty("clients"));
        // A pipeline that is being taken down needs no waking.
        let _ = self.pipeline.post_message(message);
    }
}
