//! The files of a recording: written under other names, which they lose when they are complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The video, the JSON lines and the subtitles. What is not [kept](Self::keep) is deleted.
pub struct Files {
    video: Draft,
    lines: Draft,
    subtitles: Draft,
}

/// A file that carries `.part` after its name until it is complete.
struct Draft {
    path: PathBuf,
    part: PathBuf,
}

impl Files {
    /// Looks that nothing is in the way and that all three can be written. Returns the files beside the video too: the
    /// JSON lines and the subtitles.
    ///
    /// # Errors
    /// One exists and `force` is not given; one cannot be written.
    pub fn create(video: &Path, force: bool) -> Result<(Self, File, File), Failure> {
        let paths = [
            video.to_owned(),
            video.with_extension("jsonl"),
            video.with_extension("vtt"),
        ];
        for path in &paths {
            if path.is_dir() {
                return Err(format!("{} is a folder.", path.display()).into());
            }
            if !force && path.exists() {
                return Err(format!(
                    "{} is already there. Name another output, or overwrite it with --force.",
                    path.display()
                )
                .into());
            }
        }
        let [video, lines, subtitles] = paths;
        let (video, _) = Draft::create(video)?;
        let (lines, lines_file) = Draft::create(lines)?;
        let (subtitles, subtitles_file) = Draft::create(subtitles)?;
        let files = Self {
            video,
            lines,
            subtitles,
        };
        Ok((files, lines_file, subtitles_file))
    }

    /// Where the video is written.
    pub fn video_part(&self) -> &Path {
        &self.video.part
    }

    /// Gives the complete files their names. Returns those.
    ///
    /// # Errors
    /// One cannot be renamed.
    pub fn keep(self) -> Result<[PathBuf; 3], Failure> {
        let drafts = [&self.video, &self.lines, &self.subtitles];
        for draft in drafts {
            fs::rename(&draft.part, &draft.path)
                .map_err(|error| cannot_be_written(&draft.path, &error))?;
        }
        Ok(drafts.map(|draft| draft.path.clone()))
    }
}

impl Draft {
    fn create(path: PathBuf) -> Result<(Self, File), Failure> {
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|error| cannot_be_written(&path, &error))?;
        Ok((Self { path, part }, file))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // There is none when it was kept.
        let _ = fs::remove_file(&self.part);
    }
}

fn cannot_be_written(path: &Path, error: &io::Error) -> Failure {
    format!("{} cannot be written: {error}.", path.display()).into()
}
