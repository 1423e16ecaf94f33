//! The classes and boxes in GStreamer's own words.

use gst::prelude::*;

use crate::common::{self, app_sink, source};
use crate::launch::{text, with_plugin};

const PHOTO: &str = "examples/media/chelsea.png";

/// Lines of `examples/analytics.py` for a photo through camoverlay with these properties, and what follows it.
fn read_by_gstreamer(properties: &str) -> Vec<String> {
    let output = with_plugin("/usr/bin/python3")
        .arg(source("examples/analytics.py"))
        .args([source(PHOTO).to_str().unwrap(), properties])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output).lines().map(str::to_owned).collect()
}

/// What `CamOverlayMeta` says of the same, in the same form.
fn read_by_us(properties: &str) -> Vec<String> {
    let pipeline = common::pipeline(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! camoverlay regions=true {properties} ! appsink name=sink",
        source(PHOTO).display()
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = app_sink(&pipeline, "sink").pull_sample().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    let fields = common::meta(sample.buffer().unwrap());
    let labels: Vec<String> = common::array(&fields, "top-labels");
    let scores: Vec<f64> = common::array(&fields, "top-scores");
    let ids: Vec<i32> = common::array(&fields, "top-ids");
    let regions: Vec<gst::Structure> = common::array(&fields, "regions");
    let classes = labels
        .iter()
        .zip(scores)
        .map(|(label, score)| format!("class {label}: {score:.4}"));
    let boxes = regions.iter().map(|region| {
        let [x, y, width, height, id] =
            ["x", "y", "width", "height", "id"].map(|name| region.get::<i32>(name).unwrap());
        let score: f64 = region.get("score").unwrap();
        let rank = ids.iter().position(|other| *other == id).unwrap();
        format!(
            "box {}: {width} x {height} at {x}, {y}, {score:.4}",
            labels[rank]
        )
    });
    classes.chain(boxes).collect()
}

#[test]
fn gstreamers_own_bindings_read_the_classes_and_boxes() {
    let (major, minor, ..) = gst::version();
    if (major, minor) < (1, 24) {
        // There are none yet, and nothing is missed.
        assert!(!read_by_us("target=top-1").is_empty());
        assert!(gst::glib::Type::from_name("GstAnalyticsRelationMetaAPI").is_none());
        return;
    }
    for properties in [
        "target=top-1",
        "target=top-2 region-level=0.7",
        "target=\"top-3;top-1\"",
        "top-k=2 target=top-1 paint=false",
    ] {
        let read = read_by_gstreamer(properties);
        assert_eq!(read, read_by_us(properties), "{properties}");
        assert!(read.iter().any(|line| line.starts_with("box ")));
    }
    // Two in series share one relation metadata, and each says its own.
    let twice = read_by_gstreamer("target=top-1 ! camoverlay top-k=2");
    let classes = twice
        .iter()
        .filter(|line| line.starts_with("class "))
        .count();
    assert_eq!(classes, 5, "{twice:?}");
}
