//! Painted luma and chroma, converted to RGB by ffmpeg, next to painted RGB.

use crate::common;

use std::io::Write;
use std::process::{Command, Stdio};

use camoverlay::frame::{Encoding, Geometry, Layout, Matrix, PlaneMut, Range, Samples};
use camoverlay::render::{MapView, Painter};
use gst_video::prelude::*;
use gst_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoFormat,
    VideoFrame, VideoInfo, VideoTransferFunction, video_frame::Writable,
};

const WIDTH: usize = 192;
const HEIGHT: usize = 108;

/// Each format, and what ffmpeg calls it.
const FORMATS: [(VideoFormat, Samples, &str); 11] = [
    (VideoFormat::I420, Samples::I420, "yuv420p"),
    (VideoFormat::Nv12, Samples::NV12, "nv12"),
    (VideoFormat::Nv21, Samples::NV21, "nv21"),
    (VideoFormat::Y42b, Samples::Y42B, "yuv422p"),
    (VideoFormat::Y444, Samples::Y444, "yuv444p"),
    (VideoFormat::Nv24, Samples::NV24, "nv24"),
    (VideoFormat::Yuy2, Samples::YUY2, "yuyv422"),
    (VideoFormat::Uyvy, Samples::UYVY, "uyvy422"),
    (VideoFormat::Yvyu, Samples::YVYU, "yvyu422"),
    (VideoFormat::P01010le, Samples::P010_10LE, "p010le"),
    (VideoFormat::I42010le, Samples::I420_10LE, "yuv420p10le"),
];

const MATRICES: [(VideoColorMatrix, Matrix, &str); 3] = [
    (VideoColorMatrix::Bt601, Matrix::Bt601, "bt601"),
    (VideoColorMatrix::Bt709, Matrix::Bt709, "bt709"),
    (VideoColorMatrix::Bt2020, Matrix::Bt2020, "bt2020"),
];

const RANGES: [(VideoColorRange, Range, &str); 2] = [
    (VideoColorRange::Range16_235, Range::Limited, "limited"),
    (VideoColorRange::Range0_255, Range::Full, "full"),
];

fn info(format: VideoFormat, range: VideoColorRange, matrix: VideoColorMatrix) -> VideoInfo {
    // One transfer function and one set of primaries: matrix and range are what is compared.
    let (transfer, primaries) = (VideoTransferFunction::Bt709, VideoColorPrimaries::Bt709);
    VideoInfo::builder(format, WIDTH as u32, HEIGHT as u32)
        .colorimetry(&VideoColorimetry::new(range, matrix, transfer, primaries))
        .build()
        .unwrap()
}

fn frame(info: &VideoInfo) -> VideoFrame<Writable> {
    let buffer = gst::Buffer::with_size(info.size()).unwrap();
    VideoFrame::from_buffer_writable(buffer, info).unwrap()
}

/// The frame as `info` says, without dithering or smoothing of chroma.
fn converted(from: &VideoFrame<Writable>, info: &VideoInfo) -> VideoFrame<Writable> {
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    config.set_chroma_resampler_method(gst_video::VideoResamplerMethod::Nearest);
    let converter = gst_video::VideoConverter::new(from.info(), info, Some(config)).unwrap();
    let mut to = frame(info);
    converter.frame_ref(&from.as_video_frame_ref(), &mut to.as_mut_video_frame_ref());
    to
}

/// Red, green and blue, 0 to 255 with the precision of 16 bits, of a frame of luma and chroma.
///
/// ffmpeg gives eight bits eight more, and ten bits six, whatever their range: 255 is 255 x 256 then,
/// and 1023, the end of ten bits' full range, 1023 x 64.
fn colours(frame: &VideoFrame<Writable>, format: &str, matrix: &str, range: &str) -> Vec<f64> {
    let flags = "neighbor+accurate_rnd+full_chroma_int+full_chroma_inp";
    let scale = format!("scale=in_color_matrix={matrix}:in_range={range}:flags={flags}");
    let size = format!("{WIDTH}x{HEIGHT}");
    let child = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", format, "-s", &size, "-i", "-",
        ])
        .args(["-vf", &scale, "-pix_fmt", "rgb48le", "-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("set-up installs ffmpeg");
    let data = frame.buffer().map_readable().unwrap();
    child.stdin.take().unwrap().write_all(&data).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout.len(), 6 * WIDTH * HEIGHT);
    let white = match (format, range) {
        ("p010le" | "yuv420p10le", "full") => 1023.0 * 64.0,
        _ => 255.0 * 256.0,
    };
    let words = output.stdout.as_chunks::<2>().0.iter();
    words
        .map(|&word| f64::from(u16::from_le_bytes(word)) / white * 255.0)
        .collect()
}

/// Rows and columns of pixels that have one heat.
const PATCH: usize = 12;

/// Heat of all strengths, in patches.
fn map() -> Vec<f32> {
    let value = |x: usize, y: usize| ((x / PATCH * 5 + y / PATCH * 19) % 97) as f32 / 96.0;
    (0..WIDTH * HEIGHT)
        .map(|i| value(i % WIDTH, i / WIDTH))
        .collect()
}

/// Whether a pixel's colour comes from chroma samples of its own patch alone, which the converter
/// interpolates.
fn is_flat(i: usize) -> bool {
    let inside = |at: usize| (4..PATCH - 4).contains(&(at % PATCH));
    inside(i % WIDTH) && inside(i / WIDTH)
}

fn paint(frame: &mut VideoFrame<Writable>, layout: Layout) {
    let mut painter = Painter::new(&Geometry {
        layout,
        width: WIDTH,
        height: HEIGHT,
    });
    let map = map();
    let map = MapView {
        values: &map,
        width: WIDTH,
        height: HEIGHT,
    };
    painter.set_map(map, 0.2);
    let strides: Vec<usize> = frame.plane_stride().iter().map(|&s| s as usize).collect();
    let mut frame = frame.as_mut_video_frame_ref();
    let planes = frame.planes_data_mut().into_iter().zip(strides);
    let mut planes: Vec<PlaneMut> = planes
        .map(|(data, stride)| PlaneMut { data, stride })
        .collect();
    painter.paint(&mut planes);
}

#[test]
fn painted_luma_and_chroma_are_painted_rgb() {
    common::init();
    let rgb = info(
        VideoFormat::Rgb,
        VideoColorRange::Range0_255,
        VideoColorMatrix::Rgb,
    );
    let filled = |colour: &dyn Fn(usize, usize) -> u8| {
        let mut frame = frame(&rgb);
        let stride = frame.plane_stride()[0] as usize;
        let rows = frame.plane_data_mut(0).unwrap().chunks_mut(stride);
        for (y, row) in rows.enumerate() {
            for (x, pixel) in row[..3 * WIDTH].chunks_exact_mut(3).enumerate() {
                pixel.fill(colour(x, y));
            }
        }
        frame
    };
    let shades = filled(&|x, y| ((x * 3 + y * 5) % 256) as u8);
    for (format, samples, name) in FORMATS {
        for (gst_matrix, matrix, matrix_name) in MATRICES {
            for (gst_range, range, range_name) in RANGES {
                let what = format!("{name} {matrix_name} {range_name}");
                let colours = |frame: &_| colours(frame, name, matrix_name, range_name);
                let mut painted = converted(&shades, &info(format, gst_range, gst_matrix));
                // Luma that was rounded is what both are painted on.
                let seen = colours(&painted);
                let mut expected = filled(&|x, y| seen[3 * (y * WIDTH + x)].round() as u8);
                paint(&mut expected, Layout::RGB);
                let encoding = Encoding { matrix, range };
                paint(&mut painted, Layout::YCbCr { samples, encoding });
                let actual = colours(&painted);
                let stride = expected.plane_stride()[0] as usize;
                let rows = expected.plane_data(0).unwrap().chunks(stride);
                let expected = rows.flat_map(|row| &row[..3 * WIDTH]);
                let pairs = actual.iter().zip(expected).enumerate();
                let flat = pairs.filter(|(i, _)| is_flat(i / 3));
                let flat = flat.map(|(_, (actual, expected))| (*actual, f64::from(*expected)));
                let (mut largest, mut sum, mut count) = (0f64, 0.0, 0.0);
                for (actual, expected) in flat {
                    largest = largest.max((actual.round() - expected).abs());
                    sum += (actual - expected).abs();
                    count += 1.0;
                }
                let mean = sum / count;
                assert!(largest <= 2.0, "{what}: {largest}");
                assert!(mean <= 0.6, "{what}: {mean}");
            }
        }
    }
}
