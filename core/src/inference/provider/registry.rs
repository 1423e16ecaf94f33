//! The libraries of providers that this process has registered with ONNX Runtime.
//!
//! They stay until it ends: a session may have what they gave for as long as it lives, and loading one again takes longer
//! than it holds memory for nothing.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use ort::environment::Environment;

use super::known;

static REGISTERED: RwLock<Vec<PathBuf>> = RwLock::new(Vec::new());

/// Held while a session is built, which else might take a provider that registers meanwhile.
pub struct Hold(
    #[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, Vec<PathBuf>>,
);

/// Lets nothing register for as long as what it returns lives.
pub fn hold() -> Hold {
    Hold(REGISTERED.read().unwrap_or_else(PoisonError::into_inner))
}

/// Registers the provider in `library` under `name`, if that has not happened yet. Some call themselves by that name, others by
/// their own.
///
/// # Errors
/// ONNX Runtime's own words.
pub fn register(environment: &Environment, name: &str, library: &Path) -> Result<(), String> {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    if registered.iter().any(|other| other == library) {
        return Ok(());
    }
    let preloads = known::known(name).map_or(&[][..], |known| known.preloads);
    for file in preloads.iter().map(|file| library.with_file_name(file)) {
        // Where it does not load, what needs it does not either, and tells.
        if file.exists() {
            let _ = ort::util::preload_dylib(file);
        }
    }
    environment
        .register_ep_library(name, library)
        .map_err(|error| error.to_string())?;
    registered.push(library.to_owned());
    Ok(())
}
