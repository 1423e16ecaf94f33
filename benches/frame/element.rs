//! The element, frame by frame.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::{Effort, bare::Bare, median, network::Network};

/// The element's own steps, as its `stats` property names them.
const STEPS: [&str; 4] = ["prepare-last", "infer-last", "map-last", "blend-last"];

/// Frames in a pool.
const POOL: usize = 2;

/// Medians of one kind of frame.
pub struct Row {
    pub name: String,
    /// Prepare, infer, map, paint.
    pub steps: [Duration; 4],
    /// What is left of the total: captions, metadata, the way through GStreamer.
    pub rest: Duration,
    /// From pushing a frame into the element to having it back.
    pub total: Duration,
    /// `session.run` of the network file on a tensor of the same size.
    pub network: Duration,
    /// A copy of the frame in the caches, as sampling finds it when it was just written.
    pub copy: Duration,
    /// The same after the network ran, as painting finds it.
    pub cold_copy: Duration,
}

impl Row {
    pub fn measure(network: &Network, info: &gst_video::VideoInfo, effort: Effort) -> Self {
        let mut feed = Feed::new(network, info);
        let mut bare = Bare::open(network, (info.width() as usize, info.height() as usize));
        let (mut total, mut rest) = (Vec::new(), Vec::new());
        let (mut networks, mut copies, mut cold_copies) = (Vec::new(), Vec::new(), Vec::new());
        let mut steps: [Vec<Duration>; 4] = Default::default();
        let source = picture(info, 0);
        let mut target = source.clone();
        effort.repeat(|counts| {
            let time = feed.frame();
            let stats = feed.element.property::<gst::Structure>("stats");
            let network_time = bare.run();
            let [cold_copy_time, copy_time] = [(); 2].map(|()| {
                let start = Instant::now();
                target.copy_from_slice(std::hint::black_box(&source));
                std::hint::black_box(&mut target);
                start.elapsed()
            });
            if !counts {
                return;
            }
            total.push(time);
            networks.push(network_time);
            copies.push(copy_time);
            cold_copies.push(cold_copy_time);
            let mut left = time;
            for (step, name) in steps.iter_mut().zip(STEPS) {
                let nanoseconds = stats.get(name).expect("stats has the step");
                step.push(Duration::from_nanos(nanoseconds));
                left = left.saturating_sub(Duration::from_nanos(nanoseconds));
            }
            rest.push(left);
        });
        Self {
            name: format!("{} x {} {}", info.width(), info.height(), info.format()),
            steps: steps.map(median),
            rest: median(rest),
            total: median(total),
            network: median(networks),
            copy: median(copies),
            cold_copy: median(cold_copies),
        }
    }
}

/// An element that frames are pushed through, out of a pool as sources and decoders have one.
pub struct Feed {
    pub element: gst::Element,
    harness: gst_check::Harness,
    pool: gst_video::VideoBufferPool,
    /// Shown in turns, so that scores and labels change as they do on live video.
    pictures: [Vec<u8>; 2],
    shown: usize,
    /// Whether each frame is waited for.
    pulls: bool,
}

impl Feed {
    /// An element in PLAYING that has seen its caps.
    pub fn new(network: &Network, info: &gst_video::VideoInfo) -> Self {
        Self::start(network.element(), info, pictures(info))
    }

    /// As [`Feed::new`], of things made before.
    pub fn start(
        element: gst::Element,
        info: &gst_video::VideoInfo,
        pictures: [Vec<u8>; 2],
    ) -> Self {
        let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
        let caps = info.to_caps().expect("the format has caps");
        harness.set_caps(caps.clone(), caps.clone());
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), info.size() as u32, POOL as u32, 0);
        pool.set_config(config).expect("the pool takes the caps");
        pool.set_active(true).expect("memory for frames");
        Self {
            element,
            harness,
            pool,
            pictures,
            shown: 0,
            pulls: true,
        }
    }

    /// The same, whose frames nobody takes: with several in flight none comes for each.
    pub fn without_output(mut self) -> Self {
        self.harness.set_drop_buffers(true);
        self.pulls = false;
        self
    }

    /// Pushes the next picture and times it from there until the element hands it on.
    pub fn frame(&mut self) -> Duration {
        let mut buffer = self.buffer();
        self.shown = 1 - self.shown;
        buffer
            .make_mut()
            .map_writable()
            .expect("a fresh frame is writable")
            .copy_from_slice(&self.pictures[self.shown]);
        let start = Instant::now();
        self.pass(buffer);
        start.elapsed()
    }

    /// Passes a frame on with whatever is in its memory.
    pub fn stale_frame(&mut self) {
        let buffer = self.buffer();
        self.pass(buffer);
    }

    /// The first picture.
    pub fn picture(&self) -> &[u8] {
        &self.pictures[0]
    }

    /// Bytes in the pictures and the pool.
    pub fn memory(&self) -> u64 {
        (self.pictures.len() + POOL) as u64 * self.pictures[0].len() as u64
    }

    fn buffer(&self) -> gst::Buffer {
        self.pool.acquire_buffer(None).expect("memory for a frame")
    }

    fn pass(&mut self, buffer: gst::Buffer) {
        self.harness
            .push(buffer)
            .expect("the element takes the frame");
        if self.pulls {
            self.harness.pull().expect("the element hands it on");
        }
    }
}

pub fn info(format: gst_video::VideoFormat, width: usize, height: usize) -> gst_video::VideoInfo {
    gst_video::VideoInfo::builder(format, width as u32, height as u32)
        .fps(gst::Fraction::new(30, 1))
        .build()
        .expect("the format has this size")
}

/// Two frames a few pixels apart.
pub fn pictures(info: &gst_video::VideoInfo) -> [Vec<u8>; 2] {
    [picture(info, 0), picture(info, 7)]
}

/// A photo-like frame: smooth shades and edges, so that every table entry and heat colour is used.
fn picture(info: &gst_video::VideoInfo, shift: usize) -> Vec<u8> {
    let stride = info.stride()[0] as usize;
    (0..info.size())
        .map(|i| {
            let (x, y) = (i % stride + shift, i / stride);
            ((x / 5 + y / 3) ^ (x * y / 4096)) as u8
        })
        .collect()
}
