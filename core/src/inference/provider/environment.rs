//! The ONNX Runtime that suits a provider.

use ort::environment::Environment;

use super::find;
use crate::inference::error::LibraryError;
use crate::inference::options::Options;
use crate::inference::runtime;

/// The process's ONNX Runtime, loaded on first use. Where `options` ask for a provider that is part of a build of it which
/// is installed, that is tried before others.
///
/// # Errors
/// As [`runtime::environment`].
pub fn environment(options: &Options) -> Result<Environment, LibraryError> {
    let roots = &options.search_roots;
    let builds = find::builds(&options.provider, roots);
    runtime::with_builds(options.ort_library.as_deref(), roots, &builds)
}

/// Loads ONNX Runtime, if that has not happened yet: before a thread that opens a network is left alone with it, since the
/// end of the process can wait for what comes after that only. What is wrong with it is told when a network is opened.
pub fn prepare(options: &Options) {
    let _ = environment(options);
}
