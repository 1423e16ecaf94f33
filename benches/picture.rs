//! The parts of the picture room, beside a memcpy of the same frame.

use std::hint::black_box;
use std::time::Duration;

#[cfg(feature = "captions")]
use camoverlay::caption::Caption;
use camoverlay::frame::{Encoding, Geometry, Layout, Matrix, Plane, PlaneMut, Range, Samples};
use camoverlay::preprocess::{ChannelOrder, Fit, Normalization, Sampler};
use camoverlay::render::{Blend, Colormap, MapView, Painter, Style};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};

const SIZES: [(usize, usize); 2] = [(640, 480), (1920, 1080)];

const LAYOUTS: [(&str, Layout); 5] = [
    ("I420", y_cb_cr(Samples::I420)),
    ("NV12", y_cb_cr(Samples::NV12)),
    ("YUY2", y_cb_cr(Samples::YUY2)),
    ("RGB", Layout::RGB),
    ("BGRx", Layout::BGRX),
];

const fn y_cb_cr(samples: Samples) -> Layout {
    Layout::YCbCr {
        samples,
        encoding: Encoding {
            matrix: Matrix::Bt709,
            range: Range::Limited,
        },
    }
}

const CAFFE: Normalization = Normalization {
    order: ChannelOrder::Bgr,
    divisor: 1.0,
    mean: [104.0, 117.0, 123.0],
    deviation: [1.0; 3],
};

/// A frame's planes, without padding.
#[derive(Clone)]
struct Frame(Vec<(Vec<u8>, usize)>);

impl Frame {
    /// Soft shapes and some noise, as a camera gives them.
    fn new(name: &str, width: usize, height: usize) -> Self {
        let planes = match name {
            "I420" => vec![
                (width, height),
                (width / 2, height / 2),
                (width / 2, height / 2),
            ],
            "NV12" => vec![(width, height), (width, height / 2)],
            "YUY2" => vec![(2 * width, height)],
            "RGB" => vec![(3 * width, height)],
            _ => vec![(4 * width, height)],
        };
        let planes = planes.into_iter().map(|(stride, height)| {
            let mut noise = 1u32;
            let mut plane = Vec::with_capacity(stride * height);
            for i in 0..stride * height {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (u, v) = (
                    (i % stride) as f32 / stride as f32,
                    (i / stride) as f32 / height as f32,
                );
                let wave = (9.0 * u).sin() * (7.0 * v + 2.0 * u).cos();
                plane.push((120.0 + 110.0 * wave) as u8 + (noise >> 29) as u8);
            }
            (plane, stride)
        });
        Self(planes.collect())
    }

    fn planes(&self) -> Vec<Plane<'_>> {
        self.0
            .iter()
            .map(|(data, stride)| Plane {
                data,
                stride: *stride,
            })
            .collect()
    }

    fn planes_mut(&mut self) -> Vec<PlaneMut<'_>> {
        self.0
            .iter_mut()
            .map(|(data, stride)| PlaneMut {
                data,
                stride: *stride,
            })
            .collect()
    }

    fn copy_from(&mut self, other: &Self) {
        for ((to, _), (from, _)) in self.0.iter_mut().zip(&other.0) {
            to.copy_from_slice(from);
        }
    }
}

/// A rectified map with two summits.
fn class_map(width: usize, height: usize) -> Vec<f32> {
    let summit = |x: f32, y: f32, at: (f32, f32)| {
        (1.0 - 9.0 * ((x - at.0).powi(2) + (y - at.1).powi(2))).max(0.0)
    };
    let mut map = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            map.push(20.0 * summit(u, v, (0.4, 0.6)) + 12.0 * summit(u, v, (0.8, 0.3)));
        }
    }
    map
}

fn measure(group: &mut BenchmarkGroup<WallTime>, name: &str, geometry: &Geometry) {
    let source = Frame::new(name, geometry.width, geometry.height);
    let mut frame = source.clone();
    group.bench_function("memcpy", |bencher| {
        bencher.iter(|| frame.copy_from(black_box(&source)));
    });

    let mut sampler = Sampler::new(geometry, Fit::ShortestSide(227), &CAFFE);
    let (width, height) = sampler.size();
    let mut tensor = vec![0.0; 3 * width * height];
    let planes = source.planes();
    group.bench_function("sample", |bencher| {
        bencher.iter(|| {
            sampler.sample(&planes, black_box(&mut tensor));
        });
    });
    let bounds = sampler.sample(&planes, &mut tensor);

    let mut painter = Painter::new(geometry);
    let (width, height) = (width.div_ceil(16), height.div_ceil(16));
    let values = class_map(width, height);
    let map = MapView {
        values: &values,
        width,
        height,
    };
    let mut bench = |name: &str, paint: &dyn Fn(&mut Painter, &mut [PlaneMut])| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || source.clone(),
                |frame| paint(&mut painter, &mut frame.planes_mut()),
                BatchSize::NumIterations(1),
            );
        });
    };
    // Each frame gets a map of its own, as with one inference a frame.
    bench("paint sampled", &|painter, planes| {
        painter.set_map(map, 0.2);
        painter.paint_sampled(planes, bounds);
    });
    // Or is painted with the last one.
    bench("paint", &|painter, planes| painter.paint(planes));
    // Every way to lay heat over the picture, and another colour map.
    let styles = Blend::ALL.map(|blend| (blend.name(), blend, Colormap::jet(), 1.0));
    let more = [
        ("faded mask", Blend::Mask, Colormap::jet(), 0.9),
        ("viridis", Blend::Darkened, Colormap::viridis(), 1.0),
    ];
    for (name, blend, colormap, opacity) in styles.into_iter().chain(more) {
        let mut painter = Painter::new(geometry);
        painter.set_style(&Style {
            colormap,
            blend,
            opacity,
        });
        group.bench_function(format!("paint sampled, {name}"), |bencher| {
            bencher.iter_batched_ref(
                || source.clone(),
                |frame| {
                    painter.set_map(map, 0.2);
                    painter.paint_sampled(&mut frame.planes_mut(), bounds);
                },
                BatchSize::NumIterations(1),
            );
        });
    }

    #[cfg(feature = "captions")]
    {
        let mut caption = Caption::new(geometry);
        let lines = |score| [("Egyptian cat", score), ("tabby", 0.3), ("tiger cat", 0.1)];
        caption.set_lines(lines(0.5), Some(0));
        group.bench_function("caption", |bencher| {
            bencher.iter(|| caption.draw(&mut frame.planes_mut()));
        });
        let mut score = 0.0;
        group.bench_function("changed caption", |bencher| {
            bencher.iter(|| {
                score = 0.7 - score;
                caption.set_lines(lines(score), Some(0))
            });
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    for (width, height) in SIZES {
        for (name, layout) in LAYOUTS {
            let geometry = Geometry {
                layout,
                width,
                height,
            };
            let mut group = criterion.benchmark_group(format!("{width} x {height} {name}"));
            measure(&mut group, name, &geometry);
            group.finish();
        }
    }
    criterion.final_summary();
}
