//! The mouse in the window of `camoverlay-view`.

use crate::common::{self, Picture, info, source};
use crate::view::{CAT, Viewer, explained, picture_in, same};

use gst::prelude::*;
use gst_video::VideoFormat;

/// What the element says of a place of `picture`, in pixels: ids, the best first.
fn classes_at(picture: &Picture, (x, y): (f64, f64)) -> Vec<i32> {
    let info = info(VideoFormat::Bgrx, picture.width, picture.height);
    let mut harness = common::harness("camoverlay", &info);
    harness.push_and_pull(picture_in(picture, &info)).unwrap();
    let element = harness.element().unwrap();
    let answer = element.emit_by_name::<Option<gst::Structure>>("classes-at", &[&x, &y]);
    common::array(&answer.unwrap(), "ids")
}

/// The box around the pixels that differ clearly: left, top, right, bottom.
fn changed(a: &Picture, b: &Picture) -> Option<[usize; 4]> {
    let differs = |at: usize| {
        (0..3).any(|channel| a.rgb[3 * at + channel].abs_diff(b.rgb[3 * at + channel]) > 40)
    };
    let pixels = (0..a.width * a.height).filter(|at| differs(*at));
    pixels.fold(None, |found: Option<[usize; 4]>, at| {
        let (x, y) = (at % a.width, at / a.width);
        let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    })
}

#[test]
fn the_mouse_asks_and_a_click_explains() {
    let cat = Picture::load(&source(CAT));
    let (width, height) = (cat.width, cat.height);
    let mut viewer = Viewer::new(&[source(CAT).to_str().unwrap()]);
    let plain = explained(&cat, "");
    let shot = viewer.shot_when("the cat", |shot| same(&shot.right(height), &plain));
    let band = shot.height() - height;
    let mut answers = Vec::new();
    for (x, y) in [(60, 40), (300, 200)] {
        viewer.point(width + x, band + y);
        let shot = viewer.shot_when("words", |shot| {
            changed(&shot.right(height), &plain).is_some()
        });
        // Beside the pointer, and nowhere else.
        let [left, top, right, bottom] = changed(&shot.right(height), &plain).unwrap();
        let is_beside = if x < width / 2 { left > x } else { right < x };
        assert!(
            is_beside && (top..bottom).contains(&y),
            "{left}, {top}, {right}, {bottom} for {x}, {y}"
        );
        assert!(
            right - left < width / 2 && bottom - top < height / 2,
            "{right}, {bottom}"
        );
        assert!(same(&shot.left(height), &cat));
        answers.push(classes_at(&cat, (x as f64, y as f64)));
        // They go with it.
        viewer.point(width / 2, band + y);
        viewer.shot_when("no words", |shot| same(&shot.right(height), &plain));
    }
    assert_ne!(answers[0][0], answers[1][0]);

    viewer.point(width + 300, band + 200);
    viewer.click();
    viewer.point(10, band + 10);
    let expected = explained(&cat, &format!("target=#{}", answers[1][0]));
    assert!(!same(&expected, &plain));
    viewer.shot_when("the class that was clicked on", |shot| {
        same(&shot.right(height), &expected)
    });
    // The original is no picture to ask.
    viewer.click();
    viewer.press(&["1"]);
    viewer.shot_when("the first class", |shot| same(&shot.right(height), &plain));
    viewer.press(&["q"]);
    assert_eq!(viewer.end(), Some(0));
}
