//! Where frames come from: a camera, a file, or whatever has a URI.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

use crate::camera;
use crate::decoder::decoder;
use crate::failure::Failure;
use crate::interruption::interrupted;
use crate::source::Source;
use crate::still;

/// An input as the user names it: nothing or `camera` for the first camera, a camera's device, a file, a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    FirstCamera,
    /// A video device, like /dev/video0.
    Camera(PathBuf),
    /// A file, which has been looked for.
    File(PathBuf),
    /// A pipe, which is open: opened anew it would wait for another writer, and read beside this one.
    Pipe {
        /// Where it lies.
        path: PathBuf,
        /// Of this process, to its end.
        descriptor: RawFd,
    },
    /// Whatever else GStreamer can open.
    Uri(String),
}

/// How a camera shall deliver. Files and addresses keep their own size and rate.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Camera")]
pub struct CameraOptions {
    /// Size asked of the camera, in pixels, such as 1280x720
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<(i32, i32)>,
    /// Frames a second asked of the camera
    #[arg(long, value_name = "N", value_parser = rate)]
    pub fps: Option<i32>,
}

/// How long a pipe may have no writer.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether the user still wants to wait.
const LOOK: Duration = Duration::from_millis(100);

/// The pipe at `path`, which somebody has opened to write to it: who opens it to read waits for that, and for ever.
///
/// # Errors
/// Nobody does for some seconds, or the user does not want to wait.
fn open_pipe(path: &Path) -> Result<Input, Failure> {
    let (opened, is_open) = mpsc::channel();
    let pipe = path.to_owned();
    // Left behind where nobody writes; the program ends then.
    thread::spawn(move || opened.send(File::open(pipe)));
    let start = Instant::now();
    while start.elapsed() < WRITER_PATIENCE {
        if interrupted()? {
            return Err("Interrupted before the first frame.".into());
        }
        if let Ok(opened) = is_open.recv_timeout(LOOK) {
            return Ok(Input::Pipe {
                path: path.to_owned(),
                descriptor: opened?.into_raw_fd(),
            });
        }
    }
    Err(Failure::Stalled(format!(
        "{} gives nothing: it is a pipe that nobody writes to. Start the program that writes to it.",
        path.display()
    )))
}

impl Input {
    /// Understands `text`, which need not be UTF-8 where it is a path; none is the first camera.
    ///
    /// # Errors
    /// A file or device that is not there, may not be read, or cannot be a video: a folder, or an empty file.
    pub fn parse(text: Option<&OsStr>) -> Result<Self, Failure> {
        let Some(text) = text else {
            return Ok(Self::FirstCamera);
        };
        if let Some(uri) = text.to_str().filter(|text| text.contains("://")) {
            return Ok(match glib::filename_from_uri(uri) {
                Ok((path, _)) => Self::File(path),
                Err(_) => Self::Uri(uri.to_owned()),
            });
        }
        let path = Path::new(text);
        let name = path.display();
        if path.starts_with("/dev") && text.to_string_lossy().starts_with("/dev/video") {
            if !path.exists() {
                return Err(format!(
                    "There is no camera {name}. Connected ones are listed by: ls /dev/video*"
                )
                .into());
            }
            if camera::is_closed(path) {
                return Err(camera::no_entry(path).into());
            }
            return Ok(Self::Camera(path.to_owned()));
        }
        let unreadable = |why: &dyn std::fmt::Display| {
            format!(
                "{name} cannot be read: {why}. Give a file that exists, a camera like /dev/video0, or a URI."
            )
        };
        let path = path.canonicalize().map_err(|error| unreadable(&error))?;
        let about = path.metadata().map_err(|error| unreadable(&error))?;
        if about.is_dir() {
            return Err(unreadable(&"it is a folder").into());
        }
        // To open a pipe is to wait for its writer.
        if about.is_file() {
            File::open(&path).map_err(|error| unreadable(&error))?;
            if about.len() == 0 {
                return Err(unreadable(&"the file is empty").into());
            }
        }
        if about.file_type().is_fifo() {
            return open_pipe(&path);
        }
        Ok(Self::File(path))
    }

    /// The URI that GStreamer opens; none for a camera.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn uri(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::File(path) => still::uri(path).map(Some),
            Self::Pipe { descriptor, .. } => Ok(Some(format!("fd://{descriptor}"))),
            Self::Uri(uri) => Ok(Some(uri.clone())),
            Self::FirstCamera | Self::Camera(_) => Ok(None),
        }
    }

    /// What to call the input, named `text` by the user, in front of whoever reads along: no password is in it.
    pub fn name(text: Option<&OsStr>) -> String {
        let text = text.unwrap_or(OsStr::new("The camera"));
        let text = Path::new(text).display().to_string();
        let Some((scheme, rest)) = text.split_once("://") else {
            return text;
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        format!("{scheme}://{host}{path}")
    }

    /// Whether it is on this machine, and comes but once.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::File(_) | Self::Pipe { .. })
    }

    /// Whether it is the file at `path`.
    pub fn lies_at(&self, path: &Path) -> bool {
        match self {
            Self::File(own) | Self::Pipe { path: own, .. } => is_same_file(own, path),
            Self::Uri(_) | Self::FirstCamera | Self::Camera(_) => false,
        }
    }

    /// A bin whose one pad, `src`, gives the input's first picture stream, decoded and upright, in whatever format it
    /// has; the user calls it `name`.
    ///
    /// An input without a picture is an error on the bus.
    ///
    /// # Errors
    /// There is no camera, or GStreamer lacks an element.
    pub fn video(&self, asked: &CameraOptions, name: &str) -> Result<Source, Failure> {
        let camera = match self {
            Self::File(_) | Self::Pipe { .. } | Self::Uri(_) => {
                let decoder = decoder(&self.uri()?.unwrap_or_default())?;
                return Source::decoded(&[decoder], self, name);
            }
            Self::Camera(path) => {
                let source = gst::ElementFactory::make("v4l2src");
                source.property("device", path).build()?
            }
            Self::FirstCamera => {
                let device = cameras()?.into_iter().next();
                device.ok_or_else(camera::none)?.create_element(None)?
            }
        };
        let chain = camera_chain(camera, asked)?;
        Ok(Source::decoded(&chain, self, name)?.of_camera(asked))
    }
}

/// Whether both paths lead to one file that is there, by whatever links.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    let number = |path: &Path| path.metadata().map(|about| (about.dev(), about.ino()));
    matches!((number(a), number(b)), (Ok(a), Ok(b)) if a == b)
}

/// The cameras that GStreamer sees, by whatever means it reaches them.
///
/// # Errors
/// They cannot be looked for.
pub fn cameras() -> Result<Vec<gst::Device>, Failure> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some("Video/Source"), None);
    // Fails where no plugin knows of cameras at all.
    if monitor.start().is_err() {
        return Ok(Vec::new());
    }
    let devices = monitor.devices().into_iter().collect();
    monitor.stop();
    Ok(devices)
}

/// Source, wished-for format and decoder: most cameras send JPEG at larger sizes.
fn camera_chain(
    source: gst::Element,
    options: &CameraOptions,
) -> Result<[gst::Element; 3], Failure> {
    let mut caps = gst::Caps::new_empty();
    for kind in ["video/x-raw", "image/jpeg", "video/x-h264"] {
        let mut structure = gst::Structure::new_empty(kind);
        if let Some((width, height)) = options.size {
            structure.set("width", width);
            structure.set("height", height);
        }
        if let Some(fps) = options.fps {
            structure.set("framerate", gst::Fraction::new(fps, 1));
        }
        caps.merge_structure(structure);
    }
    let filter = gst::ElementFactory::make("capsfilter")
        .property("caps", &caps)
        .build()?;
    Ok([
        source,
        filter,
        gst::ElementFactory::make("decodebin").build()?,
    ])
}

/// `1280x720` as width and height.
fn size(text: &str) -> Result<(i32, i32), String> {
    let side = |text| i32::from_str(text).ok().filter(|side| *side > 0);
    let sides = text
        .split_once('x')
        .and_then(|(w, h)| Some((side(w)?, side(h)?)));
    sides.ok_or_else(|| "width and height such as 1280x720".to_owned())
}

fn rate(text: &str) -> Result<i32, String> {
    let rate = i32::from_str(text).ok().filter(|rate| *rate > 0);
    rate.ok_or_else(|| "a whole number above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::into_sink;

    fn parse(text: &str) -> Result<Input, Failure> {
        Input::parse(Some(OsStr::new(text)))
    }

    /// The caps of the first frame that `camera` gives when asked for `options`.
    fn first_caps(camera: &str, options: &CameraOptions) -> gst::Caps {
        gst::init().unwrap();
        let source = gst::parse::bin_from_description(camera, true).unwrap();
        let chain = camera_chain(source.upcast(), options).unwrap();
        let input = Source::decoded(&chain, &Input::FirstCamera, "camera").unwrap();
        let (pipeline, sink) = into_sink(&input);
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(30));
        pipeline.set_state(gst::State::Null).unwrap();
        sample
            .expect("a frame within half a minute")
            .caps_owned()
            .unwrap()
    }

    #[test]
    fn a_camera_gives_the_size_and_rate_asked_for() {
        let options = CameraOptions {
            size: Some((352, 288)),
            fps: Some(10),
        };
        for camera in [
            "videotestsrc is-live=true",
            "videotestsrc is-live=true ! jpegenc",
        ] {
            let caps = first_caps(camera, &options);
            let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
            assert_eq!((info.width(), info.height()), (352, 288), "{camera}");
            assert_eq!(info.fps(), gst::Fraction::new(10, 1), "{camera}");
        }
    }

    #[test]
    fn a_camera_that_is_asked_for_nothing_chooses() {
        let caps = first_caps("videotestsrc is-live=true", &CameraOptions::default());
        assert_eq!(caps.structure(0).unwrap().name(), "video/x-raw");
    }

    #[test]
    fn what_is_no_uri_must_be_there() {
        let missing = parse("nothing.mp4").unwrap_err().to_string();
        assert!(
            missing.starts_with("nothing.mp4 cannot be read: "),
            "{missing}"
        );
        assert_eq!(
            parse("src").unwrap_err().to_string(),
            "src cannot be read: it is a folder. Give a file that exists, a camera like /dev/video0, or a URI."
        );
        let uri = parse("rtsp://127.0.0.1/cam").unwrap();
        assert_eq!(uri, Input::Uri("rtsp://127.0.0.1/cam".to_owned()));
        let file = parse("Cargo.toml").unwrap();
        let uri = file.uri().unwrap().unwrap();
        assert!(uri.starts_with("file:///"));
        assert_eq!(parse(&uri).unwrap(), file);
        assert_eq!(Input::parse(None).unwrap(), Input::FirstCamera);
    }

    #[test]
    fn passwords_are_not_said() {
        let name = |text| Input::name(Some(OsStr::new(text)));
        assert_eq!(name("rtsp://ada:engine@host/cam"), "rtsp://host/cam");
        assert_eq!(name("a@b.mp4"), "a@b.mp4");
    }

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        for wrong in ["1280", "1280x", "0x1", "ax b", "-1x5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
