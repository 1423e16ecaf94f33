//! Every format through the element, converted to RGB by GStreamer, next to the RGB path.

mod common;

use common::{Picture, source};
use gst_video::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo};
use gstcamoverlay::picture::{
    Encoding, Geometry, Layout, MapView, Matrix, Painter, PlaneMut, Range, Samples,
};

/// What the gray photo becomes when the element takes it as `caps`.
fn painted(caps: &str) -> Picture {
    Picture::first_of(&format!(
        "filesrc location={:?} ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 \
         ! videoconvert chroma-mode=full dither=none ! video/x-raw,{caps} \
         ! camoverlay draw-labels=false threads=1 \
         ! videoconvert chroma-resampler=nearest dither=none ! video/x-raw,format=RGB",
        source("examples/media/chelsea.png").display()
    ))
}

/// Mean of the absolute differences, in 8-bit levels.
fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a
        .rgb
        .iter()
        .zip(&b.rgb)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.rgb.len() as f64
}

#[test]
fn every_format_looks_as_in_rgb() {
    let expected = painted("format=RGB");
    for format in ["BGRx", "xRGB", "GBR", "ABGR"] {
        assert_eq!(
            painted(&format!("format={format}")).rgb,
            expected.rgb,
            "{format}"
        );
    }
    let subsampled = [
        "I420",
        "YV12",
        "NV12",
        "NV21",
        "Y42B",
        "YUY2",
        "UYVY",
        "YVYU",
        "P010_10LE",
        "I420_10LE",
    ];
    for format in ["Y444"].into_iter().chain(subsampled) {
        for colorimetry in ["bt601", "bt709", "bt2020", "1:4:0:0", "1:3:0:0"] {
            let picture = painted(&format!("format={format},colorimetry={colorimetry}"));
            let mean = mean_difference(&picture, &expected);
            // A limited range rounds the gray photo anew, which the network answers with a slightly
            // other map: swapped planes or a wrong matrix would cost 20 levels, this costs 4.
            assert!(mean < 6.0, "{format} {colorimetry}: {mean}");
        }
    }
}

#[test]
fn gray_frames_stay_gray_and_take_their_light_from_the_heat() {
    let picture = painted("format=GRAY8");
    assert!(
        picture
            .rgb
            .chunks_exact(3)
            .all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2])
    );
    assert!(picture.rgb.iter().max() > Some(&150));
}

type Frame = gst_video::VideoFrame<gst_video::video_frame::Writable>;

/// `frame` as frames of `to`, by GStreamer's converter, without dither or any mixing of neighbours.
fn converted(frame: &Frame, to: &VideoInfo) -> Frame {
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    config.set_chroma_resampler_method(gst_video::VideoResamplerMethod::Nearest);
    let converter = gst_video::VideoConverter::new(frame.info(), to, Some(config)).unwrap();
    let mut out = empty(to);
    converter.frame(frame, &mut out);
    out
}

fn empty(info: &VideoInfo) -> Frame {
    let buffer = gst::Buffer::with_size(info.size()).unwrap();
    gst_video::VideoFrame::from_buffer_writable(buffer, info).unwrap()
}

/// Red, green and blue of each pixel, 0 to 255, by GStreamer with 16 bits.
fn colours(frame: &Frame) -> Vec<[f64; 3]> {
    let info = common::info(
        VideoFormat::Argb64,
        frame.width() as usize,
        frame.height() as usize,
    );
    let wide = converted(frame, &info);
    let words = wide.plane_data(0).unwrap().chunks_exact(2);
    let words: Vec<f64> = words
        .map(|word| f64::from(u16::from_ne_bytes([word[0], word[1]])) / 257.0)
        .collect();
    words.chunks_exact(4).map(|p| [p[1], p[2], p[3]]).collect()
}

/// Paints the same map on frames of any layout.
fn paint(frame: &mut Frame, layout: Layout) {
    let geometry = Geometry {
        layout,
        width: frame.width() as usize,
        height: frame.height() as usize,
    };
    let values = [0.0, 0.1, 0.5, 0.2, 1.0, 0.6, 0.0, 0.3, 0.4];
    let map = MapView {
        values: &values,
        width: 3,
        height: 3,
    };
    let mut painter = Painter::new(&geometry);
    painter.set_map(map, 0.2);
    let strides: Vec<usize> = frame.plane_stride().iter().map(|s| *s as usize).collect();
    let mut planes: Vec<PlaneMut> = frame
        .planes_data_mut()
        .into_iter()
        .zip(strides)
        .map(|(data, stride)| PlaneMut { data, stride })
        .collect();
    painter.paint(&mut planes);
}

/// Heat goes to red, green and blue on the one way and to luma and chroma on the other; GStreamer
/// says what these look like.
#[test]
fn what_is_painted_in_luma_and_chroma_looks_as_in_rgb() {
    common::init();
    let (width, height) = (322, 201);
    let formats = [
        (VideoFormat::I420, Samples::I420),
        (VideoFormat::Yv12, Samples::YV12),
        (VideoFormat::Nv12, Samples::NV12),
        (VideoFormat::Nv21, Samples::NV21),
        (VideoFormat::Y42b, Samples::Y42B),
        (VideoFormat::Y444, Samples::Y444),
        (VideoFormat::Yuy2, Samples::YUY2),
        (VideoFormat::Uyvy, Samples::UYVY),
        (VideoFormat::Yvyu, Samples::YVYU),
        (VideoFormat::P01010le, Samples::P010_10LE),
        (VideoFormat::I42010le, Samples::I420_10LE),
    ];
    let matrices = [
        (VideoColorMatrix::Bt601, Matrix::Bt601),
        (VideoColorMatrix::Bt709, Matrix::Bt709),
        (VideoColorMatrix::Bt2020, Matrix::Bt2020),
    ];
    let ranges = [
        (VideoColorRange::Range16_235, Range::Limited),
        (VideoColorRange::Range0_255, Range::Full),
    ];
    let mut gray = empty(&common::info(VideoFormat::Rgb, width, height));
    let stride = gray.plane_stride()[0] as usize;
    for (y, row) in gray
        .plane_data_mut(0)
        .unwrap()
        .chunks_mut(stride)
        .enumerate()
    {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            pixel.fill(((x * 5 + y * 3) % 256) as u8);
        }
    }
    for (format, samples) in formats {
        for ((their_matrix, matrix), (their_range, range)) in
            matrices.into_iter().flat_map(|m| ranges.map(|r| (m, r)))
        {
            let info = VideoInfo::builder(format, width as u32, height as u32)
                .fps(gst::Fraction::new(30, 1))
                .colorimetry(&VideoColorimetry::new(
                    their_range,
                    their_matrix,
                    gst_video::VideoTransferFunction::Unknown,
                    gst_video::VideoColorPrimaries::Unknown,
                ))
                .build()
                .unwrap();
            let mut frame = converted(&gray, &info);
            let mut expected = empty(gray.info());
            let pixels = expected.plane_data_mut(0).unwrap().chunks_mut(stride);
            for (row, colours) in pixels.zip(colours(&frame).chunks_exact(width)) {
                for (pixel, colour) in row.chunks_exact_mut(3).zip(colours) {
                    pixel.copy_from_slice(&colour.map(|c| c.round() as u8));
                }
            }
            paint(&mut expected, Layout::RGB);
            let encoding = Encoding { matrix, range };
            paint(&mut frame, Layout::YCbCr { samples, encoding });

            let (actual, expected) = (colours(&frame), colours(&expected));
            // Where the pixels that may share a chroma sample have one heat, their colours differ by
            // gray alone.
            let chroma = |x: usize, y: usize| {
                let [r, g, b] = expected[y.min(height - 1) * width + x.min(width - 1)];
                [r - g, b - g]
            };
            let flat = |x: usize, y: usize| {
                let (x, y) = (x / 2 * 2, y / 2 * 2);
                let [a, b] = chroma(x, y);
                let others = [(1, 0), (0, 1), (1, 1)].map(|(dx, dy)| chroma(x + dx, y + dy));
                others
                    .iter()
                    .all(|o| (o[0] - a).abs() <= 1.0 && (o[1] - b).abs() <= 1.0)
            };
            let (mut total, mut count, mut most) = (0.0, 0, 0.0_f64);
            for (i, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
                if flat(i % width, i / width) {
                    for (actual, expected) in actual.iter().zip(expected) {
                        most = most.max((actual - expected).abs());
                        total += (actual - expected).abs();
                        count += 1;
                    }
                }
            }
            let mean = total / f64::from(count);
            let what =
                format!("{format:?} {encoding:?}: {count} samples, mean {mean:.3}, most {most:.2}");
            eprintln!("{what}");
            assert!(count > 50_000 && mean <= 0.6 && most <= 2.0, "{what}");
        }
    }
}

/// Probabilities of what the network takes a frame of one colour for.
fn scores(colour: u32, format: &str) -> Vec<(i32, f64)> {
    common::init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=1 pattern=solid-color foreground-color={colour} \
         ! video/x-raw,format={format},width=81,height=61 ! camoverlay threads=1 top-k=20 ! appsink name=sink"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    let sink = sink.downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.pull_sample().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    let fields = common::meta(sample.buffer().unwrap());
    let ids = common::array::<i32>(&fields, "top-ids").into_iter();
    ids.zip(common::array::<f64>(&fields, "top-scores"))
        .collect()
}

#[test]
fn solid_colours_mean_the_same_to_the_network_in_every_format() {
    let formats = [
        "BGR",
        "BGRx",
        "RGBx",
        "xRGB",
        "xBGR",
        "BGRA",
        "RGBA",
        "ARGB",
        "ABGR",
        "GBR",
        "I420",
        "YV12",
        "NV12",
        "NV21",
        "Y42B",
        "Y444",
        "YUY2",
        "UYVY",
        "YVYU",
        "P010_10LE",
        "I420_10LE",
    ];
    let colours = [0xff_e03c14_u32, 0xff_14c85a, 0xff_2850f0];
    let expected = colours.map(|colour| scores(colour, "RGB"));
    let distance = |a: &[(i32, f64)], b: &[(i32, f64)]| -> f64 {
        let score = |id: i32| {
            b.iter()
                .find(|(other, _)| *other == id)
                .map_or(0.0, |(_, s)| *s)
        };
        a.iter().map(|(id, s)| (s - score(*id)).abs()).sum()
    };
    for format in formats {
        for (i, colour) in colours.into_iter().enumerate() {
            let actual = scores(colour, format);
            // Channels that have changed places make another of the colours, or nearly so.
            let distances = expected
                .each_ref()
                .map(|expected| distance(expected, &actual));
            let others = (0..3).filter(|other| *other != i);
            let nearest = others
                .map(|other| distances[other])
                .fold(f64::MAX, f64::min);
            eprintln!("{format} {colour:x}: {distances:.3?}");
            assert!(
                distances[i] * 3.0 < nearest,
                "{format} {colour:x}: {distances:?}"
            );
        }
    }
}
