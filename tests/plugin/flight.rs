//! `frames-in-flight`: what comes out is what comes out one frame at a time, in the same order among the same events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{self, app_sink, info, meta, pipeline};
use crate::faults::faulty;
use gst::prelude::*;
use gst_video::VideoFormat;

const A_MINUTE: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// What leaves the element.
#[derive(Debug, Clone, PartialEq)]
enum Left {
    /// Times, flags, memory and metadata.
    Frame {
        pts: Option<gst::ClockTime>,
        duration: Option<gst::ClockTime>,
        flags: gst::BufferFlags,
        bytes: Vec<u8>,
        fields: Option<String>,
    },
    Event(gst::EventType),
}

impl Left {
    fn frame(buffer: &gst::BufferRef) -> Self {
        let name = gstcamoverlay::camoverlay::META_NAME;
        let fields = gst::meta::CustomMeta::from_buffer(buffer, name);
        Self::Frame {
            pts: buffer.pts(),
            duration: buffer.duration(),
            // Whether memory came from a pool is no matter.
            flags: buffer.flags() - gst::BufferFlags::TAG_MEMORY,
            bytes: buffer.map_readable().unwrap().to_vec(),
            fields: fields.ok().map(|meta| meta.structure().to_string()),
        }
    }

    fn pts(&self) -> Option<gst::ClockTime> {
        match self {
            Self::Frame { pts, .. } => *pts,
            Self::Event(_) => None,
        }
    }
}

fn ms(ms: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(ms)
}

/// An element that frames and events are pushed into, and all that leaves it.
struct Line {
    harness: gst_check::Harness,
    bus: gst::Bus,
    left: Arc<Mutex<Vec<Left>>>,
    size: (usize, usize),
    pushed: u64,
}

impl Line {
    fn new(properties: &str) -> Self {
        common::init();
        let size = (96, 64);
        let info = info(VideoFormat::Rgb, size.0, size.1);
        let mut harness = common::harness(&format!("camoverlay {properties}"), &info);
        let bus = gst::Bus::new();
        let element = harness.element().unwrap();
        element.set_bus(Some(&bus));
        let left = Arc::new(Mutex::new(Vec::new()));
        let kinds = gst::PadProbeType::BUFFER
            | gst::PadProbeType::EVENT_DOWNSTREAM
            | gst::PadProbeType::EVENT_FLUSH;
        let told = left.clone();
        let src = element.static_pad("src").unwrap();
        src.add_probe(kinds, move |_, probe| {
            told.lock().unwrap().extend(match &probe.data {
                Some(gst::PadProbeData::Buffer(buffer)) => Some(Left::frame(buffer)),
                Some(gst::PadProbeData::Event(event)) => Some(Left::Event(event.type_())),
                _ => None,
            });
            gst::PadProbeReturn::Ok
        })
        .unwrap();
        harness.set_drop_buffers(true);
        Self {
            harness,
            bus,
            left,
            size,
            pushed: 0,
        }
    }

    /// Pushes a frame of stripes that move.
    fn frame(&mut self) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (width, height) = self.size;
        let info = info(VideoFormat::Rgb, width, height);
        let n = self.pushed;
        let bytes = (0..info.size()).map(|i| (((i as u64 + 41 * n) * (7 + n % 5)) >> 4) as u8);
        self.push(bytes.collect(), gst::BufferFlags::empty())
    }

    /// Pushes a gray frame.
    fn gray(&mut self, gray: u8) -> Result<gst::FlowSuccess, gst::FlowError> {
        let info = info(VideoFormat::Rgb, self.size.0, self.size.1);
        self.push(vec![gray; info.size()], gst::BufferFlags::empty())
    }

    fn push(
        &mut self,
        bytes: Vec<u8>,
        flags: gst::BufferFlags,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let fresh = buffer.get_mut().unwrap();
        fresh.set_pts(self.pushed * ms(40));
        fresh.set_duration(ms(40));
        fresh.set_flags(flags);
        self.pushed += 1;
        self.harness.push(buffer)
    }

    fn frames(&mut self, count: usize) {
        for _ in 0..count {
            self.frame().unwrap();
        }
    }

    fn event(&mut self, event: impl Into<gst::Event>) {
        self.harness.push_event(event.into());
    }

    fn left(&self) -> Vec<Left> {
        self.left.lock().unwrap().clone()
    }

    fn frames_left(&self) -> usize {
        let left = self.left.lock().unwrap();
        left.iter().filter(|left| left.pts().is_some()).count()
    }

    /// Texts of messages of a kind.
    fn said(&self, kind: gst::MessageType) -> Vec<String> {
        let kinds = [kind];
        let messages = self.bus.iter_filtered(&kinds);
        let texts = messages.map(|message| match message.view() {
            gst::MessageView::Warning(warning) => warning.error().message().to_string(),
            gst::MessageView::Error(error) => error.error().message().to_string(),
            _ => message.structure().unwrap().to_string(),
        });
        texts.collect()
    }

    fn count(&self, name: &str) -> u64 {
        let stats: gst::Structure = self.harness.element().unwrap().property("stats");
        stats.get(name).unwrap()
    }
}

/// What leaves the element, and what it says of the classes, when `act` is played to it with one frame in flight, which must
/// be what it is with more.
fn alike(properties: &str, act: impl Fn(&mut Line)) -> Vec<Left> {
    let play = |in_flight: usize| {
        let mut line = Line::new(&format!(
            "{properties} frames-in-flight={in_flight} attach-map=true post-messages=all"
        ));
        act(&mut line);
        let counts = ["frames", "inferences", "reused", "failed"].map(|name| line.count(name));
        (line.left(), line.said(gst::MessageType::Element), counts)
    };
    let one = play(1);
    for in_flight in [2, 3, 5] {
        let several = play(in_flight);
        for (i, (one, several)) in one.0.iter().zip(&several.0).enumerate() {
            // The bytes of a frame would fill pages.
            assert!(one == several, "{in_flight} in flight: {i} differs");
        }
        assert_eq!(one.0.len(), several.0.len(), "{in_flight} in flight");
        assert_eq!(one.1, several.1, "{in_flight} in flight");
        assert_eq!(one.2, several.2, "{in_flight} in flight");
    }
    one.0
}

#[test]
fn frames_are_the_same_to_the_last_byte() {
    for properties in ["", "threads=1", "inference-interval=3", "method=eigencam"] {
        let left = alike(properties, |line| {
            line.frames(40);
            line.event(gst::event::Eos::new());
        });
        let times: Vec<_> = left.iter().filter_map(Left::pts).collect();
        assert!(
            times.iter().copied().eq((0..40).map(|n| n * ms(40))),
            "{times:?}"
        );
        assert_eq!(left.last(), Some(&Left::Event(gst::EventType::Eos)));
    }
}

#[test]
fn heat_that_depends_on_frames_before_is_the_same_to_the_last_byte() {
    for properties in [
        "scale=steady blend=colour",
        "smoothing=200000000 placement=receptive-field",
        "target=top-1;top-2;top-3 inference-interval=2",
        "target=top-2 scale=common regions=true",
        "versus=top-2 colormap=cividis blend=contour",
        "paint=false regions=true",
    ] {
        alike(properties, |line| {
            line.frames(12);
            // Another picture.
            line.gray(200).unwrap();
            line.frames(6);
            line.event(gst::event::Eos::new());
        });
    }
}

#[test]
fn frames_of_every_format_are_the_same_to_the_last_byte() {
    common::init();
    let factory = gst::ElementFactory::find("camoverlay").unwrap();
    let template = factory.static_pad_templates().into_iter().next().unwrap();
    let caps = template.caps();
    let formats = caps.structure(0).unwrap().get::<gst::List>("format");
    for format in formats.unwrap().iter() {
        let format: String = format.get().unwrap();
        let frames = |in_flight: usize| {
            let pipeline = pipeline(&format!(
                "videotestsrc pattern=ball num-buffers=5 ! video/x-raw,width=64,height=48,framerate=30/1 ! videoconvert \
                 ! video/x-raw,format={format} ! camoverlay frames-in-flight={in_flight} ! appsink name=sink sync=false"
            ));
            let sink = app_sink(&pipeline, "sink");
            pipeline.set_state(gst::State::Playing).unwrap();
            let frames: Vec<_> = std::iter::from_fn(|| sink.try_pull_sample(A_MINUTE))
                .map(|sample| Left::frame(sample.buffer().unwrap()))
                .collect();
            pipeline.set_state(gst::State::Null).unwrap();
            frames
        };
        let one = frames(1);
        assert_eq!(one.len(), 5, "{format}");
        assert!(one == frames(3), "{format}");
    }
}

#[test]
fn nothing_overtakes_a_frame() {
    let caps = info(VideoFormat::Rgb, 64, 96).to_caps().unwrap();
    let left = alike("", |line| {
        line.frames(4);
        line.event(gst::event::Gap::builder(4 * ms(40)).build());
        line.frames(4);
        let mut tags = gst::TagList::new();
        tags.get_mut()
            .unwrap()
            .add::<gst::tags::Title>(&"title", gst::TagMergeMode::Replace);
        line.event(gst::event::Tag::new(tags));
        line.frames(4);
        line.push(
            vec![77; 96 * 64 * 3],
            gst::BufferFlags::DISCONT | gst::BufferFlags::GAP,
        )
        .unwrap();
        line.frames(4);
        line.harness.set_sink_caps(caps.clone());
        line.event(gst::event::Caps::new(&caps));
        line.size = (64, 96);
        line.frames(4);
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_base(ms(2000));
        line.event(gst::event::Segment::new(&segment));
        line.frames(4);
        let custom = gst::Structure::new_empty("anything");
        line.event(gst::event::CustomDownstream::new(custom));
        line.frames(2);
        line.event(gst::event::Eos::new());
    });
    assert_eq!(left.iter().filter_map(Left::pts).count(), 27);
}

#[test]
fn controlled_and_changed_properties_count_from_the_frame_on_that_comes_next() {
    alike("", |line| {
        let element = line.harness.element().unwrap();
        line.frames(4);
        element.set_property("threshold", 0.6);
        line.frames(4);
        element.set_property("target", "espresso");
        element.set_property("draw-labels", false);
        line.frames(4);
        element.set_property("inference-interval", 2u32);
        element.set_property("attach-map", false);
        line.frames(4);
        element.set_property_from_str("orientation", "90r");
        line.frames(4);
        element.set_property_from_str("method", "hirescam");
        line.frames(4);
        line.event(gst::event::Eos::new());
    });
}

#[test]
fn nothing_of_the_old_comes_after_a_flush() {
    let left = alike("inference-interval=2", |line| {
        // The first frame leaves at once, and the others may be kept.
        line.frames(1);
        line.event(gst::event::FlushStart::new());
        line.event(gst::event::FlushStop::new(true));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        line.event(gst::event::Segment::new(&segment));
        line.frames(3);
        line.event(gst::event::Eos::new());
    });
    assert_eq!(left.iter().filter_map(Left::pts).count(), 4);
    let mut line = Line::new("frames-in-flight=4");
    line.frames(9);
    line.event(gst::event::FlushStart::new());
    let before = line.frames_left();
    line.event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    line.event(gst::event::Segment::new(&segment));
    let first = line.pushed;
    line.frames(6);
    line.event(gst::event::Eos::new());
    let times: Vec<_> = line.left().iter().filter_map(Left::pts).collect();
    let new = (first..first + 6).map(|n| n * ms(40));
    assert!(times[before..].iter().copied().eq(new), "{times:?}");
}

#[test]
fn no_more_frames_are_kept_than_are_asked_for_and_none_without_need() {
    for in_flight in [2, 3, 5] {
        let mut line = Line::new(&format!("frames-in-flight={in_flight}"));
        for n in 1..20 {
            line.frames(1);
            let kept = n - line.frames_left();
            assert!(
                kept < in_flight && (n > 1 || kept == 0),
                "{kept} of {in_flight}"
            );
        }
        // Frames whose run is over leave with the next.
        std::thread::sleep(Duration::from_millis(500));
        line.frames(1);
        assert!(line.frames_left() >= 19);
    }
}

#[test]
fn a_drain_query_gives_all_frames_back() {
    let mut line = Line::new("frames-in-flight=4");
    line.frames(9);
    assert!(line.frames_left() < 9);
    let sink = line.harness.element().unwrap().static_pad("sink").unwrap();
    sink.query(&mut gst::query::Drain::new());
    assert_eq!(line.frames_left(), 9);
}

#[test]
fn pools_are_asked_for_frames_that_are_kept() {
    for in_flight in [1, 4] {
        let mut line = Line::new(&format!("frames-in-flight={in_flight}"));
        line.frames(1);
        let element = line.harness.element().unwrap();
        let downstream = element.static_pad("src").unwrap().peer().unwrap();
        // A sink that lends two frames of three.
        downstream.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, probe| {
            if let Some(gst::PadProbeData::Query(query)) = &mut probe.data
                && let gst::QueryViewMut::Allocation(query) = query.view_mut()
            {
                let pool = gst_video::VideoBufferPool::new();
                query.add_allocation_pool(Some(&pool), 96 * 64 * 3, 2, 3);
                return gst::PadProbeReturn::Handled;
            }
            gst::PadProbeReturn::Ok
        });
        let caps = info(VideoFormat::Rgb, 96, 64).to_caps().unwrap();
        let mut query = gst::query::Allocation::new(Some(&caps), true);
        assert!(element.static_pad("sink").unwrap().query(&mut query));
        let (_, _, min, max) = query.allocation_pools().next().unwrap();
        assert_eq!((min, max), (1 + in_flight, 2 + in_flight));
    }
}

#[test]
fn frames_on_which_the_network_fails_are_borne_in_turn() {
    let grays = [50, 60, 250, 70, 250, 250, 80, 90, 250, 250, 100, 110];
    let left = alike(
        &format!("{} max-errors=2", faulty("nan-when-bright")),
        |line| {
            for gray in grays {
                line.gray(gray).unwrap();
            }
            line.event(gst::event::Eos::new());
        },
    );
    assert_eq!(left.iter().filter_map(Left::pts).count(), grays.len());
}

#[test]
fn a_stream_ends_at_the_frame_that_is_too_much() {
    let model = faulty("nan-when-bright");
    for in_flight in [1, 2, 4] {
        let mut line = Line::new(&format!(
            "{model} max-errors=1 frames-in-flight={in_flight}"
        ));
        line.gray(50).unwrap();
        line.gray(60).unwrap();
        let refused = (0..20).position(|_| line.gray(250) == Err(gst::FlowError::Error));
        // The second cannot be borne, and frames come meanwhile.
        let refused = refused.expect("an error");
        assert!((1..1 + in_flight).contains(&refused), "{refused}");
        assert_eq!(line.said(gst::MessageType::Error).len(), 1);
        assert_eq!(line.frames_left(), 3, "those before it");
        // Nothing is left of those behind it.
        line.event(gst::event::Eos::new());
        assert_eq!(line.frames_left(), 3);

        let mut line = Line::new(&format!("{model} frames-in-flight={in_flight}"));
        assert_eq!(line.gray(250), Err(gst::FlowError::Error), "the first");
    }
}

#[test]
fn a_failure_that_an_event_brings_to_light_reaches_who_brings_frames() {
    let model = faulty("nan-when-bright");
    let mut line = Line::new(&format!("{model} max-errors=0 frames-in-flight=4"));
    line.gray(50).unwrap();
    line.gray(60).unwrap();
    line.gray(250).unwrap();
    line.event(gst::event::Gap::builder(ms(200)).build());
    assert_eq!(line.said(gst::MessageType::Error).len(), 1);
    assert_eq!(line.gray(50), Err(gst::FlowError::Error));
}

#[test]
fn a_frame_that_is_short_is_told_of_after_those_before_it() {
    let mut line = Line::new("frames-in-flight=4");
    line.frames(6);
    let short = line.push(vec![0; 100], gst::BufferFlags::empty());
    assert_eq!(short, Err(gst::FlowError::Error));
    assert_eq!(line.frames_left(), 6);
    let errors = line.said(gst::MessageType::Error);
    assert!(errors[0].starts_with("A frame has 100 bytes"), "{errors:?}");
}

#[test]
fn runs_that_do_not_come_back_are_given_up_and_leave_the_others_alone() {
    let model = faulty("endless-when-bright");
    let mut line = Line::new(&format!(
        "{model} max-errors=-1 inference-timeout=100000000 frames-in-flight=3"
    ));
    for gray in [50, 60, 250, 70, 80, 250, 250, 90, 100, 110] {
        line.gray(gray).unwrap();
    }
    line.event(gst::event::Eos::new());
    assert_eq!(line.frames_left(), 10);
    assert_eq!(line.count("failed"), 3);
    let last = line.left().into_iter().rev().find_map(|left| match left {
        Left::Frame { fields, .. } => fields,
        Left::Event(_) => None,
    });
    let last = last.unwrap();
    assert!(last.contains("inference-pts=(guint64)360000000"), "{last}");
}

/// One element is given the frames of another branch, which must not change.
#[test]
fn frames_that_others_have_too_stay_as_they_are() {
    let frames = |in_flight: usize| {
        let pipeline = pipeline(&format!(
            "videotestsrc pattern=ball num-buffers=20 ! video/x-raw,format=RGB,width=64,height=48 ! tee name=tee \
             tee. ! queue ! appsink name=plain sync=false tee. ! queue ! camoverlay frames-in-flight={in_flight} ! \
             appsink name=painted sync=false"
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        let frames = ["painted", "plain"].map(|name| {
            let sink = app_sink(&pipeline, name);
            let samples = std::iter::from_fn(|| sink.try_pull_sample(A_MINUTE));
            samples
                .map(|sample| Left::frame(sample.buffer().unwrap()))
                .collect::<Vec<_>>()
        });
        pipeline.set_state(gst::State::Null).unwrap();
        frames
    };
    let one = frames(1);
    assert_eq!(one[0].len(), 20);
    assert!(one == frames(4));
    assert!(one[0] != one[1]);
}

#[test]
fn the_latency_query_counts_the_frames_that_are_held() {
    let latency = |in_flight: u64| {
        let pipeline = pipeline(&format!(
            "videotestsrc is-live=true num-buffers=45 ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
             camoverlay name=cam input-size=64 frames-in-flight={in_flight} ! fakesink name=sink sync=true"
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        let end = pipeline
            .bus()
            .unwrap()
            .timed_pop_filtered(A_MINUTE, &[gst::MessageType::Eos, gst::MessageType::Error]);
        assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
        let mut query = gst::query::Latency::new();
        let cam = pipeline.by_name("cam").unwrap();
        assert!(cam.static_pad("src").unwrap().query(&mut query));
        let mut upstream = gst::query::Latency::new();
        assert!(cam.static_pad("sink").unwrap().peer_query(&mut upstream));
        pipeline.set_state(gst::State::Null).unwrap();
        query.result().1 - upstream.result().1
    };
    let frame = gst::ClockTime::SECOND / 30;
    for in_flight in [1, 3] {
        let held = (in_flight - 1) * frame;
        let latency = latency(in_flight);
        // What a run of the small network and its frame take, on a busy machine.
        assert!(
            latency > held && latency < held + ms(300),
            "{in_flight} in flight: {latency}"
        );
    }
}

#[test]
fn live_frames_all_come_in_order() {
    let pipeline = pipeline(
        "videotestsrc is-live=true num-buffers=60 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! \
         camoverlay qos=false frames-in-flight=3 ! appsink name=sink sync=true",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let times: Vec<_> = std::iter::from_fn(|| sink.try_pull_sample(A_MINUTE))
        .map(|sample| {
            let buffer = sample.buffer().unwrap();
            let made: u64 = meta(buffer).get("inference-pts").unwrap();
            assert_eq!(buffer.pts().unwrap().nseconds(), made);
            made
        })
        .collect();
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(times.len(), 60);
    assert!(times.is_sorted());
}

#[test]
fn states_may_change_at_any_moment() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=NV12,width=320,height=240,framerate=30/1 ! \
         camoverlay name=cam frames-in-flight=4 ! fakesink name=sink sync=false",
    );
    let bus = pipeline.bus().unwrap();
    let states = [
        gst::State::Paused,
        gst::State::Playing,
        gst::State::Ready,
        gst::State::Playing,
        gst::State::Null,
        gst::State::Playing,
    ];
    for n in 0..60 {
        pipeline.set_state(states[n % states.len()]).unwrap();
        std::thread::sleep(Duration::from_micros(n as u64 * 4799 % 40_000));
        if n % 4 == 1 {
            let position = gst::ClockTime::from_seconds(n as u64);
            let _ = pipeline.seek_simple(gst::SeekFlags::FLUSH, position);
        }
        let kinds = [gst::MessageType::Error, gst::MessageType::Warning];
        let said = bus.pop_filtered(&kinds);
        assert!(said.is_none(), "{n}: {said:?}");
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn frames_are_right_after_each_seek() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48,framerate=30/1 ! \
         camoverlay frames-in-flight=4 ! appsink name=sink sync=false max-buffers=1",
    );
    let sink = app_sink(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    for seconds in [0, 50, 20, 600, 10] {
        let position = gst::ClockTime::from_seconds(seconds);
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        pipeline.seek_simple(flags, position).unwrap();
        for n in 0..12 {
            let sample = sink.try_pull_sample(A_MINUTE).expect("a frame");
            let buffer = sample.buffer().unwrap();
            let expected = position + n * gst::ClockTime::SECOND / 30;
            assert!(buffer.pts().unwrap().absdiff(expected) < ms(1));
            let made: u64 = meta(buffer).get("inference-pts").unwrap();
            assert_eq!(buffer.pts().unwrap().nseconds(), made);
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn with_latest_no_frame_is_held() {
    let mut line = Line::new("inference=latest frames-in-flight=4");
    for n in 1..10 {
        line.frames(1);
        assert_eq!(line.frames_left(), n);
    }
}
