//! The end of the process while ONNX Runtime works.
//!
//! `exit` frees what the library has in static places, whatever other threads still do with it: they crash, or the
//! process does. So it first waits for them, and where that would take long it leaves everything as it is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the end of the process waits.
const PATIENCE: Duration = Duration::from_millis(300);

/// How many threads are at work.
static BUSY: Mutex<usize> = Mutex::new(0);
static DONE: Condvar = Condvar::new();

/// A thread is at work in ONNX Runtime for as long as this lives.
#[derive(Debug)]
pub struct Busy(());

impl Busy {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        *busy() += 1;
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *busy() -= 1;
        DONE.notify_all();
    }
}

fn busy() -> MutexGuard<'static, usize> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the process wait at its end. To be called once, when the library has been started: what is registered later comes
/// first.
#[cfg(target_env = "gnu")]
pub fn wait_at_exit() {
    use std::ffi::{c_int, c_void};
    use std::{mem, ptr};

    // As stdlib.h of the C library declares it; the crate libc lacks it.
    unsafe extern "C" {
        fn on_exit(
            function: extern "C" fn(status: c_int, argument: *mut c_void),
            argument: *mut c_void,
        ) -> c_int;
    }

    extern "C" fn wait(status: c_int, _: *mut c_void) {
        let waited = DONE.wait_timeout_while(busy(), PATIENCE, |busy| *busy > 0);
        let (busy, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        // Whoever is about to begin waits for ever.
        mem::forget(busy);
        if waited.timed_out() {
            // SAFETY: null stands for all streams; nothing is touched after it.
            unsafe {
                libc::fflush(ptr::null_mut());
                libc::_exit(status);
            }
        }
    }

    // SAFETY: the function stays where it is, in a program or in a plugin, which GStreamer never unloads. Where there is
    // no room for it, the end is what it was.
    unsafe {
        on_exit(wait, ptr::null_mut());
    }
}

/// Other C libraries do not tell how the process ends.
#[cfg(not(target_env = "gnu"))]
pub fn wait_at_exit() {}
