//! Tries an execution provider with a network, in a process that nobody misses if a library ends it. camoverlay starts it
//! before it loads a provider itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    camoverlay::inference::provider_check()
}
