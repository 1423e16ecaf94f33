//! Where a provider is: in the ONNX Runtime that is loaded, or in a library that registers with it.

use std::path::{Path, PathBuf};

use ort::ep::{self, ExecutionProvider};

use super::attach::{Attachment, How};
use super::error::ProviderError;
use super::known::{self, KNOWN, Kind, Known};
use super::{CPU, Precision, Provider, cache, settings};
use crate::inference::{elf, runtime};

/// What [`Provider::name`] asks for.
pub struct Asked {
    /// Without the device.
    pub name: String,
    pub known: Option<&'static Known>,
    pub kind: Option<Kind>,
}

impl Asked {
    /// # Errors
    /// What follows the colon is no device.
    pub fn of(provider: &Provider) -> Result<Self, ProviderError> {
        let (name, kind) = match provider.name.rsplit_once(':') {
            None => (&*provider.name, None),
            Some((name, device)) => match Kind::from_name(device) {
                Some(kind) => (name, Some(kind)),
                None => {
                    return Err(ProviderError::Setting {
                        name: name.to_owned(),
                        message: format!("has no device “{device}”, only cpu, gpu and npu"),
                    });
                }
            },
        };
        Ok(Self {
            name: name.to_owned(),
            known: known::known(name),
            kind,
        })
    }

    /// Whether it is ONNX Runtime's own processor code.
    pub fn is_cpu(&self) -> bool {
        self.name.eq_ignore_ascii_case(CPU) || known::is_called(known::CPU_NAME, &self.name)
    }

    /// The nick, or the name as it was given.
    pub fn nick(&self) -> &str {
        self.known.map_or(&self.name, |known| known.nick)
    }
}

/// What a session has attached for `provider`, in the ONNX Runtime that this process has loaded; `roots` are the folders
/// under which libraries may be installed, `threads` those that the network may take.
///
/// # Errors
/// [`ProviderError::Missing`], [`ProviderError::OtherRuntime`], [`ProviderError::Library`], [`ProviderError::Setting`].
pub fn find(
    provider: &Provider,
    threads: usize,
    roots: &[PathBuf],
) -> Result<Attachment, ProviderError> {
    let asked = Asked::of(provider)?;
    let setting = |message: String| ProviderError::Setting {
        name: asked.nick().to_owned(),
        message,
    };
    if asked.is_cpu() {
        if provider.precision == Precision::Reduced {
            return Err(setting(
                "computes in the types of the network alone, not in reduced precision".into(),
            ));
        }
        if let Some((key, _)) = provider.options.first() {
            return Err(setting(format!("takes no options, not “{key}” either")));
        }
        if provider.library.is_some() {
            return Err(setting(
                "is part of ONNX Runtime and has no library of its own".into(),
            ));
        }
        if asked.kind.is_some_and(|kind| kind != Kind::Cpu) {
            return Err(setting("computes on the processor alone".into()));
        }
        return Ok(Attachment::cpu());
    }
    let how = how(provider, &asked, roots)?;
    let known = asked.known;
    let cache = known.and_then(|known| cache::folder(&format!("compiled/{}", known.nick)));
    let is_plugin = matches!(how, How::Plugin { .. });
    let settings = settings::settings(
        asked.nick(),
        provider,
        asked.kind,
        is_plugin,
        threads,
        cache.as_deref(),
    )
    .map_err(setting)?;
    if asked.nick() == "migraphx"
        && how == How::BuiltIn
        && let Some((key, _)) = provider.options.first()
    {
        return Err(setting(format!(
            "takes no options from here, not “{key}” either"
        )));
    }
    Ok(Attachment {
        nick: asked.nick().to_owned(),
        name: asked
            .known
            .map_or(&*asked.name, |known| known.name)
            .to_owned(),
        how,
        kind: asked.kind,
        settings,
        cache,
        is_concurrent: asked.known.is_some_and(|known| known.is_concurrent),
    })
}

fn how(provider: &Provider, asked: &Asked, roots: &[PathBuf]) -> Result<How, ProviderError> {
    let nick = asked.nick();
    if let Some(path) = &provider.library {
        return Ok(How::Plugin {
            library: named(path, asked)?,
        });
    }
    if asked.known.is_some_and(is_built_in) {
        return Ok(How::BuiltIn);
    }
    let folders = match asked.known {
        Some(known) => folders(known, roots),
        None => Vec::new(),
    };
    let file = asked.known.and_then(|known| known.plugin);
    let mut tried = Vec::new();
    for path in folders.iter().filter_map(|folder| Some(folder.join(file?))) {
        match path.exists() {
            true => return Ok(How::Plugin { library: path }),
            false => tried.push(path),
        }
    }
    let runtime = runtime::loaded().unwrap_or_default();
    let builds = folders
        .iter()
        .flat_map(|folder| runtime::versions_in(folder));
    if let Some((_, needed)) = builds.max() {
        return Err(ProviderError::OtherRuntime {
            name: nick.to_owned(),
            loaded: runtime,
            needed,
        });
    }
    Err(ProviderError::Missing {
        name: nick.to_owned(),
        nick: asked.known.map(|known| known.nick),
        runtime,
        tried,
    })
}

/// The folders that set-up may have put a provider in, the likeliest first.
pub fn folders(known: &Known, roots: &[PathBuf]) -> Vec<PathBuf> {
    let folders = runtime::folders(roots);
    let within = |folder: PathBuf| folder.join("providers").join(known.folder);
    folders.into_iter().map(within).collect()
}

/// The builds of ONNX Runtime that are installed and have what `provider` asks for, where no library that registers is.
pub fn builds(provider: &Provider, roots: &[PathBuf]) -> Vec<PathBuf> {
    let is_asked_for = |known: &&Known| match Asked::of(provider) {
        _ if provider.is_auto() => true,
        Ok(asked) => provider.library.is_none() && asked.known == Some(*known),
        Err(_) => false,
    };
    let of = |known: &Known| {
        let folders = folders(known, roots);
        let file = known.plugin.unwrap_or_default();
        let registers =
            known.plugin.is_some() && folders.iter().any(|folder| folder.join(file).exists());
        let builds = folders
            .iter()
            .flat_map(|folder| runtime::versions_in(folder));
        builds.max().filter(|_| !registers).map(|(_, path)| path)
    };
    KNOWN.iter().filter(is_asked_for).filter_map(of).collect()
}

/// The library that was named, by itself or by its folder.
fn named(path: &Path, asked: &Asked) -> Result<PathBuf, ProviderError> {
    let refuse = |message: String| ProviderError::Library {
        name: asked.nick().to_owned(),
        library: path.to_owned(),
        message,
    };
    let path = match path.is_dir() {
        false => path.to_owned(),
        true => {
            let file = asked.known.and_then(|known| known.plugin);
            let file = file
                .map(|file| path.join(file))
                .filter(|file| file.exists());
            file.ok_or_else(|| refuse("it is a folder without one".into()))?
        }
    };
    if !path.exists() {
        return Err(refuse("there is no such file".into()));
    }
    elf::check_provider(&path).map_err(|why| refuse(format!("it {why}")))?;
    // ONNX Runtime takes a relative path for one beside itself.
    path.canonicalize()
        .map_err(|error| refuse(error.to_string()))
}

/// Whether the ONNX Runtime that is loaded has it in itself.
pub fn is_built_in(known: &Known) -> bool {
    let is_available = match known.nick {
        "openvino" => ep::OpenVINO::is_available(),
        "cuda" => ep::CUDA::is_available(),
        "tensorrt" => ep::TensorRT::is_available(),
        "tensorrt-rtx" => ep::NVRTX::is_available(),
        "migraphx" => ep::MIGraphX::is_available(),
        "qnn" => ep::QNN::is_available(),
        _ => return false,
    };
    is_available.unwrap_or(false)
}
