//! How heat looks and where it is hot, asked of the programs.

use crate::common::{self, Picture, meta, source};
use crate::record::{Recording, clip, recorded};
use crate::view::{CAT, Viewer, explained, same};

use gst::prelude::*;
use serde_json::{Value, json};

#[test]
fn the_viewer_shows_heat_as_it_is_asked_to() {
    let cat = Picture::load(&source(CAT));
    let photo = source(CAT);
    let asked = "--target tabby --colormap viridis --blend colour --opacity 0.5 --placement receptive-field --scale score";
    let mut arguments: Vec<&str> = asked.split(' ').collect();
    arguments.extend(["--versus", "Egyptian cat"]);
    arguments.push(photo.to_str().unwrap());
    let mut viewer = Viewer::new(&arguments);
    let expected = explained(
        &cat,
        "target=tabby versus=\"Egyptian cat\" colormap=viridis blend=colour opacity=0.5 placement=receptive-field \
         scale=score",
    );
    viewer.shot_when("the heat that was asked for", |shot| {
        same(&shot.right(cat.height), &expected)
    });
}

/// The fields `names` of `fields`, and their `score` to six digits.
fn rounded(fields: &Value, names: [&str; 5]) -> Value {
    let score = (fields["score"].as_f64().unwrap() * 1e6).round();
    json!([names.map(|name| &fields[name]), score])
}

#[test]
fn a_recording_tells_what_is_hot() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clip(folder, "-c:v libx264 -bf 0 -c:a aac in.mp4");
    recorded(
        folder,
        "in.mp4 -o out.mp4 --regions --region-level 0.4 --versus top-2",
    );
    let lines = Recording::new(folder, "out.mp4").lines();
    let pipeline = common::pipeline(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! camoverlay regions=true region-level=0.4 versus=top-2 ! \
         appsink name=sink sync=false",
        folder.join("in.mp4").display()
    ));
    let sink = common::app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let names = ["x", "y", "width", "height", "id"];
    for line in lines {
        let sample = sink.pull_sample().unwrap();
        let said = meta(sample.buffer().unwrap());
        assert_eq!(line["versus"], said.get::<i32>("versus-id").unwrap());
        let regions: Vec<Value> = common::array::<gst::Structure>(&said, "regions")
            .iter()
            .map(|region| {
                let number = |name: &str| region.get::<i32>(name).unwrap();
                let [x, y, width, height, id] = names.map(number);
                let score = region.get::<f64>("score").unwrap();
                json!({"x": x, "y": y, "width": width, "height": height, "id": id, "score": score})
            })
            .collect();
        let told = line["regions"].as_array().unwrap();
        assert!(!told.is_empty());
        let compared = |regions: &[Value]| -> Vec<Value> {
            regions
                .iter()
                .map(|region| rounded(region, names))
                .collect()
        };
        assert_eq!(compared(told), compared(&regions));
    }
    pipeline.set_state(gst::State::Null).unwrap();
}
