//! Scales, smoothing, several classes, comparisons, regions and single places.

use super::*;
use crate::common::harness;
use gst::prelude::*;

const CAT: i32 = 285;
const ESPRESSO: i32 = 967;

/// A still photo with noise of two levels, a new one for each number.
fn noisy(photo: &Picture, number: u32) -> Picture {
    let mut state = number.wrapping_mul(0x9e37_79b9) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state % 5) as i32 - 2
    };
    Picture {
        rgb: photo
            .rgb
            .iter()
            .map(|v| (i32::from(*v) + noise()).clamp(0, 255) as u8)
            .collect(),
        ..*photo
    }
}

/// Frames that follow each other at 30 a second, through one element.
struct Stream {
    harness: gst_check::Harness,
    info: gst_video::VideoInfo,
    number: u64,
}

impl Stream {
    fn new(photo: &Picture, properties: &str) -> Self {
        let info = info(VideoFormat::Rgb, photo.width, photo.height);
        let line = format!("camoverlay draw-labels=false attach-map=true {properties}");
        Self {
            harness: harness(&line, &info),
            info,
            number: 0,
        }
    }

    fn pass(&mut self, picture: &Picture) -> Seen {
        let mut buffer = picture.to_buffer(&self.info, 0, 0);
        let pts = gst::ClockTime::from_nseconds(self.number * 33_333_333);
        buffer.get_mut().unwrap().set_pts(pts);
        self.number += 1;
        self.harness.push(buffer).unwrap();
        let buffer = self.harness.pull().unwrap();
        Seen {
            fields: meta(&buffer),
            picture: Picture::from_buffer(&buffer, &self.info),
        }
    }
}

/// How much brighter `picture` is than `first` where both are without heat: the slope of the line through their levels.
fn gain(first: &Picture, picture: &Picture) -> f64 {
    let is_gray = |rgb: &[u8]| rgb[0] == rgb[1] && rgb[1] == rgb[2] && rgb[0] > 0;
    let (mut products, mut squares, mut count) = (0.0, 0.0, 0);
    for (a, b) in first.rgb.chunks_exact(3).zip(picture.rgb.chunks_exact(3)) {
        if is_gray(a) && is_gray(b) {
            products += f64::from(a[0]) * f64::from(b[0]);
            squares += f64::from(a[0]) * f64::from(a[0]);
            count += 1;
        }
    }
    assert!(count > 10_000, "{count} pixels without heat");
    products / squares
}

#[test]
fn brightness_holds_still_with_a_steady_scale() {
    common::init();
    for name in ["chelsea.png", "coffee.png"] {
        let photo = Picture::load(&source("examples/media").join(name));
        let pumping = |properties: &str| {
            let mut stream = Stream::new(&photo, properties);
            let first = stream.pass(&noisy(&photo, 0)).picture;
            let mut last = 1.0;
            let (mut between, mut all) = (0.0f64, 0.0f64);
            for number in 1..100 {
                let gain = gain(&first, &stream.pass(&noisy(&photo, number)).picture);
                between = between.max((gain / last - 1.0).abs());
                all = all.max((gain - 1.0).abs());
                last = gain;
            }
            (between, all)
        };
        let (steady, frame) = (pumping("scale=steady"), pumping("scale=frame"));
        eprintln!(
            "{name}: gain changes from frame to frame, and over all: steady {steady:?}, frame {frame:?}"
        );
        assert!(
            steady.1 <= 0.005 && steady.0 < frame.0,
            "{name}: {steady:?} {frame:?}"
        );
    }
}

#[test]
fn nothing_of_an_old_picture_is_left_after_a_cut() {
    common::init();
    let cat = Picture::load_scaled(&source("examples/media/chelsea.png"), 300, 200);
    let coffee = Picture::load_scaled(&source("examples/media/coffee.png"), 300, 200);
    let properties = "scale=steady smoothing=2000000000";
    let fresh = Stream::new(&coffee, properties).pass(&coffee);
    let mut stream = Stream::new(&cat, properties);
    for number in 0..5 {
        stream.pass(&noisy(&cat, number));
    }
    // In the picture.
    let after = stream.pass(&coffee);
    assert!(after.picture.rgb == fresh.picture.rgb);
    // Of the target, in the same picture.
    let mut stream = Stream::new(&coffee, &format!("{properties} target={CAT}"));
    stream.pass(&coffee);
    stream
        .harness
        .element()
        .unwrap()
        .set_property("target", "top-1");
    assert!(stream.pass(&coffee).picture.rgb == fresh.picture.rgb);
    // A seek.
    let mut stream = Stream::new(&coffee, properties);
    let dim = Picture {
        rgb: coffee.rgb.iter().map(|v| v - v / 16).collect(),
        ..coffee.clone()
    };
    stream.pass(&dim);
    assert!(stream.pass(&coffee).picture.rgb != fresh.picture.rgb);
    stream.pass(&dim);
    stream.harness.push_event(gst::event::FlushStart::new());
    stream.harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    stream
        .harness
        .push_event(gst::event::Segment::new(&segment));
    assert!(stream.pass(&coffee).picture.rgb == fresh.picture.rgb);
}

#[test]
fn smoothed_maps_follow_each_other() {
    common::init();
    let photo = Picture::load_scaled(&source("examples/media/chelsea.png"), 300, 200);
    let pass = |smoothing: u64| {
        let mut stream = Stream::new(&photo, &format!("smoothing={smoothing}"));
        let seen: Vec<Vec<f32>> = (0..3)
            .map(|i| map(&stream.pass(&noisy(&photo, i)).fields).0)
            .collect();
        seen
    };
    let (raw, smooth) = (pass(0), pass(100_000_000));
    assert_eq!(raw[0], smooth[0]);
    let kept = (-33_333_333.0f64 / 1e8).exp();
    let mut last = smooth[0].clone();
    for (raw, smooth) in raw.iter().zip(&smooth).skip(1) {
        for ((raw, smooth), last) in raw.iter().zip(smooth).zip(&last) {
            let expected = f64::from(*raw) + kept * (f64::from(*last) - f64::from(*raw));
            assert!((f64::from(*smooth) - expected).abs() < 1e-3 * expected.abs().max(1.0));
        }
        last.clone_from(smooth);
    }
}

#[test]
fn another_class_is_as_hot_as_it_is_next_to_the_best() {
    common::init();
    let photos = photos();
    for net in ["squeezenet", "efficientnet-lite0"] {
        for photo in &photos {
            let best = see(photo, &format!("net={net}"));
            let second = see(photo, &format!("net={net} target=top-2 scale=common"));
            let (first, ..) = map(&best.fields);
            let (other, ..) = map(&second.fields);
            let span = |values: &[f32]| {
                values
                    .iter()
                    .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| {
                        (a.min(*v), b.max(*v))
                    })
            };
            let ((least, most), (_, highest)) = (span(&first), span(&other));
            let settings = json!({"scale": "common", "least": least, "most": most});
            let expected = &oracle(&[(photo, &second, settings)])[0];
            assert_alike(&format!("common {net}"), &second.picture, expected, 1);
            eprintln!("{net}: hottest at {}", (highest - least) / (most - least));
        }
    }
}

#[test]
fn a_class_of_a_thousandth_shows_nothing_by_its_score() {
    common::init();
    for photo in &photos() {
        let plain = see(photo, "target=#999 blend=colour");
        assert!(plain.fields.get::<f64>("target-score").unwrap() < 0.001);
        assert!(plain.picture.rgb != photo.rgb);
        let scored = see(photo, "target=#999 blend=colour scale=score");
        assert!(scored.picture.rgb == photo.rgb);
        let best = see(photo, "scale=score");
        let score = best.fields.get::<f64>("target-score").unwrap();
        let expected = &oracle(&[(photo, &best, json!({"scale": "score", "score": score}))])[0];
        assert_alike("score", &best.picture, expected, 1);
    }
}

#[test]
fn several_classes_have_a_colour_each() {
    common::init();
    let photo = Picture::load(&source("examples/media/chelsea.png"));
    for net in ["squeezenet", "efficientnet-lite0"] {
        let seen = see(
            &photo,
            &format!("net={net} target=\"top-1;tabby;#{ESPRESSO}\""),
        );
        let targets = seen.fields.get::<gst::Array>("targets").unwrap();
        let targets: Vec<gst::Structure> =
            targets.iter().map(|target| target.get().unwrap()).collect();
        let ids: Vec<i32> = targets
            .iter()
            .map(|target| target.get("id").unwrap())
            .collect();
        assert_eq!(ids, [CAT, 281, ESPRESSO]);
        assert_eq!(seen.fields.get::<i32>("target-id"), Ok(CAT));
        let maps: Vec<Vec<f32>> = targets.iter().map(|target| map(target).0).collect();
        let alone = see(&photo, &format!("net={net} target=281"));
        assert!(map(&alone.fields).0 == maps[1]);
        let expected = &oracle(&[(&photo, &seen, json!({"several": maps}))])[0];
        let (_, share) = seen.picture.difference(expected);
        // Where two classes are nearly alike, the last bit of a map decides.
        assert!(share < 0.003, "{net}: {share}");
    }
    let element = gst::ElementFactory::make("camoverlay").build().unwrap();
    element.set_property("target", "a;b;c;d;e;f;g;h");
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    element.set_state(gst::State::Null).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    let text = error.error().message().to_string();
    assert!(text.contains("names 8 classes, and at most 7"), "{text}");
}

#[test]
#[cfg(feature = "captions")]
fn a_class_that_is_named_twice_has_one_line() {
    common::init();
    let photo = Picture::load(&source("examples/media/chelsea.png"));
    // The rows of pixels that are written on.
    let written = |target: &str| -> Vec<bool> {
        let picture = |labels: bool| {
            see(&photo, &format!("draw-labels={labels} target=\"{target}\""))
                .picture
                .rgb
        };
        let (with, without) = (picture(true), picture(false));
        let rows = with
            .chunks(3 * photo.width)
            .zip(without.chunks(3 * photo.width));
        rows.map(|(with, without)| with != without).collect()
    };
    let twice = written("top-1;top-2");
    assert_eq!(written(&format!("top-1;top-2;#{CAT}")), twice);
    assert_eq!(written(&format!("top-1;#{CAT};top-2")), twice);
    assert_ne!(written("top-1;top-2;top-3"), twice);
}

#[test]
fn one_class_rather_than_another_is_the_difference_of_their_maps() {
    common::init();
    let photo = Picture::load(&source("examples/media/chelsea.png"));
    let vit = source("tests/graphs/transformers/vit.onnx");
    let networks = [
        "net=squeezenet".to_owned(),
        "net=efficientnet-lite0".to_owned(),
        format!("model={}", vit.display()),
    ];
    for network in networks {
        let map_of =
            |properties: &str| map(&see(&photo, &format!("{network} {properties}")).fields).0;
        let (one, other) = (map_of("target=#1"), map_of("target=#2"));
        let seen = see(&photo, &format!("{network} target=#1 versus=#2"));
        assert_eq!(seen.fields.get::<i32>("versus-id"), Ok(2));
        let (difference, ..) = map(&seen.fields);
        let scale = one
            .iter()
            .chain(&other)
            .fold(0.0f32, |most, v| most.max(v.abs()));
        for ((difference, one), other) in difference.iter().zip(&one).zip(&other) {
            assert!(
                (difference - (one - other)).abs() <= 1e-5 * scale,
                "{network}"
            );
        }
        let settings = json!({"scale": "positive"});
        let expected = &oracle(&[(&photo, &seen, settings)])[0];
        assert_alike(&network, &seen.picture, expected, 1);
    }
}

#[test]
fn comparisons_that_cannot_be_made_are_refused() {
    common::init();
    for (properties, words) in [
        ("versus=nonsense", "versus=\"nonsense\" names none"),
        ("versus=cup target=\"top-1;top-2\"", "target names several"),
        ("versus=#285 target=285", "versus names what target names"),
        // As in target, a semicolon may stand behind the last.
        (
            "versus=\"#285;\" target=285",
            "versus names what target names",
        ),
        (
            "versus=\"cup;tabby\"",
            "versus=\"cup;tabby\" names several classes. Give the one",
        ),
        (
            "versus=cup method=eigencam",
            "versus cannot be explained by method=eigencam",
        ),
    ] {
        let line = format!("videotestsrc ! camoverlay {properties} ! fakesink");
        let pipeline = common::pipeline(&line);
        let bus = pipeline.bus().unwrap();
        let _ = pipeline.set_state(gst::State::Playing);
        let timeout = gst::ClockTime::from_seconds(30);
        let message = bus
            .timed_pop_filtered(timeout, &[gst::MessageType::Error])
            .unwrap();
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!()
        };
        let text = error.error().message().to_string();
        assert!(text.contains(words), "{text}");
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn boxes_are_those_of_the_oracle() {
    common::init();
    for photo in &photos() {
        let info = info(VideoFormat::Rgb, photo.width, photo.height);
        let mut harness = harness(
            "camoverlay attach-map=true regions=true region-level=0.4 paint=false",
            &info,
        );
        harness.push(photo.to_buffer(&info, 0, 0)).unwrap();
        let buffer = harness.pull().unwrap();
        let seen = Seen {
            fields: meta(&buffer),
            picture: photo.clone(),
        };
        let boxes = seen.fields.get::<gst::Array>("regions").unwrap();
        let boxes: Vec<gst::Structure> = boxes.iter().map(|region| region.get().unwrap()).collect();
        let sides = |region: &gst::Structure| {
            ["x", "y", "width", "height"].map(|name| region.get::<i32>(name).unwrap())
        };
        let boxes: Vec<[i32; 4]> = boxes.iter().map(sides).collect();
        assert!(!boxes.is_empty());
        assert_eq!(boxes, regions(photo, &seen, 0.4));
        let metas = buffer.iter_meta::<gst_video::VideoRegionOfInterestMeta>();
        let metas: Vec<[i32; 4]> = metas
            .map(|meta| {
                let (x, y, width, height) = meta.rect();
                [x, y, width, height].map(|side| side as i32)
            })
            .collect();
        assert_eq!(metas, boxes);
    }
}
