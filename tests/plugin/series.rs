//! Several elements in one stream: the last one's word comes first, and those before it are kept.

use crate::common;

use std::process::Command;

use crate::common::{Picture, info, meta, source};
use gst::prelude::*;
use gst_video::VideoFormat;

/// The first buffer that reaches each of `sinks`.
fn first_buffers<const N: usize>(line: &str, sinks: [&str; N]) -> [gst::Buffer; N] {
    let pipeline = common::pipeline(line);
    pipeline.set_state(gst::State::Playing).unwrap();
    let buffers = sinks.map(|name| {
        let sink = pipeline.by_name(name).unwrap();
        let sink: gst_app::AppSink = sink.downcast().unwrap();
        let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(60));
        sample.expect("a frame").buffer_owned().unwrap()
    });
    pipeline.set_state(gst::State::Null).unwrap();
    buffers
}

/// Explained classes, from the last element to the first.
fn targets(buffer: &gst::BufferRef) -> Vec<i32> {
    let metas = buffer.iter_meta::<gst::Meta>();
    let ours = metas.filter(|meta| meta.api().name().contains("CamOverlay"));
    assert_eq!(ours.count(), 1, "one metadata holds them all");
    let mut targets = Vec::new();
    let mut next = Some(meta(buffer));
    while let Some(fields) = next {
        targets.push(fields.get("target-id").unwrap());
        next = fields
            .has_field("previous")
            .then(|| fields.get("previous").unwrap());
    }
    targets
}

const SOURCE: &str = "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=64,height=48";

#[test]
fn the_later_element_has_the_word_and_the_earlier_ones_are_in_previous() {
    let [buffer] = first_buffers(
        &format!(
            "{SOURCE} ! camoverlay target=967 ! videoconvert ! video/x-raw,format=I420 ! \
             camoverlay net=efficientnet-lite0 target=7 attach-map=true ! camoverlay target=281 ! appsink name=sink"
        ),
        ["sink"],
    );
    assert_eq!(targets(&buffer), [281, 7, 967]);
    let last = meta(&buffer);
    let middle = last.get::<gst::Structure>("previous").unwrap();
    let first = middle.get::<gst::Structure>("previous").unwrap();
    for (fields, net, has_map) in [
        (&last, "squeezenet", false),
        (&middle, "efficientnet-lite0", true),
        (&first, "squeezenet", false),
    ] {
        assert_eq!(fields.get::<String>("net").unwrap(), net);
        assert_eq!(fields.has_field("map"), has_map);
        assert_eq!(common::array::<i32>(fields, "top-ids").len(), 3);
    }
}

#[test]
fn branches_keep_what_was_said_before_them_apart() {
    let buffers = first_buffers(
        &format!(
            "{SOURCE} ! camoverlay target=967 ! tee name=t \
             t. ! queue ! camoverlay target=7 ! appsink name=seven \
             t. ! queue ! camoverlay target=281 ! appsink name=tabby \
             t. ! queue ! appsink name=plain"
        ),
        ["seven", "tabby", "plain"],
    );
    let [seven, tabby, plain] = buffers.map(|buffer| targets(&buffer));
    assert_eq!(
        (&*seven, &*tabby, &*plain),
        (&[7, 967][..], &[281, 967][..], &[967][..])
    );
}

#[test]
fn twenty_elements_nest_twenty_deep() {
    let elements: String = (0..20)
        .map(|i| format!(" ! camoverlay target={i}"))
        .collect();
    let [buffer] = first_buffers(&format!("{SOURCE}{elements} ! appsink name=sink"), ["sink"]);
    assert_eq!(targets(&buffer), (0..20).rev().collect::<Vec<i32>>());
}

#[test]
fn what_goes_round_in_a_loop_does_not_grow_for_ever() {
    let info = info(VideoFormat::Rgb, 64, 48);
    let mut harness = common::harness("camoverlay", &info);
    let element = harness.element().unwrap();
    let mut buffer = Picture::noise(64, 48, 3).to_buffer(&info, 0, 0);
    for target in 0..40 {
        element.set_property("target", target.to_string());
        harness.push(buffer).unwrap();
        buffer = harness.pull().unwrap();
    }
    assert_eq!(targets(&buffer), (7..40).rev().collect::<Vec<i32>>());
}

#[test]
fn python_reads_them_as_documented() {
    let output = Command::new("/usr/bin/python3")
        .arg(source("tests/read_series.py"))
        .env("GST_PLUGIN_PATH", common::plugin_file().parent().unwrap())
        .env("CAMOVERLAY_MODELS", source(".deps/share/camoverlay/models"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "squeezenet 281\nefficientnet-lite0 7\nsqueezenet 967\n"
    );
}
