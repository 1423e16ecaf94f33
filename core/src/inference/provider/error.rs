//! Why an execution provider does not compute.

use std::fmt;
use std::path::PathBuf;

use crate::remedy::{Remedy, one_line};

/// Why an execution provider does not compute. `Display` says what is wrong, [`remedy`](Self::remedy) what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderError {
    /// Neither is it part of the ONNX Runtime that is loaded, nor was its library found.
    Missing {
        /// As it was asked for.
        name: String,
        /// Its nick, where it has one.
        nick: Option<&'static str>,
        /// The ONNX Runtime that is loaded.
        runtime: PathBuf,
        /// Where its library was looked for.
        tried: Vec<PathBuf>,
    },
    /// It is part of another build of ONNX Runtime than the one that this process has loaded.
    OtherRuntime {
        /// As it was asked for.
        name: String,
        /// The ONNX Runtime that is loaded.
        loaded: PathBuf,
        /// The one that has it.
        needed: PathBuf,
    },
    /// The library is none of a provider, or does not load.
    Library {
        /// As it was asked for.
        name: String,
        /// The library.
        library: PathBuf,
        /// The loader's or ONNX Runtime's own words.
        message: String,
    },
    /// The library registers, and has nothing to compute on here.
    NoDevice {
        /// As it was asked for.
        name: String,
        /// What there is and what was wanted.
        message: String,
    },
    /// It ended the process that tried it.
    Died {
        /// As it was asked for.
        name: String,
        /// How that process ended, and what it said last.
        message: String,
    },
    /// It had not opened the network in time.
    TimedOut {
        /// As it was asked for.
        name: String,
        /// For how many seconds it was waited.
        seconds: u64,
    },
    /// It does not take the network.
    Refused {
        /// As it was asked for.
        name: String,
        /// The network file.
        path: PathBuf,
        /// Its own words.
        message: String,
    },
    /// It computes the network, but not as `auto` asks for: the same, and faster.
    NotBetter {
        /// As it was asked for.
        name: String,
        /// What was measured.
        message: String,
    },
    /// It cannot be told so.
    Setting {
        /// As it was asked for.
        name: String,
        /// What it cannot be told.
        message: String,
    },
    /// The program that tries providers is missing.
    NoChecker {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The program that tries providers does not do so.
    Checker {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl ProviderError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Library { message, .. } | Self::Refused { message, .. }
                if message.contains("cannot open shared object file") =>
            {
                Remedy::Words(
                    "Install that file where the system's loader finds it (ldconfig, or LD_LIBRARY_PATH), or choose the \
                     provider cpu.",
                )
            }
            Self::Missing { nick, .. } => match nick {
                Some(nick) => Remedy::InstallProvider(nick),
                None => Remedy::NameProviderLibrary,
            },
            Self::OtherRuntime { .. } => Remedy::LoadOtherRuntime,
            Self::Library { .. } => Remedy::NameProviderLibrary,
            Self::NoDevice { .. }
            | Self::Died { .. }
            | Self::TimedOut { .. }
            | Self::Refused { .. }
            | Self::NotBetter { .. } => Remedy::ChooseProvider,
            Self::Setting { .. } => Remedy::CorrectProviderOptions,
            Self::NoChecker { .. } | Self::Checker { .. } => Remedy::InstallChecker,
        }
    }
}

/// Paths with commas between them.
fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                name,
                runtime,
                tried,
                ..
            } => {
                write!(
                    f,
                    "The execution provider {name} is not part of {}",
                    runtime.display()
                )?;
                match tried.is_empty() {
                    true => write!(f, "."),
                    false => write!(f, ", nor is its library installed ({}).", list(tried)),
                }
            }
            Self::OtherRuntime {
                name,
                loaded,
                needed,
            } => write!(
                f,
                "The execution provider {name} is part of {}, but this process has loaded {}.",
                needed.display(),
                loaded.display()
            ),
            Self::Library {
                name,
                library,
                message,
            } => write!(
                f,
                "{} is no library of the execution provider {name}: {}.",
                library.display(),
                one_line(message)
            ),
            Self::NoDevice { name, message } => write!(
                f,
                "The execution provider {name} has nothing to compute on here: {}.",
                one_line(message)
            ),
            Self::Died { name, message } => write!(
                f,
                "The execution provider {name} ended the process that tried it: {}.",
                one_line(message)
            ),
            Self::TimedOut { name, seconds } => write!(
                f,
                "The execution provider {name} had not opened the network after {seconds} seconds."
            ),
            Self::Refused {
                name,
                path,
                message,
            } => write!(
                f,
                "The execution provider {name} does not run {}: {}.",
                path.display(),
                one_line(message)
            ),
            Self::NotBetter { name, message } => {
                write!(f, "The execution provider {name} {}.", one_line(message))
            }
            Self::Setting { name, message } => {
                write!(f, "The execution provider {name} {}.", one_line(message))
            }
            Self::NoChecker { tried } => write!(
                f,
                "The program that tries execution providers is missing ({}).",
                list(tried)
            ),
            Self::Checker { program, message } => write!(
                f,
                "{}, which is to try execution providers, does not: {}.",
                program.display(),
                one_line(message)
            ),
        }
    }
}

impl std::error::Error for ProviderError {}
