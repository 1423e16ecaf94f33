//! Where outcomes and compiled networks are kept from one start to the next.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder `name` of ours below `XDG_CACHE_HOME`, or `~/.cache`, made if it is not there; none where there can be none.
pub fn folder(name: &str) -> Option<PathBuf> {
    let set = |variable: &str| {
        let path = PathBuf::from(std::env::var_os(variable)?);
        // The specification has relative paths ignored.
        path.is_absolute().then_some(path)
    };
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    let folder = caches.join("camoverlay").join(name);
    // Compiled networks are loaded as they are: nobody else is to write there.
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    (made.is_ok() && is_writable(&folder)).then_some(folder)
}

/// Whether files can be made there.
fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}
