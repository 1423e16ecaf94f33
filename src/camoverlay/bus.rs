//! What the element tells the application on the bus.

use std::time::{Duration, Instant};

use gst::{prelude::*, subclass::prelude::*};

use super::imp::{CamOverlay, Segment, lock};
use super::log::{self, CAT};
use super::meta;
use super::session::Session;
use super::target::Notice;

impl CamOverlay {
    /// Posts the explanation on show.
    pub fn announce(&self, stream: &Session) {
        if let (Some(fields), Some(segment)) = (stream.fields(), self.segment()) {
            let obj = self.obj();
            let message = meta::message(&obj, fields, stream.last(), &segment);
            // A bus that is flushing, as on the way down, takes no message: nobody is left to read it.
            let _ = obj.post_message(message);
        }
    }

    /// Tells the application that quality was given up for time.
    pub fn post_skipped(&self, buffer: &gst::BufferRef) {
        let obj = self.obj();
        let stats = *lock(&self.stats);
        let segment = self.segment();
        let time = |convert: fn(&Segment, gst::ClockTime) -> Option<gst::ClockTime>| {
            convert(segment.as_ref()?, buffer.pts()?)
        };
        let message = gst::message::Qos::builder(lock(&self.latency).is_live())
            .src(&*obj)
            .running_time(time(|segment, pts| segment.to_running_time(pts)))
            .stream_time(time(|segment, pts| segment.to_stream_time(pts)))
            .timestamp(buffer.pts())
            .duration(buffer.duration())
            .stats(
                gst::format::Buffers::from_u64(stats.frames - stats.skipped),
                gst::format::Buffers::from_u64(stats.skipped),
            )
            .build();
        let _ = obj.post_message(message);
    }

    pub fn tell(&self, notice: &Notice) {
        match notice {
            Notice::Warning(text) => {
                gst::warning!(CAT, imp = self, "{text}");
                gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{text}"));
            }
            Notice::Failure(text) => {
                gst::warning!(CAT, imp = self, "{text}");
                gst::element_imp_warning!(self, gst::StreamError::Failed, ("{text}"));
            }
            Notice::Info(text) => {
                gst::info!(CAT, imp = self, "{text}");
                gst::element_imp_info!(self, gst::ResourceError::Settings, ("{text}"));
            }
        }
    }

    /// Notes what a frame took that waited for the network, and lets the pipeline know when that is news.
    pub fn note_latency(&self, time: Duration) {
        let time = gst::ClockTime::try_from(time).unwrap_or(gst::ClockTime::ZERO);
        let mut tracker = lock(&self.latency);
        if tracker.add(time, Instant::now()) {
            let announced = tracker.latency();
            drop(tracker);
            let obj = self.obj();
            log::latency(&obj, announced);
            let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        }
    }
}
