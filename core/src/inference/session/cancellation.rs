//! Ending a run of a network from another thread.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ort::sys::OrtRunOptions;

/// Ends the runs that are made with it, from any thread; clones are one.
///
/// ONNX Runtime looks for that between two operators, and at each turn of a loop. A single operator runs to its end.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<State>);

#[derive(Default)]
struct State {
    is_cancelled: AtomicBool,
    /// Made by the first run, when the library is loaded.
    options: OnceLock<RunOptions>,
}

impl Cancellation {
    /// Ends the run under way, if there is one, and each that begins before [`renew`](Self::renew).
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::SeqCst);
        if let Some(options) = self.0.options.get() {
            options.terminate(true);
        }
    }

    /// Whether runs made with it end.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// Lets runs go on that begin from now on. Not to be called at the same time as [`cancel`](Self::cancel), of which
    /// the later one would not be known.
    pub fn renew(&self) {
        self.0.is_cancelled.store(false, Ordering::SeqCst);
        if let Some(options) = self.0.options.get() {
            options.terminate(false);
        }
    }

    /// What a run takes, which tells it when to end.
    pub(super) fn run_options(&self) -> ort::Result<*const OrtRunOptions> {
        let options = match self.0.options.get() {
            Some(options) => options,
            None => {
                let new = RunOptions::new()?;
                self.0.options.get_or_init(|| new)
            }
        };
        // Whoever cancelled before there were options did not reach them.
        if self.is_cancelled() {
            options.terminate(true);
        }
        Ok(options.0.as_ptr())
    }
}

struct RunOptions(NonNull<OrtRunOptions>);

// SAFETY: ONNX Runtime allows setting the flag while other threads run with these options, which is what it is for; nothing
// else of them is ever changed.
unsafe impl Send for RunOptions {}
// SAFETY: as above.
unsafe impl Sync for RunOptions {}

impl RunOptions {
    fn new() -> ort::Result<Self> {
        let mut options = ptr::null_mut();
        // SAFETY: there is a place for the pointer, which is ours from then on.
        unsafe { ort::Error::result_from_status((ort::api().CreateRunOptions)(&mut options))? };
        NonNull::new(options)
            .map(Self)
            .ok_or_else(|| ort::Error::new("there are no run options"))
    }

    fn terminate(&self, is_set: bool) {
        let api = ort::api();
        let set = match is_set {
            true => api.RunOptionsSetTerminate,
            false => api.RunOptionsUnsetTerminate,
        };
        // SAFETY: the pointer is what `CreateRunOptions` returned, and lives as long as `self`. The status is null: these
        // do nothing but set a flag.
        let status = unsafe { set(self.0.as_ptr()) };
        debug_assert!(status.0.is_null());
    }
}

impl Drop for RunOptions {
    fn drop(&mut self) {
        // SAFETY: as above; no run has them any more, since a run borrows the `Cancellation`.
        unsafe { (ort::api().ReleaseRunOptions)(self.0.as_ptr()) };
    }
}
