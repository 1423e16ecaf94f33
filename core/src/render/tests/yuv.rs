//! Frames of luma and chroma, against red, green and blue ones.

use super::*;
use crate::simd::forced::each_level;

/// Every format, with what a group of bytes or words of each of its planes holds: `y`, `u` (blue
/// difference), `v` (red difference), and how many columns and rows of pixels share the group.
type Format = (
    &'static str,
    Samples,
    &'static [(&'static str, usize, usize)],
);

const FORMATS: [Format; 13] = [
    (
        "I420",
        Samples::I420,
        &[("y", 1, 1), ("u", 2, 2), ("v", 2, 2)],
    ),
    (
        "YV12",
        Samples::YV12,
        &[("y", 1, 1), ("v", 2, 2), ("u", 2, 2)],
    ),
    (
        "Y42B",
        Samples::Y42B,
        &[("y", 1, 1), ("u", 2, 1), ("v", 2, 1)],
    ),
    (
        "Y444",
        Samples::Y444,
        &[("y", 1, 1), ("u", 1, 1), ("v", 1, 1)],
    ),
    ("NV12", Samples::NV12, &[("y", 1, 1), ("uv", 2, 2)]),
    ("NV21", Samples::NV21, &[("y", 1, 1), ("vu", 2, 2)]),
    ("NV24", Samples::NV24, &[("y", 1, 1), ("uv", 1, 1)]),
    ("YUY2", Samples::YUY2, &[("yuyv", 2, 1)]),
    ("YVYU", Samples::YVYU, &[("yvyu", 2, 1)]),
    ("UYVY", Samples::UYVY, &[("uyvy", 2, 1)]),
    ("GRAY8", Samples::GRAY8, &[("y", 1, 1)]),
    (
        "I420_10LE",
        Samples::I420_10LE,
        &[("y", 1, 1), ("u", 2, 2), ("v", 2, 2)],
    ),
    (
        "P010_10LE",
        Samples::P010_10LE,
        &[("y", 1, 1), ("uv", 2, 2)],
    ),
];

fn encodings() -> impl Iterator<Item = Encoding> {
    let matrices = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020];
    matrices
        .into_iter()
        .flat_map(|matrix| [Range::Limited, Range::Full].map(|range| Encoding { matrix, range }))
}

/// A frame in memory, with padding after each row.
#[derive(Clone, PartialEq)]
struct Frame {
    format: Format,
    encoding: Encoding,
    width: usize,
    height: usize,
    planes: Vec<Vec<u8>>,
    strides: Vec<usize>,
}

const PADDING: u8 = 0xa5;

impl Frame {
    fn new(
        format: Format,
        encoding: Encoding,
        (width, height): (usize, usize),
        pad: usize,
    ) -> Self {
        let mut frame = Self {
            format,
            encoding,
            width,
            height,
            planes: Vec::new(),
            strides: Vec::new(),
        };
        for &(group, columns, rows) in format.2 {
            let row = width.div_ceil(columns) * group.len() * frame.sample_bytes();
            let rows = height.div_ceil(rows);
            frame.strides.push(row + pad);
            // The last row ends with its own last byte.
            frame.planes.push(vec![PADDING; (row + pad) * rows - pad]);
        }
        frame
    }

    fn ten(&self) -> bool {
        self.format.1.depth != Depth::Eight
    }

    fn shift(&self) -> u32 {
        if self.format.0 == "P010_10LE" { 6 } else { 0 }
    }

    fn sample_bytes(&self) -> usize {
        if self.ten() { 2 } else { 1 }
    }

    /// Where the sample of `component` for a pixel is: plane and byte.
    fn at(&self, component: char, x: usize, y: usize) -> Option<(usize, usize)> {
        let mut groups = self.format.2.iter().enumerate();
        groups.find_map(|(plane, &(group, columns, rows))| {
            let places: Vec<usize> = group.match_indices(component).map(|m| m.0).collect();
            let place = places.get(x % columns * places.len() / columns)?;
            let sample = x / columns * group.len() + place;
            Some((
                plane,
                y / rows * self.strides[plane] + sample * self.sample_bytes(),
            ))
        })
    }

    fn set(&mut self, component: char, x: usize, y: usize, code: u16) {
        if let Some((plane, at)) = self.at(component, x, y) {
            let bytes = (code << self.shift()).to_le_bytes();
            let n = self.sample_bytes();
            self.planes[plane][at..at + n].copy_from_slice(&bytes[..n]);
        }
    }

    fn get(&self, component: char, x: usize, y: usize) -> u16 {
        let Some((plane, at)) = self.at(component, x, y) else {
            return 128;
        };
        let n = self.sample_bytes();
        let mut bytes = [0; 2];
        bytes[..n].copy_from_slice(&self.planes[plane][at..at + n]);
        u16::from_le_bytes(bytes) >> self.shift()
    }

    /// Sets every pixel to a colour of its own.
    fn fill(&mut self, rgb: impl Fn(usize, usize) -> [f64; 3]) {
        for y in 0..self.height {
            for x in 0..self.width {
                let codes = converter::encode(rgb(x, y), self.encoding, self.ten());
                for (component, code) in "yuv".chars().zip(codes) {
                    self.set(component, x, y, code);
                }
            }
        }
    }

    fn colour(&self, x: usize, y: usize) -> [f64; 3] {
        let codes = ['y', 'u', 'v'].map(|component| self.get(component, x, y));
        converter::decode(codes, self.encoding, self.ten())
    }

    fn rgb(&self) -> Image {
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        Image {
            width: self.width,
            height: self.height,
            channels: 3,
            data: pixels.flat_map(|(x, y)| self.colour(x, y)).collect(),
        }
    }

    fn geometry(&self) -> Geometry {
        Geometry {
            layout: Layout::YCbCr {
                samples: self.format.1,
                encoding: self.encoding,
            },
            width: self.width,
            height: self.height,
        }
    }

    /// The sampled frame as 8-bit red, green and blue levels.
    fn sample(&self, fit: Fit) -> Vec<f32> {
        let levels = Normalization {
            order: ChannelOrder::Rgb,
            divisor: 1.0,
            mean: [0.0; 3],
            deviation: [1.0; 3],
        };
        let mut sampler = Sampler::new(&self.geometry(), fit, &levels);
        let (width, height) = sampler.size();
        let mut tensor = vec![f32::NAN; 3 * width * height];
        let planes = self.planes.iter().zip(&self.strides);
        let planes: Vec<_> = planes
            .map(|(data, &stride)| Plane { data, stride })
            .collect();
        sampler.sample(&planes, &mut tensor);
        tensor
    }

    fn painted(&self, map: &[f32], map_width: usize, colormap: &Colormap) -> Self {
        let mut painter = coloured(&self.geometry(), colormap);
        painter.set_map(view(map, map_width), 0.2);
        let mut frame = self.clone();
        let planes = frame.planes.iter_mut().zip(&self.strides);
        let mut planes: Vec<_> = planes
            .map(|(data, &stride)| PlaneMut { data, stride })
            .collect();
        painter.paint(&mut planes);
        frame
    }

    /// The bytes that belong to no pixel.
    fn others(&self) -> Vec<(usize, usize, u8)> {
        let mut own: Vec<Vec<bool>> = self.planes.iter().map(|p| vec![false; p.len()]).collect();
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            for component in "yuv".chars() {
                if let Some((plane, at)) = self.at(component, x, y) {
                    own[plane][at..at + self.sample_bytes()].fill(true);
                }
            }
        }
        let planes = self.planes.iter().zip(&own).enumerate();
        planes
            .flat_map(|(i, (plane, own))| {
                let bytes = plane.iter().zip(own).enumerate();
                bytes
                    .filter(|(_, (_, own))| !**own)
                    .map(move |(at, (v, _))| (i, at, *v))
            })
            .collect()
    }
}

#[test]
fn every_layout_has_a_format_that_says_by_itself_where_its_samples_lie() {
    assert_eq!(FORMATS.len(), Y_CB_CR.len());
    for samples in Y_CB_CR {
        assert!(
            FORMATS
                .iter()
                .any(|(_, of_format, _)| *of_format == samples),
            "{samples:?}"
        );
    }
}

#[test]
fn solid_colours_keep_their_channels() {
    let colours = [
        [230.0, 60.0, 20.0],
        [20.0, 200.0, 90.0],
        [40.0, 80.0, 240.0],
    ];
    for (format, encoding) in FORMATS
        .into_iter()
        .flat_map(|f| encodings().map(move |e| (f, e)))
    {
        for colour in colours {
            let mut frame = Frame::new(format, encoding, (21, 13), 4);
            frame.fill(|_, _| colour);
            let expected = frame.colour(0, 0);
            let tensor = frame.sample(Fit::ShortestSide(9));
            for (channel, expected) in tensor.chunks_exact(tensor.len() / 3).zip(expected) {
                let near = |v: &f32| (f64::from(*v) - expected).abs() <= 2.0;
                let what = (format.0, encoding, colour, expected);
                assert!(channel.iter().all(near), "{what:?}: {:?}", channel[0]);
            }
        }
    }
}

#[test]
fn sampling_follows_the_converted_frame() {
    let mut random = Random::new(11);
    for (format, encoding) in FORMATS
        .into_iter()
        .flat_map(|f| encodings().map(move |e| (f, e)))
    {
        let size = (random.pick(30..80), random.pick(30..80));
        let mut frame = Frame::new(format, encoding, size, random.pick(0..3) * 2);
        let phase = f64::from(random.float());
        // Luma with detail over one chroma.
        frame.fill(|x, y| {
            let wave = (0.5 * x as f64 + phase).sin() * (0.3 * y as f64).cos();
            [150.0, 100.0, 110.0].map(|c| c + 60.0 * wave)
        });
        let side = random.pick(8..60);
        let fit = Fit::ShortestSide(side);
        let scale = side as f64 / size.0.min(size.1) as f64;
        let out = fit.size(size.0, size.1);
        let expected = oracle::resize(&frame.rgb(), out, (scale, scale), true);
        let tensor = frame.sample(fit);
        let area = out.0 * out.1;
        let mut total = 0.0;
        for (i, pixel) in expected.data.chunks_exact(3).enumerate() {
            for (c, expected) in pixel.iter().enumerate() {
                let difference = (f64::from(tensor[c * area + i]) - expected).abs();
                assert!(difference <= 3.0, "{} {encoding:?} {difference}", format.0);
                total += difference;
            }
        }
        let mean = total / (3 * area) as f64;
        // Ten bits are rounded to eight on the way.
        let bound = if frame.ten() { 0.9 } else { 0.6 };
        assert!(mean <= bound, "{} {encoding:?} mean {mean}", format.0);
    }
}

#[test]
fn pictures_follow_those_of_the_converted_frame() {
    let mut random = Random::new(12);
    for (format, encoding) in FORMATS
        .into_iter()
        .flat_map(|f| encodings().map(move |e| (f, e)))
    {
        let size = (random.pick(100..180), random.pick(60..120));
        let mut frame = Frame::new(format, encoding, size, random.pick(0..3) * 2);
        frame.fill(|x, y| [((x * 5 + y * 3) % 256) as f64; 3]);
        let map = [0.0, 0.1, 0.5, 0.2, 1.0, 0.6, 0.0, 0.3, 0.4];
        for tested in &tested_maps() {
            let painted = frame.painted(&map, 3, &tested.colormap);
            assert_eq!(painted.others(), frame.others(), "{}", format.0);

            let index = oracle::heat_index(&map_image(&map, 3), size.0, size.1, 0.2);
            let expected = oracle::paint(&frame.rgb(), &map_image(&map, 3), 0.2, &tested.plain);
            let (mut total, mut count) = (0.0, 0);
            for (i, expected) in expected.chunks_exact(3).enumerate() {
                let (x, y) = (i % size.0, i / size.0);
                // Chroma is compared where its sample's pixels have one heat.
                let same = |dx: usize, dy: usize| {
                    let (x, y) = (
                        (x / 2 * 2 + dx).min(size.0 - 1),
                        (y / 2 * 2 + dy).min(size.1 - 1),
                    );
                    index[y * size.0 + x] == index[i]
                };
                if !(same(0, 0) && same(1, 0) && same(0, 1) && same(1, 1)) {
                    continue;
                }
                let colour = if format.0 == "GRAY8" {
                    // Luma alone is left.
                    let expected = [expected[0], expected[1], expected[2]].map(f64::from);
                    let luma = converter::encode(expected, encoding, false)[0];
                    let luma = converter::decode([luma, 128, 128], encoding, false);
                    painted.colour(x, y).map(|v| v - luma[0])
                } else {
                    let colour = painted.colour(x, y);
                    [0, 1, 2].map(|c| colour[c] - f64::from(expected[c]))
                };
                for difference in colour {
                    let what = (format.0, encoding, tested.name, x, y, difference);
                    assert!(difference.abs() <= 2.0, "{what:?}");
                    total += difference.abs();
                    count += 1;
                }
            }
            let mean = total / f64::from(count);
            assert!(count > 5000, "{count} samples compared");
            assert!(
                mean <= 0.6,
                "{} {encoding:?} {} mean {mean}",
                format.0,
                tested.name
            );
        }
    }
}

#[test]
fn odd_and_tiny_frames_are_the_same_on_every_instruction_set() {
    let mut random = Random::new(13);
    for round in 0..12 {
        for format in FORMATS {
            let sizes = [(1, 1), (1, 2), (2, 1), (3, 3), (65, 1), (1, 65)];
            let random_size = (random.pick(1..300), random.pick(1..40));
            let size = sizes.get(round).copied().unwrap_or(random_size);
            let encoding = Encoding {
                matrix: Matrix::Bt709,
                range: Range::Limited,
            };
            let mut frame = Frame::new(format, encoding, size, random.pick(0..40) * 2);
            let noise: Vec<f64> = (0..97).map(|_| random.pick(0..256) as f64).collect();
            frame.fill(|x, y| [0, 1, 2].map(|c| noise[(x * 7 + y * 31 + c * 13) % 97]));
            let (map, map_width) = random_map(&mut random);
            let fit = Fit::Exact {
                width: random.pick(1..40),
                height: random.pick(1..40),
            };
            for TestedMap { name, colormap, .. } in &tested_maps() {
                let mut first = None;
                each_level(|level| {
                    let painted = frame.painted(&map, map_width, colormap);
                    let now = (frame.sample(fit), painted);
                    assert!(now.0.iter().all(|v| (0.0..=255.0).contains(v)));
                    assert!(now.1.others() == frame.others());
                    let first = first.get_or_insert_with(|| now.clone());
                    assert!(now == *first, "{level:?} {} {size:?} {name}", format.0);
                });
            }
        }
    }
}

#[test]
fn a_constant_frame_without_heat_is_black() {
    for (format, encoding) in FORMATS
        .into_iter()
        .flat_map(|f| encodings().map(move |e| (f, e)))
    {
        let mut frame = Frame::new(format, encoding, (5, 3), 0);
        frame.fill(|_, _| [90.0, 20.0, 160.0]);
        let painted = frame.painted(&[1.0], 1, &Colormap::default());
        let black = if format.0 == "GRAY8" {
            [0.0; 3]
        } else {
            painted.colour(4, 2)
        };
        assert_eq!(black, [0.0; 3], "{} {encoding:?}", format.0);
    }
}
