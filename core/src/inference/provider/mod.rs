//! Execution providers: who computes the network.
//!
//! ONNX Runtime's own processor code is the default. Others are part of a build of ONNX Runtime (CUDA's, TensorRT's,
//! MIGraphX's, one of OpenVINO's), or come as libraries that register with any build (OpenVINO's, TensorRT RTX's, QNN's).
//! What is [`known`] of them says where they are [`find`] and which [`settings`] they take; a session has one attached
//! ([`attach`]); before this process loads one for a network, it is tried in a child ([`trial`]).

pub(crate) mod attach;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod child;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod fastest;
pub(crate) mod find;
pub(crate) mod known;
pub(crate) mod outcome;
pub(crate) mod registry;
pub(crate) mod settings;
pub(crate) mod survey;
pub(crate) mod trial;

use std::path::PathBuf;

pub use error::ProviderError;

/// The nick of ONNX Runtime's own processor code.
pub const CPU: &str = "cpu";

/// Stands for the fastest provider that is installed and gives the same classes.
pub const AUTO: &str = "auto";

/// Which provider computes, and what it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// `cpu`, `auto`, `openvino`, `cuda`, `tensorrt`, `tensorrt-rtx`, `migraphx`, `qnn`, or the name under which a
    /// plugin provider registers; `:cpu`, `:gpu` or `:npu` behind it names the device.
    pub name: String,
    /// A plugin provider's library, or the folder that it is in.
    pub library: Option<PathBuf>,
    /// Handed on to the provider, key by key.
    pub options: Vec<(String, String)>,
    /// In how many bits it computes.
    pub precision: Precision,
}

/// ONNX Runtime's own processor code.
impl Default for Provider {
    fn default() -> Self {
        Self {
            name: CPU.to_owned(),
            library: None,
            options: Vec::new(),
            precision: Precision::Auto,
        }
    }
}

impl Provider {
    /// Whether the fastest is to be found.
    pub fn is_auto(&self) -> bool {
        self.name.eq_ignore_ascii_case(AUTO)
    }
}

/// In how many bits a provider computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As many as the provider chooses.
    #[default]
    Auto,
    /// 32.
    Float32,
    /// 16, or whatever is the fastest that the provider has for a network of floating point numbers.
    Reduced,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Float32, Self::Reduced];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Float32 => "float32",
            Self::Reduced => "reduced",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}
