//! The networks known by name: `models/catalogue.toml`, compiled in.

use std::path::{Path, PathBuf};

use crate::onnx::error::FileError;
use crate::preprocess::Preprocess;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// A network of the catalogue.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Short name, as the element's `net` property takes it.
    pub nick: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Name of its ONNX file.
    pub file: &'static str,
    /// Name of the file with its licence, which is installed beside it.
    pub licence: &'static str,
    /// How its pictures are made.
    pub preprocess: Preprocess,
    /// Shortest side fed to the network, in pixels.
    pub input_size: u32,
    /// Command that installs the file, run in the source tree.
    pub command: &'static str,
}

/// The networks of the catalogue, in its order.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// The network called `nick`.
pub fn entry(nick: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.nick == nick)
}

/// Where an install prefix, and a source tree, keep the networks.
const FOLDERS: [&str; 2] = ["share/camoverlay/models", ".deps/share/camoverlay/models"];

impl Entry {
    /// The network's file: in `models_dir` alone if given, else in the folder that the variable
    /// `CAMOVERLAY_MODELS` names, else under the first of `roots` that has it.
    ///
    /// # Errors
    /// [`FileError::Missing`] naming the places.
    pub fn locate(
        &self,
        models_dir: Option<&Path>,
        roots: &[PathBuf],
    ) -> Result<PathBuf, FileError> {
        let mut places: Vec<PathBuf> = Vec::new();
        if let Some(folder) = models_dir {
            places.push(folder.join(self.file));
        } else {
            if let Some(folder) = std::env::var_os("CAMOVERLAY_MODELS").filter(|f| !f.is_empty()) {
                places.push(Path::new(&folder).join(self.file));
            }
            // Most ancestors of plugin and program hold no networks and would only lengthen the
            // error.
            let folders = roots
                .iter()
                .flat_map(|root| FOLDERS.map(|folder| root.join(folder)))
                .filter(|folder| folder.is_dir());
            for folder in folders {
                let place = folder.join(self.file);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        if let Some(found) = places.iter().position(|path| path.exists()) {
            return Ok(places.swap_remove(found));
        }
        if places.is_empty() {
            places.push(PathBuf::from(self.file));
        }
        Err(FileError::Missing {
            tried: places,
            nick: Some(self.nick),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::Remedy;

    #[test]
    fn the_catalogue_offers_the_classic_networks() {
        for nick in ["squeezenet", "googlenet", "resnet18", "mobilenetv2"] {
            let found = entry(nick).unwrap();
            assert_eq!(found.file, format!("{nick}.onnx"));
        }
    }

    #[test]
    fn a_missing_file_names_the_places_and_its_network() {
        let folder = Path::new("/nowhere");
        let error = entry("resnet18")
            .unwrap()
            .locate(Some(folder), &[])
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere/resnet18.onnx"), "{text}");
        assert_eq!(error.remedy(), Remedy::InstallNetwork("resnet18"));
    }
}
