//! A process that was forked has none of the threads that networks and painters work with, and would wait for them for ever.

use std::process;
use std::sync::OnceLock;

use crate::errors::Failure;

/// The process that has these threads.
static OWNER: OnceLock<u32> = OnceLock::new();

/// Fails in a process that was forked after another had begun.
///
/// # Errors
/// A sentence on what to do instead.
pub fn check() -> Result<(), Failure> {
    let own = process::id();
    if *OWNER.get_or_init(|| own) == own {
        return Ok(());
    }
    Err(Failure::run(
        "This process was forked from one that already explains pictures, whose threads it has not. Start it anew instead: \
         multiprocessing.get_context(\"spawn\") or \"forkserver\".",
    ))
}
