//! Finds and loads ONNX Runtime's shared library.
//!
//! The library is one per process: the first that loads stays, whatever later callers name. It
//! is looked for when a network is opened, never while the plugin loads.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use ort::LoadDynamicError;
use ort::environment::Environment;

use super::Error;

/// The library's name for the system's loader.
const SYSTEM_NAMES: [&str; 2] = ["libonnxruntime.so.1", "libonnxruntime.so"];

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// The process's ONNX Runtime, loaded on first use.
///
/// Tried in this order: `library` (the property, alone if set), `ORT_DYLIB_PATH`, beside the
/// plugin and in the folders under `roots`, the system's loader.
///
/// # Errors
/// [`Error::LibraryMissing`] naming every place tried, [`Error::LibraryTooOld`],
/// [`Error::LibraryBroken`].
pub fn environment(library: Option<&Path>, roots: &[PathBuf]) -> Result<Environment, Error> {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment.clone());
    }
    let builder = load(&candidates(library, roots))?;
    let environment = builder
        .with_name("camoverlay")
        .with_telemetry(false)
        .build()
        .map_err(|error| Error::LibraryBroken {
            message: error.to_string(),
        })?;
    Ok(ENVIRONMENT.get_or_init(|| environment).clone())
}

fn load(candidates: &[PathBuf]) -> Result<ort::environment::EnvironmentBuilder, Error> {
    let mut tried = Vec::new();
    let mut too_old = None;
    for path in candidates {
        let is_name = path.components().count() == 1;
        if !is_name && !path.exists() {
            tried.push((path.clone(), "no such file".to_owned()));
            continue;
        }
        match ort::init_from(path) {
            Ok(builder) => return Ok(builder),
            Err(LoadDynamicError::BadVersion { version_str, path }) => {
                tried.push((path.clone(), format!("version {version_str} is too old")));
                too_old.get_or_insert(Error::LibraryTooOld {
                    path,
                    version: version_str,
                });
            }
            Err(LoadDynamicError::Dlopen { error, .. }) => {
                tried.push((path.clone(), reason(&error)));
            }
            Err(error) => tried.push((path.clone(), error.to_string())),
        }
    }
    Err(too_old.unwrap_or(Error::LibraryMissing { tried }))
}

/// The loader's own words, without the path that the caller names anyway.
fn reason(error: &dyn std::error::Error) -> String {
    let text = error
        .source()
        .map_or_else(|| error.to_string(), |source| source.to_string());
    match text.split_once(": ") {
        Some((path, words)) if path.contains("onnxruntime") => words.to_owned(),
        _ => text,
    }
}

fn candidates(library: Option<&Path>, roots: &[PathBuf]) -> Vec<PathBuf> {
    // A library that was asked for by name must not be replaced in silence by another one.
    if let Some(path) = library {
        return vec![path.to_owned()];
    }
    let mut places = Vec::new();
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        places.push(PathBuf::from(path));
    }
    for (i, root) in roots.iter().enumerate() {
        // The first root is the folder of the plugin file itself.
        if i == 0 {
            places.extend(libraries_in(root));
        }
        for folder in ["lib/camoverlay", ".deps/lib/camoverlay"] {
            places.extend(libraries_in(&root.join(folder)));
        }
    }
    places.extend(SYSTEM_NAMES.map(PathBuf::from));
    places
}

/// The ONNX Runtime libraries in `folder`, newest name first.
///
/// A folder of ours that has none is named all the same, as one of the places where the library
/// could have been.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("libonnxruntime.so"))
        })
        .collect();
    found.sort();
    found.reverse();
    if found.is_empty() {
        found.push(folder.join("libonnxruntime.so"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_tried_is_named() {
        let roots = [PathBuf::from("/nowhere/plugins"), PathBuf::from("/nowhere")];
        let places = candidates(None, &roots);
        assert!(places.contains(&"/nowhere/plugins/libonnxruntime.so".into()));
        assert!(places.contains(&"/nowhere/.deps/lib/camoverlay/libonnxruntime.so".into()));
        assert_eq!(places.last(), Some(&"libonnxruntime.so".into()));
        let wanted = [PathBuf::from("/nowhere/at/all.so")];
        let Err(Error::LibraryMissing { tried }) = load(&wanted) else {
            panic!("a missing library was loaded");
        };
        assert_eq!(
            tried,
            [("/nowhere/at/all.so".into(), "no such file".to_owned())]
        );
    }

    #[test]
    fn an_asked_for_library_is_the_only_one_tried() {
        assert_eq!(
            candidates(Some(Path::new("/my/lib.so")), &["/usr".into()]),
            [PathBuf::from("/my/lib.so")]
        );
    }
}
