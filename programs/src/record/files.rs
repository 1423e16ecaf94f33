//! The files of a recording: written under other names, which they lose when they are complete.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::subtitles::HEADER;
use crate::failure::Failure;
use crate::input::Input;
use crate::interruption::unfinished;

/// Where a recording goes: one video, or several with numbers behind their names, and what lies beside each.
pub struct Output {
    pub path: PathBuf,
    /// Whether to overwrite what is there.
    pub force: bool,
    pub is_segmented: bool,
    /// What is recorded, which must not be overwritten.
    pub input: Input,
}

impl Output {
    /// The files of the video with this number, from 0 on.
    ///
    /// # Errors
    /// One exists, or what a killed recording left, and overwriting is not asked for; it is the input; another process
    /// writes it; it cannot be written.
    pub fn create(&self, number: u32) -> Result<Files, Failure> {
        if number == 0 && self.is_segmented && !self.force {
            self.look_for_segments()?;
        }
        Files::create(&self.path(number), self.force, &self.input)
    }

    /// What the video with this number is called: out-00001.mp4 is the first one of out.mp4.
    pub fn path(&self, number: u32) -> PathBuf {
        if !self.is_segmented {
            return self.path.clone();
        }
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{:05}.", u64::from(number) + 1));
        name.push(self.path.extension().unwrap_or_default());
        self.path.with_file_name(name)
    }

    /// Looks whether one of the videos to come would be in the way hours later.
    fn look_for_segments(&self) -> Result<(), Failure> {
        let stem = self.path.file_stem().unwrap_or_default();
        let folder = match self.path.parent() {
            Some(folder) if *folder != *"" => folder,
            _ => Path::new("."),
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = self.path.with_file_name(entry.file_name());
            let own = path.file_stem().unwrap_or_default().as_bytes();
            let number = own.strip_prefix(stem.as_bytes());
            let is_segment = number.and_then(|number| number.strip_prefix(b"-"));
            let of_us = [
                self.path.extension(),
                Some("jsonl".as_ref()),
                Some("vtt".as_ref()),
            ];
            if is_segment.is_some_and(|n| n.len() >= 5 && n.iter().all(u8::is_ascii_digit))
                && of_us.contains(&path.extension())
            {
                return look(&path, false);
            }
        }
        Ok(())
    }
}

/// The video, the JSON lines and the subtitles. What has frames is never deleted.
pub struct Files {
    drafts: [Draft; 3],
}

/// A file that carries `.part` after its name until it is complete, and is locked meanwhile.
struct Draft {
    path: PathBuf,
    part: PathBuf,
    file: File,
}

/// Suffixes of the files beside the video.
const BESIDE: [&str; 2] = ["jsonl", "vtt"];

impl Files {
    /// Looks that nothing is in the way and that all three can be written, the recording of `input` as `video`.
    ///
    /// # Errors
    /// One exists, or what a killed recording left, and `force` is not given; it is the input; another process writes
    /// it; it cannot be written.
    fn create(video: &Path, force: bool, input: &Input) -> Result<Self, Failure> {
        let [lines, subtitles] = BESIDE.map(|suffix| video.with_extension(suffix));
        let paths = [video.to_owned(), lines, subtitles];
        if input.lies_at(video) {
            return Err("The recording would overwrite its own input. Name another output.".into());
        }
        for path in &paths {
            look(path, force)?;
        }
        let [video, lines, subtitles] = paths;
        let files = Self {
            drafts: [
                Draft::create(video, force)?,
                Draft::create(lines, force)?,
                Draft::create(subtitles, force)?,
            ],
        };
        for draft in &files.drafts {
            let emptied = draft.file.set_len(0);
            emptied.map_err(|error| cannot_be_written(&draft.path, &error))?;
        }
        Ok(files)
    }

    /// Where the video is written.
    pub fn video_part(&self) -> &Path {
        &self.drafts[0].part
    }

    /// The files beside the video, to be written: the JSON lines and the subtitles.
    ///
    /// # Errors
    /// The process has too many open files.
    pub fn beside(&self) -> io::Result<[File; 2]> {
        let [_, lines, subtitles] = &self.drafts;
        Ok([lines.file.try_clone()?, subtitles.file.try_clone()?])
    }

    /// Gives the complete files their names, once they are on the disk. Returns those.
    ///
    /// # Errors
    /// One cannot be written to its end or renamed; all are kept under the names that they have.
    pub fn keep(&self) -> Result<[PathBuf; 3], Failure> {
        for draft in &self.drafts {
            let complete = draft.file.sync_data();
            let named = complete.and_then(|()| fs::rename(&draft.part, &draft.path));
            named.map_err(|error| {
                let failure = cannot_be_written(&draft.path, &error);
                Failure::Run(format!("{failure} It is kept as {}.", draft.part.display()))
            })?;
        }
        Ok(self.drafts.each_ref().map(|draft| draft.path.clone()))
    }

    /// All three once more, as far as the process may have more files open.
    pub fn opened(&self) -> impl Iterator<Item = File> + use<'_> {
        let files = self.drafts.iter().map(|draft| draft.file.try_clone());
        files.flatten()
    }

    /// Whether nothing of the video is written.
    pub fn has_no_video(&self) -> bool {
        self.drafts[0].is_empty()
    }

    /// Deletes what has no frame.
    pub fn discard(&self) {
        for draft in &self.drafts {
            // There is none under this name when it was kept.
            let _ = fs::remove_file(&draft.part);
        }
    }

    /// What the files are called while they are incomplete.
    pub fn parts(&self) -> [PathBuf; 3] {
        self.drafts.each_ref().map(|draft| draft.part.clone())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let [video, lines, _] = &self.drafts;
        if video.is_empty() && lines.is_empty() {
            self.discard();
        }
    }
}

impl Draft {
    fn create(path: PathBuf, force: bool) -> Result<Self, Failure> {
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let being_written = || {
            format!(
                "{} is being written by another process. Name another output, or end that one first.",
                path.display()
            )
        };
        let mut unfinished = unfinished();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|error| cannot_be_written(&path, &error))?;
        // Some file systems of networks know no locks; whoever holds one lets go of it when he is killed.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || is_locked(&path) {
            return Err(being_written().into());
        }
        let number = |about: fs::Metadata| (about.dev(), about.ino());
        let about = file.metadata()?;
        let left = about.len();
        if part.metadata().ok().map(number) != Some(number(about)) {
            // The other one has just given it its name.
            return Err(being_written().into());
        }
        if !force && left > HEADER.len() as u64 {
            return Err(format!(
                "{} holds what a killed recording has left, {:.1} MB. Rename it to keep it, or overwrite it with --force.",
                part.display(),
                left as f64 / 1e6
            )
            .into());
        }
        // Another one may have become complete meanwhile.
        if let Err(failure) = look(&path, force) {
            let _ = fs::remove_file(&part);
            return Err(failure);
        }
        unfinished.insert(part.clone());
        Ok(Self { path, part, file })
    }

    fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|about| about.len() == 0)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_empty() {
            let _ = fs::remove_file(&self.part);
        }
        unfinished().remove(&self.part);
    }
}

/// Looks whether something is in the way of a file at `path`.
fn look(path: &Path, force: bool) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(format!("{} is a folder.", path.display()).into());
    }
    // To open a pipe is to wait for who reads it.
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        let name = path.display();
        return Err(
            format!("{name} is a pipe or a device, not a file. Name another output.").into(),
        );
    }
    if !force && path.exists() {
        return Err(format!(
            "{} is already there. Name another output, or overwrite it with --force.",
            path.display()
        )
        .into());
    }
    Ok(())
}

/// Whether a process still holds the file at `path`, the first part of its recording.
fn is_locked(path: &Path) -> bool {
    let file = File::open(path);
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn cannot_be_written(path: &Path, error: &io::Error) -> Failure {
    format!("{} cannot be written: {error}.", path.display()).into()
}
