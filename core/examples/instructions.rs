//! Samples or paints a frame so many times, so that a simulator can count what that takes.
//!
//!     instructions sample|paint I420|NV12|RGB|BGRx TIMES
//!
//! The difference between two counts of TIMES is that of the part alone. It prints how many pixels a frame has.

use std::hint::black_box;

use camoverlay::frame::{Encoding, Geometry, Layout, Matrix, Plane, PlaneMut, Range, Samples};
use camoverlay::preprocess::{ChannelOrder, Fit, Normalization, Sampler};
use camoverlay::render::{MapView, Painter};

/// Both sides are larger than the network's, as those of frames are, and whole words wide.
const WIDTH: usize = 640;
const HEIGHT: usize = 360;

const ENCODING: Encoding = Encoding {
    matrix: Matrix::Bt709,
    range: Range::Limited,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [part, format, times] = arguments.as_slice() else {
        panic!("instructions sample|paint I420|NV12|RGB|BGRx TIMES");
    };
    let (layout, strides): (_, &[(usize, usize)]) = match format.as_str() {
        "I420" => (
            Layout::YCbCr {
                samples: Samples::I420,
                encoding: ENCODING,
            },
            &[
                (WIDTH, HEIGHT),
                (WIDTH / 2, HEIGHT / 2),
                (WIDTH / 2, HEIGHT / 2),
            ],
        ),
        "NV12" => (
            Layout::YCbCr {
                samples: Samples::NV12,
                encoding: ENCODING,
            },
            &[(WIDTH, HEIGHT), (WIDTH, HEIGHT / 2)],
        ),
        "RGB" => (Layout::RGB, &[(3 * WIDTH, HEIGHT)]),
        "BGRx" => (Layout::BGRX, &[(4 * WIDTH, HEIGHT)]),
        _ => panic!("no such format: {format}"),
    };
    let geometry = Geometry {
        layout,
        width: WIDTH,
        height: HEIGHT,
    };
    let mut planes: Vec<(Vec<u8>, usize)> = strides
        .iter()
        .map(|&(stride, rows)| {
            let bytes = (0..stride * rows).map(|at| (at * 7 + at / stride * 13) as u8);
            (bytes.collect(), stride)
        })
        .collect();
    let times: usize = times.parse().expect("TIMES is a number");
    match part.as_str() {
        "sample" => {
            let normalization = Normalization {
                order: ChannelOrder::Bgr,
                divisor: 1.0,
                mean: [104.0, 117.0, 123.0],
                deviation: [1.0; 3],
            };
            let mut sampler = Sampler::new(&geometry, Fit::ShortestSide(227), &normalization);
            let mut tensor = vec![0.0; sampler.values()];
            let planes: Vec<Plane> = planes
                .iter()
                .map(|(data, stride)| Plane {
                    data,
                    stride: *stride,
                })
                .collect();
            for _ in 0..times {
                sampler.sample(black_box(&planes), &mut tensor);
            }
            black_box(&tensor);
        }
        "paint" => {
            let map: Vec<f32> = (0..14 * 18).map(|cell| (cell % 31) as f32).collect();
            let view = MapView {
                values: &map,
                width: 18,
                height: 14,
            };
            let mut painter = Painter::new(&geometry);
            painter.set_map(view, 0.2);
            for _ in 0..times {
                let mut planes: Vec<PlaneMut> = planes
                    .iter_mut()
                    .map(|(data, stride)| PlaneMut {
                        data,
                        stride: *stride,
                    })
                    .collect();
                painter.paint(black_box(&mut planes));
            }
        }
        _ => panic!("no such part: {part}"),
    }
    println!("{}", WIDTH * HEIGHT);
}
