//! Every format through the element, converted to RGB by GStreamer, next to the RGB path.

use crate::common;

use common::{Picture, source};
use gst::prelude::*;

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
    for format in ["Y444", "NV24"].into_iter().chain(subsampled) {
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

/// Probabilities of what the network takes a frame of one colour for.
fn scores(colour: u32, format: &str) -> Vec<(i32, f64)> {
    let pipeline = common::pipeline(&format!(
        "videotestsrc num-buffers=1 pattern=solid-color foreground-color={colour} \
         ! video/x-raw,format={format},width=82,height=61 ! camoverlay threads=1 top-k=20 ! appsink name=sink"
    ));
    let sink = common::app_sink(&pipeline, "sink");
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
    // All that the element takes, but for those that have no colours.
    let factory = gst::ElementFactory::find("camoverlay").unwrap();
    let templates = factory.static_pad_templates();
    let sink = templates
        .iter()
        .find(|template| template.direction() == gst::PadDirection::Sink);
    let caps = sink.unwrap().caps();
    let listed = caps.structure(0).unwrap().get::<gst::List>("format");
    let formats: Vec<String> = listed
        .unwrap()
        .iter()
        .map(|format| format.get().unwrap())
        .filter(|format| format != "GRAY8")
        .collect();
    assert!(formats.len() > 20, "{formats:?}");
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
    for format in &formats {
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
