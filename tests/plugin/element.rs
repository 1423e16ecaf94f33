//! The element as applications drive it: properties while playing, metadata, messages, caps, seeks, states.

use crate::common;

use std::{sync::Arc, thread, time::Duration};

use camoverlay::cam::Method;
use common::{Picture, app_sink, array, harness, info, map, meta, pipeline, source};
use gst::prelude::*;
use gst_video::VideoFormat;

/// Runs to the end of stream, gives the messages seen on the way, panics at an error.
fn run(pipeline: &gst::Pipeline) -> Vec<gst::Message> {
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut messages = Vec::new();
    loop {
        let message = bus
            .timed_pop(gst::ClockTime::from_seconds(60))
            .expect("the pipeline ends in time");
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => messages.push(message),
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    messages
}

fn explanations(messages: &[gst::Message]) -> Vec<gst::Structure> {
    messages
        .iter()
        .filter_map(|message| {
            message
                .structure()
                .filter(|structure| structure.name() == "camoverlay")
        })
        .map(|structure| structure.to_owned())
        .collect()
}

fn cat() -> Picture {
    Picture::load_scaled(&source("examples/media/chelsea.png"), 320, 214)
}

fn coffee() -> Picture {
    Picture::load_scaled(&source("examples/media/coffee.png"), 320, 214)
}

/// Pushes `picture` as RGB and pulls the painted frame.
fn push(harness: &mut gst_check::Harness, picture: &Picture, pts: u64) -> gst::Buffer {
    let info = info(VideoFormat::Rgb, picture.width, picture.height);
    let mut buffer = picture.to_buffer(&info, 0, 0);
    buffer
        .get_mut()
        .unwrap()
        .set_pts(gst::ClockTime::from_mseconds(pts));
    harness.push(buffer).unwrap();
    harness.pull().unwrap()
}

fn harness_for(picture: &Picture, properties: &str) -> gst_check::Harness {
    harness(
        &format!("camoverlay {properties}"),
        &info(VideoFormat::Rgb, picture.width, picture.height),
    )
}

#[test]
fn every_buffer_says_what_the_network_saw() {
    let cat = cat();
    let mut harness = harness_for(&cat, "attach-map=true");
    let output = push(&mut harness, &cat, 40);
    let report = meta(&output);
    assert_eq!(report.get::<String>("net").unwrap(), "squeezenet");
    assert_eq!(array::<i32>(&report, "top-ids")[0], 285);
    assert_eq!(
        array::<String>(&report, "top-labels")[0],
        report.get::<String>("target-label").unwrap()
    );
    assert!(array::<String>(&report, "top-labels")[0].starts_with("Egyptian cat"));
    let scores = array::<f64>(&report, "top-scores");
    assert_eq!(scores.len(), 3);
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().sum::<f64>() <= 1.0 + 1e-6);
    assert_eq!(report.get::<i32>("target-id").unwrap(), 285);
    assert_eq!(report.get::<f64>("target-score").unwrap(), scores[0]);
    assert_eq!(report.get::<u64>("inference-pts").unwrap(), 40_000_000);
    let (values, width, height) = map(&report);
    assert_eq!(values.len(), width * height);
}

#[test]
fn target_is_an_index_a_rank_or_a_label_and_changes_while_playing() {
    let cat = cat();
    let mut harness = harness_for(&cat, "top-k=5");
    let element = harness.element().unwrap();
    let first = meta(&push(&mut harness, &cat, 0));
    let ids = array::<i32>(&first, "top-ids");
    assert_eq!(ids.len(), 5);
    for (target, class) in [
        ("top-2", ids[1]),
        ("top-3", ids[2]),
        ("967", 967),
        ("espresso", 967),
        ("Tabby", 281),
        ("top-1", ids[0]),
    ] {
        element.set_property("target", target);
        let report = meta(&push(&mut harness, &cat, 0));
        assert_eq!(
            report.get::<i32>("target-id").unwrap(),
            class,
            "target={target}"
        );
    }
}

#[test]
fn an_unknown_target_warns_and_the_last_good_one_stays() {
    let cat = cat();
    let mut harness = harness_for(&cat, "target=espresso");
    let bus = gst::Bus::new();
    let element = harness.element().unwrap();
    element.set_bus(Some(&bus));
    push(&mut harness, &cat, 0);
    element.set_property("target", "no such class");
    for _ in 0..2 {
        let report = meta(&push(&mut harness, &cat, 0));
        assert_eq!(report.get::<i32>("target-id").unwrap(), 967);
    }
    let warnings: Vec<_> = bus.iter_filtered(&[gst::MessageType::Warning]).collect();
    assert_eq!(warnings.len(), 1);
    let gst::MessageView::Warning(warning) = warnings[0].view() else {
        unreachable!()
    };
    let text = warning.error().message().to_string();
    assert!(
        text.contains("\"no such class\"")
            && text.contains("0 to 999")
            && text.contains("last good"),
        "{text}"
    );
}

#[test]
fn a_label_of_two_classes_means_the_first_and_says_so() {
    let cat = cat();
    let mut harness = harness_for(&cat, "");
    let bus = gst::Bus::new();
    let element = harness.element().unwrap();
    element.set_bus(Some(&bus));
    element.set_property("target", "crane");
    let report = meta(&push(&mut harness, &cat, 0));
    assert_eq!(report.get::<i32>("target-id").unwrap(), 134);
    let message = bus.pop_filtered(&[gst::MessageType::Info]).unwrap();
    let gst::MessageView::Info(info) = message.view() else {
        unreachable!()
    };
    let text = info.error().message().to_string();
    assert!(text.contains("134") && text.contains("517"), "{text}");
}

#[test]
fn a_preprocessing_that_nothing_tells_is_told_of() {
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/graphs/keras-mobilenet.onnx"
    );
    let told = |properties: &str| -> Vec<String> {
        let line = format!(
            "videotestsrc num-buffers=1 ! videoconvert ! camoverlay model={model} {properties} ! fakesink"
        );
        let messages = run(&pipeline(&line));
        let infos = messages.iter().filter_map(|message| match message.view() {
            gst::MessageView::Info(info) => Some(info.error().message().to_string()),
            _ => None,
        });
        infos.collect()
    };
    let assumed = told("");
    assert_eq!(assumed.len(), 1, "{assumed:?}");
    for words in [
        "keras-mobilenet",
        "preprocess=torch is assumed",
        "“preprocess”",
    ] {
        assert!(assumed[0].contains(words), "{assumed:?}");
    }
    assert!(told("preprocess=tf").is_empty());
}

#[test]
fn the_method_changes_while_playing() {
    let cat = cat();
    let mut harness = harness_for(&cat, "attach-map=true");
    let element = harness.element().unwrap();
    let mut map_by = |method: &str| {
        element.set_property_from_str("method", method);
        map(&meta(&push(&mut harness, &cat, 0))).0
    };
    let cam = map_by("auto");
    assert_eq!(cam, map_by("cam"));
    let hirescam = map_by("hirescam");
    let cells = cam.len() as f32;
    for (cam, hirescam) in cam.iter().zip(&hirescam) {
        assert!((cam - hirescam * cells).abs() < 1e-4 * (1.0 + cam.abs()));
    }
    assert_ne!(cam, map_by("eigencam"));
}

#[test]
fn every_method_is_a_nick_and_shows_a_map() {
    let cat = cat();
    let mut harness = harness_for(&cat, "attach-map=true");
    let element = harness.element().unwrap();
    let property = element.find_property("method").unwrap();
    let class = gst::glib::EnumClass::with_type(property.value_type()).unwrap();
    let nicks: Vec<&str> = class.values().iter().map(|value| value.nick()).collect();
    assert_eq!(nicks, Method::ALL.map(Method::name));
    let mut maps = Vec::new();
    // There is no attention in the network.
    let nicks: Vec<&str> = nicks.into_iter().filter(|nick| *nick != "legrad").collect();
    for nick in &nicks {
        element.set_property_from_str("method", nick);
        let map = map(&meta(&push(&mut harness, &cat, 0))).0;
        assert!(map.iter().any(|value| *value != map[0]), "{nick}");
        maps.push(map);
    }
    // Channels of classes that are never negative: each as a factor times the first, but for those that see other channels
    // or do not add up.
    let share = |map: &[f32]| {
        map.iter()
            .map(|value| value / map.iter().sum::<f32>())
            .collect::<Vec<_>>()
    };
    let first = share(&maps[0]);
    for (nick, map) in nicks.iter().zip(&maps) {
        let is_a_factor = share(map)
            .iter()
            .zip(&first)
            .all(|(a, b)| (a - b).abs() < 1e-5);
        let sees_others =
            ["eigencam", "eigengradcam", "finercam", "fem", "reciprocam"].contains(nick);
        assert_eq!(is_a_factor, !sees_others, "{nick}");
    }
}

#[test]
fn methods_that_do_not_suit_the_network_are_told_of_and_leave_the_last() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/graphs/keras-vgg.onnx");
    let cat = cat();
    for (method, reason) in [
        ("legrad", "it follows attention over tokens"),
        (
            "reciprocam",
            "the network has to be opened with this method set",
        ),
    ] {
        let mut harness = harness_for(
            &cat,
            &format!("model={model} attach-map=true method=xgradcam"),
        );
        let element = harness.element().unwrap();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let before = map(&meta(&push(&mut harness, &cat, 0))).0;
        element.set_property_from_str("method", method);
        for frame in 1..3 {
            assert_eq!(map(&meta(&push(&mut harness, &cat, frame))).0, before);
        }
        let warnings: Vec<String> = bus
            .iter_filtered(&[gst::MessageType::Warning])
            .filter_map(|message| match message.view() {
                gst::MessageView::Warning(warning) => Some(warning.error().message().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for words in [method, reason, "The last good method stays."] {
            assert!(warnings[0].contains(words), "{warnings:?}");
        }
    }
}

#[test]
fn heads_of_layers_are_asked_about_single_cells_if_the_element_starts_so() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/graphs/keras-vgg.onnx");
    let cat = cat();
    let launch = format!("model={model} attach-map=true method=reciprocam");
    let mut harness = harness_for(&cat, &launch);
    let map = map(&meta(&push(&mut harness, &cat, 0))).0;
    assert!(map.iter().all(|value| value.abs() <= 1.0));
    assert!(map.iter().any(|value| *value != map[0]));
}

#[test]
fn threshold_one_half_shows_less_heat_than_none_and_can_be_controlled() {
    let cat = cat();
    let mut harness = harness_for(&cat, "threshold=0 draw-labels=false");
    let element = harness.element().unwrap();
    let info = info(VideoFormat::Rgb, cat.width, cat.height);
    let coloured = |threshold: f64, harness: &mut gst_check::Harness| {
        element.set_property("threshold", threshold);
        let output = push(harness, &cat, 0);
        let picture = Picture::from_buffer(&output, &info);
        picture
            .rgb
            .chunks_exact(3)
            .filter(|rgb| rgb[0] != rgb[1] || rgb[1] != rgb[2])
            .count()
    };
    let (all, half, none) = (
        coloured(0.0, &mut harness),
        coloured(0.5, &mut harness),
        coloured(1.0, &mut harness),
    );
    assert!(all > half && half > none, "{all} {half} {none}");
    assert!(none < 20);
    let flags = element.find_property("threshold").unwrap().flags();
    assert!(flags.bits() & gst::PARAM_FLAG_CONTROLLABLE.bits() != 0);
}

#[test]
fn between_inferences_the_map_is_held() {
    let cat = cat();
    let mut harness = harness_for(&cat, "inference-interval=3");
    let times: Vec<u64> = (0..7)
        .map(|i| {
            meta(&push(&mut harness, &cat, i * 40))
                .get::<u64>("inference-pts")
                .unwrap()
                / 1_000_000
        })
        .collect();
    assert_eq!(times, [0, 0, 0, 120, 120, 120, 240]);
    let stats = harness
        .element()
        .unwrap()
        .property::<gst::Structure>("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap();
    assert_eq!(
        (
            count("frames"),
            count("inferences"),
            count("reused"),
            count("skipped")
        ),
        (7, 3, 4, 0)
    );
    for step in ["prepare", "infer", "map", "blend"] {
        assert!(count(&format!("{step}-mean")) > 0 && count(&format!("{step}-last")) > 0);
    }
}

#[test]
fn a_late_frame_carries_the_last_map_instead_of_being_dropped() {
    let cat = cat();
    let mut harness = harness_for(&cat, "");
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    push(&mut harness, &cat, 0);
    // The frame at 100 ms came 50 ms late: those up to 150 ms will too.
    let late_by = |ms: i64, pts| {
        gst::event::Qos::new(
            gst::QOSType::Underflow,
            2.0,
            ms * 1_000_000,
            gst::ClockTime::from_mseconds(pts),
        )
    };
    harness.push_upstream_event(late_by(50, 100));
    let times: Vec<u64> = [120, 140, 160, 200]
        .iter()
        .map(|pts| {
            meta(&push(&mut harness, &cat, *pts))
                .get::<u64>("inference-pts")
                .unwrap()
                / 1_000_000
        })
        .collect();
    assert_eq!(times, [0, 0, 160, 200]);
    let stats = harness
        .element()
        .unwrap()
        .property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("skipped").unwrap(), 2);
    assert_eq!(bus.iter_filtered(&[gst::MessageType::Qos]).count(), 2);

    harness.element().unwrap().set_property("qos", false);
    harness.push_upstream_event(late_by(0, 900));
    assert_eq!(
        meta(&push(&mut harness, &cat, 240))
            .get::<u64>("inference-pts")
            .unwrap(),
        240_000_000
    );
}

#[test]
fn messages_come_when_the_classes_change() {
    let (cat, coffee) = (cat(), coffee());
    for (when, expected) in [("none", 0), ("changes", 3), ("all", 5)] {
        let mut harness = harness_for(&cat, &format!("post-messages={when}"));
        let bus = gst::Bus::new();
        harness.element().unwrap().set_bus(Some(&bus));
        for (i, picture) in [&cat, &cat, &coffee, &coffee, &cat].into_iter().enumerate() {
            push(&mut harness, picture, i as u64 * 40);
        }
        let messages: Vec<_> = bus.iter_filtered(&[gst::MessageType::Element]).collect();
        assert_eq!(messages.len(), expected, "post-messages={when}");
        if let Some(last) = messages.last() {
            let report = &explanations(std::slice::from_ref(last))[0];
            assert_eq!(array::<i32>(report, "top-ids")[0], 285);
            for time in ["timestamp", "stream-time", "running-time"] {
                assert_eq!(
                    report.get::<gst::ClockTime>(time).unwrap(),
                    gst::ClockTime::from_mseconds(160),
                    "{time}"
                );
            }
            assert!(report.has_field("duration"));
        }
    }
}

#[test]
fn input_size_makes_the_map_finer() {
    let cat = cat();
    let size = |properties: &str| {
        let mut harness = harness_for(&cat, &format!("attach-map=true {properties}"));
        let (_, width, height) = map(&meta(&push(&mut harness, &cat, 0)));
        (width, height)
    };
    let (own, finer) = (size(""), size("input-size=448"));
    assert!(
        finer.0 > own.0 * 3 / 2 && finer.1 > own.1 * 3 / 2,
        "{own:?} {finer:?}"
    );
}

#[test]
fn the_other_branch_of_a_tee_is_not_drawn_on() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=160,height=120 ! tee name=t \
         t. ! queue ! camoverlay ! appsink name=painted sync=false \
         t. ! queue ! appsink name=plain sync=false",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    let (painted, plain) = (app_sink(&pipeline, "painted"), app_sink(&pipeline, "plain"));
    for _ in 0..3 {
        let (painted, plain) = (painted.pull_sample().unwrap(), plain.pull_sample().unwrap());
        let read = |sample: &gst::Sample| sample.buffer().unwrap().map_readable().unwrap().to_vec();
        let bars = read(&plain);
        assert_eq!(
            &bars[..3],
            &[255, 255, 255],
            "videotestsrc's first bar is white"
        );
        assert_ne!(read(&painted), bars);
        assert!(
            plain
                .buffer()
                .unwrap()
                .iter_meta::<gst::Meta>()
                .all(|meta| !meta.api().name().contains("CamOverlay"))
        );
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn caps_may_change_mid_stream() {
    common::init();
    let (small, large) = (Picture::noise(64, 48, 1), Picture::noise(333, 111, 2));
    let mut harness = harness_for(&small, "");
    for (picture, format) in [
        (&small, VideoFormat::Rgb),
        (&large, VideoFormat::Bgra),
        (&large, VideoFormat::Xbgr),
        (&small, VideoFormat::Rgb),
    ] {
        let info = info(format, picture.width, picture.height);
        harness.set_caps(info.to_caps().unwrap(), info.to_caps().unwrap());
        harness.push(picture.to_buffer(&info, 0, 255)).unwrap();
        let output = harness.pull().unwrap();
        assert_ne!(Picture::from_buffer(&output, &info).rgb, picture.rgb);
        meta(&output);
    }
}

#[test]
fn a_flushing_seek_leaves_no_stale_map() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay inference-interval=1000 ! appsink name=sink sync=false max-buffers=1",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    for seconds in [0, 5, 2, 60] {
        let position = gst::ClockTime::from_seconds(seconds);
        pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, position)
            .unwrap();
        let sample = sink.pull_sample().unwrap();
        let buffer = sample.buffer().unwrap();
        assert_eq!(
            meta(buffer).get::<u64>("inference-pts").unwrap(),
            buffer.pts().unwrap().nseconds()
        );
        assert!(buffer.pts().unwrap() >= position);
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_hundred_starts_and_stops() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay name=cam ! appsink name=sink sync=false max-buffers=1",
    );
    let sink = app_sink(&pipeline, "sink");
    for cycle in 0..100 {
        pipeline.set_state(gst::State::Playing).unwrap();
        if cycle % 3 == 0 {
            meta(sink.pull_sample().unwrap().buffer().unwrap());
        }
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn the_end_of_stream_arrives_after_the_last_frame() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=5 ! video/x-raw,format=BGRx,width=64,height=48 ! camoverlay name=cam ! fakesink",
    );
    let messages = run(&pipeline);
    assert!(!explanations(&messages).is_empty());
}

#[test]
fn two_networks_in_one_pipeline() {
    let model = source(".deps/share/camoverlay/models/efficientnet-lite0.onnx");
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=4 ! video/x-raw,format=RGB,width=160,height=120 ! tee name=t \
         t. ! queue ! camoverlay post-messages=all ! fakesink \
         t. ! queue ! camoverlay post-messages=all model={} ! fakesink",
        model.display()
    ));
    let mut networks: Vec<String> = explanations(&run(&pipeline))
        .iter()
        .map(|report| report.get::<String>("net").unwrap())
        .collect();
    networks.sort();
    networks.dedup_by(|a, b| a == b);
    assert_eq!(networks.len(), 2, "{networks:?}");
}

#[test]
fn properties_may_change_from_another_thread_while_playing() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=60 ! video/x-raw,format=RGB,width=160,height=120 ! camoverlay name=cam ! fakesink",
    );
    let element = pipeline.by_name("cam").unwrap();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let changer = thread::spawn({
        let done = done.clone();
        move || {
            let mut turn = 0u32;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                element.set_property(
                    "target",
                    ["top-1", "top-3", "espresso", "7"][turn as usize % 4],
                );
                element.set_property("threshold", f64::from(turn % 10) / 10.0);
                element.set_property("top-k", turn % 5 + 1);
                element.set_property("inference-interval", turn % 3 + 1);
                element.set_property("attach-map", turn.is_multiple_of(2));
                element.property::<gst::Structure>("stats");
                turn += 1;
                thread::sleep(Duration::from_micros(300));
            }
        }
    });
    run(&pipeline);
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    changer.join().unwrap();
}

#[test]
fn the_metadata_survives_conversion_and_scaling() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=160,height=120 ! camoverlay ! videoconvert ! \
         video/x-raw,format=I420 ! videoscale ! video/x-raw,width=80,height=60 ! appsink name=sink sync=false",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = app_sink(&pipeline, "sink").pull_sample().unwrap();
    assert_eq!(
        array::<i32>(&meta(sample.buffer().unwrap()), "top-ids").len(),
        3
    );
    pipeline.set_state(gst::State::Null).unwrap();
}
