//! Where things are.

use std::path::{Path, PathBuf};

use super::skips::skipped;

/// A path inside the source tree.
pub fn source(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_workspace = |folder: &&Path| folder.join("models/catalogue.toml").exists();
    let workspace = package.ancestors().find(is_workspace);
    workspace.expect("the workspace's root").join(path)
}

/// A file of the folder that lies beside the source tree with more networks and photos; `None`, told as `what`
/// left out, where it is absent.
pub fn shared(what: &str, path: &str) -> Option<PathBuf> {
    let found = source("../shared").join(path);
    if !found.exists() {
        skipped(what, &format!("../shared/{path} is not there"));
        return None;
    }
    Some(found)
}

/// A network of `CAMOVERLAY_TEST_MODELS`, else of the shared folder; `None`, told as `what` left out, where it is
/// absent.
pub fn test_model(what: &str, name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CAMOVERLAY_TEST_MODELS") else {
        return shared(what, &format!("models/{name}"));
    };
    let found = Path::new(&folder).join(name);
    if !found.exists() {
        skipped(what, &format!("{} is not there", found.display()));
        return None;
    }
    Some(found)
}

/// How the network `source_of` is opened with what set-up installed.
pub fn options(
    source_of: camoverlay::inference::Source,
    threads: usize,
) -> camoverlay::inference::Options {
    camoverlay::inference::Options {
        source: source_of,
        threads,
        search_roots: vec![source("")],
        ..Default::default()
    }
}

/// Whether ONNX Runtime and the networks called `networks` are where set-up puts them; where not, `what` is told as
/// left out.
pub fn is_set_up(what: &str, networks: &[&str]) -> bool {
    let models = source(".deps/share/camoverlay/models");
    let missing = networks
        .iter()
        .find(|name| !models.join(format!("{name}.onnx")).exists());
    let why = match missing {
        _ if camoverlay::inference::environment(None, &[source("")]).is_err() => "ONNX Runtime",
        Some(network) => network,
        None => return true,
    };
    skipped(what, &format!("{why} is not installed (make setup)"));
    false
}

/// Python with numpy, onnx and onnxruntime, as set-up makes it.
pub fn python() -> PathBuf {
    source(".deps/python/bin/python")
}
