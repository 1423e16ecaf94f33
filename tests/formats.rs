//! Every format through the element, converted to RGB by GStreamer, next to the RGB path.

mod common;

use common::{Picture, source};

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
