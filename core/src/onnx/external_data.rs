//! Weights that a model keeps in other files.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use prost::bytes::Bytes;

use super::graph;
use super::load::LARGEST_FILE;
use super::proto::{self, DataLocation, Tensor};
use crate::file::{Ingredient, Opened};

/// Brings the weights that `model` keeps in files under `folder` into the model, and returns which
/// files those are. Only the weights' own bytes are read; several weights in one place share them.
///
/// # Errors
/// What is wrong with those files: missing, no regular files, too short, more than 2 GiB of weights
/// or than memory allows, changed while they are read, or outside `folder`.
pub fn inline(model: &mut proto::Model, folder: &Path) -> Result<Vec<Ingredient>, String> {
    let mut files: HashMap<PathBuf, Opened> = HashMap::new();
    let mut known: HashMap<(PathBuf, u64, usize), Bytes> = HashMap::new();
    let mut total = 0;
    let weights = model
        .graph
        .iter_mut()
        .flat_map(|graph| &mut graph.initializer);
    for weight in weights.filter(|weight| weight.data_location() == DataLocation::External) {
        let place = Place::of(weight)?;
        let path = confine(folder, place.location)?;
        let size = graph::byte_size(weight)
            .ok_or_else(|| format!("the shape of weight “{}” is absurd", weight.name()))?;
        let too_short = || {
            let (path, name) = (path.display(), weight.name());
            format!("{path} does not hold the {size} bytes of weight “{name}”")
        };
        if place.length.is_some_and(|length| length != size) {
            return Err(too_short());
        }
        let key = (path.clone(), place.offset, size);
        let data = match known.get(&key) {
            Some(data) => data.clone(),
            None => {
                total += size;
                if total > LARGEST_FILE {
                    return Err(format!(
                        "the weights in {} and others are larger than 2 GiB",
                        path.display()
                    ));
                }
                let failed = |trouble| format!("{} {trouble}", path.display());
                if !files.contains_key(&path) {
                    files.insert(path.clone(), Opened::new(&path).map_err(failed)?);
                }
                let data = files[&path].read_range(place.offset, size);
                let data = Bytes::from(data.map_err(|trouble| match trouble {
                    crate::file::Trouble::TooShort => too_short(),
                    other => failed(other),
                })?);
                known.insert(key, data.clone());
                data
            }
        };
        weight.raw_data = Some(data);
        weight.external_data.clear();
        weight.data_location = None;
    }
    for (path, file) in &files {
        file.check()
            .map_err(|trouble| format!("{} {trouble}", path.display()))?;
    }
    Ok(files.into_values().map(Opened::ingredient).collect())
}

/// Where a weight's bytes are.
struct Place<'a> {
    location: &'a str,
    offset: u64,
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
                .parse::<u64>()
                .map(Some)
                .map_err(|_| format!("the {key} of weight “{}” is “{text}”", weight.name())),
        };
        let length = number("length")?;
        Ok(Self {
            location: value("location")
                .ok_or_else(|| format!("weight “{}” names no file", weight.name()))?,
            offset: number("offset")?.unwrap_or(0),
            length: length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
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
