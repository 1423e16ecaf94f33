//! A provider as a session has it.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;
use serde_json::{Value, json};

use super::known::{self, CPU_NAME, Kind};
use super::{CPU, registry};

/// Who computes a session's network.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// What users call it.
    pub nick: String,
    /// What ONNX Runtime calls it.
    pub name: String,
    pub how: How,
    /// The device that is asked for.
    pub kind: Option<Kind>,
    /// What it is told.
    pub settings: Vec<(String, String)>,
    /// The folder that it may keep compiled networks in.
    pub cache: Option<PathBuf>,
    /// Whether it is made for two runs at a time.
    pub is_concurrent: bool,
}

/// Where a provider comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// ONNX Runtime's own processor code.
    Cpu,
    /// The build of ONNX Runtime has it.
    BuiltIn,
    /// A library that registers.
    Plugin { library: PathBuf },
}

/// Why there is no session with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The library does not register.
    Library(String),
    /// There is no device for it.
    Device(String),
    /// It does not take the network, or what it is told.
    Network(String),
}

impl Refusal {
    /// What was said.
    pub fn words(&self) -> &str {
        match self {
            Self::Library(words) | Self::Device(words) | Self::Network(words) => words,
        }
    }
}

impl From<ort::Error> for Refusal {
    fn from(error: ort::Error) -> Self {
        Self::Network(error.to_string())
    }
}

/// A device that a provider offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// ONNX Runtime's name of the provider.
    pub provider: String,
    /// The hardware.
    pub kind: Kind,
    /// Who made the hardware.
    pub vendor: String,
}

/// What ONNX Runtime and the libraries that have registered offer.
pub fn devices(environment: &Environment) -> Vec<Device> {
    environment
        .devices()
        .map(|device| Device {
            provider: device.ep().unwrap_or_default().to_owned(),
            kind: kind(device.hardware_device().ty()),
            vendor: device
                .hardware_device()
                .vendor()
                .unwrap_or_default()
                .to_owned(),
        })
        .collect()
}

fn kind(hardware: DeviceType) -> Kind {
    match hardware {
        DeviceType::GPU => Kind::Gpu,
        DeviceType::NPU => Kind::Npu,
        _ => Kind::Cpu,
    }
}

impl Attachment {
    /// ONNX Runtime's own processor code.
    pub fn cpu() -> Self {
        Self {
            nick: CPU.to_owned(),
            name: CPU_NAME.to_owned(),
            how: How::Cpu,
            kind: None,
            settings: Vec::new(),
            cache: None,
            is_concurrent: true,
        }
    }

    /// Registers its library, if it has one.
    ///
    /// # Errors
    /// [`Refusal::Library`].
    pub fn register(&self, environment: &Environment) -> Result<(), Refusal> {
        match &self.how {
            How::Cpu | How::BuiltIn => Ok(()),
            How::Plugin { library } => {
                registry::register(environment, &self.name, library).map_err(Refusal::Library)
            }
        }
    }

    /// Has `builder` make sessions that it computes. Nothing may register until there is one.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn attach(
        &self,
        environment: &Environment,
        builder: SessionBuilder,
    ) -> Result<SessionBuilder, Refusal> {
        match &self.how {
            How::Cpu => {
                let is_cpu =
                    |device: &ort::device::Device| device.ep().is_ok_and(|name| name == CPU_NAME);
                // Where a library has registered, a session that names no device takes its.
                match environment.devices().all(|device| is_cpu(&device)) {
                    true => Ok(builder),
                    false => {
                        let cpu = environment.devices().find(is_cpu);
                        Ok(builder.with_devices(cpu, None).map_err(ort::Error::from)?)
                    }
                }
            }
            How::BuiltIn => {
                let provider = self.built_in()?;
                Ok(builder
                    .with_execution_providers([provider.error_on_failure()])
                    .map_err(ort::Error::from)?)
            }
            How::Plugin { .. } => self.attach_device(environment, builder),
        }
    }

    fn attach_device(
        &self,
        environment: &Environment,
        builder: SessionBuilder,
    ) -> Result<SessionBuilder, Refusal> {
        let is_own = |device: &ort::device::Device| {
            device
                .ep()
                .is_ok_and(|name| known::is_called(name, &self.name))
        };
        let own: Vec<_> = environment.devices().filter(is_own).collect();
        let order = match (&self.kind, known::known(&self.name)) {
            (Some(kind), _) => std::slice::from_ref(kind),
            (None, Some(known)) => known.devices,
            (None, None) => &[Kind::Gpu, Kind::Npu, Kind::Cpu],
        };
        let is_of = |kind: Kind| {
            move |device: &&ort::device::Device| self::kind(device.hardware_device().ty()) == kind
        };
        let chosen = order.iter().find_map(|&kind| own.iter().find(is_of(kind)));
        let Some(device) = chosen else {
            return Err(Refusal::Device(self.lack(environment, order)));
        };
        let name = device.ep().unwrap_or_default();
        // ONNX Runtime's binding puts the prefix into 128 bytes.
        if name.len() > 100 {
            return Err(Refusal::Library("its name is too long".into()));
        }
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(key, value)| (format!("{name}.{key}"), value.clone()))
            .collect();
        let device = environment.devices().find(|other| {
            use ort::AsPointer;
            std::ptr::eq(other.ptr(), device.ptr())
        });
        Ok(builder
            .with_devices(device, Some(&settings))
            .map_err(ort::Error::from)?)
    }

    /// What there is in place of a device of one of these kinds.
    fn lack(&self, environment: &Environment, order: &[Kind]) -> String {
        let (own, others): (Vec<_>, Vec<_>) = devices(environment)
            .into_iter()
            .partition(|device| known::is_called(&device.provider, &self.name));
        let kinds: Vec<String> = order.iter().map(Kind::to_string).collect();
        let wanted = kinds.join(" or ");
        let hardware = |devices: &[Device]| {
            let told = devices.iter().map(|device| match &*device.vendor {
                "" => device.kind.to_string(),
                vendor => format!("{} ({vendor})", device.kind),
            });
            told.collect::<Vec<_>>().join(", ")
        };
        if !own.is_empty() {
            return format!("it offers {} and no {wanted}", hardware(&own));
        }
        let foreign: Vec<&str> = others
            .iter()
            .map(|device| &*device.provider)
            .filter(|name| *name != CPU_NAME)
            .collect();
        match foreign.is_empty() {
            true => format!(
                "its library registers and offers no device; ONNX Runtime sees {}",
                hardware(&others)
            ),
            false => format!("its library offers {} instead", foreign.join(", ")),
        }
    }

    fn built_in(&self) -> Result<ExecutionProviderDispatch, Refusal> {
        fn told<E: ArbitrarilyConfigurableExecutionProvider>(
            provider: E,
            settings: &[(String, String)],
        ) -> E {
            settings.iter().fold(provider, |provider, (key, value)| {
                provider.with_arbitrary_config(key, value)
            })
        }
        let settings = &self.settings;
        Ok(match &*self.nick {
            "openvino" => told(ep::OpenVINO::default(), settings).build(),
            "cuda" => told(ep::CUDA::default(), settings).build(),
            "tensorrt" => told(ep::TensorRT::default(), settings).build(),
            "tensorrt-rtx" => told(ep::NVRTX::default(), settings).build(),
            "qnn" => told(ep::QNN::default(), settings).build(),
            "migraphx" => {
                let is_set = |key: &str| settings.iter().any(|(other, _)| other == key);
                ep::MIGraphX::default()
                    .with_fp16(is_set("migraphx_fp16_enable"))
                    .build()
            }
            other => {
                return Err(Refusal::Library(format!(
                    "{other} is no part of ONNX Runtime"
                )));
            }
        })
    }

    /// For another process.
    pub fn to_json(&self) -> Value {
        let (how, library) = match &self.how {
            How::Cpu => ("cpu", None),
            How::BuiltIn => ("built-in", None),
            How::Plugin { library } => ("plugin", library.to_str()),
        };
        json!({
            "nick": self.nick,
            "name": self.name,
            "how": how,
            "library": library,
            "kind": self.kind.map(Kind::name),
            "settings": self.settings,
            "cache": self.cache.as_deref().and_then(Path::to_str),
        })
    }

    /// From another process.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| Some(value[key].as_str()?.to_owned());
        let settings = value["settings"].as_array()?.iter();
        let pair =
            |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
        Some(Self {
            nick: text("nick")?,
            name: text("name")?,
            how: match value["how"].as_str()? {
                "cpu" => How::Cpu,
                "built-in" => How::BuiltIn,
                _ => How::Plugin {
                    library: text("library")?.into(),
                },
            },
            kind: value["kind"].as_str().and_then(Kind::from_name),
            settings: settings.map(pair).collect::<Option<_>>()?,
            cache: value["cache"].as_str().map(PathBuf::from),
            is_concurrent: true,
        })
    }
}
