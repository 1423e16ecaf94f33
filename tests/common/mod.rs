//! What the tests share: where things are, frames to push, a harness around the element.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    path::{Path, PathBuf},
    sync::Once,
};

use gst::prelude::*;

/// Starts GStreamer and registers the plugin, once a process.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstcamoverlay::plugin_register_static().unwrap();
    });
}

/// A path inside the source tree.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder that holds test networks, photos and the reference script beside the source tree, if it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = source("../shared").join(path);
    if !found.exists() {
        eprintln!("SKIPPED: {} is not there", found.display());
    }
    found.exists().then_some(found)
}

/// A test network: `CAMOVERLAY_TEST_MODELS`, else the shared folder.
pub fn test_model(name: &str) -> Option<PathBuf> {
    match std::env::var_os("CAMOVERLAY_TEST_MODELS") {
        Some(folder) => Some(Path::new(&folder).join(name)).filter(|path| path.exists()),
        None => shared(&format!("models/{name}")),
    }
}

/// How the network room opens `source` with what set-up installed.
pub fn options(
    source: camoverlay::inference::Source,
    threads: usize,
) -> camoverlay::inference::Options {
    camoverlay::inference::Options {
        source,
        models_dir: None,
        labels: None,
        output: None,
        preprocess: None,
        input_size: None,
        threads,
        ort_library: None,
        search_roots: vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))],
    }
}

/// Python with numpy, onnx and onnxruntime, as set-up makes it.
pub fn python() -> PathBuf {
    source(".deps/python/bin/python")
}

/// The plugin as cargo built it for the tests, beside their programs.
pub fn plugin_file() -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .with_file_name("libgstcamoverlay.so")
}

/// A packed RGB picture without padding.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture whose pixel at (x, y) is `colour(x, y)`.
    pub fn from_fn(width: usize, height: usize, colour: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let rgb = (0..width * height)
            .flat_map(|i| colour(i % width, i / width))
            .collect();
        Self { width, height, rgb }
    }

    /// Reproducible noise over a gradient.
    pub fn noise(width: usize, height: usize, seed: u32) -> Self {
        Self::from_fn(width, height, |x, y| {
            let mut state =
                seed ^ (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
            [
                x * 255 / width,
                y * 255 / height,
                (x + y) * 127 / (width + height),
            ]
            .map(|base| {
                state = (state ^ (state >> 15)).wrapping_mul(0x2c1b_3c6d);
                state ^= state >> 12;
                (base / 2 + (state >> 8) as usize % 128) as u8
            })
        })
    }

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
        init();
        let pipeline = gst::parse::launch(&format!("{source} ! appsink name=sink sync=false"))
            .unwrap()
            .downcast::<gst::Pipeline>()
            .unwrap();
        let sink = pipeline
            .by_name("sink")
            .unwrap()
            .downcast::<gst_app::AppSink>()
            .unwrap();
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

    /// The largest difference of two samples, and the share of samples that differ.
    pub fn difference(&self, other: &Self) -> (u8, f64) {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let differences = self.rgb.iter().zip(&other.rgb).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.clone().max().unwrap();
        let differing = differences.filter(|difference| *difference > 0).count();
        (largest, differing as f64 / self.rgb.len() as f64)
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

/// Resident memory of this process, in MiB.
pub fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// Memory of this process that was allocated and not freed, in MiB, as glibc counts it.
pub fn allocated() -> f64 {
    // SAFETY: fills in a structure of numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as f64 / f64::from(1 << 20)
}
