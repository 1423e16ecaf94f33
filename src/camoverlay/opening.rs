//! Opening a network on a thread of its own: whoever starts the element waits for it for a while, not for ever, and can stop
//! it, whatever the network does when it is loaded and tried.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::errors::ElementError;
use super::session::Session;
use camoverlay::inference::{Busy, Cancellation};

enum Stage {
    Busy,
    Opened(Box<Session>),
    Failed(ElementError),
    /// Its result was taken, or nobody wants it any more.
    Over,
}

struct State {
    stage: Stage,
    /// Nobody waits in `start` any more: errors are told by the thread that finds them.
    is_late: bool,
    /// Nobody may wait: a flush or a stop is on its way.
    hurried: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    cancellation: Cancellation,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of waiting.
pub enum Waited {
    Opened(Box<Session>),
    Failed(ElementError),
    /// It failed after [`Late`](Self::Late) was returned, and that was told.
    Told,
    /// It takes longer than was waited for.
    Late,
    /// Somebody hurried.
    CutOff,
}

/// A network that is being opened; clones are one.
#[derive(Clone)]
pub struct Opening(Arc<Shared>);

impl Opening {
    /// Begins to `open`. An error that comes when nobody waits for it in `start` any more is told to `tell`.
    ///
    /// # Errors
    /// The system's, where there can be no further thread.
    pub fn begin(
        open: impl FnOnce(&Cancellation) -> Result<Session, ElementError> + Send + 'static,
        tell: impl FnOnce(&ElementError) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                stage: Stage::Busy,
                is_late: false,
                hurried: false,
            }),
            changed: Condvar::new(),
            cancellation: Cancellation::default(),
        });
        let opening = Self(shared.clone());
        thread::Builder::new()
            // The threads that ONNX Runtime starts meanwhile inherit the name, and some of them stay.
            .name("onnxruntime".into())
            .spawn(move || {
                // Until what it may have to free is freed.
                let _busy = Busy::begin();
                let result = open(&shared.cancellation);
                let mut state = shared.state();
                if matches!(state.stage, Stage::Over) {
                    // Freeing a network takes a while.
                    drop(state);
                    drop(result);
                    return;
                }
                state.stage = match result {
                    Ok(session) => Stage::Opened(Box::new(session)),
                    Err(error) if state.is_late => {
                        tell(&error);
                        Stage::Over
                    }
                    Err(error) => Stage::Failed(error),
                };
                shared.changed.notify_all();
            })?;
        Ok(opening)
    }

    /// Waits for the network, at most for `patience`.
    pub fn wait(&self, patience: Option<Duration>) -> Waited {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut state = self.0.state();
        loop {
            match mem::replace(&mut state.stage, Stage::Over) {
                Stage::Opened(session) => return Waited::Opened(session),
                Stage::Failed(error) => return Waited::Failed(error),
                Stage::Over => return Waited::Told,
                Stage::Busy => state.stage = Stage::Busy,
            }
            if state.hurried {
                return Waited::CutOff;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                state.is_late = true;
                return Waited::Late;
            }
            let changed = &self.0.changed;
            state = match left {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Ends waiting and lets nobody wait, or allows it again.
    pub fn hurry(&self, hurried: bool) {
        self.0.state().hurried = hurried;
        self.0.changed.notify_all();
    }

    /// Gives up the network. What is under way ends with the operator that ONNX Runtime is at.
    pub fn abandon(&self) {
        // Before it ends for that, which is nobody's error.
        self.0.state().stage = Stage::Over;
        self.0.cancellation.cancel();
        self.0.changed.notify_all();
    }
}
