//! Where frames come from: a camera, a file, or whatever has a URI.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use gst::glib;
use gst::prelude::*;

use super::Failure;

/// Name of the bins that inputs are.
pub(super) const NAME: &str = "input";

/// An input as the user names it: nothing or `camera` for the first camera, a camera's device, a file, a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    FirstCamera,
    /// A video device, like /dev/video0.
    Camera(PathBuf),
    /// A file, which has been looked for, or whatever else GStreamer can open.
    Uri(String),
}

/// How a camera shall deliver. Files and addresses keep their own size and rate.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Camera")]
pub struct CameraOptions {
    /// Size asked of the camera, in pixels, such as 1280x720
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<(i32, i32)>,
    /// Frames a second asked of the camera
    #[arg(long, value_name = "N", value_parser = rate)]
    pub fps: Option<i32>,
}

/// What a word of the command line, or a file's name, is as text: itself, or, where it is not UTF-8, the URI of the
/// file of that name.
///
/// # Errors
/// The current folder is not there.
pub fn text_of(name: &OsStr) -> Result<String, Failure> {
    match name.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Ok(glib::filename_to_uri(std::path::absolute(name)?, None)?.into()),
    }
}

/// The parser of inputs on the command line, by [`text_of`].
pub fn text_parser() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(|name| text_of(&name))
}

impl Input {
    /// Understands `text`; none is the first camera.
    ///
    /// # Errors
    /// A file or device that is not there, or may not be read.
    pub fn parse(text: Option<&str>) -> Result<Self, Failure> {
        let Some(text) = text else {
            return Ok(Self::FirstCamera);
        };
        if text.contains("://") {
            return Ok(Self::Uri(text.to_owned()));
        }
        let path = Path::new(text);
        if text.starts_with("/dev/video") {
            if !path.exists() {
                return Err(format!(
                    "There is no camera {text}. Connected ones are listed by: ls /dev/video*"
                )
                .into());
            }
            return Ok(Self::Camera(path.to_owned()));
        }
        let unreadable = |why: std::io::Error| {
            format!(
                "{text} cannot be read: {why}. Give a file that exists, a camera like /dev/video0, or a URI."
            )
        };
        let path = path.canonicalize().map_err(unreadable)?;
        std::fs::File::open(&path).map_err(unreadable)?;
        Ok(Self::Uri(glib::filename_to_uri(path, None)?.into()))
    }

    /// The URI that GStreamer opens; none for a camera.
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Uri(uri) => Some(uri),
            Self::FirstCamera | Self::Camera(_) => None,
        }
    }

    /// A bin whose one pad, `src`, gives the input's first picture stream, decoded, in whatever format it has.
    ///
    /// An input without a picture is an error on the bus.
    ///
    /// # Errors
    /// There is no camera, or GStreamer lacks an element.
    pub fn video(&self, camera: &CameraOptions) -> Result<gst::Bin, Failure> {
        match self {
            Self::Uri(uri) => decoded(&[gst::ElementFactory::make("uridecodebin")
                .property("uri", uri)
                .build()?]),
            Self::Camera(path) => {
                let source = gst::ElementFactory::make("v4l2src");
                let source = source
                    .property("device", path.display().to_string())
                    .build()?;
                decoded(&camera_chain(source, camera)?)
            }
            Self::FirstCamera => {
                let device = cameras()?.into_iter().next().ok_or(
                    "There is no camera. Connect one, or give a file, a device like /dev/video0, or a URI.",
                )?;
                decoded(&camera_chain(device.create_element(None)?, camera)?)
            }
        }
    }
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

/// A bin of `chain`, whose last element decodes, with the first picture stream on its pad `src`.
fn decoded(chain: &[gst::Element]) -> Result<gst::Bin, Failure> {
    let decoder = chain.last().ok_or("The input has no elements.")?;
    let bin = gst::Bin::with_name(NAME);
    bin.add_many(chain)?;
    gst::Element::link_many(chain)?;
    let ghost = gst::GhostPad::builder(gst::PadDirection::Src)
        .name("src")
        .build();
    bin.add_pad(&ghost)?;
    let pad = ghost.downgrade();
    decoder.connect_pad_added(move |_, new| {
        let caps = new.current_caps().unwrap_or_else(|| new.query_caps(None));
        let is_picture = caps.structure(0).is_some_and(|s| s.name() == "video/x-raw");
        if let Some(ghost) = pad.upgrade()
            && is_picture
            && ghost.target().is_none()
        {
            // It fails where downstream takes no such picture, and the bus says so then.
            let _ = ghost.set_target(Some(new));
        }
    });
    let (pad, whole) = (ghost.downgrade(), bin.downgrade());
    decoder.connect_no_more_pads(move |_| {
        if let (Some(ghost), Some(bin)) = (pad.upgrade(), whole.upgrade())
            && ghost.target().is_none()
        {
            let words = "The input has no picture in it. Give a video, a camera or an image.";
            gst::element_error!(bin, gst::StreamError::WrongType, ("{words}"));
        }
    });
    Ok(bin)
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

    /// The caps of the first frame that `camera` gives when asked for `options`.
    fn first_caps(camera: &str, options: &CameraOptions) -> gst::Caps {
        gst::init().unwrap();
        let source = gst::parse::bin_from_description(camera, true).unwrap();
        let input = decoded(&camera_chain(source.upcast(), options).unwrap()).unwrap();
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline
            .add_many([input.upcast_ref::<gst::Element>(), sink.upcast_ref()])
            .unwrap();
        input.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = sink.pull_sample().unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        sample.caps_owned().unwrap()
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
        let missing = Input::parse(Some("nothing.mp4")).unwrap_err().to_string();
        assert!(
            missing.starts_with("nothing.mp4 cannot be read: "),
            "{missing}"
        );
        let uri = Input::parse(Some("rtsp://127.0.0.1/cam")).unwrap();
        assert_eq!(uri.uri(), Some("rtsp://127.0.0.1/cam"));
        let file = Input::parse(Some("Cargo.toml")).unwrap();
        assert!(file.uri().unwrap().starts_with("file:///"));
        assert_eq!(Input::parse(None).unwrap(), Input::FirstCamera);
    }

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        for wrong in ["1280", "1280x", "0x1", "ax b", "-1x5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
