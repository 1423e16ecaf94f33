//! Finds and loads ONNX Runtime's shared library.
//!
//! The library is one per process: the first that loads stays, and who names another is told so. It is looked for when a
//! network is opened, never before.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;
use ort::LoadDynamicError;
use ort::environment::Environment;

use super::elf;
use super::error::LibraryError;
use super::session::exit;

/// The library's file name; a version may follow it.
const NAME: &str = "libonnxruntime.so";

/// The library's names for the system's loader.
const SYSTEM_NAMES: [&str; 2] = ["libonnxruntime.so.1", NAME];

/// Where the system's loader looks by itself on the usual distributions, beside the multiarch folders.
const SYSTEM_FOLDERS: [&str; 5] = ["/usr/local/lib", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// The folder that set-up puts a build of ONNX Runtime with further providers in.
const BUILD: &str = "build";

/// Where Python's package of it is, beside other packages.
const OF_PYTHON: &str = "onnxruntime/capi";

/// The file that was loaded.
static LOADED: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();

/// Stays empty where loading fails, so that the next who asks tries again.
static ENVIRONMENT: OnceCell<Environment> = OnceCell::new();

/// The process's ONNX Runtime, loaded on first use.
///
/// Tried in this order: `library` (alone if given), `ORT_DYLIB_PATH`, in the
/// first of the `roots` and in the folders under all of them, the system's loader by the library's usual names, and
/// the system's folders for a name with a full version: Debian's has no other.
///
/// # Errors
/// [`LibraryError::Missing`] naming every place tried, [`LibraryError::TooOld`],
/// [`LibraryError::Broken`], [`LibraryError::Second`].
pub fn environment(library: Option<&Path>, roots: &[PathBuf]) -> Result<Environment, LibraryError> {
    with_builds(library, roots, &[])
}

/// The same, where `builds` are tried before what is installed otherwise.
///
/// # Errors
/// As [`environment`].
pub fn with_builds(
    library: Option<&Path>,
    roots: &[PathBuf],
    builds: &[PathBuf],
) -> Result<Environment, LibraryError> {
    let environment = ENVIRONMENT.get_or_try_init(|| {
        let builder = load(&candidates(library, roots, builds)).map_err(told_of)?;
        let builder = builder.with_name("camoverlay").with_telemetry(false);
        let environment = builder.build().map_err(|error| LibraryError::Broken {
            message: error.to_string(),
        });
        // After what the library has registered for the process's end.
        exit::wait_at_exit();
        environment
    });
    let environment = environment.cloned()?;
    match (library, loaded()) {
        (Some(asked), Some(loaded)) if file_of(asked) != loaded => Err(LibraryError::Second {
            asked: asked.to_owned(),
            loaded,
        }),
        _ => Ok(environment),
    }
}

/// What was tried, each with what happened there, and the first library that was too old, with its number among those.
struct Tried {
    places: Vec<(PathBuf, String)>,
    too_old: Option<(usize, LibraryError)>,
}

/// A library that is too old says most, unless one was named, which is tried first, and is not there: that must not be passed over.
fn told_of(tried: Tried) -> LibraryError {
    let Tried { places, too_old } = tried;
    match too_old {
        Some((number, too_old)) if number == 0 || named().is_none() => too_old,
        _ => LibraryError::Missing { tried: places },
    }
}

/// What the user's environment names.
fn named() -> Option<PathBuf> {
    let path = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

fn load(candidates: &[PathBuf]) -> Result<ort::environment::EnvironmentBuilder, Tried> {
    let mut tried = Vec::new();
    let mut too_old = None;
    for path in candidates {
        let is_name = path.components().count() == 1;
        if !is_name && !path.exists() {
            tried.push((path.clone(), "no such file".to_owned()));
            continue;
        }
        // A name alone is looked for by the system's loader.
        if !is_name && let Err(reason) = elf::check(path) {
            tried.push((path.clone(), reason));
            continue;
        }
        match ort::init_from(path) {
            Ok(builder) => {
                let _ = LOADED.set(file_of(path));
                return Ok(builder);
            }
            Err(LoadDynamicError::BadVersion { version_str, path }) => {
                let number = tried.len();
                tried.push((path.clone(), format!("version {version_str} is too old")));
                let error = LibraryError::TooOld {
                    path,
                    version: version_str,
                };
                too_old.get_or_insert((number, error));
            }
            Err(LoadDynamicError::Dlopen { error, .. }) => {
                tried.push((path.clone(), reason(&error)));
            }
            Err(error) => tried.push((path.clone(), error.to_string())),
        }
    }
    Err(Tried {
        places: tried,
        too_old,
    })
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

fn candidates(library: Option<&Path>, roots: &[PathBuf], builds: &[PathBuf]) -> Vec<PathBuf> {
    // A library that was asked for by name must not be replaced in silence by another one.
    if let Some(path) = library {
        return vec![path.to_owned()];
    }
    let mut places: Vec<PathBuf> = named().into_iter().collect();
    places.extend(builds.iter().cloned());
    let folders = folders(roots);
    // A build with a provider in it that set-up was asked for comes before the plain one: a process has one alone.
    let builds = folders
        .iter()
        .flat_map(|folder| versions_in(&folder.join(BUILD)));
    places.extend(builds.map(|(_, path)| path));
    places.extend(folders.iter().flat_map(|folder| libraries_in(folder)));
    places.extend(SYSTEM_NAMES.map(PathBuf::from));
    places.extend(versioned_in(&system_folders()));
    let mut seen = HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

/// The folders under `roots` that libraries are installed in, the likeliest first.
pub fn folders(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (i, root) in roots.iter().enumerate() {
        // The first root is the folder of the program or plugin itself.
        if i == 0 {
            folders.push(root.clone());
        }
        folders.extend(["lib/camoverlay", ".deps/lib/camoverlay"].map(|folder| root.join(folder)));
        // Only where it is: most roots are no folders of Python's packages, and would lengthen the error.
        folders.extend(Some(root.join(OF_PYTHON)).filter(|folder| folder.is_dir()));
    }
    folders
}

/// The file of the ONNX Runtime that this process has loaded; none before that.
pub fn loaded() -> Option<PathBuf> {
    LOADED.get().cloned()
}

/// Where the library is that was loaded as `path`, which may be a name alone.
fn file_of(path: &Path) -> PathBuf {
    let is_name = path.components().count() == 1;
    let name = path.file_name().unwrap_or_default().as_bytes();
    let maps = match is_name {
        true => std::fs::read("/proc/self/maps").unwrap_or_default(),
        false => return path.canonicalize().unwrap_or_else(|_| path.to_owned()),
    };
    let mapped = maps.split(|&byte| byte == b'\n').filter_map(|line| {
        let start = line.iter().position(|&byte| byte == b'/')?;
        Some(Path::new(OsStr::from_bytes(&line[start..])))
    });
    let is_it = |file: &&Path| {
        let file = file.file_name().unwrap_or_default().as_bytes();
        file.starts_with(name) || file.starts_with(NAME.as_bytes())
    };
    mapped.into_iter().find(is_it).unwrap_or(path).to_owned()
}

/// The ONNX Runtime libraries in `folder`, newest version first.
///
/// A folder of ours that has none is named all the same, as one of the places where the library
/// could have been.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = versions_in(folder);
    found.sort_by(|a, b| b.cmp(a));
    if found.is_empty() {
        return vec![folder.join(NAME)];
    }
    found.into_iter().map(|(_, path)| path).collect()
}

/// The libraries of version 1.N in `folders`, newest first; a pattern for those folders if none of them has any.
fn versioned_in(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<_> = folders
        .iter()
        .flat_map(|folder| versions_in(folder))
        .filter(|(version, _)| version.len() > 1 && version[0] == 1)
        .collect();
    if found.is_empty() {
        return folders
            .iter()
            .map(|folder| folder.join(format!("{NAME}.1.*")))
            .collect();
    }
    // Stable: of equal versions, the one in the earlier folder comes first.
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The files in `folder` with the library's name: the numbers that follow it, and the path.
pub fn versions_in(folder: &Path) -> Vec<(Vec<u32>, PathBuf)> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = version(entry.file_name().to_str()?)?;
            Some((version, entry.path()))
        })
        .collect()
}

/// The numbers behind the library's name in `file`: none, or for example 1, 21, 0.
fn version(file: &str) -> Option<Vec<u32>> {
    let numbers = file.strip_prefix(NAME)?;
    if numbers.is_empty() {
        return Some(Vec::new());
    }
    let numbers = numbers.strip_prefix('.')?.split('.');
    numbers.map(|number| number.parse().ok()).collect()
}

/// The folders that exist of those where the system's loader looks, each once.
fn system_folders() -> Vec<PathBuf> {
    let asked_for = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let multiarch = ["/usr/local/lib", "/lib", "/usr/lib"].map(|lib| Path::new(lib).join(&triplet));
    let mut folders: Vec<PathBuf> = Vec::new();
    let all = std::env::split_paths(&asked_for)
        .chain(multiarch)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from));
    // Links are resolved: /lib is /usr/lib nearly everywhere.
    for folder in all.filter_map(|folder| folder.canonicalize().ok()) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_tried_is_named() {
        let roots = ["/nowhere/plugins", "/nowhere", "/nowhere"].map(PathBuf::from);
        let places = candidates(None, &roots, &[]);
        assert!(places.contains(&"/nowhere/plugins/libonnxruntime.so".into()));
        let ours = Path::new("/nowhere/.deps/lib/camoverlay/libonnxruntime.so");
        assert_eq!(places.iter().filter(|place| *place == ours).count(), 1);
        assert!(places.contains(&"libonnxruntime.so.1".into()));
        let last = places.last().unwrap();
        assert!(
            system_folders().contains(&last.parent().unwrap().into()),
            "{last:?}"
        );
        let wanted = [PathBuf::from("/nowhere/at/all.so")];
        let Err(tried) = load(&wanted) else {
            panic!("a missing library was loaded");
        };
        assert_eq!(
            tried.places,
            [("/nowhere/at/all.so".into(), "no such file".to_owned())]
        );
    }

    #[test]
    fn an_asked_for_library_is_the_only_one_tried() {
        assert_eq!(
            candidates(
                Some(Path::new("/my/lib.so")),
                &["/usr".into()],
                &["/b.so".into()]
            ),
            [PathBuf::from("/my/lib.so")]
        );
    }
    #[test]
    fn the_newest_version_comes_first_and_by_number() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let paths = folders.each_ref().map(|folder| folder.path().to_owned());
        assert_eq!(
            versioned_in(&paths),
            paths
                .each_ref()
                .map(|path| path.join("libonnxruntime.so.1.*"))
        );
        for (folder, file) in [
            (0, "libonnxruntime.so.1.9"),
            (0, "libonnxruntime.so.1.21"),
            (0, "libonnxruntime.so.1"),
            (0, "libonnxruntime.so.2.0"),
            (0, "libonnxruntime.so.1.99.part"),
            (0, "libonnxruntime_providers_shared.so"),
            (1, "libonnxruntime.so.1.21.2"),
            (1, "libonnxruntime.so.1.9"),
        ] {
            std::fs::write(paths[folder].join(file), "").unwrap();
        }
        assert_eq!(
            versioned_in(&paths),
            [
                paths[1].join("libonnxruntime.so.1.21.2"),
                paths[0].join("libonnxruntime.so.1.21"),
                paths[0].join("libonnxruntime.so.1.9"),
                paths[1].join("libonnxruntime.so.1.9"),
            ]
        );
        let ours = libraries_in(&paths[0]);
        assert_eq!(ours[1], paths[0].join("libonnxruntime.so.1.21"));
    }
}
