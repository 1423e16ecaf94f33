//! What the core says, with the element's own names for its settings and what the source tree installs.

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
            "Run `make setup` in the source tree, or set the property ort-library or the variable ORT_DYLIB_PATH to the \
             path of libonnxruntime.so 1.22 or newer."
                .into()
        }
        Remedy::ReplaceLibrary => {
            "Run `make setup` in the source tree, or set the property ort-library to the path of libonnxruntime.so 1.22 \
             or newer."
                .into()
        }
        Remedy::RepairLibrary => {
            "Set the property ort-library to the path of a working libonnxruntime.so 1.22 or newer.".into()
        }
        Remedy::InstallProvider(nick) => format!(
            "Run `make provider NAME={nick}` in the source tree to install it, or set the property provider-library to the \
             path of its library."
        ),
        Remedy::NameProviderLibrary => {
            "Set the property provider-library to the path of the library of an execution provider.".into()
        }
        Remedy::KeepLibrary => {
            "Leave the property ort-library unset, or set it to the same path in all elements of the process.".into()
        }
        Remedy::LoadOtherRuntime => {
            "Set the property ort-library to the path of that library in all elements, or let an element with this \
             provider be the first to start in its process."
                .into()
        }
        Remedy::ChooseProvider => "Set the property provider to cpu, or to another provider.".into(),
        Remedy::CorrectProviderOptions => {
            "Correct the properties provider, provider-library, provider-options or precision.".into()
        }
        Remedy::InstallChecker => {
            "Run `make build` in the source tree, or install camoverlay-provider-check of this version in lib/camoverlay or \
             beside the plugin, or set the variable CAMOVERLAY_PROVIDER_CHECK to its path."
                .into()
        }
        Remedy::InstallNetwork(nick) => {
            let command = entry(nick).map_or("make models", |entry| entry.command);
            format!(
                "Run `{command}` in the source tree to install it, or set the property models-dir to the folder that \
                 holds it."
            )
        }
        Remedy::NameNetwork => "Set the property model to the path of an ONNX file.".into(),
        Remedy::ExportNetwork => {
            "Export the network into it, or set the property model to the path of an ONNX file.".into()
        }
        Remedy::KeepConstants => {
            "If the export made inputs of constants, such as the mean and variance of Keras' Normalization, export the \
             network again with their values in the file, or without that layer and with the property preprocess. \
             Otherwise use a classifier with one input, the picture."
                .into()
        }
        Remedy::ChooseLayer => "Set layer to one, or up to four joined by “+”, that camoverlay-inspect --layers lists.".into(),
        Remedy::LeaveInputSize => {
            "Leave input-size at 0, or export the network with free height and width.".into()
        }
        Remedy::EnlargeInput => {
            "Give a larger input-size, or use a network that keeps a larger map.".into()
        }
        Remedy::RaiseInputSize { least } => format!("Set input-size to {least} or more."),
        Remedy::SetInputSize => "Set input-size to the right one.".into(),
        Remedy::CheckInputSize => {
            "Check that the network takes frames of this size, or set input-size.".into()
        }
        Remedy::RaiseMemoryLimit => "Use a network that takes less, or raise the property memory-limit, as far as the \
                                     machine has memory."
            .into(),
        Remedy::CheckPreprocess => {
            "Check the preprocess property and the network's weights.".into()
        }
        Remedy::CorrectLabels => {
            "Correct the property labels, or leave it unset for the network's own labels.".into()
        }
        // Here the element's names are the core's.
        same @ (Remedy::Words(_)
        | Remedy::ChooseOutput { .. }
        | Remedy::SetPreprocess
        | Remedy::SpellPreprocess(_)
        | Remedy::SetLabels
        | Remedy::ChooseTarget { .. }
        | Remedy::ChooseMethod) => same.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camoverlay::FileError;

    #[test]
    fn a_network_of_the_catalogue_comes_with_its_command() {
        let tried = vec!["/m/resnet18.onnx".into(), "/n/resnet18.onnx".into()];
        let nick = Some("resnet18");
        assert_eq!(
            of_error(&FileError::Missing { tried, nick }.into()),
            "There is no network file resnet18.onnx in /m, /n. Run `make model NET=resnet18` in the source tree to \
             install it, or set the property models-dir to the folder that holds it."
        );
    }
}
