//! Looks at the frames beside the element: what went in, what came out, what the metadata says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use crate::moments::{Moment, Moments, Picture};

/// What the probes beside the element gather.
#[derive(Default)]
pub struct Seen {
    pub frames: u64,
    pub started: Option<Instant>,
    /// The small picture of the frame now inside the element, if that frame is to be kept.
    original: Option<Picture>,
    pub moments: Moments,
}

/// Looks at every frame before (`sink`) and after (`src`) the element.
pub fn watch(sink: &gst::Pad, src: &gst::Pad, seen: &Arc<Mutex<Seen>>) {
    let before = Arc::clone(seen);
    sink.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let mut seen = lock(&before);
        seen.started.get_or_insert_with(Instant::now);
        if seen.moments.wants(seen.frames) {
            seen.original = small(pad, info);
        }
        gst::PadProbeReturn::Ok
    });
    let after = Arc::clone(seen);
    src.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let mut seen = lock(&after);
        seen.frames += 1;
        if let Some(original) = seen.original.take()
            && let (Some(overlay), Some(buffer)) = (small(pad, info), info.buffer())
        {
            seen.moments.keep(Moment {
                time: stream_time(pad, buffer),
                top: top(buffer),
                original,
                overlay,
            });
        }
        gst::PadProbeReturn::Ok
    });
}

fn small(pad: &gst::Pad, info: &gst::PadProbeInfo) -> Option<Picture> {
    Picture::small(info.buffer()?, pad.current_caps()?.as_ref()).ok()
}

/// Time from the start of the video, whatever its first timestamp.
fn stream_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> gst::ClockTime {
    let segment = pad.sticky_event::<gst::event::Segment>(0);
    let segment =
        segment.and_then(|event| event.segment().clone().downcast::<gst::ClockTime>().ok());
    segment
        .and_then(|segment| segment.to_stream_time(buffer.pts()))
        .unwrap_or_default()
}

/// The labels and scores in the metadata that the element attached.
fn top(buffer: &gst::BufferRef) -> Vec<(String, f64)> {
    let Ok(meta) = gst::meta::CustomMeta::from_buffer(buffer, "CamOverlayMeta") else {
        return Vec::new();
    };
    let structure = meta.structure();
    let (Ok(labels), Ok(scores)) = (
        structure.get::<gst::Array>("top-labels"),
        structure.get::<gst::Array>("top-scores"),
    ) else {
        return Vec::new();
    };
    let labels = labels.iter().filter_map(|label| label.get::<String>().ok());
    labels
        .zip(scores.iter().filter_map(|score| score.get::<f64>().ok()))
        .collect()
}

/// The data is as good after another thread's panic as before it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
