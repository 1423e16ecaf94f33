//! What sampling and painting cost, beside a memcpy of the same frame.
//!
//! Prints medians in milliseconds and, in brackets, as multiples of the memcpy.

use gstcamoverlay::picture::{
    ChannelOrder, Encoding, Fit, Geometry, Layout, MapView, Matrix, Normalization, Painter, Plane,
    PlaneMut, Range, Sampler, Samples,
};
use std::hint::black_box;
use std::time::Instant;

const RUNS: usize = 31;

/// Median duration of `work`, after `prepare` each time, in milliseconds.
fn median<T>(state: &mut T, prepare: impl Fn(&mut T), work: impl Fn(&mut T)) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            prepare(state);
            let start = Instant::now();
            work(state);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// A frame of soft shapes and some noise, as a camera gives it.
fn scene(width: usize, height: usize, bytes: usize) -> Vec<u8> {
    let mut noise = 1u32;
    let mut frame = Vec::with_capacity(width * height * bytes);
    for y in 0..height {
        for x in 0..width {
            for c in 0..bytes {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
                let wave = (9.0 * u + 3.0 * c as f32).sin() * (7.0 * v + 2.0 * u).cos();
                frame.push((120.0 + 110.0 * wave) as u8 + (noise >> 29) as u8);
            }
        }
    }
    frame
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

fn main() {
    let normalization = Normalization {
        order: ChannelOrder::Bgr,
        divisor: 1.0,
        mean: [104.0, 117.0, 123.0],
        deviation: [1.0; 3],
    };
    println!("frame            memcpy         sample        set_map          paint");
    for (width, height) in [(640, 480), (1280, 720), (1920, 1080), (3840, 2160)] {
        for (name, layout) in [
            ("I420", y_cb_cr(Samples::I420)),
            ("NV12", y_cb_cr(Samples::NV12)),
            ("YUY2", y_cb_cr(Samples::YUY2)),
            ("RGB", Layout::RGB),
            ("BGRx", Layout::BGRX),
        ] {
            let geometry = Geometry {
                layout,
                width,
                height,
            };
            let sizes: &[(usize, usize)] = &match name {
                "I420" => vec![(width, height), (width / 2, height / 2), (width / 2, height / 2)],
                "NV12" => vec![(width, height), (width, height / 2)],
                "YUY2" => vec![(width * 2, height)],
                "RGB" => vec![(width * 3, height)],
                _ => vec![(width * 4, height)],
            };
            let source: Vec<Vec<u8>> = sizes.iter().map(|(w, h)| scene(*w, *h, 1)).collect();
            let mut frame = source.clone();
            let restore = |frame: &mut Vec<Vec<u8>>| {
                for (f, s) in frame.iter_mut().zip(&source) {
                    f.copy_from_slice(black_box(s));
                }
            };

            let memcpy = median(&mut frame, |_| (), restore);

            let mut sampler = Sampler::new(&geometry, Fit::ShortestSide(227), &normalization);
            let (out_width, out_height) = sampler.size();
            let tensor = vec![0.0; 3 * out_width * out_height];
            let planes: Vec<Plane> = source
                .iter()
                .zip(sizes)
                .map(|(data, size)| Plane {
                    data,
                    stride: size.0,
                })
                .collect();
            let sample = median(
                &mut (&mut sampler, tensor),
                |_| (),
                |(sampler, tensor)| sampler.sample(&planes, black_box(tensor)),
            );

            let mut painter = Painter::new(&geometry);
            let (map_width, map_height) = (out_width.div_ceil(16), out_height.div_ceil(16));
            let values = class_map(map_width, map_height);
            let map = MapView {
                values: &values,
                width: map_width,
                height: map_height,
            };
            let set_map = median(&mut painter, |_| (), |painter| painter.set_map(map, 0.2));
            let paint = median(
                &mut (painter, frame),
                |(_, frame)| restore(frame),
                |(painter, frame)| {
                    let mut planes: Vec<PlaneMut> = frame
                        .iter_mut()
                        .zip(sizes)
                        .map(|(data, size)| PlaneMut {
                            data,
                            stride: size.0,
                        })
                        .collect();
                    painter.paint(&mut planes);
                },
            );

            print!("{width:4} x {height:4} {name:4} {memcpy:6.3}");
            for cost in [sample, set_map, paint] {
                print!(" {cost:6.3} [{:5.2}]", cost / memcpy);
            }
            println!();
        }
    }
}

fn y_cb_cr(samples: Samples) -> Layout {
    Layout::YCbCr {
        samples,
        encoding: Encoding {
            matrix: Matrix::Bt709,
            range: Range::Limited,
        },
    }
}
