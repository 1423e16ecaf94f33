//! Which inputs are recorded where.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use gst::glib;

use super::container::Container;
use crate::failure::Failure;
use crate::input::Input;

/// Suffixes of the files in a folder that are taken for videos; those named themselves are taken whatever they are called.
const VIDEOS: [&str; 19] = [
    "3gp", "avi", "flv", "m2ts", "m4v", "mjpeg", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf",
    "ogv", "qt", "ts", "vob", "webm", "wmv",
];

/// One recording to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The input as the user named it, or as it is called in the folder that the user named.
    pub input: OsString,
    pub output: PathBuf,
}

impl Job {
    /// The input's name for people, without a password.
    pub fn name(&self) -> String {
        Input::name(Some(&self.input))
    }
}

/// The recordings that `inputs` and `output` ask for, and whether they are a list, to be worked through.
///
/// # Errors
/// Two inputs would become one output; a folder cannot be read, or holds no video.
pub fn jobs(inputs: &[OsString], output: &Path) -> Result<(Vec<Job>, bool), Failure> {
    if let [input] = inputs
        && !place(input).is_dir()
        && !output.is_dir()
    {
        let job = Job {
            input: input.clone(),
            output: output.to_owned(),
        };
        return Ok((vec![job], false));
    }
    if Container::of(output).is_ok() && !output.is_dir() {
        return Err(Failure::usage(format!(
            "Several recordings go into a folder, which {} is not.",
            output.display()
        )));
    }
    let mut jobs: Vec<Job> = Vec::new();
    for input in inputs {
        let files = match place(input) {
            folder if folder.is_dir() => videos(&folder)?,
            _ => vec![input.clone()],
        };
        for input in files {
            let output = output.join(name(&input));
            if let Some(other) = jobs.iter().find(|job| job.output == output) {
                return Err(Failure::usage(format!(
                    "{} and {} would both be recorded to {}. Record them one at a time.",
                    other.name(),
                    Path::new(&input).display(),
                    output.display()
                )));
            }
            jobs.push(Job { input, output });
        }
    }
    Ok((jobs, true))
}

/// The videos in `folder`, by name; not those in folders below it.
fn videos(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let unreadable = |error| format!("{} cannot be read: {error}.", folder.display());
    let mut videos = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let suffix = path.extension().map(|suffix| suffix.to_ascii_lowercase());
        let is_video = suffix.is_some_and(|suffix| VIDEOS.iter().any(|video| suffix == *video));
        if is_video && path.is_file() {
            videos.push(path.into_os_string());
        }
    }
    if videos.is_empty() {
        return Err(format!("There is no video in {}.", folder.display()).into());
    }
    videos.sort();
    Ok(videos)
}

/// The path of `input`, a path or a URI. Of what is no file it is not the path of a folder, at least.
fn place(input: &OsStr) -> PathBuf {
    let of_uri = |uri| Some(glib::filename_from_uri(uri).ok()?.0);
    let path = input.to_str().and_then(of_uri);
    path.unwrap_or_else(|| PathBuf::from(input))
}

/// What the recording of `input`, a path or a URI, is called in the output's folder.
fn name(input: &OsStr) -> PathBuf {
    let place = place(input);
    let stem = place.file_stem().unwrap_or_default();
    let mut name = stem.to_owned();
    name.push(".mp4");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn outputs(inputs: &[&str], output: &str) -> Result<Vec<PathBuf>, String> {
        let inputs: Vec<OsString> = inputs.iter().map(OsString::from).collect();
        jobs(&inputs, Path::new(output))
            .map(|(jobs, _)| jobs.into_iter().map(|job| job.output).collect())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_input_becomes_one_file() {
        assert_eq!(outputs(&["a.avi"], "b.mkv").unwrap(), [Path::new("b.mkv")]);
    }

    #[test]
    fn several_inputs_go_into_a_folder() {
        let inputs = ["some/a.avi", "rtsp://host/b.sdp?c=d", "/dev/video0"];
        let expected = ["new/a.mp4", "new/b.mp4", "new/video0.mp4"].map(Path::new);
        assert_eq!(outputs(&inputs, "new").unwrap(), expected);
        assert!(outputs(&inputs, "new.mp4").unwrap_err().contains("not"));
    }

    #[test]
    fn no_two_inputs_become_one_output() {
        let error = outputs(&["a.avi", "b/a.mkv"], "out").unwrap_err();
        assert!(error.starts_with("a.avi and b/a.mkv would both"), "{error}");
    }

    #[test]
    fn names_in_a_folder_need_not_be_utf8() {
        let folder = tempfile::tempdir().unwrap();
        let name = OsStr::from_bytes(b"\xff.mkv");
        fs::write(folder.path().join(name), "").unwrap();
        let (jobs, is_list) = jobs(&[folder.path().into()], Path::new("out")).unwrap();
        assert!(is_list);
        assert_eq!(jobs[0].input, folder.path().join(name));
        assert_eq!(
            jobs[0].output,
            Path::new("out").join(OsStr::from_bytes(b"\xff.mp4"))
        );
    }
}
