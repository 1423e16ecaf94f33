//! What is known of ONNX Runtime's execution providers: the table, one row each.

use std::fmt;

/// ONNX Runtime's name of its own processor code.
pub const CPU_NAME: &str = "CPUExecutionProvider";

/// Which kind of hardware computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cpu,
    Gpu,
    Npu,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Cpu, Self::Gpu, Self::Npu];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Npu => "npu",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_uppercase())
    }
}

/// An execution provider that is told by a name of its own.
#[derive(Debug, PartialEq)]
pub struct Known {
    /// What users call it.
    pub nick: &'static str,
    /// What ONNX Runtime calls it.
    pub name: &'static str,
    /// The file of the library that registers, where there is one.
    pub plugin: Option<&'static str>,
    /// Files beside it that it needs and does not find by itself, in the order in which they are loaded.
    pub preloads: &'static [&'static str],
    /// The folder below `providers` that set-up puts it in.
    pub folder: &'static str,
    /// On which device it computes where none is named, the first that there is.
    pub devices: &'static [Kind],
    /// Whether it is made for two runs at a time.
    pub is_concurrent: bool,
    /// Whether opening a network may take it minutes, to find out what is fastest.
    pub is_slow_to_compile: bool,
}

/// Those with a nick, but ONNX Runtime's own processor code.
pub static KNOWN: &[Known] = &[
    Known {
        nick: "openvino",
        name: "OpenVINOExecutionProvider",
        plugin: Some("libonnxruntime_providers_openvino_plugin.so"),
        preloads: &[],
        folder: "openvino",
        devices: &[Kind::Cpu, Kind::Gpu, Kind::Npu],
        is_concurrent: true,
        is_slow_to_compile: false,
    },
    Known {
        nick: "cuda",
        name: "CUDAExecutionProvider",
        plugin: None,
        preloads: &[],
        folder: "cuda",
        devices: &[Kind::Gpu],
        is_concurrent: false,
        is_slow_to_compile: false,
    },
    Known {
        nick: "tensorrt",
        name: "TensorrtExecutionProvider",
        plugin: None,
        preloads: &[],
        // Of the same build.
        folder: "cuda",
        devices: &[Kind::Gpu],
        is_concurrent: false,
        is_slow_to_compile: true,
    },
    Known {
        nick: "tensorrt-rtx",
        name: "NvTensorRTRTXExecutionProvider",
        plugin: Some("libonnxruntime_providers_nv_tensorrt_rtx.so"),
        preloads: &[
            "libcudart.so.13",
            "libtensorrt_rtx.so.1",
            "libtensorrt_onnxparser_rtx.so.1",
        ],
        folder: "tensorrt-rtx",
        devices: &[Kind::Gpu],
        is_concurrent: false,
        is_slow_to_compile: true,
    },
    Known {
        nick: "migraphx",
        name: "MIGraphXExecutionProvider",
        plugin: None,
        preloads: &[],
        folder: "migraphx",
        devices: &[Kind::Gpu],
        is_concurrent: false,
        is_slow_to_compile: true,
    },
    Known {
        nick: "qnn",
        name: "QNNExecutionProvider",
        plugin: Some("libonnxruntime_providers_qnn.so"),
        preloads: &[],
        folder: "qnn",
        devices: &[Kind::Npu, Kind::Gpu, Kind::Cpu],
        is_concurrent: false,
        is_slow_to_compile: true,
    },
];

/// The one that is called `name`, by its nick or by ONNX Runtime's name for it.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| known.nick.eq_ignore_ascii_case(name) || is_called(known.name, name))
}

/// Whether `name` means ONNX Runtime's `full` name.
pub fn is_called(full: &str, name: &str) -> bool {
    let short = full.strip_suffix("ExecutionProvider").unwrap_or(full);
    full.eq_ignore_ascii_case(name) || short.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_each_of_their_names() {
        for name in [
            "openvino",
            "OpenVINO",
            "OpenVINOExecutionProvider",
            "openvinoexecutionprovider",
        ] {
            assert_eq!(known(name).unwrap().nick, "openvino", "{name}");
        }
        assert_eq!(known("tensorrt").unwrap().nick, "tensorrt");
        assert_eq!(known("openvinos"), None);
        assert_eq!(known(""), None);
    }
}
