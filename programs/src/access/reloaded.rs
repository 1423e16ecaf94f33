//! Files that may change while the program runs: certificates are renewed, users come and go.

use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::Failure;

/// The largest file of users, certificates or keys.
const MAX_BYTES: u64 = 1 << 20;

/// What `load` makes of files, made anew when they have changed.
pub struct Reloaded<T> {
    files: Vec<PathBuf>,
    load: Box<Load<T>>,
    state: Mutex<(Vec<Stamp>, Arc<T>)>,
}

type Load<T> = dyn Fn(&[PathBuf]) -> Result<T, Failure> + Send + Sync;

/// What tells one state of a file from another.
#[derive(PartialEq, Eq, Default)]
struct Stamp {
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl<T> Reloaded<T> {
    /// # Errors
    /// The files cannot be used as they are now.
    pub fn new(
        files: Vec<PathBuf>,
        load: impl Fn(&[PathBuf]) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        // Before they are read: a change in between is seen the next time.
        let stamps = stamps(&files);
        let state = Mutex::new((stamps, Arc::new(load(&files)?)));
        Ok(Self {
            files,
            load: Box::new(load),
            state,
        })
    }

    /// What the files say now, or, where they cannot be used, what they said when they last could be; that is said once
    /// on stderr.
    pub fn current(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps != state.0 {
            state.0 = stamps;
            match (self.load)(&self.files) {
                Ok(loaded) => state.1 = Arc::new(loaded),
                Err(failure) => eprintln!("{failure} What was read before stays in use."),
            }
        }
        state.1.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| fs::metadata(file).map_or_else(|_| Stamp::default(), of_metadata);
    files.iter().map(stamp).collect()
}

fn of_metadata(metadata: Metadata) -> Stamp {
    Stamp {
        inode: metadata.ino(),
        bytes: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// The text of `file`, which holds `what`.
///
/// # Errors
/// It cannot be read, is too large, or is no text.
pub fn read_text(file: &Path, what: &str) -> Result<String, Failure> {
    let fails = |why: &dyn std::fmt::Display| -> Failure {
        format!(
            "The file of the {what}, {}, cannot be used: {why}.",
            file.display()
        )
        .into()
    };
    let mut text = String::new();
    let mut open = fs::File::open(file).map_err(|error| fails(&error))?;
    if !open.metadata()?.is_file() {
        return Err(fails(&"it is no file"));
    }
    let read = open.by_ref().take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| fails(&error))?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(fails(&format!("it has more than {MAX_BYTES} bytes"))),
        false => Ok(text),
    }
}

/// The text of `file`, which holds `what` and is nobody else's business: whoever may read it is warned of.
///
/// # Errors
/// As [`read_text`].
pub fn read_secret(file: &Path, what: &str) -> Result<String, Failure> {
    let text = read_text(file, what)?;
    if fs::metadata(file)?.mode() & 0o007 != 0 {
        eprintln!(
            "Everybody on this machine can read or write {}, the file of the {what}: `chmod o= {0}` ends that.",
            file.display()
        );
    }
    Ok(text)
}
