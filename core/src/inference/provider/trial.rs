//! Trying a provider with a network, once: in a process of its own, since a library may end it, and with the outcome
//! written down.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::attach::{Attachment, How};
use super::cache;
use super::check::Request;
use super::child::{self, Failure};
use super::error::ProviderError;
use super::known;
use super::outcome::{Measured, Outcome};
use crate::error::Error;
use crate::inference::error::RuntimeError;
use crate::inference::probe;
use crate::inference::session::Cancellation;

/// How long a provider may take for a trial.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for those that try out what is fastest.
const PATIENCE_TO_COMPILE: Duration = Duration::from_secs(900);

/// For how long a refusal holds: until then a driver may have been installed, of which the libraries do not tell.
const REFUSAL_HOLDS: Duration = Duration::from_secs(600);

/// A network, and who is to compute it.
pub struct Trial<'a> {
    pub request: Request,
    pub model: &'a [u8],
    pub pictures: Vec<Vec<f32>>,
}

/// What a provider has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It runs the network.
    Any,
    /// It gives what ONNX Runtime's own code gives, and faster.
    Better,
    /// It runs the network, whatever was written down earlier.
    Anew,
}

impl<'a> Trial<'a> {
    /// Of pictures that are such frames.
    pub fn new(model: &'a [u8], frame: probe::Frame, request: Request) -> Self {
        Self {
            pictures: probe::tensors(&frame, request.channels),
            request,
            model,
        }
    }

    /// What was measured of the network in the file at `path`.
    ///
    /// # Errors
    /// [`ProviderError`], [`RuntimeError::Cancelled`].
    pub fn measured(
        &self,
        path: &Path,
        roots: &[PathBuf],
        demand: Demand,
        cancellation: &Cancellation,
    ) -> Result<Measured, Error> {
        let attachment = &self.request.attachment;
        let outcome = self.outcome(roots, demand, cancellation);
        let outcome = outcome.map_err(|failure| match failure {
            Failure::Cancelled => RuntimeError::Cancelled.into(),
            Failure::Error(error) => Error::from(error),
        })?;
        let measured = judged(outcome, attachment, path)?;
        if demand == Demand::Better
            && let Some(message) = measured.shortcoming()
        {
            let name = attachment.nick.clone();
            return Err(ProviderError::NotBetter { name, message }.into());
        }
        Ok(measured)
    }

    /// What comes of it, or came of it the last time.
    ///
    /// # Errors
    /// [`Failure`].
    fn outcome(
        &self,
        roots: &[PathBuf],
        demand: Demand,
        cancellation: &Cancellation,
    ) -> Result<Outcome, Failure> {
        let file = cache::folder("providers").map(|folder| folder.join(self.name()));
        let known = file
            .as_deref()
            .filter(|_| demand != Demand::Anew)
            .and_then(remembered);
        if let Some(outcome) = known {
            return Ok(outcome);
        }
        let program = child::program(roots)?;
        let Self {
            request,
            model,
            pictures,
        } = self;
        let is_slow =
            known::known(&request.attachment.name).is_some_and(|known| known.is_slow_to_compile);
        let patience = if is_slow {
            PATIENCE_TO_COMPILE
        } else {
            PATIENCE
        };
        let outcome = child::run(&program, request, model, pictures, patience, cancellation)?;
        if let Some(file) = file {
            remember(&file, &outcome);
        }
        Ok(outcome)
    }

    /// The name of the file for the outcome: by all that it depends on.
    fn name(&self) -> String {
        let Request {
            attachment,
            runtime,
            threads,
            size,
            choice,
            ..
        } = &self.request;
        let mut hashers = [0u8, 1].map(|which| {
            let mut hasher = DefaultHasher::new();
            which.hash(&mut hasher);
            hasher
        });
        for hasher in &mut hashers {
            env!("CARGO_PKG_VERSION").hash(hasher);
            self.model.hash(hasher);
            attachment.to_json().to_string().hash(hasher);
            (threads, size).hash(hasher);
            choice
                .map(|choice| (choice.detail, choice.share.is_some(), choice.alone))
                .hash(hasher);
            identity(runtime).hash(hasher);
            if let How::Plugin { library } = &attachment.how {
                identity(library).hash(hasher);
            }
            if let Some(folder) = runtime.parent() {
                identity(&folder.join("libonnxruntime_providers_shared.so")).hash(hasher);
            }
            // Which other libraries are found.
            std::env::var_os("LD_LIBRARY_PATH").hash(hasher);
            machine().hash(hasher);
        }
        let [a, b] = hashers.map(|hasher| hasher.finish());
        format!(
            "{}-{a:016x}{b:016x}.json",
            attachment.nick.replace('/', "_")
        )
    }
}

/// What changes when the file does.
fn identity(path: &Path) -> (PathBuf, u64, Option<SystemTime>) {
    let metadata = fs::metadata(path).ok();
    (
        path.to_owned(),
        metadata.as_ref().map_or(0, fs::Metadata::len),
        metadata.and_then(|metadata| metadata.modified().ok()),
    )
}

/// The processor and the drivers: folders of users may be on several machines.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| {
        let line = processors.lines().find(|line| line.starts_with(name));
        line.unwrap_or_default().to_owned()
    };
    let cores = processors.matches("processor\t").count();
    let driver = |file: &str| fs::read_to_string(file).unwrap_or_default();
    format!(
        "{} {} {cores} {} {}",
        line("model name"),
        line("flags"),
        driver("/proc/driver/nvidia/version"),
        driver("/sys/module/amdgpu/version"),
    )
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn remembered(file: &Path) -> Option<Outcome> {
    let value: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let outcome = Outcome::from_json(&value)?;
    let age = now().checked_sub(value["time"].as_u64()?)?;
    match outcome {
        Outcome::Measured(_) => Some(outcome),
        Outcome::Refused(_) | Outcome::Died(_) | Outcome::TimedOut(_) => {
            (age < REFUSAL_HOLDS.as_secs()).then_some(outcome)
        }
    }
}

/// For how long nobody may have asked for what is kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Forgets what was written down so long ago that it is hardly asked for again.
fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where it cannot be written, it is found out anew.
fn remember(file: &Path, outcome: &Outcome) {
    let folder = file.parent().unwrap_or(Path::new("."));
    forget(folder);
    let mut value = outcome.to_json();
    value["time"] = json!(now());
    let write = || -> std::io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        write!(new, "{value}")?;
        new.persist(file)?;
        Ok(())
    };
    let _ = write();
}

/// The error that an outcome is, for the provider called `name` and the network in the file at `path`.
///
/// # Errors
/// Every outcome but [`Outcome::Measured`].
fn judged(
    outcome: Outcome,
    attachment: &Attachment,
    path: &Path,
) -> Result<Measured, ProviderError> {
    let name = attachment.nick.clone();
    Err(match outcome {
        Outcome::Measured(measured) => return Ok(measured),
        Outcome::Died(message) => ProviderError::Died { name, message },
        Outcome::TimedOut(seconds) => ProviderError::TimedOut { name, seconds },
        Outcome::Refused(refusal) => refused(refusal, attachment, path),
    })
}

/// The error that a refusal is.
pub fn refused(
    refusal: super::attach::Refusal,
    attachment: &Attachment,
    path: &Path,
) -> ProviderError {
    use super::attach::Refusal;
    let name = attachment.nick.clone();
    match refusal {
        Refusal::Library(message) => ProviderError::Library {
            name,
            library: match &attachment.how {
                How::Plugin { library } => library.clone(),
                How::Cpu | How::BuiltIn => crate::inference::runtime::loaded().unwrap_or_default(),
            },
            message,
        },
        Refusal::Device(message) => ProviderError::NoDevice { name, message },
        Refusal::Network(message) => ProviderError::Refused {
            name,
            path: path.to_owned(),
            message,
        },
    }
}
