//! What a provider is told: its precision, its threads, where it keeps compiled networks.
//!
//! The keys are those of ONNX Runtime's documentation of each provider. What the user sets comes last and wins.

use std::path::Path;

use super::known::Kind;
use super::{Precision, Provider};

/// The options of the provider with this nick, as key and value.
///
/// # Errors
/// What it cannot be told, as the end of a sentence that begins with its name.
pub fn settings(
    nick: &str,
    provider: &Provider,
    kind: Option<Kind>,
    is_plugin: bool,
    threads: usize,
    cache: Option<&Path>,
) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
    // Others than UTF-8 are not handed on: compiled networks are then not kept.
    let cache = cache.and_then(Path::to_str);
    let bit = |is_set: bool| if is_set { "1" } else { "0" };
    match nick {
        "openvino" => {
            // A plugin is given its device by ONNX Runtime.
            if !is_plugin {
                set("device_type", &kind.unwrap_or(Kind::Cpu).to_string());
            }
            if threads > 0 {
                set("num_of_threads", &threads.to_string());
            }
            if let Some(cache) = cache {
                set("cache_dir", cache);
            }
            let device = kind.unwrap_or(Kind::Cpu);
            let hint = match (provider.precision, device) {
                (Precision::Auto, _) => None,
                (Precision::Float32, _) => Some("f32"),
                // Processors have instructions for this format, the others for that one.
                (Precision::Reduced, Kind::Cpu) => Some("bf16"),
                (Precision::Reduced, Kind::Gpu | Kind::Npu) => Some("f16"),
            };
            if let Some(hint) = hint {
                set(
                    "load_config",
                    &format!(r#"{{"{device}":{{"INFERENCE_PRECISION_HINT":"{hint}"}}}}"#),
                );
            }
        }
        "cuda" => {
            // The exhaustive search, which is the default, takes seconds for each new size of the picture.
            set("cudnn_conv_algo_search", "HEURISTIC");
            match provider.precision {
                Precision::Auto => {}
                precision @ (Precision::Float32 | Precision::Reduced) => {
                    set("use_tf32", bit(precision == Precision::Reduced));
                }
            }
        }
        "tensorrt" => {
            set(
                "trt_fp16_enable",
                bit(provider.precision == Precision::Reduced),
            );
            if let Some(cache) = cache {
                set("trt_engine_cache_enable", "1");
                set("trt_engine_cache_path", cache);
                set("trt_timing_cache_enable", "1");
                set("trt_timing_cache_path", cache);
            }
        }
        "tensorrt-rtx" => {
            if provider.precision == Precision::Reduced {
                return Err("computes in the types of the network alone, and this one is asked for in reduced precision".into());
            }
            if let Some(cache) = cache {
                set("nv_runtime_cache_path", cache);
            }
        }
        "migraphx" => {
            if provider.precision == Precision::Reduced {
                set("migraphx_fp16_enable", "1");
            }
            if let Some(cache) = cache {
                set("migraphx_model_cache_dir", cache);
            }
        }
        "qnn" => {
            let library = match kind {
                None | Some(Kind::Npu) => "htp",
                Some(Kind::Gpu) => "gpu",
                Some(Kind::Cpu) => "cpu",
            };
            set("backend_type", library);
            match provider.precision {
                Precision::Auto => {}
                precision @ (Precision::Float32 | Precision::Reduced) => set(
                    "enable_htp_fp16_precision",
                    bit(precision == Precision::Reduced),
                ),
            }
        }
        _ => {
            if provider.precision != Precision::Auto {
                return Err(format!(
                    "is not known well enough to ask it for the precision {}",
                    provider.precision.name()
                ));
            }
        }
    }
    for (key, value) in &provider.options {
        settings.retain(|(other, _)| other != key);
        settings.push((key.clone(), value.clone()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nick: &str, provider: &Provider) -> Vec<(String, String)> {
        settings(nick, provider, None, false, 0, Some(Path::new("/cache"))).unwrap()
    }

    fn value<'a>(settings: &'a [(String, String)], key: &str) -> Option<&'a str> {
        let found = settings.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }

    #[test]
    fn what_the_user_sets_wins() {
        let own = Provider {
            options: vec![
                ("cache_dir".into(), "/mine".into()),
                ("new".into(), "1".into()),
            ],
            ..Provider::default()
        };
        let settings = of("openvino", &own);
        assert_eq!(value(&settings, "cache_dir"), Some("/mine"));
        assert_eq!(value(&settings, "new"), Some("1"));
        assert_eq!(
            settings
                .iter()
                .filter(|(key, _)| key == "cache_dir")
                .count(),
            1
        );
    }

    #[test]
    fn precision_is_worded_for_each_provider_or_refused() {
        let reduced = Provider {
            precision: Precision::Reduced,
            ..Provider::default()
        };
        assert!(
            value(&of("openvino", &reduced), "load_config")
                .unwrap()
                .contains("bf16")
        );
        assert_eq!(
            value(&of("tensorrt", &reduced), "trt_fp16_enable"),
            Some("1")
        );
        assert_eq!(value(&of("cuda", &reduced), "use_tf32"), Some("1"));
        let refused = settings("tensorrt-rtx", &reduced, None, true, 0, None).unwrap_err();
        assert!(refused.contains("reduced"), "{refused}");
        assert!(settings("foreign", &reduced, None, true, 0, None).is_err());
        assert!(settings("foreign", &Provider::default(), None, true, 0, None).is_ok());
    }
}
