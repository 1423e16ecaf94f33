//! A text file that ends in a whole entry whatever happens.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file in the making, to which entries are written in one piece, or not at all.
pub struct WholeLines {
    file: File,
    /// Bytes of the file that stay as they are.
    written: u64,
}

impl WholeLines {
    /// Writes into `file`, which is empty.
    pub fn new(file: File) -> Self {
        Self { file, written: 0 }
    }

    /// Writes `entry`.
    ///
    /// # Errors
    /// The file cannot be written, to a full disk for instance, and ends in the entry before.
    pub fn put(&mut self, entry: &[u8]) -> io::Result<()> {
        self.put_for_now(entry)?;
        self.written += entry.len() as u64;
        Ok(())
    }

    /// Writes `entry` until the next one, which must not be shorter, takes its place.
    ///
    /// # Errors
    /// The file cannot be written, and ends in the entry before.
    pub fn put_for_now(&mut self, entry: &[u8]) -> io::Result<()> {
        let put = self.file.write_all_at(entry, self.written);
        if put.is_err() {
            // A full disk takes the first half.
            self.file.set_len(self.written)?;
        }
        put
    }
}
