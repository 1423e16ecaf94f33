//! How heat looks, against the oracle (`tests/oracle/heat.py`), and what it leaves alone.

mod looks;
mod placement;
mod places;
mod scales;

use std::{fs, process::Command};

use crate::common::{self, Picture, harness, info, map, meta, source};
use gst_video::VideoFormat;
use serde_json::{Value, json};

/// What comes of a frame.
struct Seen {
    fields: gst::Structure,
    picture: Picture,
}

/// What comes of `picture`, as packed RGB, through SqueezeNet with these properties.
fn see(picture: &Picture, properties: &str) -> Seen {
    let info = info(VideoFormat::Rgb, picture.width, picture.height);
    let line = format!("camoverlay attach-map=true draw-labels=false {properties}");
    let mut harness = harness(&line, &info);
    harness.push(picture.to_buffer(&info, 0, 0)).unwrap();
    let buffer = harness.pull().unwrap();
    Seen {
        fields: meta(&buffer),
        picture: Picture::from_buffer(&buffer, &info),
    }
}

/// Two photos, one of them upright and small.
fn photos() -> [Picture; 2] {
    let photo = |name| source("examples/media").join(name);
    [
        Picture::load(&photo("chelsea.png")),
        Picture::load_scaled(&photo("coffee.png"), 150, 224),
    ]
}

/// What the oracle makes of frames with these maps and settings.
fn oracle(cases: &[(&Picture, &Seen, Value)]) -> Vec<Picture> {
    let folder = run_oracle(cases);
    let picture = |(number, (frame, ..)): (usize, &(&Picture, &Seen, Value))| Picture {
        rgb: fs::read(folder.path().join(format!("{number}.picture"))).unwrap(),
        ..**frame
    };
    cases.iter().enumerate().map(picture).collect()
}

/// The boxes that the oracle draws around what is hot in a frame.
fn regions(frame: &Picture, seen: &Seen, level: f64) -> Vec<[i32; 4]> {
    let folder = run_oracle(&[(frame, seen, json!({"region_level": level}))]);
    serde_json::from_slice(&fs::read(folder.path().join("0.json")).unwrap()).unwrap()
}

/// The folder in which the oracle left its answers.
fn run_oracle(cases: &[(&Picture, &Seen, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let list = cases
        .iter()
        .enumerate()
        .map(|(number, (frame, seen, settings))| {
            let (values, width, height) = map(&seen.fields);
            let values: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            let mut case = json!({
                "frame": write(format!("{number}.frame"), &frame.rgb),
                "width": frame.width,
                "height": frame.height,
                "map": write(format!("{number}.map"), &values),
                "map_width": width,
                "map_height": height,
                "threshold": 0.2,
            });
            let settings = settings.as_object().unwrap().clone();
            case.as_object_mut().unwrap().extend(settings);
            case
        });
    let list: Vec<Value> = list.collect();
    write("cases.json".into(), &serde_json::to_vec(&list).unwrap());
    let status = Command::new(common::python())
        .arg(source("tests/oracle/heat.py"))
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "the oracle fails");
    folder
}

/// At most a thousandth of the samples is off, and by no more than `most` levels.
fn assert_alike(what: &str, actual: &Picture, expected: &Picture, most: u8) {
    let (largest, share) = actual.difference(expected);
    assert!(largest <= most, "{what}: differs by {largest} levels");
    assert!(share <= 0.001, "{what}: {share} of the samples differ");
}
