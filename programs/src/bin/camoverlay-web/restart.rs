//! Setting what the element takes at its start only, while everything around it goes on.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camoverlay_programs::Failure;
use gst::prelude::*;

/// How long the frame under way may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An element with one pad in and one out that can be started anew.
#[derive(Clone)]
pub struct Restart {
    element: gst::Element,
    /// Held while the pipeline is taken apart, or told to begin its file anew.
    turn: Arc<Mutex<()>>,
}

impl Restart {
    pub fn of(element: &gst::Element) -> Self {
        Self {
            element: element.clone(),
            turn: Arc::default(),
        }
    }

    /// Keeps the pipeline whole for as long as this is held.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the element stop between two frames, `change` it, and start again.
    ///
    /// # Errors
    /// No moment between two frames comes, or the element does not start.
    pub fn with(&self, change: impl FnOnce(&gst::Element) + Send + 'static) -> Result<(), Failure> {
        let _turn = self.turn();
        let lost = || Failure::from("camoverlay has lost a pad.");
        let entrance = self.element.static_pad("sink").ok_or_else(lost)?;
        let before = entrance.peer().ok_or_else(lost)?;
        let (done, is_done) = mpsc::channel();
        let element = self.element.clone();
        let work = Mutex::new(Some(move |before: &gst::Pad| {
            // Linked anew, it is told caps and segment again.
            let outcome = before
                .unlink(&entrance)
                .map_err(Failure::from)
                .and_then(|()| {
                    element.set_state(gst::State::Ready)?;
                    change(&element);
                    before
                        .link(&entrance)
                        .map_err(|error| format!("camoverlay cannot be linked again: {error}."))?;
                    Ok(element.sync_state_with_parent()?)
                });
            // Who waited may have given up.
            let _ = done.send(outcome);
        }));
        let probe = before.add_probe(gst::PadProbeType::IDLE, move |pad, _| {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(work) = work {
                work(pad);
            }
            gst::PadProbeReturn::Remove
        });
        match is_done.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome,
            Err(_) => {
                if let Some(probe) = probe {
                    before.remove_probe(probe);
                }
                Err("The picture stands still: this can be changed while somebody watches.".into())
            }
        }
    }
}
