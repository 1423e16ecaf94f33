//! What the core says, with the package's own names for its settings.

use camoverlay::inference::{Warning, entry};
use camoverlay::{Error, Remedy};

/// A sentence on what is wrong and one on what to do.
pub fn of_error(error: &Error) -> String {
    format!("{} {}", error.fault(), of_remedy(error.remedy()))
}

/// A sentence on what could not be taken as it stands, and one on what to do, where there is something.
pub fn of_warning(warning: &Warning) -> String {
    match warning.remedy {
        Some(remedy) => format!("{} {}", warning.fault, of_remedy(remedy)),
        None => warning.fault.clone(),
    }
}

fn of_remedy(remedy: Remedy) -> String {
    match remedy {
        Remedy::InstallLibrary => {
            "Install the Python package onnxruntime 1.22 or newer, or set ort_library or the variable ORT_DYLIB_PATH to the \
             path of its libonnxruntime.so."
                .into()
        }
        Remedy::InstallProvider(nick) => format!(
            "Install the execution provider {nick}, or set provider_library to the path of its library."
        ),
        Remedy::NameProviderLibrary => {
            "Set provider_library to the path of the library of an execution provider.".into()
        }
        Remedy::ChooseProvider => "Set provider to \"cpu\", or to another provider.".into(),
        Remedy::CorrectProviderOptions => {
            "Correct provider, provider_library, provider_options or precision.".into()
        }
        Remedy::InstallNetwork(nick) => {
            let command = entry(nick).map_or("make models", |entry| entry.command);
            format!(
                "Set models_dir to the folder that holds it; `{command}` in the source tree of camoverlay makes it."
            )
        }
        Remedy::NameNetwork => "Give the path of an ONNX file as model.".into(),
        Remedy::ExportNetwork => {
            "Export the network into it, or give the path of an ONNX file as model.".into()
        }
        Remedy::ChooseLayer => "Choose of those that Explainer.layers lists, of the network opened without layer; up to four \
                                are joined by “+”."
            .into(),
        Remedy::ChooseMethod => "Choose the method \"auto\", or \"gradcam\".".into(),
        // Here the package's names are the core's.
        same @ (Remedy::Words(_)
        | Remedy::ReplaceLibrary
        | Remedy::RepairLibrary
        | Remedy::LoadOtherRuntime
        | Remedy::KeepLibrary
        | Remedy::InstallChecker
        | Remedy::KeepConstants
        | Remedy::ChooseOutput { .. }
        | Remedy::LeaveInputSize
        | Remedy::EnlargeInput
        | Remedy::RaiseInputSize { .. }
        | Remedy::SetInputSize
        | Remedy::CheckInputSize
        | Remedy::SetPreprocess
        | Remedy::SpellPreprocess(_)
        | Remedy::RaiseMemoryLimit
        | Remedy::CheckPreprocess
        | Remedy::CorrectLabels
        | Remedy::SetLabels
        | Remedy::ChooseTarget { .. }) => same.to_string(),
    }
}
