//! `inference=latest` where the source is not live: no frame after a start or a seek, and no end of a stream, comes before
//! the run of the network that belongs to it.

use std::time::Duration;

use crate::common::{app_sink, meta, pipeline, source};
use gst::prelude::*;

const A_MINUTE: gst::ClockTime = gst::ClockTime::from_seconds(60);

fn photo(name: &str) -> String {
    let path = source(&format!("examples/media/{name}"));
    format!(
        "filesrc location={path:?} ! decodebin ! videoconvert ! videoscale ! video/x-raw,width=320,height=214"
    )
}

/// Time of the frame that the map on `buffer` was made from.
fn made(buffer: &gst::BufferRef) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(meta(buffer).get("inference-pts").unwrap())
}

/// `inference-pts` of the messages up to the end of the stream.
fn told_until_the_end(pipeline: &gst::Pipeline) -> Vec<u64> {
    let kinds = [
        gst::MessageType::Eos,
        gst::MessageType::Error,
        gst::MessageType::Element,
    ];
    let bus = pipeline.bus().unwrap();
    let mut told = Vec::new();
    loop {
        let message = bus.timed_pop_filtered(A_MINUTE, &kinds).expect("an end");
        match message.view() {
            gst::MessageView::Eos(_) => return told,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            gst::MessageView::Element(element) => {
                let fields = element.structure().unwrap();
                if fields.name() == "camoverlay" {
                    told.push(fields.get("inference-pts").unwrap());
                }
            }
            _ => unreachable!(),
        }
    }
}

#[test]
fn a_photo_is_explained() {
    let pipeline = pipeline(&format!(
        "{} ! camoverlay inference=latest ! appsink name=sink",
        photo("chelsea.png")
    ));
    pipeline.set_state(gst::State::Paused).unwrap();
    let sample = app_sink(&pipeline, "sink")
        .try_pull_preroll(A_MINUTE)
        .unwrap();
    let fields = meta(sample.buffer().unwrap());
    assert_eq!(fields.get::<i32>("target-id").unwrap(), 285);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_turned_photo_is_explained() {
    let line = format!(
        "{} ! taginject tags=image-orientation=rotate-90 ! camoverlay inference=latest ! appsink name=sink",
        photo("chelsea.png")
    );
    let pipeline = pipeline(&line);
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = app_sink(&pipeline, "sink")
        .try_pull_sample(A_MINUTE)
        .unwrap();
    let buffer = sample.buffer().unwrap();
    assert_eq!(Some(made(buffer)), buffer.pts());
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn the_first_frame_after_each_seek_in_paused_has_its_own_map() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay inference=latest inference-interval=1000 ! appsink name=sink",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Paused).unwrap();
    for seconds in [0, 5, 2, 60, 1] {
        let position = gst::ClockTime::from_seconds(seconds);
        pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, position)
            .unwrap();
        let sample = sink.try_pull_preroll(A_MINUTE).expect("a frame");
        let buffer = sample.buffer().unwrap();
        assert!(buffer.pts().unwrap() >= position);
        assert_eq!(made(buffer), buffer.pts().unwrap());
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn the_first_frame_after_a_seek_without_flush_has_its_own_map() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay name=cam inference=latest inference-interval=1000 ! appsink name=sink sync=false max-buffers=1",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.try_pull_sample(A_MINUTE).unwrap();
    assert_eq!(made(sample.buffer().unwrap()), gst::ClockTime::ZERO);
    let position = gst::ClockTime::from_seconds(100);
    // The source takes it up between two frames, for which the sink has to have room.
    let puller = std::thread::spawn(move || {
        loop {
            let sample = sink.try_pull_sample(A_MINUTE).expect("a frame");
            let buffer = sample.buffer().unwrap();
            if buffer.pts().unwrap() >= position {
                return (buffer.pts().unwrap(), made(buffer));
            }
        }
    });
    let seek = gst::event::Seek::new(
        1.0,
        gst::SeekFlags::ACCURATE,
        gst::SeekType::Set,
        position,
        gst::SeekType::None,
        gst::ClockTime::NONE,
    );
    assert!(pipeline.send_event(seek));
    let (pts, made) = puller.join().unwrap();
    assert_eq!(pts, made);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn the_last_run_is_told_of_before_the_end() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=64,height=48,framerate=25/1 ! \
         camoverlay name=cam inference=latest post-messages=all ! fakesink sync=false",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(told_until_the_end(&pipeline), [0, 40_000_000]);
    let stats: gst::Structure = pipeline.by_name("cam").unwrap().property("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap();
    assert_eq!((count("frames"), count("inferences")), (2, 2));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn live_frames_do_not_wait_even_for_the_first_map() {
    // An inference of some hundred milliseconds at least.
    let pipeline = pipeline(
        "videotestsrc is-live=true num-buffers=3 ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay name=cam inference=latest threads=1 input-size=1024 ! appsink name=sink sync=false",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.try_pull_sample(A_MINUTE).expect("a frame");
    let name = gstcamoverlay::camoverlay::META_NAME;
    let meta = gst::meta::CustomMeta::from_buffer(sample.buffer().unwrap(), name);
    assert!(meta.is_err(), "it waited for a map");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A pipeline whose first frame is waiting for a long run of the network.
fn waiting() -> (gst::Pipeline, gst::Element) {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48 ! \
         camoverlay name=cam inference=latest threads=1 input-size=2048 ! fakesink sync=false",
    );
    let cam = pipeline.by_name("cam").unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    // What comes before the wait takes a fraction of the run.
    std::thread::sleep(Duration::from_millis(500));
    (pipeline, cam)
}

#[test]
fn a_flush_ends_the_wait_at_once() {
    let (pipeline, cam) = waiting();
    let sink = cam.static_pad("sink").unwrap();
    assert!(sink.send_event(gst::event::FlushStart::new()));
    // Done when the streaming thread has come back from the element.
    assert!(sink.send_event(gst::event::FlushStop::new(true)));
    let frames = cam.property::<gst::Structure>("stats").get::<u64>("frames");
    assert_eq!(frames.unwrap(), 0, "the run was over before the flush");
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn stopping_and_starting_while_a_frame_waits_neither_hangs_nor_spoils_the_next_start() {
    let (pipeline, cam) = waiting();
    pipeline.set_state(gst::State::Ready).unwrap();
    cam.set_property("input-size", 0u32);
    pipeline.set_state(gst::State::Paused).unwrap();
    let (result, state, _) = pipeline.state(A_MINUTE);
    assert_eq!(
        (result.unwrap(), state),
        (gst::StateChangeSuccess::Success, gst::State::Paused)
    );
    pipeline.set_state(gst::State::Null).unwrap();
}

/// Each flush ends a run, which may be over before the frame that waits for it wakes up.
#[test]
fn a_run_that_a_flush_ends_is_no_failure() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay threads=1 input-size=64 max-errors=0 ! fakesink",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    for n in 0..600 {
        // The last seek may not have brought a frame yet.
        let position = gst::ClockTime::from_seconds(n % 7);
        let _ = pipeline.seek_simple(gst::SeekFlags::FLUSH, position);
        std::thread::sleep(Duration::from_micros(n * 397 % 6000));
        let kinds = [gst::MessageType::Error, gst::MessageType::Warning];
        let said = bus.pop_filtered(&kinds);
        assert!(said.is_none(), "seek {n}: {said:?}");
    }
    pipeline.set_state(gst::State::Null).unwrap();
}
