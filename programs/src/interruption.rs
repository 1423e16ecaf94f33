//! Ctrl-C, SIGTERM and a terminal that is closed: what ends a program early, in good order or at once.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;

use crate::failure::Failure;

/// What comes this soon after the first signal is the same one: `timeout` and terminals signal a program and its group.
const SAME: Duration = Duration::from_millis(300);

/// Raised by the first signal, and never lowered: one between two pipelines is for the second.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The files that a second Ctrl-C deletes.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

static LISTENER: LazyLock<io::Result<()>> = LazyLock::new(listen);

/// Whether Ctrl-C, SIGTERM or SIGHUP has come since this was first called. The next Ctrl-C or SIGTERM ends the process
/// on the spot, with 128 and its number for an exit code; Ctrl-C deletes the unfinished files before.
///
/// SIGHUP counts as SIGTERM does, unless whoever started the program had it ignored (`nohup`), and never as a second
/// signal: a closed terminal sends it twice.
///
/// # Errors
/// The process cannot catch them.
pub fn interrupted() -> Result<bool, Failure> {
    match &*LISTENER {
        Ok(()) => Ok(INTERRUPTED.load(Ordering::Relaxed)),
        Err(error) => Err(format!("Ctrl-C cannot be caught: {error}.").into()),
    }
}

/// The files that a second Ctrl-C deletes; none is deleted while this is held.
pub(crate) fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() -> io::Result<()> {
    let mut caught = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        caught.push(SIGHUP);
    }
    let mut signals = Signals::new(caught)?;
    let listen = move || {
        let mut first = None;
        for signal in signals.forever() {
            let since = *first.get_or_insert_with(Instant::now);
            if !INTERRUPTED.swap(true, Ordering::Relaxed)
                || signal == SIGHUP
                || since.elapsed() < SAME
            {
                continue;
            }
            // Never let go of: nothing begins a file any more.
            let unfinished = unfinished();
            if signal == SIGINT {
                for path in unfinished.iter() {
                    let _ = fs::remove_file(path);
                }
            }
            exit(128 + signal);
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)?;
    Ok(())
}

/// Whether `signal` was ignored when the process started. Where the kernel does not tell, it was not.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
