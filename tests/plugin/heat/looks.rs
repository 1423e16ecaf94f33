//! Colour maps, blends, opacity, and frames that are not painted.

use super::*;
use gst::prelude::*;

#[test]
fn blends_and_opacities_are_the_oracles() {
    common::init();
    let photos = photos();
    let mut seen = Vec::new();
    for photo in &photos {
        for blend in ["darkened", "colour", "contour", "mask"] {
            for (colormap, opacity) in [("jet", 1.0), ("gray", 0.5)] {
                let properties = format!("blend={blend} colormap={colormap} opacity={opacity}");
                let settings = json!({"blend": blend, "colormap": colormap, "opacity": opacity});
                seen.push((photo, see(photo, &properties), settings));
            }
        }
    }
    let cases: Vec<_> = seen
        .iter()
        .map(|(photo, seen, settings)| (*photo, seen, settings.clone()))
        .collect();
    for ((_, seen, settings), expected) in seen.iter().zip(&oracle(&cases)) {
        // A pixel whose heat rounds otherwise may be on another line.
        let most = if settings["blend"] == "contour" {
            u8::MAX
        } else {
            1
        };
        assert_alike(&settings.to_string(), &seen.picture, expected, most);
    }
}

#[test]
fn looks_change_while_it_plays_and_back() {
    common::init();
    let [photo, _] = photos();
    let info = info(VideoFormat::Rgb, photo.width, photo.height);
    let mut harness = harness("camoverlay draw-labels=false", &info);
    let element = harness.element().unwrap();
    let mut pass = |properties: &[(&str, &str)]| {
        for (name, value) in properties {
            element.set_property_from_str(name, value);
        }
        harness.push(photo.to_buffer(&info, 0, 0)).unwrap();
        Picture::from_buffer(&harness.pull().unwrap(), &info).rgb
    };
    let first = pass(&[]);
    let looks = [
        ("colormap", "viridis", "jet"),
        ("blend", "colour", "darkened"),
        ("blend", "contour", "darkened"),
        ("opacity", "0.5", "1.0"),
        ("paint", "false", "true"),
    ];
    for (name, other, own) in looks {
        let changed = pass(&[(name, other)]);
        assert!(changed != first, "{name}={other}");
        assert_eq!(changed == photo.rgb, name == "paint", "{name}={other}");
        assert!(pass(&[(name, own)]) == first, "{name}={own} again");
    }
}

#[test]
fn frames_that_are_not_painted_pass_by_reference() {
    common::init();
    let [photo, _] = photos();
    for format in [VideoFormat::Rgb, VideoFormat::Bgrx] {
        let info = info(format, photo.width, photo.height);
        let mut harness = harness("camoverlay paint=false", &info);
        let buffer = photo.to_buffer(&info, 0, 0);
        let address = buffer.map_readable().unwrap().as_ptr();
        // Somebody else holds the frame too: who wrote to it would have to copy it first.
        let held = buffer.clone();
        harness.push(buffer).unwrap();
        let out = harness.pull().unwrap();
        assert_eq!(out.map_readable().unwrap().as_ptr(), address);
        assert!(
            *held.map_readable().unwrap() == *photo.to_buffer(&info, 0, 0).map_readable().unwrap()
        );
        let fields = meta(&out);
        let painted = see(&photo, "").fields;
        for name in ["top-ids", "target-id"] {
            assert_eq!(
                fields.value(name).unwrap().serialize().ok(),
                painted.value(name).unwrap().serialize().ok()
            );
        }
        let stats: gst::Structure = harness.element().unwrap().property("stats");
        assert_eq!(stats.get::<u64>("inferences"), Ok(1));
        assert_eq!(stats.get::<u64>("blend-last"), Ok(0));
    }
}
