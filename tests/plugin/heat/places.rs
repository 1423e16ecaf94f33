//! What single places of a picture say.

use super::*;
use crate::common::{array, harness};
use gst::prelude::*;

const ESPRESSO: i32 = 967;

#[test]
fn a_place_says_which_classes_it_speaks_for() {
    common::init();
    let photo = Picture::load(&source("examples/media/coffee.png"));
    let info = info(VideoFormat::Rgb, photo.width, photo.height);
    let mut harness = harness("camoverlay attach-map=true", &info);
    let element = harness.element().unwrap();
    let ask = |x: f64, y: f64| {
        let answer = element.emit_by_name::<Option<gst::Structure>>("classes-at", &[&x, &y]);
        answer.map(|fields| {
            (
                array::<i32>(&fields, "ids"),
                array::<f64>(&fields, "scores"),
            )
        })
    };
    assert!(ask(1.0, 1.0).is_none());
    harness.push(photo.to_buffer(&info, 0, 0)).unwrap();
    let fields = meta(&harness.pull().unwrap());
    let (values, width, height) = map(&fields);
    let hottest = (0..values.len())
        .max_by(|a, b| values[*a].total_cmp(&values[*b]))
        .unwrap();
    let x = ((hottest % width) as f64 + 0.5) / width as f64 * photo.width as f64;
    let y = ((hottest / width) as f64 + 0.5) / height as f64 * photo.height as f64;
    let (ids, scores) = ask(x, y).unwrap();
    assert!(ids.len() == 3 && scores.is_sorted_by(|a, b| a >= b));
    // With a mean over space alone, the logit of a cell is the class's map there.
    let logit = |id: i32| f64::from(map(&see(&photo, &format!("target=#{id}")).fields).0[hottest]);
    for pair in [0, 1] {
        let ratio = (scores[pair] / scores[pair + 1]).ln();
        let expected = logit(ids[pair]) - logit(ids[pair + 1]);
        assert!(
            (ratio - expected).abs() < 1e-3 * expected.abs().max(1.0),
            "{ratio} {expected}"
        );
    }
    assert!(logit(ids[0]) >= logit(ESPRESSO));
    assert!(ask(-1.0, 1.0).is_none() && ask(1.0, 1e6).is_none());

    assert_eq!(told_to_a_mouse(&element, x, y), ids);
}

/// The ids of the message that a mouse at this place gets.
fn told_to_a_mouse(element: &gst::Element, x: f64, y: f64) -> Vec<i32> {
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let event = gst_video::NavigationEvent::new_mouse_move(x, y);
    element.static_pad("src").unwrap().send_event(event.build());
    let kinds = [gst::MessageType::Element];
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &kinds);
    let message = message.unwrap();
    let fields = message.structure().unwrap();
    assert_eq!(fields.name(), "camoverlay-at");
    assert_eq!(fields.get::<f64>("x"), Ok(x));
    array::<i32>(fields, "ids")
}

/// `core/tests/transformers.rs` compares the answers with PyTorch's.
#[test]
fn a_head_of_several_layers_is_run_for_a_place() {
    common::init();
    let photo = Picture::load(&source("tests/graphs/transformers/64x64.png"));
    let info = info(VideoFormat::Rgb, photo.width, photo.height);
    let vit = source("tests/graphs/transformers/vit.onnx");
    let launch = format!("camoverlay model={} top-k=2", vit.display());
    let mut harness = harness(&launch, &info);
    let element = harness.element().unwrap();
    harness.push(photo.to_buffer(&info, 0, 0)).unwrap();
    harness.pull().unwrap();
    let ask = |x: f64, y: f64| {
        let answer = element.emit_by_name::<Option<gst::Structure>>("classes-at", &[&x, &y]);
        let answer = answer.unwrap();
        (
            array::<i32>(&answer, "ids"),
            array::<f64>(&answer, "scores"),
        )
    };
    let corners = [(4.0, 4.0), (60.0, 4.0), (4.0, 60.0), (60.0, 60.0)].map(|(x, y)| {
        let (ids, scores) = ask(x, y);
        assert!(scores[0] >= scores[1] && scores[1] > 0.0 && scores[0] < 1.0);
        assert_eq!(told_to_a_mouse(&element, x, y), ids);
        scores[0]
    });
    // Places differ.
    assert!(corners.iter().any(|score| *score != corners[0]));
}
