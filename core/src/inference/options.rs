//! Which network to open, and what to know better than its file does.

use std::path::PathBuf;

use super::catalogue::{self, Entry};
use super::folder;
use super::provider::Provider;
use crate::file::memory;
use crate::onnx::error::FileError;
use crate::preprocess::{ColorOrder, FitMode, Preprocess};

/// Which network file to open.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// An ONNX file, by its path, or the folder that exporters keep one in: `model.onnx`, `onnx/model.onnx`, or
    /// the only one there is. What Transformers, Optimum and timm write beside it (`config.json`,
    /// `preprocessor_config.json`) tells labels and preprocessing.
    File(PathBuf),
    /// A network of the catalogue, looked for in `models_dir` and under `search_roots`.
    Catalogue(&'static Entry),
}

/// Largest shortest side that a network is fed, in pixels.
pub const MAX_INPUT_SIZE: u32 = 4096;

/// One part in this many of the memory that is left when a network is opened stays with the others.
const FOR_OTHERS: u64 = 4;

/// How to open a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The network.
    pub source: Source,
    /// Folder of the catalogue's network files.
    pub models_dir: Option<PathBuf>,
    /// Label file, in place of the network's own labels.
    pub labels: Option<PathBuf>,
    /// Name or index of the output to explain; none: the one that most likely tells the classes.
    pub output: Option<String>,
    /// Name of the tensor or node whose feature map is explained; none: the last one with places.
    pub layer: Option<String>,
    /// A head of layers can be run on each cell alone, as [`Method::ReciproCam`](crate::cam::Method::ReciproCam) asks for; its
    /// weights take their memory twice then.
    pub cell_by_cell: bool,
    /// Preprocessing, in place of the network's own.
    pub preprocess: Option<Preprocess>,
    /// Mean of the channels, in place of the preprocessing's: 1 or 3 numbers of 0..1, in the order of the network's
    /// channels, as training recipes write them. Channels are divided by 255 before it is subtracted.
    pub mean: Option<Vec<f64>>,
    /// Deviation of the channels, likewise; what is left of a channel is divided by it.
    pub std: Option<Vec<f64>>,
    /// Colours that the network wants, in place of the preprocessing's.
    pub color_order: Option<ColorOrder>,
    /// How frames of another shape are fitted, in place of what the network's file says, or what its input asks for.
    pub fit: Option<FitMode>,
    /// Part of the shortest side that a crop leaves, 0.05..1, in place of what the file says; 0.875 is that of training
    /// recipes that scale to 256 pixels and crop 224.
    pub crop_share: Option<f64>,
    /// Shortest side fed to the network in pixels, in place of the network's own.
    pub input_size: Option<u32>,
    /// Threads inside an operator; 0: as many as cores.
    pub threads: usize,
    /// Most pictures of one run, where the network's layers keep pictures apart, as is tried when it is opened; 1: each has its own.
    pub batch_size: usize,
    /// Most bytes that the network takes, weights and a run's tensors together; none: what the machine
    /// has, but for a share that is left to others.
    pub memory_limit: Option<u64>,
    /// Path of libonnxruntime.
    pub ort_library: Option<PathBuf>,
    /// Who computes the network.
    pub provider: Provider,
    /// Folders under which library and networks may be installed; the plugin's own folder first.
    pub search_roots: Vec<PathBuf>,
}

/// SqueezeNet 1.1, with all that is its own.
impl Default for Options {
    fn default() -> Self {
        Self {
            source: Source::Catalogue(&catalogue::entries()[0]),
            models_dir: None,
            labels: None,
            preprocess: None,
            mean: None,
            std: None,
            color_order: None,
            fit: None,
            crop_share: None,
            input_size: None,
            output: None,
            layer: None,
            cell_by_cell: false,
            threads: 0,
            batch_size: 1,
            memory_limit: None,
            ort_library: None,
            provider: Provider::default(),
            search_roots: Vec::new(),
        }
    }
}

impl Options {
    /// Most bytes that the network takes; none where neither caller nor machine bound it.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        let of_machine = || Some(memory::available()? / FOR_OTHERS * (FOR_OTHERS - 1));
        self.memory_limit.or_else(of_machine)
    }

    /// The network's file, and its entry in the catalogue.
    ///
    /// # Errors
    /// [`FileError::Missing`], [`FileError::NoNetwork`], [`FileError::Unreadable`].
    pub(crate) fn locate(&self) -> Result<(PathBuf, Option<&'static Entry>), FileError> {
        match &self.source {
            Source::File(path) => Ok((folder::network(path)?, None)),
            Source::Catalogue(entry) => {
                let folder = self.models_dir.as_deref();
                Ok((entry.locate(folder, &self.search_roots)?, Some(*entry)))
            }
        }
    }
}

/// Where a classifier's preprocessing was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreprocessOrigin {
    /// [`Options::preprocess`].
    Options,
    /// The metadata in the network file.
    File,
    /// A file beside the network, of this name.
    Beside(&'static str),
    /// The catalogue.
    Catalogue,
    /// Nothing says it: [`Preprocess::Torch`] is taken, the most common one.
    Assumed,
}
