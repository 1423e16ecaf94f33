//! Frames that are turned, not square-pixelled or of a high dynamic range, next to what they show.

use crate::common;

use crate::common::{Picture, array, harness, info, map, meta, source};
use gst::prelude::*;
use gst_video::{VideoFormat, VideoFrameExt};

/// What the tag says, and how `videoflip` lays an upright picture so that the tag is true of it.
const TAGS: [(&str, &str); 8] = [
    ("rotate-0", "identity"),
    ("rotate-90", "90l"),
    ("rotate-180", "180"),
    ("rotate-270", "90r"),
    ("flip-rotate-0", "horiz"),
    ("flip-rotate-90", "ur-ll"),
    ("flip-rotate-180", "vert"),
    ("flip-rotate-270", "ul-lr"),
];

/// The coffee photo as frames of `caps`.
fn photo(caps: &str) -> String {
    format!(
        "filesrc location={:?} ! decodebin ! videoconvert ! videoscale add-borders=false ! video/x-raw,{caps}",
        source("examples/media/coffee.png").display()
    )
}

/// The first frame that comes out of the launch line.
fn first(line: &str) -> (gst::Structure, Vec<u8>) {
    let pipeline = common::pipeline(&format!("{line} ! appsink name=sink sync=false"));
    let sink = common::app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink
        .try_pull_sample(gst::ClockTime::from_seconds(60))
        .expect("a frame comes out");
    pipeline.set_state(gst::State::Null).unwrap();
    let buffer = sample.buffer().unwrap();
    (meta(buffer), buffer.map_readable().unwrap().to_vec())
}

/// The best class and its score.
fn best(fields: &gst::StructureRef) -> (i32, f64) {
    (
        array::<i32>(fields, "top-ids")[0],
        array::<f64>(fields, "top-scores")[0],
    )
}

const ESPRESSO: i32 = 967;

#[test]
fn a_tag_turns_the_picture_and_nothing_else() {
    for format in ["RGB", "I420", "NV12", "Y444"] {
        let photo = photo(&format!("format={format},width=480,height=320"));
        let overlay = "camoverlay threads=1 attach-map=true name=overlay";
        let (upright, painted) = first(&format!("{photo} ! {overlay}"));
        assert_eq!(best(&upright).0, ESPRESSO);
        let (expected, width, height) = map(&upright);
        for (tag, laid) in TAGS {
            let lying = format!("{photo} ! videoflip video-direction={laid}");
            let tagged = format!("{lying} ! taginject tags=image-orientation={tag} ! {overlay}");
            // The tag goes on to those behind, who turn the picture.
            let (turned, seen) = first(&format!("{tagged} ! videoflip video-direction=auto"));
            assert_eq!(best(&turned), best(&upright), "{format} {tag}");
            if format == "RGB" {
                assert!(seen == painted, "{tag}: heat or labels lie elsewhere");
            }
            let (mut values, mut across, mut down) = map(&turned);
            if tag.ends_with("90") || tag.ends_with("270") {
                assert_eq!((across, down), (height, width), "{tag}");
            }
            // The map lies as the frame does: turned like it, it is the upright one.
            let turns: &[&str] = match laid {
                "identity" => &[],
                "90l" => &["transpose", "horiz"],
                "180" => &["horiz", "vert"],
                "90r" => &["transpose", "vert"],
                "horiz" => &["horiz"],
                "ur-ll" => &["transpose", "horiz", "vert"],
                "vert" => &["vert"],
                _ => &["transpose"],
            };
            for turn in turns {
                let get = |x: usize, y: usize| values[y * across + x];
                let (new_across, new_down) = match *turn {
                    "transpose" => (down, across),
                    _ => (across, down),
                };
                let turned = (0..new_across * new_down).map(|i| {
                    let (x, y) = (i % new_across, i / new_across);
                    match *turn {
                        "transpose" => get(y, x),
                        "horiz" => get(across - 1 - x, y),
                        _ => get(x, down - 1 - y),
                    }
                });
                values = turned.collect();
                (across, down) = (new_across, new_down);
            }
            assert!(values == expected, "{format} {tag}");
        }
    }
}

#[test]
fn the_property_wins_over_the_tag() {
    let photo = photo("format=RGB,width=480,height=320");
    let (_, upright) = first(&format!("{photo} ! camoverlay threads=1"));
    let (_, turned) = first(&format!(
        "{photo} ! videoflip video-direction=90l ! taginject tags=image-orientation=rotate-180 \
         ! camoverlay threads=1 orientation=90r ! videoflip video-direction=90r"
    ));
    assert!(turned == upright);
}

/// A frame of the photo, `width` x `height`, in a buffer.
fn buffer(picture: &Picture, info: &gst_video::VideoInfo) -> gst::Buffer {
    picture.to_buffer(info, 0, 0)
}

#[test]
fn tags_and_the_property_count_from_the_next_frame_on() {
    let picture = Picture::load_scaled(&source("examples/media/coffee.png"), 320, 480);
    let info = info(VideoFormat::Rgb, 320, 480);
    let mut harness = harness("camoverlay threads=1 attach-map=true", &info);
    let element = harness.element().unwrap();
    let mut sizes = Vec::new();
    let mut push = |harness: &mut gst_check::Harness| {
        let out = harness.push_and_pull(buffer(&picture, &info)).unwrap();
        let fields = meta(&out);
        let (_, width, height) = map(&fields);
        assert!(width < height, "the map lies as the frame does");
        sizes.push(best(&fields));
        sizes.last().copied().unwrap()
    };
    let tag = |orientation: &str, scope| {
        let mut list = gst::TagList::new();
        let list_mut = list.get_mut().unwrap();
        list_mut.set_scope(scope);
        list_mut.add::<gst::tags::ImageOrientation>(&orientation, gst::TagMergeMode::Append);
        gst::event::Tag::new(list)
    };
    let upright = push(&mut harness);
    assert!(harness.push_event(tag("rotate-90", gst::TagScope::Global)));
    let clockwise = push(&mut harness);
    assert_ne!(clockwise, upright);
    assert!(harness.push_event(tag("rotate-180", gst::TagScope::Stream)));
    let half = push(&mut harness);
    assert_ne!(half, clockwise);
    // The stream's own tag wins, and a list without the tag says nothing about it.
    assert!(harness.push_event(tag("rotate-270", gst::TagScope::Global)));
    assert!(harness.push_event(gst::event::Tag::new(gst::TagList::new())));
    assert_eq!(push(&mut harness), half);
    element.set_property_from_str("orientation", "90r");
    assert_eq!(push(&mut harness), clockwise);
    element.set_property_from_str("orientation", "identity");
    assert_eq!(push(&mut harness), upright);
    element.set_property_from_str("orientation", "auto");
    assert_eq!(push(&mut harness), half);
    // A new stream without a tag is upright.
    assert!(harness.push_event(gst::event::StreamStart::new("another")));
    assert!(harness.push_event(gst::event::Caps::new(&info.to_caps().unwrap())));
    assert!(
        harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<
            gst::ClockTime,
        >::new()))
    );
    assert_eq!(push(&mut harness), upright);
}

#[test]
fn pixels_that_are_not_square_show_what_square_ones_do() {
    for (photo, class) in [("coffee.png", ESPRESSO), ("chelsea.png", 285)] {
        let score = |caps: &str, more: &str| {
            let (fields, _) = first(&format!(
                "filesrc location={:?} ! decodebin ! videoconvert ! videoscale add-borders=false \
                 ! video/x-raw,format=I420,{caps} {more} ! camoverlay threads=1",
                source("examples/media").join(photo).display()
            ));
            best(&fields)
        };
        let (id, square) = score("width=600,height=400,pixel-aspect-ratio=1/1", "");
        assert_eq!(id, class);
        for (caps, more) in [
            ("width=300,height=400,pixel-aspect-ratio=2/1", ""),
            ("width=600,height=200,pixel-aspect-ratio=1/2", ""),
            (
                "width=300,height=400,pixel-aspect-ratio=2/1",
                "! videoflip video-direction=90l ! taginject tags=image-orientation=rotate-90",
            ),
        ] {
            let (id, oblong) = score(caps, more);
            assert_eq!(id, class, "{caps}");
            assert!((oblong - square).abs() < 0.05, "{caps}: {oblong} {square}");
        }
    }
}

#[test]
fn absurd_pixels_are_refused_with_their_shape() {
    common::init();
    let pipeline = gst::parse::launch(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=320,height=240,pixel-aspect-ratio=1/1000 \
         ! camoverlay threads=1 ! fakesink",
    )
    .unwrap();
    let bus = pipeline.bus().unwrap();
    let _ = pipeline.set_state(gst::State::Playing);
    let message = bus
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Error])
        .expect("an error is posted");
    pipeline.set_state(gst::State::Null).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    assert_eq!(
        error.error().message(),
        "A frame of 320 x 240 with a pixel aspect ratio of 1/1000 is too elongated: the network would get \
         227 x 170250 pixels, more than 16777216. Correct pixel-aspect-ratio in the caps with a capssetter if it is wrong, crop the frame, or \
         give a smaller input-size."
    );
}

#[test]
fn custom_is_told_to_say_nothing() {
    common::init();
    let element = gst::ElementFactory::make("camoverlay").build().unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    element.set_property_from_str("orientation", "custom");
    let message = bus.pop_filtered(&[gst::MessageType::Warning]).unwrap();
    let gst::MessageView::Warning(warning) = message.view() else {
        unreachable!()
    };
    assert_eq!(
        warning.error().message(),
        "orientation=custom says nothing that camoverlay could follow: frames are taken as upright. Give auto, \
         identity, or one of the turns."
    );
}

/// SMPTE ST 2084's signal of light in cd/m².
fn pq(nits: f64) -> f64 {
    let y = (nits / 10_000.0).powf(0.159_301_757_812_5);
    ((0.835_937_5 + 18.851_562_5 * y) / (1.0 + 18.687_5 * y)).powf(78.843_75)
}

/// ARIB STD-B67's signals of light in cd/m² of BT.2020's primaries, on a display of 1000 cd/m².
fn hlg(nits: [f64; 3]) -> [f64; 3] {
    let light = nits.map(|c| c / 1000.0);
    let luminance = 0.2627 * light[0] + 0.678 * light[1] + 0.0593 * light[2];
    let gain = luminance.max(1e-9).powf(1.0 / 1.2 - 1.0);
    light.map(|c| match c * gain {
        e if e <= 1.0 / 12.0 => (3.0 * e).sqrt(),
        e => 0.178_832_77 * (12.0 * e - 0.284_668_92).ln() + 0.559_910_73,
    })
}

/// The photo in BT.2100, white at 203 cd/m², as a frame of P010 in the narrow range.
fn hdr(picture: &Picture, info: &gst_video::VideoInfo, curve: &str) -> gst::Buffer {
    const TO_BT2020: [[f64; 3]; 3] = [
        [0.6274, 0.3293, 0.0433],
        [0.0691, 0.9195, 0.0114],
        [0.0164, 0.0880, 0.8956],
    ];
    let linear = |code: u8| match f64::from(code) / 255.0 {
        e if e < 0.081 => e / 4.5,
        e => ((e + 0.099) / 1.099).powf(1.0 / 0.45),
    };
    let codes = |pixel: &[u8]| {
        let light = [0, 1, 2].map(|c| linear(pixel[c]));
        let nits = TO_BT2020.map(|row| 203.0 * (0..3).map(|c| row[c] * light[c]).sum::<f64>());
        let [r, g, b] = match curve {
            "bt2100-pq" => nits.map(pq),
            _ => hlg(nits),
        };
        let y = 0.2627 * r + 0.678 * g + 0.0593 * b;
        [
            64.0 + 876.0 * y,
            512.0 + 896.0 * (b - y) / 1.8814,
            512.0 + 896.0 * (r - y) / 1.4746,
        ]
    };
    let pixels: Vec<[f64; 3]> = picture.rgb.chunks_exact(3).map(codes).collect();
    let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
    let mut frame =
        gst_video::VideoFrameRef::from_buffer_ref_writable(buffer.get_mut().unwrap(), info)
            .unwrap();
    let word = |code: f64| ((code.round() as u16) << 6).to_le_bytes();
    let width = picture.width;
    for plane in 0..2u32 {
        let stride = frame.plane_stride()[plane as usize] as usize;
        let data = frame.plane_data_mut(plane).unwrap();
        for y in 0..picture.height >> plane {
            for x in 0..width {
                let code = if plane == 0 {
                    pixels[y * width + x][0]
                } else {
                    let at = 2 * y * width + (x & !1);
                    let component = 1 + x % 2;
                    (pixels[at][component] + pixels[at + width][component]) / 2.0
                };
                data[y * stride + 2 * x..][..2].copy_from_slice(&word(code));
            }
        }
    }
    drop(frame);
    buffer
}

#[test]
fn high_dynamic_range_is_classified_as_what_it_shows() {
    for (photo, class) in [("coffee.png", ESPRESSO), ("chelsea.png", 285)] {
        let picture = Picture::load_scaled(&source("examples/media").join(photo), 480, 320);
        let rgb = info(VideoFormat::Rgb, 480, 320);
        let mut standard = harness("camoverlay threads=1", &rgb);
        let out = standard.push_and_pull(buffer(&picture, &rgb)).unwrap();
        let (id, expected) = best(&meta(&out));
        assert_eq!(id, class);
        for curve in ["bt2100-pq", "bt2100-hlg"] {
            let caps = gst_video::VideoCapsBuilder::new()
                .format(VideoFormat::P01010le)
                .width(480)
                .height(320)
                .framerate(gst::Fraction::new(30, 1))
                .field("colorimetry", curve)
                .build();
            let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
            let mut harness = harness("camoverlay threads=1 draw-labels=false", &info);
            let out = harness.push_and_pull(hdr(&picture, &info, curve)).unwrap();
            let (id, score) = best(&meta(&out));
            eprintln!("{photo} {curve}: {score:.4} for {expected:.4}");
            assert_eq!(id, class, "{curve}");
            assert!(
                (score - expected).abs() < 0.05,
                "{curve}: {score} {expected}"
            );
            // Nothing that is painted is brighter than reference white.
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&out, &info).unwrap();
            let luma = frame.plane_data(0).unwrap().chunks_exact(2);
            let most = luma
                .map(|w| u16::from_le_bytes([w[0], w[1]]) >> 6)
                .max()
                .unwrap();
            let white = if curve == "bt2100-pq" { 0.58 } else { 0.75 };
            assert!(
                f64::from(most) <= 64.0 + 876.0 * white + 1.0,
                "{curve}: {most}"
            );
        }
    }
}
