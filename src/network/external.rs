//! Weights that a model keeps in other files.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use prost::bytes::Bytes;

use super::graph;
use super::onnx::{self, Tensor};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Brings the weights that `model` keeps in files under `folder` into the model. Several weights
/// in one file share its bytes.
///
/// # Errors
/// What is wrong with those files: missing, too short, or outside `folder`.
pub fn inline(model: &mut onnx::Model, folder: &Path) -> Result<(), String> {
    let mut files: HashMap<PathBuf, Bytes> = HashMap::new();
    let weights = model
        .graph
        .iter_mut()
        .flat_map(|graph| &mut graph.initializer);
    for weight in weights.filter(|weight| weight.data_location() == EXTERNAL) {
        let place = Place::of(weight)?;
        let path = confine(folder, place.location)?;
        if !files.contains_key(&path) {
            files.insert(path.clone(), read(&path)?);
        }
        let bytes = &files[&path];
        let size = graph::byte_size(weight)
            .ok_or_else(|| format!("the shape of weight “{}” is absurd", weight.name()))?;
        let length = place.length.unwrap_or(size);
        let end = place
            .offset
            .checked_add(length)
            .filter(|&end| end <= bytes.len());
        let (true, Some(end)) = (length == size, end) else {
            return Err(format!(
                "{} does not hold the {size} bytes of weight “{}”",
                path.display(),
                weight.name()
            ));
        };
        let data = bytes.slice(place.offset..end);
        weight.raw_data = Some(data);
        weight.external_data.clear();
        weight.data_location = None;
    }
    Ok(())
}

/// Where a weight's bytes are.
struct Place<'a> {
    location: &'a str,
    offset: usize,
    length: Option<usize>,
}

impl<'a> Place<'a> {
    fn of(weight: &'a Tensor) -> Result<Self, String> {
        let value = |key: &str| {
            let mut entries = weight.external_data.iter();
            entries
                .find(|entry| entry.key() == key)
                .map(|entry| entry.value())
        };
        let number = |key: &str| match value(key) {
            None => Ok(None),
            Some(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| format!("the {key} of weight “{}” is “{text}”", weight.name())),
        };
        Ok(Self {
            location: value("location")
                .ok_or_else(|| format!("weight “{}” names no file", weight.name()))?,
            offset: number("offset")?.unwrap_or(0),
            length: number("length")?,
        })
    }
}

/// The file at `location` under `folder`, links followed.
fn confine(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    let outside = || format!("{location} lies outside the model's folder");
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(outside());
    }
    let path = folder.join(relative);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let resolved = path.canonicalize().map_err(failed)?;
    let folder = folder.canonicalize().map_err(failed)?;
    if !resolved.starts_with(folder) {
        return Err(outside());
    }
    Ok(resolved)
}

fn read(path: &Path) -> Result<Bytes, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let metadata = path.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    if metadata.len() > graph::LARGEST_FILE as u64 {
        return Err(format!("{} is larger than 2 GiB", path.display()));
    }
    std::fs::read(path).map(Bytes::from).map_err(failed)
}
