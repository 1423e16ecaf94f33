//! Live video: nothing waits, nothing is lost, and latency is told as it is.

mod common;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::{meta, test_model};
use gst::prelude::*;

/// A live pipeline into a synchronised sink that keeps count: frames that came, frames shown on
/// time, and how old the maps were.
struct Seen {
    rendered: u64,
    dropped: u64,
    ages: Vec<gst::ClockTime>,
    inferences: u64,
    skipped: u64,
    inference_ms: f64,
}

/// The `input-size` at which an inference on one thread takes about `ms` here and now.
fn input_size_for(ms: f64) -> u32 {
    let own = 227;
    let seen = play(30, "threads=1 inference=latest", 1);
    let side = f64::from(own) * (ms / seen.inference_ms).sqrt();
    (side as u32).clamp(64, 2048)
}

/// Live streams take turns, or they would be each other's busy machine.
static TURN: Mutex<()> = Mutex::new(());

/// Plays `seconds` of live video through `element`, whose network takes `input_size` pixels.
fn play(fps: u32, element: &str, seconds: u64) -> Seen {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    common::init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc is-live=true pattern=ball ! video/x-raw,format=RGB,width=320,height=240,framerate={fps}/1 ! \
         queue ! camoverlay name=cam {element} ! \
         fakesink name=sink sync=true qos=true max-lateness=20000000 signal-handoffs=true"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let cam = pipeline.by_name("cam").unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    cam.static_pad("src")
        .unwrap()
        .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            // In latest mode the first frames have no map yet.
            let name = gstcamoverlay::element::META_NAME;
            if let Ok(meta) = gst::meta::CustomMeta::from_buffer(buffer, name) {
                let made = meta.structure().get::<u64>("inference-pts").unwrap();
                let age = buffer.pts().unwrap() - gst::ClockTime::from_nseconds(made);
                sender.send(age).unwrap();
            }
            gst::PadProbeReturn::Ok
        });
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let left = gst::ClockTime::try_from(left).unwrap();
        let Some(message) = bus.timed_pop(left) else {
            break;
        };
        match message.view() {
            gst::MessageView::Latency(_) => pipeline.recalculate_latency().unwrap(),
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    let stats = sink.property::<gst::Structure>("stats");
    let own = cam.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null).unwrap();
    Seen {
        rendered: stats.get("rendered").unwrap(),
        dropped: stats.get("dropped").unwrap(),
        ages: receiver.try_iter().collect(),
        inferences: own.get("inferences").unwrap(),
        skipped: own.get("skipped").unwrap(),
        inference_ms: own.get::<u64>("infer-mean").unwrap() as f64 / 1e6,
    }
}

impl Seen {
    /// Nothing was lost, but for what a busy test machine may cost. Waiting for every map loses most
    /// frames.
    fn assert_smooth(&self) {
        assert!(
            self.dropped * 10 <= self.rendered,
            "{} dropped",
            self.dropped
        );
    }

    fn print(&self, what: &str) {
        let oldest = self.ages.iter().max().copied().unwrap_or_default();
        eprintln!(
            "{what}: {} rendered, {} dropped, {} inferences of {:.1} ms, {} skipped, oldest map {oldest}",
            self.rendered, self.dropped, self.inferences, self.inference_ms, self.skipped
        );
    }
}

#[test]
fn a_fast_network_keeps_up_and_loses_nothing() {
    let seen = play(30, "threads=1", 4);
    seen.print("every-frame, fast");
    seen.assert_smooth();
    assert!(seen.rendered > 100);
}

#[test]
fn a_slow_network_shows_every_frame_with_older_maps() {
    // Fed with so many pixels that an inference takes longer than a frame.
    let side = input_size_for(45.0);
    let seen = play(30, &format!("threads=1 input-size={side}"), 6);
    seen.print("every-frame, slow");
    assert!(seen.skipped > 0, "the network is slower than the camera");
    seen.assert_smooth();
    assert!(seen.rendered > 150);
}

#[test]
fn latest_never_waits() {
    let seen = play(60, "inference=latest threads=1 input-size=800", 4);
    seen.print("latest, slow");
    seen.assert_smooth();
    assert!(seen.rendered > 200);
    assert!(seen.inferences > 10);
}

#[test]
fn latest_with_resnet_at_60_frames_a_second() {
    let Some(model) = test_model("resnet18.onnx") else {
        return;
    };
    let seen = play(
        60,
        &format!("inference=latest model={}", model.display()),
        4,
    );
    seen.print("latest, ResNet-18");
    seen.assert_smooth();
    assert!(seen.rendered > 200);
}

#[test]
fn latency_is_reported_where_frames_wait_only() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (element, waits) in [("", true), ("inference=latest", false)] {
        common::init();
        let pipeline = gst::parse::launch(&format!(
            "videotestsrc is-live=true ! video/x-raw,format=RGB,width=320,height=240,framerate=30/1 ! \
             camoverlay name=cam {element} ! fakesink sync=true name=sink"
        ))
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let cam = pipeline.by_name("cam").unwrap();
        let frames = || {
            cam.property::<gst::Structure>("stats")
                .get::<u64>("frames")
                .unwrap()
        };
        let give_up = Instant::now() + Duration::from_secs(20);
        while frames() < 10 && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(10));
        }
        let latency = |pad: &gst::Pad| {
            let mut query = gst::query::Latency::new();
            assert!(pad.query(&mut query));
            query.result().1
        };
        let own = latency(&cam.static_pad("src").unwrap())
            - latency(&cam.static_pad("sink").unwrap().peer().unwrap());
        let infer = cam
            .property::<gst::Structure>("stats")
            .get::<u64>("infer-mean")
            .unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        if waits {
            assert!(
                own.nseconds() > infer,
                "{own} for an inference of {infer} ns"
            );
        } else {
            assert_eq!(own, gst::ClockTime::ZERO);
        }
    }
}

#[test]
fn a_seek_in_latest_mode_shows_no_map_from_before() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    common::init();
    let pipeline = gst::parse::launch(
        "videotestsrc ! video/x-raw,format=RGB,width=160,height=120,framerate=30/1 ! \
         camoverlay inference=latest ! appsink name=sink sync=false max-buffers=2",
    )
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let sink = pipeline
        .by_name("sink")
        .unwrap()
        .downcast::<gst_app::AppSink>()
        .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    for seconds in (0..60).map(|i| i * 7 % 31) {
        let position = gst::ClockTime::from_seconds(seconds);
        pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, position)
            .unwrap();
        for _ in 0..12 {
            let sample = sink.pull_sample().unwrap();
            let buffer = sample.buffer().unwrap();
            if gst::meta::CustomMeta::from_buffer(buffer, gstcamoverlay::element::META_NAME).is_ok()
            {
                let made = meta(buffer).get::<u64>("inference-pts").unwrap();
                assert!(made >= position.nseconds() && made <= buffer.pts().unwrap().nseconds());
            }
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn rapid_state_changes_in_latest_mode_neither_hang_nor_leave_threads() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    common::init();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let pipeline = gst::parse::launch(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48 ! camoverlay inference=latest ! fakesink sync=false",
    )
    .unwrap();
    let states = [
        gst::State::Playing,
        gst::State::Ready,
        gst::State::Paused,
        gst::State::Null,
    ];
    let cycle = |turn: u32| {
        let state = states[(turn.wrapping_mul(2_654_435_761) >> 13) as usize % 4];
        pipeline.set_state(state).unwrap();
        if turn.is_multiple_of(3) {
            let _ = pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::from_seconds(1));
        }
    };
    (0..50).for_each(cycle);
    pipeline.set_state(gst::State::Null).unwrap();
    let before = threads();
    (0..1000).for_each(cycle);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(
        threads() <= before + 4,
        "{} threads after, {before} before",
        threads()
    );
}
