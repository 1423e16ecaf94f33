//! Where outcomes and compiled networks are kept from one start to the next.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one waits for others to have compiled their networks.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// One's turn in a folder of compiled networks, until this is dropped.
pub struct Turn {
    /// Locked.
    _file: File,
}

impl Turn {
    /// Waits until nobody else, of this process or another, makes a session with that folder. Providers write their files in
    /// place: of two that compile the same network at once, one may find the other's half written or gone, and fail. None
    /// where there is no such file, or waiting was in vain: the folder is then used at one's own risk, as it most often
    /// goes well.
    pub fn wait(folder: &Path) -> Option<Self> {
        let file = File::create(folder.join("lock")).ok()?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Self { _file: file }),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return None,
            }
        }
    }
}

/// Whether files can be made there.
fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}
