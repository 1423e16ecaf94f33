//! The network in a folder, as exporters name it.

use std::fs;
use std::path::{Path, PathBuf};

use super::printable::printable;
use crate::file::Trouble;
use crate::onnx::error::FileError;

/// What a folder's network is called: beside its description, or below it, as on hubs.
const NAMES: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// Most entries of a folder that are looked at in search of a network of another name.
const MOST_ENTRIES: usize = 10_000;

/// Most networks that are named where nobody knows which is meant.
const MOST_NAMED: usize = 4;

/// The file that `path` means: itself, or what lies in it if it is a folder.
///
/// # Errors
/// [`FileError::NoNetwork`], [`FileError::Unreadable`].
pub fn network(path: &Path) -> Result<PathBuf, FileError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let named = NAMES.iter().map(|name| path.join(name));
    if let Some(found) = named.into_iter().find(|file| file.exists()) {
        return Ok(found);
    }
    let mut found = networks(path)?;
    // Whoever exported into a folder of a hub may have called it otherwise.
    let below = path.join("onnx");
    if found.is_empty() && below.is_dir() {
        found = networks(&below)?;
    }
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    found.sort();
    let several = found.len();
    let names = found.iter().take(MOST_NAMED);
    let name = |file: &PathBuf| printable(&file.file_name().unwrap_or_default().to_string_lossy());
    Err(FileError::NoNetwork {
        folder: path.to_owned(),
        names: names.map(name).collect(),
        more: several.saturating_sub(MOST_NAMED),
    })
}

/// The files in `folder` that are called as networks are.
fn networks(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = |error: std::io::Error| FileError::Unreadable {
        path: folder.to_owned(),
        trouble: Trouble::from(error),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)?.take(MOST_ENTRIES) {
        let file = entry.map_err(unreadable)?.path();
        let suffix = file.extension();
        if suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("onnx")) && !file.is_dir() {
            found.push(file);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_itself_whether_there_is_one_or_not() {
        for path in ["/nowhere/at/all.onnx", "/dev/null"] {
            assert_eq!(network(Path::new(path)), Ok(path.into()));
        }
    }

    #[test]
    fn the_network_of_a_folder_is_model_onnx_or_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let put = |name: &str| {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        };
        let words = |error: Result<PathBuf, FileError>| {
            let error = error.unwrap_err();
            format!("{error} {}", error.remedy()).replace(&*folder.to_string_lossy(), "F")
        };
        put("README.md");
        assert_eq!(
            words(network(folder)),
            "The folder F holds no ONNX file. Export the network into it, or set source to the path of an ONNX file."
        );
        put("onnx/other.onnx");
        assert_eq!(network(folder), Ok(folder.join("onnx/other.onnx")));
        put("Net.ONNX");
        assert_eq!(network(folder), Ok(folder.join("Net.ONNX")));
        put("a\u{1b}[31m.onnx");
        (0..4).for_each(|number| put(&format!("z{number}.onnx")));
        assert_eq!(
            words(network(folder)),
            "The folder F holds several ONNX files and none that is called model.onnx: Net.ONNX, a\\u{1b}[31m.onnx, \
             z0.onnx, z1.onnx and 2 more. Name one of them."
        );
        put("onnx/model.onnx");
        assert_eq!(network(folder), Ok(folder.join("onnx/model.onnx")));
        put("model.onnx");
        assert_eq!(network(folder), Ok(folder.join("model.onnx")));
        // A folder of that name is none.
        let empty = root.path().join("empty");
        fs::create_dir_all(empty.join("x.onnx")).unwrap();
        assert!(matches!(network(&empty), Err(FileError::NoNetwork { .. })));
    }
}
