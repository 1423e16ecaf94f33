//! Reading what belongs to a network: regular files only, of a size that memory allows, once.

pub(crate) mod memory;

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// There is no such file.
    Missing,
    /// The system's words.
    Unreadable(String),
    /// What is there in place of a regular file.
    NotRegular(&'static str),
    /// More bytes than such a file may have.
    TooLong {
        /// Its length, in bytes.
        bytes: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// More bytes than there is memory for.
    NoMemory {
        /// Its length, in bytes.
        bytes: u64,
        /// Memory that this process may still take, in bytes.
        available: u64,
    },
    /// The file ends before the bytes that are asked for.
    TooShort,
    /// It was written to while it was read.
    Changed,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unreadable(error.to_string()),
        }
    }
}

/// The end of a sentence that begins with the file's name.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "does not exist"),
            Self::Unreadable(message) => {
                write!(f, "cannot be read: {}", message.trim_end_matches('.'))
            }
            Self::NotRegular(found) => write!(f, "is {found}, not a regular file"),
            Self::TooLong { bytes, limit } => {
                write!(f, "is too large: it has {bytes} bytes, more than {limit}")
            }
            Self::NoMemory { bytes, available } => write!(
                f,
                "is larger than memory allows: it has {bytes} bytes, and {available} are available"
            ),
            Self::TooShort => write!(f, "is too short"),
            Self::Changed => write!(f, "changed while it was read"),
        }
    }
}

impl Trouble {
    /// What to do about it, as a sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "Check its name.",
            Self::Unreadable(_) => "Make it readable or name another one.",
            Self::NotRegular(_) | Self::TooLong { .. } | Self::TooShort => "Name another one.",
            Self::NoMemory { .. } => "Free some memory, or name a smaller one.",
            Self::Changed => "Wait until it is written, and start again.",
        }
    }
}

/// Which bytes were read: the file, and the state in which it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the last change of its contents, and of anything about it.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A file that was read, in the state in which it was, or one that was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    path: PathBuf,
    identity: Option<Identity>,
}

impl Ingredient {
    /// There was none at `path`.
    pub fn absent(path: PathBuf) -> Self {
        let identity = None;
        Self { path, identity }
    }

    /// Whether the file is what it was when it was read.
    pub fn is_current(&self) -> bool {
        let metadata = self.path.metadata().ok();
        metadata.as_ref().map(Identity::of) == self.identity
    }
}

/// A regular file that is open.
pub struct Opened {
    path: PathBuf,
    file: File,
    identity: Identity,
}

impl Opened {
    /// Opens the regular file at `path`, links followed. Never waits, as opening a pipe would.
    ///
    /// # Errors
    /// [`Trouble::Missing`], [`Trouble::Unreadable`], [`Trouble::NotRegular`].
    pub fn new(path: &Path) -> Result<Self, Trouble> {
        // Looked at before, since opening alone can set a device going, and after, since it may be
        // another file by then.
        regular(&path.metadata()?)?;
        let mut options = File::options();
        options
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        Ok(Self {
            path: path.to_owned(),
            identity: Identity::of(&metadata),
            file,
        })
    }

    /// The folder that it lies in, links followed.
    pub fn home(&self) -> Option<PathBuf> {
        let resolved = self.path.canonicalize().ok()?;
        resolved.parent().map(Path::to_owned)
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.identity.bytes
    }

    /// The whole file.
    ///
    /// # Errors
    /// [`Trouble::TooLong`] beyond `limit` bytes, [`Trouble::NoMemory`], [`Trouble::Changed`],
    /// [`Trouble::Unreadable`].
    pub fn read(&mut self, limit: u64) -> Result<Vec<u8>, Trouble> {
        let length = self.identity.bytes;
        if length > limit {
            return Err(Trouble::TooLong {
                bytes: length,
                limit,
            });
        }
        let mut bytes = reserve(length.saturating_add(1))?;
        // One byte more, to see that there is none: files of /proc, for one, say that they are empty.
        (&self.file)
            .take(length.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(Trouble::Changed);
        }
        self.check()?;
        Ok(bytes)
    }

    /// `length` bytes from `offset` on. [`check`](Self::check) when all are read.
    ///
    /// # Errors
    /// [`Trouble::TooShort`], [`Trouble::NoMemory`], [`Trouble::Changed`], [`Trouble::Unreadable`].
    pub fn read_range(&self, offset: u64, length: usize) -> Result<Vec<u8>, Trouble> {
        let end = offset.checked_add(length as u64);
        if end.is_none_or(|end| end > self.identity.bytes) {
            return Err(Trouble::TooShort);
        }
        let mut bytes = reserve(length as u64)?;
        bytes.resize(length, 0);
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Trouble::Changed,
                _ => error.into(),
            })?;
        Ok(bytes)
    }

    /// # Errors
    /// [`Trouble::Changed`] if the file was written to since it was opened.
    pub fn check(&self) -> Result<(), Trouble> {
        let metadata = self.file.metadata()?;
        match Identity::of(&metadata) == self.identity {
            true => Ok(()),
            false => Err(Trouble::Changed),
        }
    }

    pub fn ingredient(self) -> Ingredient {
        Ingredient {
            path: self.path,
            identity: Some(self.identity),
        }
    }
}

/// The regular file at `path`, whole.
///
/// # Errors
/// As [`Opened::new`] and [`Opened::read`].
pub fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, Ingredient), Trouble> {
    let mut opened = Opened::new(path)?;
    let bytes = opened.read(limit)?;
    Ok((bytes, opened.ingredient()))
}

fn regular(metadata: &Metadata) -> Result<(), Trouble> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(Trouble::NotRegular(if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

/// Room for `bytes`, if the machine has it.
fn reserve(bytes: u64) -> Result<Vec<u8>, Trouble> {
    let available = memory::available();
    let no_memory = || Trouble::NoMemory {
        bytes,
        available: available.unwrap_or(bytes),
    };
    if available.is_some_and(|available| bytes > available) {
        return Err(no_memory());
    }
    let mut room = Vec::new();
    let length = usize::try_from(bytes).map_err(|_| no_memory())?;
    room.try_reserve_exact(length).map_err(|_| no_memory())?;
    Ok(room)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_told_apart_and_nothing_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, found) in [
            (Path::new("/dev/zero"), "a device"),
            (&link, "a device"),
            (folder.path(), "a folder"),
            (&pipe, "a pipe"),
            (&socket, "a socket"),
        ] {
            assert_eq!(read(path, 100).unwrap_err(), Trouble::NotRegular(found));
        }
        let missing = folder.path().join("missing");
        assert_eq!(read(&missing, 100).unwrap_err(), Trouble::Missing);
    }

    #[test]
    fn a_file_is_read_to_its_last_byte_and_no_further() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"labels").unwrap();
        let (bytes, ingredient) = read(file.path(), 6).unwrap();
        assert_eq!(bytes, b"labels");
        assert!(ingredient.is_current());
        assert_eq!(
            read(file.path(), 5).unwrap_err(),
            Trouble::TooLong { bytes: 6, limit: 5 }
        );
        let opened = Opened::new(file.path()).unwrap();
        assert_eq!(opened.read_range(2, 3).unwrap(), b"bel");
        assert_eq!(opened.read_range(4, 3).unwrap_err(), Trouble::TooShort);
        assert_eq!(
            opened.read_range(u64::MAX, 3).unwrap_err(),
            Trouble::TooShort
        );
    }

    #[test]
    fn a_file_that_changes_is_an_error() {
        for (length, fault) in [(3, "shrunk"), (9, "grown"), (6, "rewritten")] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(b"labels").unwrap();
            let mut opened = Opened::new(file.path()).unwrap();
            file.as_file().set_len(length).unwrap();
            // The clock of files goes in ticks of some milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(b"x").unwrap();
            assert_eq!(opened.check().unwrap_err(), Trouble::Changed, "{fault}");
            assert_eq!(opened.read(100).unwrap_err(), Trouble::Changed, "{fault}");
            if length < 6 {
                assert_eq!(opened.read_range(0, 6).unwrap_err(), Trouble::Changed);
            }
            assert!(!opened.ingredient().is_current());
        }
    }

    #[test]
    fn no_memory_is_taken_for_what_does_not_fit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Without blocks on the disk.
        file.as_file().set_len(8 << 40).unwrap();
        let trouble = read(file.path(), u64::MAX).unwrap_err();
        assert!(matches!(trouble, Trouble::NoMemory { .. }), "{trouble}");
        // A file that says it is empty.
        assert_eq!(
            read(Path::new("/proc/self/status"), 100).unwrap_err(),
            Trouble::Changed
        );
    }
}
