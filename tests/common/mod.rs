//! What the tests share: where things are, frames to push, a harness around the element.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    path::{Path, PathBuf},
    sync::Once,
};

use gst::prelude::*;

#[path = "../../core/tests/common/mod.rs"]
mod core_common;

#[allow(unused_imports, reason = "each test file uses its own part")]
pub use core_common::*;

/// Starts GStreamer and registers the plugin, once a process.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstcamoverlay::plugin_register_static().unwrap();
    });
}

/// A pipeline from a launch line.
pub fn pipeline(line: &str) -> gst::Pipeline {
    init();
    gst::parse::launch(line).unwrap().downcast().unwrap()
}

/// The appsink called `name`.
pub fn app_sink(pipeline: &gst::Pipeline, name: &str) -> gst_app::AppSink {
    pipeline.by_name(name).unwrap().downcast().unwrap()
}

/// Waits for the end of what `pipeline` plays, and takes it down.
pub fn play_to_the_end(pipeline: &gst::Pipeline) {
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(30), &kinds);
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A folder of what the Python script at `script`, in the source tree, writes into it.
pub fn made_by(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new(python())
        .args([&source(script), folder.path()])
        .status();
    assert!(status.unwrap().success());
    folder
}

/// A named pipe at `path`.
pub fn make_pipe(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status();
    assert!(status.unwrap().success());
}

/// The plugin as cargo built it for the tests, beside their programs.
pub fn plugin_file() -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .with_file_name("libgstcamoverlay.so")
}

/// What GStreamer does for a picture.
impl Picture {
    /// A photo, decoded by GStreamer.
    pub fn load(path: &Path) -> Self {
        Self::load_as(path, "")
    }

    /// A photo, decoded by GStreamer and scaled.
    pub fn load_scaled(path: &Path, width: usize, height: usize) -> Self {
        Self::load_as(path, &format!(",width={width},height={height}"))
    }

    fn load_as(path: &Path, size: &str) -> Self {
        Self::first_of(&format!(
            "filesrc location={:?} ! decodebin ! videoconvert ! videoscale ! video/x-raw,format=RGB{size}",
            path.display()
        ))
    }

    /// The first frame that comes out of the launch line `source`, of one of the packed formats.
    pub fn first_of(source: &str) -> Self {
        let pipeline = pipeline(&format!("{source} ! appsink name=sink sync=false"));
        let sink = app_sink(&pipeline, "sink");
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = sink.pull_sample().unwrap();
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        let picture = Self::from_buffer(sample.buffer().unwrap(), &info);
        pipeline.set_state(gst::State::Null).unwrap();
        picture
    }

    /// What `buffer`, of one of the packed formats, shows.
    pub fn from_buffer(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> Self {
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
        let (width, height) = (info.width() as usize, info.height() as usize);
        let stride = info_stride(&frame);
        let bytes = info.format_info().pixel_stride()[0] as usize;
        let format = info.format_info();
        let offsets = format.poffset();
        let data = frame.plane_data(0).unwrap();
        Self::from_fn(width, height, |x, y| {
            [0, 1, 2].map(|channel| data[y * stride + x * bytes + offsets[channel] as usize])
        })
    }

    /// The buffer of `info` that shows the picture, rows `padding` bytes longer than need be; every byte that is no
    /// colour is `filler`.
    pub fn to_buffer(
        &self,
        info: &gst_video::VideoInfo,
        padding: usize,
        filler: u8,
    ) -> gst::Buffer {
        let bytes = info.format_info().pixel_stride()[0] as usize;
        let offsets: Vec<usize> = info
            .format_info()
            .poffset()
            .iter()
            .map(|offset| *offset as usize)
            .collect();
        let stride = self.width * bytes + padding;
        let mut data = vec![filler; stride * self.height];
        for y in 0..self.height {
            for x in 0..self.width {
                for channel in 0..3 {
                    data[y * stride + x * bytes + offsets[channel]] =
                        self.rgb[(y * self.width + x) * 3 + channel];
                }
            }
        }
        let mut buffer = gst::Buffer::from_mut_slice(data);
        let buffer_mut = buffer.get_mut().unwrap();
        gst_video::VideoMeta::add_full(
            buffer_mut,
            gst_video::VideoFrameFlags::empty(),
            info.format(),
            info.width(),
            info.height(),
            &[0],
            &[stride as i32],
        )
        .unwrap();
        buffer
    }
}

fn info_stride<T>(frame: &gst_video::VideoFrameRef<T>) -> usize
where
    gst_video::VideoFrameRef<T>: gst_video::VideoFrameExt,
{
    gst_video::VideoFrameExt::plane_stride(frame)[0] as usize
}

/// Video info of `format` at the picture's size, 30 frames a second.
pub fn info(format: gst_video::VideoFormat, width: usize, height: usize) -> gst_video::VideoInfo {
    gst_video::VideoInfo::builder(format, width as u32, height as u32)
        .fps(gst::Fraction::new(30, 1))
        .build()
        .unwrap()
}

/// A harness around the element made by the launch line `description`.
pub fn harness(description: &str, info: &gst_video::VideoInfo) -> gst_check::Harness {
    init();
    let element = gst::parse::launch(description).unwrap();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_caps(info.to_caps().unwrap(), info.to_caps().unwrap());
    harness
}

/// The explanation's metadata on `buffer`.
pub fn meta(buffer: &gst::BufferRef) -> gst::Structure {
    gst::meta::CustomMeta::from_buffer(buffer, gstcamoverlay::camoverlay::META_NAME)
        .expect("the buffer carries CamOverlayMeta")
        .structure()
        .to_owned()
}

/// The values of an array field.
pub fn array<T: for<'a> gst::glib::value::FromValue<'a> + 'static>(
    structure: &gst::StructureRef,
    field: &str,
) -> Vec<T> {
    let array = structure.get::<gst::Array>(field).unwrap();
    array
        .iter()
        .map(|value| value.get::<T>().unwrap())
        .collect()
}

/// The raw class map in `structure`: values, width, height.
pub fn map(structure: &gst::StructureRef) -> (Vec<f32>, usize, usize) {
    let bytes = structure.get::<gst::glib::Bytes>("map").unwrap();
    let values = bytes
        .chunks_exact(4)
        .map(|chunk| f32::from_ne_bytes(chunk.try_into().unwrap()))
        .collect();
    let side = |name| structure.get::<i32>(name).unwrap() as usize;
    (values, side("map-width"), side("map-height"))
}

/// Memory of this process that was allocated and not freed, in MiB, as glibc counts it.
#[allow(unsafe_code, reason = "a call of libc")]
pub fn allocated() -> f64 {
    // SAFETY: fills in a structure of numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as f64 / f64::from(1 << 20)
}
