//! Key frames for clients that come while an encoder runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// The least time between two key frames that clients ask for by coming: they are large, and not to be had by the dozen.
const APART: Duration = Duration::from_millis(250);

/// Asks the encoder before a sink to begin anew.
#[derive(Clone)]
pub struct KeyFrames {
    encoded: gst::Element,
    /// When a key frame was asked for last, or will be.
    last: Arc<Mutex<Option<Instant>>>,
}

impl KeyFrames {
    /// Key frames of what comes to the sink `encoded`.
    pub fn of(encoded: &impl IsA<gst::Element>) -> Self {
        Self {
            encoded: encoded.clone().upcast(),
            last: Arc::default(),
        }
    }

    /// Has a key frame made now or soon, so that a client which has just come sees something.
    pub fn want(&self) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.map_or(now, |last| last + APART);
        if last.is_some_and(|last| last > now) {
            // That one is for this client, too.
            return;
        }
        *last = Some(due.max(now));
        if due <= now {
            self.ask();
            return;
        }
        let later = self.clone();
        // There is one such thread at a time.
        std::thread::spawn(move || {
            std::thread::sleep(due - now);
            later.ask();
        });
    }

    fn ask(&self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build();
        self.encoded.send_event(event);
    }
}
