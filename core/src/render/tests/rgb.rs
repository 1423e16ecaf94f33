//! Frames of red, green and blue.

use super::*;
use crate::simd::forced::each_level;

const CAFFE: Normalization = Normalization {
    order: ChannelOrder::Bgr,
    divisor: 1.0,
    mean: [104.0, 117.0, 123.0],
    deviation: [1.0; 3],
};

/// Bytes of a pixel, and the places of red, green and blue.
fn packed(layout: Layout) -> (usize, [usize; 3]) {
    match layout {
        Layout::Packed(order) => (order.bytes(), order.offsets()),
        _ => panic!("{layout:?} is not packed"),
    }
}

/// A packed frame in memory, with its last row cut where its pixels end.
#[derive(Clone)]
struct Frame {
    geometry: Geometry,
    stride: usize,
    data: Vec<u8>,
}

impl Frame {
    fn new(geometry: Geometry, padding: usize, random: &mut Random) -> Self {
        let (bytes, _) = packed(geometry.layout);
        let stride = geometry.width * bytes + padding;
        let len = stride * (geometry.height - 1) + geometry.width * bytes;
        // Few levels beside many: both rounding ties and smooth content occur.
        let mask = [0xff, 0x80, 0x0f, 0x00][random.pick(0..4)];
        let base = random.next() as u8 & !mask;
        let data = (0..len).map(|_| base | random.next() as u8 & mask);
        Self {
            geometry,
            stride,
            data: data.collect(),
        }
    }

    fn random(random: &mut Random) -> Self {
        let geometry = Geometry {
            layout: PACKED[random.pick(0..PACKED.len())],
            width: random.pick(1..150),
            height: random.pick(1..70),
        };
        let padding = [0, 1, 7, 64][random.pick(0..4)];
        Self::new(geometry, padding, random)
    }

    fn rgb(&self) -> Image {
        let (bytes, [r, g, b]) = packed(self.geometry.layout);
        let rows = self.data.chunks(self.stride);
        let pixels = rows.flat_map(|row| row[..self.geometry.width * bytes].chunks_exact(bytes));
        Image {
            width: self.geometry.width,
            height: self.geometry.height,
            channels: 3,
            data: pixels
                .flat_map(|p| [p[r], p[g], p[b]].map(f64::from))
                .collect(),
        }
    }

    /// The bytes that are no colour, in order.
    fn others(&self) -> Vec<u8> {
        let (bytes, [r, g, b]) = packed(self.geometry.layout);
        let is_colour = |i: usize| {
            let x = i % self.stride;
            x < self.geometry.width * bytes && [r, g, b].contains(&(x % bytes))
        };
        let others = self.data.iter().enumerate();
        others
            .filter(|(i, _)| !is_colour(*i))
            .map(|(_, v)| *v)
            .collect()
    }

    fn sample(&self, fit: Fit, normalization: &Normalization) -> Vec<f32> {
        let mut sampler = Sampler::new(&self.geometry, fit, normalization);
        let (width, height) = sampler.size();
        let channels = normalization.order.channels();
        let mut tensor = vec![f32::NAN; channels * width * height];
        let plane = Plane {
            data: &self.data,
            stride: self.stride,
        };
        sampler.sample(&[plane], &mut tensor);
        tensor
    }

    fn paint_with(&mut self, painter: &mut Painter) {
        painter.paint(&mut [PlaneMut {
            data: &mut self.data,
            stride: self.stride,
        }]);
    }

    fn painted(&self, map: &[f32], map_width: usize, threshold: f64) -> Self {
        self.coloured(map, map_width, threshold, &Colormap::default())
    }

    fn coloured(&self, map: &[f32], map_width: usize, threshold: f64, colormap: &Colormap) -> Self {
        let mut painter = coloured(&self.geometry, colormap);
        painter.set_map(view(map, map_width), threshold);
        let mut frame = self.clone();
        frame.paint_with(&mut painter);
        frame
    }
}

/// Asserts that levels differ by at most one, and that on at most one in 10,000.
fn assert_levels(actual: &[u8], expected: &[u8], differing: &mut usize, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert!(
            actual.abs_diff(*expected) <= 1,
            "{what}: {actual} for {expected}"
        );
        *differing += usize::from(actual != expected);
    }
}

fn rgb_bytes(image: &Image) -> Vec<u8> {
    image.data.iter().map(|v| *v as u8).collect()
}

#[test]
fn tensors_are_those_of_the_plain_arithmetic() {
    let mut random = Random::new(1);
    let (mut differing, mut total) = (0, 0);
    // Leaves 8-bit levels as they are.
    let levels = Normalization {
        order: ChannelOrder::Rgb,
        divisor: 1.0,
        mean: [0.0; 3],
        deviation: [1.0; 3],
    };
    for _ in 0..150 {
        let frame = Frame::random(&mut random);
        let Geometry { width, height, .. } = frame.geometry;
        let fit = random_fit(&mut random, &frame.geometry);
        let size = fit.size(width, height);
        if size.0 * size.1 > 40_000 {
            continue;
        }
        let sides = (width as f64, height as f64);
        let stretched = |size: (usize, usize)| (size.0 as f64 / sides.0, size.1 as f64 / sides.1);
        let scaled = |scale| oracle::resize(&frame.rgb(), size, scale, true);
        let scaled = match fit {
            Fit::ShortestSide(side) => scaled([side as f64 / sides.0.min(sides.1); 2].into()),
            Fit::Height(side) => scaled([side as f64 / sides.1; 2].into()),
            Fit::Width(side) => scaled([side as f64 / sides.0; 2].into()),
            Fit::Exact { .. } => scaled(stretched(size)),
            Fit::Crop { covers, .. } => {
                let (across, down) = stretched(covers);
                let scale = across.max(down);
                let cut = [(sides.0, size.0), (sides.1, size.1)]
                    .map(|(side, kept)| (side * scale - kept as f64) / 2.0);
                oracle::cropped(&frame.rgb(), size, (scale, scale), cut.into(), true)
            }
            Fit::Letterbox { .. } => {
                let (across, down) = stretched(size);
                let kept = [(sides.0, size.0), (sides.1, size.1)].map(|(side, most)| {
                    ((side * across.min(down)).round() as usize).clamp(1, most)
                });
                let picture =
                    oracle::resize(&frame.rgb(), kept.into(), stretched(kept.into()), true);
                oracle::letterboxed(&picture, size)
            }
        };
        let expected = oracle::tensor(&scaled, &levels);
        let bytes = |tensor: &[f32]| tensor.iter().map(|v| *v as u8).collect::<Vec<_>>();
        let actual = bytes(&frame.sample(fit, &levels));
        let what = format!("{:?} {fit:?}", frame.geometry);
        assert_levels(&actual, &bytes(&expected), &mut differing, &what);
        total += actual.len();
    }
    assert!(differing * 10_000 <= total, "{differing} of {total}");
}

#[test]
fn tensors_are_normalised_in_the_order_of_the_network() {
    let mut random = Random::new(2);
    let gray = |order| Normalization { order, ..TORCH };
    let gray = [ChannelOrder::Gray, ChannelOrder::GrayThrice].map(gray);
    for normalization in [CAFFE, TORCH].into_iter().chain(gray) {
        let frame = Frame::random(&mut random);
        let (width, height) = (frame.geometry.width, frame.geometry.height);
        // At scale 1 the resize leaves every sample as it is.
        let tensor = frame.sample(Fit::Exact { width, height }, &normalization);
        assert_eq!(tensor, oracle::tensor(&frame.rgb(), &normalization));
    }
}

#[test]
fn pictures_are_those_of_the_plain_arithmetic() {
    let mut random = Random::new(3);
    let (mut differing, mut total) = (0, 0);
    for _ in 0..150 {
        let frame = Frame::random(&mut random);
        let (map, map_width) = random_map(&mut random);
        let threshold = [0.2, 0.0, 0.5, 1.0][random.pick(0..4)];
        for tested in &tested_maps() {
            let image = map_image(&map, map_width);
            let expected = oracle::paint(&frame.rgb(), &image, threshold, &tested.plain);
            let painted = frame.coloured(&map, map_width, threshold, &tested.colormap);
            let what = format!("{:?} map width {map_width} {}", frame.geometry, tested.name);
            assert_levels(&rgb_bytes(&painted.rgb()), &expected, &mut differing, &what);
            assert_eq!(painted.others(), frame.others(), "{what}");
            total += expected.len();
        }
    }
    assert!(differing * 10_000 <= total, "{differing} of {total}");
}

#[test]
fn every_instruction_set_gives_the_same_bytes() {
    let mut random = Random::new(4);
    for _ in 0..100 {
        let frame = Frame::random(&mut random);
        let fit = random_fit(&mut random, &frame.geometry);
        let (map, map_width) = random_map(&mut random);
        for TestedMap { name, colormap, .. } in &tested_maps() {
            let mut first: Option<(Vec<f32>, Vec<u8>)> = None;
            each_level(|level| {
                let tensor = frame.sample(fit, &TORCH);
                let picture = frame.coloured(&map, map_width, 0.2, colormap).data;
                let (tensor0, picture0) = first.get_or_insert((tensor.clone(), picture.clone()));
                assert!(tensor == *tensor0, "{level:?} {:?} {fit:?}", frame.geometry);
                assert!(
                    picture == *picture0,
                    "{level:?} {:?} {name}",
                    frame.geometry
                );
            });
        }
    }
}

#[test]
fn tiny_frames_and_maps() {
    let mut random = Random::new(5);
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 200)] {
        for map_side in [1, 2, 30] {
            let geometry = Geometry {
                layout: Layout::RGB,
                width,
                height,
            };
            let frame = Frame::new(geometry, 0, &mut random);
            let map: Vec<f32> = (0..map_side * map_side).map(|_| random.float()).collect();
            let image = map_image(&map, map_side);
            let expected = oracle::paint(&frame.rgb(), &image, 0.2, oracle::jet);
            assert_eq!(
                frame.painted(&map, map_side, 0.2).data,
                expected,
                "{geometry:?}"
            );
            let (out_width, out_height) = network_size(width, height, 5);
            let tensor = frame.sample(Fit::ShortestSide(5), &CAFFE);
            assert_eq!(tensor.len(), 3 * out_width * out_height);
            assert!(tensor.iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn maps_without_heat_give_the_stretched_gray() {
    let mut random = Random::new(6);
    let geometry = Geometry {
        layout: Layout::RGB,
        width: 70,
        height: 5,
    };
    let frame = Frame {
        data: (0..geometry.width * geometry.height * 3)
            .map(|_| random.next() as u8)
            .collect(),
        ..Frame::new(geometry, 0, &mut random)
    };
    let gray = frame.painted(&[0.0; 4], 2, 0.2).data;
    assert_eq!(
        gray,
        oracle::paint(&frame.rgb(), &map_image(&[0.0; 4], 2), 0.2, oracle::jet)
    );
    assert!(gray.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    assert_eq!(
        (gray.iter().min(), gray.iter().max()),
        (Some(&0), Some(&255))
    );
    for flat in [
        [7.0, 7.0, 7.0, 7.000_001],
        [1.0, f32::NAN, 2.0, 3.0],
        [1.0, f32::INFINITY, 2.0, 3.0],
        [f32::NAN; 4],
    ] {
        assert_eq!(frame.painted(&flat, 2, 0.2).data, gray, "{flat:?}");
    }
    // Empty, or with fewer values than its size says.
    let mut painter = Painter::new(&geometry);
    for (values, width) in [(&[][..], 0), (&[1.0, 2.0][..], 2)] {
        let mut frame = frame.clone();
        painter.set_map(
            MapView {
                values,
                width,
                height: 3,
            },
            0.2,
        );
        frame.paint_with(&mut painter);
        assert_eq!(frame.data, gray);
    }
    // Heat leaves with the map that brought it.
    let mut frame = frame.clone();
    painter.set_map(view(&[1.0, 2.0, 3.0, 4.0], 2), 0.2);
    painter.clear_map();
    frame.paint_with(&mut painter);
    assert_eq!(frame.data, gray);
}

#[test]
fn a_constant_frame_without_heat_is_black() {
    let geometry = Geometry {
        layout: Layout::BGRX,
        width: 9,
        height: 3,
    };
    let frame = Frame {
        geometry,
        stride: 36,
        data: [90, 90, 90, 77].repeat(27),
    };
    assert_eq!(frame.painted(&[1.0], 1, 0.2).data, [0, 0, 0, 77].repeat(27));
}

#[test]
fn a_painter_takes_new_maps_and_thresholds() {
    let mut random = Random::new(7);
    let frame = Frame::random(&mut random);
    let mut painter = Painter::new(&frame.geometry);
    for _ in 0..20 {
        let (map, map_width) = random_map(&mut random);
        for threshold in [0.2, 0.7] {
            painter.set_map(view(&map, map_width), threshold);
            // A held map paints every frame the same.
            for _ in 0..2 {
                let mut painted = frame.clone();
                painted.paint_with(&mut painter);
                assert_eq!(painted.data, frame.painted(&map, map_width, threshold).data);
            }
        }
    }
}

#[test]
fn planar_colours_are_as_packed_ones() {
    let mut random = Random::new(8);
    for _ in 0..20 {
        let mut frame = Frame::random(&mut random);
        frame.geometry.layout = Layout::RGB;
        let frame = Frame::new(frame.geometry, 3, &mut random);
        let geometry = Geometry {
            layout: Layout::GBR,
            ..frame.geometry
        };
        let stride = geometry.width + random.pick(0..9);
        let pixels = rgb_bytes(&frame.rgb());
        let mut planes = [1, 2, 0].map(|c| {
            let rows = pixels.chunks_exact(3 * geometry.width);
            let mut plane = vec![99; geometry.height * stride];
            for (row, out) in rows.zip(plane.chunks_exact_mut(stride)) {
                let samples = row.iter().skip(c).step_by(3);
                out.iter_mut().zip(samples).for_each(|(out, v)| *out = *v);
            }
            plane
        });

        let fit = random_fit(&mut random, &geometry);
        let mut sampler = Sampler::new(&geometry, fit, &TORCH);
        let (width, height) = sampler.size();
        let mut tensor = vec![0.0; 3 * width * height];
        sampler.sample(
            &planes.each_ref().map(|data| Plane { data, stride }),
            &mut tensor,
        );
        assert!(tensor == frame.sample(fit, &TORCH), "{geometry:?} {fit:?}");

        let (map, map_width) = random_map(&mut random);
        let mut painter = Painter::new(&geometry);
        painter.set_map(view(&map, map_width), 0.2);
        painter.paint(&mut planes.each_mut().map(|data| PlaneMut { data, stride }));
        let expected = rgb_bytes(&frame.painted(&map, map_width, 0.2).rgb());
        for (i, pixel) in expected.chunks_exact(3).enumerate() {
            let at = i / geometry.width * stride + i % geometry.width;
            assert_eq!([planes[2][at], planes[0][at], planes[1][at]], pixel);
        }
        let padding = |plane: &Vec<u8>| {
            let rows = plane.chunks_exact(stride);
            rows.flat_map(|row| &row[geometry.width..])
                .all(|v| *v == 99)
        };
        assert!(planes.iter().all(padding));
    }
}

#[test]
fn network_sizes() {
    assert_eq!(network_size(1920, 1080, 227), (404, 227));
    assert_eq!(network_size(451, 300, 227), (342, 227));
    assert_eq!(network_size(300, 451, 227), (227, 342));
    assert_eq!(network_size(1, 1, 224), (224, 224));
}
