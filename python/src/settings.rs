//! The package's names for what to open, and what they mean to the core.

use std::path::PathBuf;

use camoverlay::cam::Method;
use camoverlay::inference::{MAX_INPUT_SIZE, Options, Precision, Provider, Source, entries, entry};
use camoverlay::preprocess::{ColorOrder, FitMode, Preprocess};
use pyo3::prelude::*;

use crate::errors::Failure;

/// The settings of `camoverlay.Explainer`, by its names for them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Settings {
    model: Option<PathBuf>,
    net: String,
    labels: Option<PathBuf>,
    output: Option<String>,
    layer: Option<String>,
    preprocess: String,
    mean: Option<Vec<f64>>,
    std: Option<Vec<f64>>,
    color_order: String,
    fit: String,
    crop_share: Option<f64>,
    input_size: Option<u32>,
    threads: usize,
    batch_size: usize,
    memory_limit: Option<u64>,
    models_dir: Option<PathBuf>,
    ort_library: Option<PathBuf>,
    provider: String,
    provider_library: Option<PathBuf>,
    provider_options: Vec<(String, String)>,
    precision: String,
    search_roots: Vec<PathBuf>,
}

/// What leaves a choice to the network's files.
pub const AUTO: &str = "auto";

impl Settings {
    /// What the core is told, of a network that `method` is to explain.
    ///
    /// # Errors
    /// A name that there is not, or a number out of its range, told with what there is.
    pub fn options(self, method: Method) -> Result<Options, Failure> {
        let source = match self.model {
            Some(path) => Source::File(path),
            None => {
                let nicks: Vec<&str> = entries().iter().map(|entry| entry.nick).collect();
                Source::Catalogue(one_of("net", &self.net, &nicks, entry)?)
            }
        };
        if self.input_size.is_some_and(|size| size > MAX_INPUT_SIZE) {
            return Err(Failure::settings(format!(
                "input_size is more than {MAX_INPUT_SIZE} pixels. Give a smaller one."
            )));
        }
        Ok(Options {
            source,
            models_dir: self.models_dir,
            labels: self.labels,
            output: self.output,
            layer: self.layer.filter(|layer| layer != AUTO),
            cell_by_cell: method == Method::ReciproCam,
            preprocess: unless_auto(
                "preprocess",
                &self.preprocess,
                &Preprocess::ALL.map(Preprocess::name),
                Preprocess::from_name,
            )?,
            mean: self.mean,
            std: self.std,
            color_order: unless_auto(
                "color_order",
                &self.color_order,
                &ColorOrder::ALL.map(ColorOrder::name),
                ColorOrder::from_name,
            )?,
            fit: unless_auto(
                "fit",
                &self.fit,
                &FitMode::ALL.map(FitMode::name),
                FitMode::from_name,
            )?,
            crop_share: self.crop_share,
            input_size: self.input_size,
            threads: self.threads,
            batch_size: self.batch_size.max(1),
            memory_limit: self.memory_limit,
            ort_library: self.ort_library,
            provider: Provider {
                name: self.provider,
                library: self.provider_library,
                options: self.provider_options,
                precision: one_of(
                    "precision",
                    &self.precision,
                    &Precision::ALL.map(Precision::name),
                    Precision::from_name,
                )?,
            },
            search_roots: self.search_roots,
        })
    }
}

/// The method called `name`.
///
/// # Errors
/// What there is, where there is none.
pub fn method(name: &str) -> Result<Method, Failure> {
    one_of(
        "method",
        name,
        &Method::ALL.map(Method::name),
        Method::from_name,
    )
}

/// What `of_name` knows as `name`, which was given as `setting`.
///
/// # Errors
/// All `names`, where it knows none.
pub fn one_of<T>(
    setting: &str,
    name: &str,
    names: &[&str],
    of_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    of_name(name).ok_or_else(|| {
        Failure::settings(format!(
            "{setting}={name:?} is not known. Choose one of {}.",
            names.join(", ")
        ))
    })
}

fn unless_auto<T>(
    setting: &str,
    name: &str,
    names: &[&str],
    of_name: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Failure> {
    if name == AUTO {
        return Ok(None);
    }
    let names: Vec<&str> = [AUTO].into_iter().chain(names.iter().copied()).collect();
    one_of(setting, name, &names, of_name).map(Some)
}
