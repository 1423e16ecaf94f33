//! Captions as they were looked at and approved: `tests/captions/*.png`.
//!
//! Where a change of their look is meant, `CAMOVERLAY_BLESS=1 cargo test --test plugin captions` writes the pictures anew. Look
//! at every one of them before committing it.

use crate::common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use camoverlay::caption::Caption;
use camoverlay::frame::{Encoding, Geometry, Layout, Matrix, PlaneMut, Range, Samples};
use common::{Picture, info, source};
use gst_video::{VideoFormat, VideoFrameExt};
use pangocairo::prelude::*;

/// A pixel differs where it does by more than this many levels: a conversion costs up to 5.
const LEVELS: u8 = 64;

/// Largest share of pixels that differ: other releases of FreeType and Pango may hint letters otherwise. What another
/// caption costs is more, which the test asserts.
const TOLERANCE: f64 = 0.005;

/// A frame with a caption.
struct Golden {
    name: &'static str,
    /// The font that must be there.
    font: &'static str,
    size: (usize, usize),
    lines: &'static [(&'static str, f32)],
    marked: usize,
}

const LATIN: &str = "DejaVu Sans";
const CHINESE: &str = "WenQuanYi Micro Hei";

const GOLDENS: [Golden; 5] = [
    Golden {
        name: "latin-160x120",
        font: LATIN,
        size: (160, 120),
        lines: &[("Egyptian cat", 0.62), ("tabby", 0.2), ("lynx", 0.05)],
        marked: 1,
    },
    Golden {
        name: "latin-320x240",
        font: LATIN,
        size: (320, 240),
        lines: &[("café crème", 0.97), ("Straßenbahn", 0.02), ("Łódź", 0.0)],
        marked: 0,
    },
    Golden {
        name: "long-160x120",
        font: LATIN,
        size: (160, 120),
        lines: &[
            ("boa constrictor, Constrictor constrictor", 0.51),
            ("قط مصري من نوع نادر جدا في الحديقة", 0.32),
        ],
        marked: 0,
    },
    Golden {
        name: "arabic-320x240",
        font: LATIN,
        size: (320, 240),
        lines: &[("قط مصري", 0.62), ("وشق", 0.2), ("لاما", 0.05)],
        marked: 0,
    },
    Golden {
        name: "chinese-320x240",
        font: CHINESE,
        size: (320, 240),
        lines: &[
            ("埃及猫", 0.62),
            ("虎斑猫", 0.2),
            ("浓缩咖啡 (espresso)", 0.05),
        ],
        marked: 2,
    },
];

/// Formats that show the same, and how.
fn formats() -> [(VideoFormat, Layout); 4] {
    let y_cb_cr = |samples| Layout::YCbCr {
        samples,
        encoding: Encoding {
            matrix: Matrix::Bt601,
            range: Range::Limited,
        },
    };
    [
        (VideoFormat::Rgb, Layout::RGB),
        (VideoFormat::I420, y_cb_cr(Samples::I420)),
        (VideoFormat::Nv12, y_cb_cr(Samples::NV12)),
        (VideoFormat::Yuy2, y_cb_cr(Samples::YUY2)),
    ]
}

impl Golden {
    fn path(&self) -> PathBuf {
        source(&format!("tests/captions/{}.png", self.name))
    }

    /// Bars of gray, black on the left, with the caption drawn in `format`, as RGB.
    fn drawn(&self, (format, layout): (VideoFormat, Layout)) -> gst::Sample {
        let (width, height) = self.size;
        let background =
            Picture::from_fn(width, height, |x, _| [(x / 16 * 16 * 255 / width) as u8; 3]);
        let rgb = info(VideoFormat::Rgb, width, height);
        let buffer = background.to_buffer(&rgb, 0, 0);
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps(&rgb.to_caps().unwrap())
            .build();
        let mut caps = info(format, width, height).to_caps().unwrap();
        if let Layout::YCbCr { .. } = layout {
            caps.make_mut().set("colorimetry", "bt601");
        }
        let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
        let sample = converted(&sample, &caps);
        let buffer = sample.buffer().unwrap().copy_deep().unwrap();
        let mut frame = gst_video::VideoFrame::from_buffer_writable(buffer, &info)
            .ok()
            .unwrap();

        let mut caption = Caption::new(&Geometry {
            layout,
            width,
            height,
        });
        caption.set_lines(self.lines.iter().copied(), Some(self.marked));
        let strides: Vec<usize> = frame.plane_stride().iter().map(|s| *s as usize).collect();
        let data = frame.planes_data_mut();
        let planes = data.into_iter().zip(strides.into_iter().chain([0; 4]));
        let mut planes: Vec<_> = planes
            .map(|(data, stride)| PlaneMut { data, stride })
            .collect();
        caption.draw(&mut planes);
        let sample = gst::Sample::builder()
            .buffer(&frame.into_buffer())
            .caps(&caps)
            .build();
        converted(&sample, &rgb.to_caps().unwrap())
    }
}

fn converted(sample: &gst::Sample, caps: &gst::Caps) -> gst::Sample {
    gst_video::convert_sample(sample, caps, gst::ClockTime::from_seconds(30).into()).unwrap()
}

fn picture(sample: &gst::Sample) -> Picture {
    let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    Picture::from_buffer(sample.buffer().unwrap(), &info)
}

fn write_png(sample: &gst::Sample, path: &Path) {
    let png = converted(sample, &gst::Caps::new_empty_simple("image/png"));
    let data = png.buffer().unwrap().map_readable().unwrap();
    fs::write(path, data).unwrap();
}

/// Share of the pixels that differ.
fn difference(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let pairs = a.rgb.chunks(3).zip(b.rgb.chunks(3));
    let differing = pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > LEVELS));
    differing.count() as f64 / (a.width * a.height) as f64
}

/// What letters look like is the machine's settings' and fonts' matter: this process sees no settings, and no
/// fonts before those of the pictures.
fn with_fonts_of_our_own(test: &str) -> bool {
    if env::var_os("CAMOVERLAY_TEST_FONTS").is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("fonts.conf");
    fs::write(
        &settings,
        format!(
            "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'><fontconfig>\
             <dir>/usr/share/fonts</dir><cachedir>{}</cachedir>\
             <match target='pattern'><test name='family'><string>Sans</string></test>\
             <edit name='family' mode='prepend' binding='strong'><string>{LATIN}</string>\
             <string>{CHINESE}</string></edit></match>\
             </fontconfig>",
            folder.path().join("cache").display()
        ),
    )
    .unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("FONTCONFIG_FILE", &settings)
        .env("CAMOVERLAY_TEST_FONTS", "1")
        .status()
        .unwrap();
    assert!(status.success(), "see above");
    false
}

#[test]
fn captions_look_as_approved() {
    if !with_fonts_of_our_own("captions::captions_look_as_approved") {
        return;
    }
    common::init();
    let families = pangocairo::FontMap::default().list_families();
    let families: Vec<_> = families.iter().map(|family| family.name()).collect();
    for golden in GOLDENS {
        if !families.iter().any(|family| family == golden.font) {
            let why = format!("the font {} is not installed", golden.font);
            common::skipped(&format!("the caption {}", golden.name), &why);
            continue;
        }
        if env::var_os("CAMOVERLAY_BLESS").is_some() {
            write_png(&golden.drawn(formats()[0]), &golden.path());
        }
        let approved = Picture::load(&golden.path());
        for format in formats() {
            let drawn = golden.drawn(format);
            let share = difference(&picture(&drawn), &approved);
            if share > TOLERANCE {
                let seen = env::temp_dir().join(format!("{}-{:?}.png", golden.name, format.0));
                write_png(&drawn, &seen);
                panic!(
                    "{} in {:?}: {share:.4} of the pixels differ, see {}",
                    golden.name,
                    format.0,
                    seen.display()
                );
            }
            for other in GOLDENS.iter().filter(|other| other.size == golden.size) {
                let share = difference(&picture(&other.drawn(format)), &approved);
                assert!(
                    other.name == golden.name || share > TOLERANCE,
                    "{} passes for {}: {share:.4}",
                    other.name,
                    golden.name
                );
            }
        }
    }
}
