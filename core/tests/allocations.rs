//! Sampling, explaining and painting allocate nothing once they have seen a first frame and map,
//! captions nothing while they stay the same.

#![allow(unsafe_code, reason = "a counting allocator")]

use camoverlay::cam::{Explanation, Method};
#[cfg(feature = "captions")]
use camoverlay::caption::Caption;
use camoverlay::frame::{Geometry, Layout, Plane, PlaneMut};
use camoverlay::model::{Activation, FeatureMap, Head, Scores, SimilarClasses, Target};
use camoverlay::preprocess::{ChannelOrder, Fit, Normalization, Sampler};
use camoverlay::render::{MapView, Painter};
use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of all threads, since painting is shared out. That is why there is one test only.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn allocations() -> usize {
    ALLOCATIONS.load(Ordering::SeqCst)
}

struct Counting;

// SAFETY: hands every request on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        // SAFETY: the caller keeps the same contract.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steady_state_allocates_nothing() {
    // Who paints keeps the threads that help; they allocate when they start.
    let _keeper = Painter::new(&Geometry {
        layout: Layout::RGB,
        width: 1,
        height: 1,
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    sampling_and_painting();
    explaining();
    #[cfg(feature = "captions")]
    a_caption_that_stays();
}

fn sampling_and_painting() {
    let (width, height) = (321, 123);
    let mut data: Vec<u8> = (0..width * height * 4).map(|i| (i * 7) as u8).collect();
    let map: Vec<f32> = (0..140).map(|i| (i % 17) as f32).collect();
    let normalization = Normalization {
        order: ChannelOrder::Rgb,
        divisor: 255.0,
        mean: [0.5; 3],
        deviation: [0.25; 3],
    };
    for layout in [Layout::RGB, Layout::BGRX] {
        let geometry = Geometry {
            layout,
            width,
            height,
        };
        let stride = width * 4;
        for fit in [
            Fit::ShortestSide(64),
            Fit::Exact {
                width: 64,
                height: 64,
            },
        ] {
            let mut sampler = Sampler::new(&geometry, fit, &normalization);
            let mut painter = Painter::new(&geometry);
            let (out_width, out_height) = sampler.size();
            let mut tensor = vec![0.0; 3 * out_width * out_height];
            let mut before = 0;
            for frame in 0..4 {
                if frame == 1 {
                    before = allocations();
                }
                let plane = Plane {
                    data: &data,
                    stride,
                };
                sampler.sample(&[plane], &mut tensor);
                let map = MapView {
                    values: &map,
                    width: 14,
                    height: 10,
                };
                painter.set_map(map, 0.1 * f64::from(frame));
                painter.paint(&mut [PlaneMut {
                    data: &mut data,
                    stride,
                }]);
            }
            assert_eq!(allocations() - before, 0, "{layout:?} {fit:?}");
        }
    }
}

fn explaining() {
    let (channels, classes, cells) = (64, 20, 7 * 9);
    let wave = |i: usize| (i as f32 * 0.37).sin();
    let features: Vec<f32> = (0..channels * cells).map(wave).collect();
    let head = Head::Dense {
        weights: (0..classes * channels).map(wave).collect(),
        bias: vec![0.5; classes],
    };
    let similar = SimilarClasses::new(&head, classes, None);
    // LeGrad needs attention.
    for method in Method::ALL
        .into_iter()
        .filter(|&method| method != Method::LeGrad)
    {
        let mut explanation = Explanation::default();
        let mut before = 0;
        for frame in 0..4 {
            if frame == 1 {
                before = allocations();
            }
            let logits: [f32; 20] = std::array::from_fn(|class| wave(class + frame));
            let activation = Activation {
                target: Target::Rank(frame % 3),
                logits: &logits,
                scores: Scores::Softmax,
                features: FeatureMap {
                    values: &features,
                    channels,
                    height: 7,
                    width: 9,
                },
                head: &head,
                similar: &similar,
                gradient: None,
                attention: None,
                beside: Default::default(),
                sums: None,
                alone: None,
            };
            explanation.update(&activation, 5, method).unwrap();
        }
        assert_eq!(allocations() - before, 0, "{method:?}");
    }
}

#[cfg(feature = "captions")]
fn a_caption_that_stays() {
    let (width, height) = (640, 480);
    let mut data = vec![0; width * height * 3];
    let mut caption = Caption::new(&Geometry {
        layout: Layout::RGB,
        width,
        height,
    });
    let mut before = 0;
    for frame in 0..4 {
        if frame == 1 {
            before = allocations();
        }
        let lines = [("Egyptian cat", 0.6), ("tabby", 0.3 + 0.001 * frame as f32)];
        assert_eq!(caption.set_lines(lines, Some(0)), frame == 0);
        caption.draw(&mut [PlaneMut {
            data: &mut data,
            stride: width * 3,
        }]);
    }
    assert_eq!(allocations() - before, 0);
}
