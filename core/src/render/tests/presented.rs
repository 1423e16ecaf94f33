//! Frames that are not upright, or whose pixels are not square, next to the frames that they show.

use super::*;
use crate::oracle;
use crate::simd::forced::each_level;

/// Frames of any layout, sample by sample.
#[derive(Clone, PartialEq)]
struct Frame {
    geometry: Geometry,
    planes: Vec<(usize, Vec<u8>)>,
}

/// Where the samples of a component are, in bytes, and how many columns and rows of them there are.
struct Grid {
    plane: usize,
    offset: usize,
    step: usize,
    bytes: usize,
    size: (usize, usize),
}

/// The components of frames of `geometry`: red, green and blue, or luma and chroma.
fn grids(geometry: &Geometry) -> Vec<Grid> {
    let size = (geometry.width, geometry.height);
    match geometry.layout {
        Layout::Packed(order) => order
            .offsets()
            .map(|offset| Grid {
                plane: 0,
                offset,
                step: order.bytes(),
                bytes: 1,
                size,
            })
            .into(),
        Layout::Planar { r, g, b } => [r, g, b]
            .map(|plane| Grid {
                plane,
                offset: 0,
                step: 1,
                bytes: 1,
                size,
            })
            .into(),
        Layout::YCbCr { samples, .. } => {
            let bytes = samples.depth.bytes();
            let grid = |component: Component, size| Grid {
                plane: component.plane,
                offset: component.offset * bytes,
                step: component.step * bytes,
                bytes,
                size,
            };
            let mut grids = vec![grid(samples.y, size)];
            if let Some(chroma) = samples.chroma {
                let size = chroma.size(size.0, size.1);
                grids.extend([grid(chroma.cb, size), grid(chroma.cr, size)]);
            }
            grids
        }
    }
}

impl Frame {
    fn random(geometry: Geometry, random: &mut Random) -> Self {
        let mask = [0xff, 0x80, 0x0f][random.pick(0..3)];
        let planes = plane_sizes(&geometry).into_iter().map(|(row, rows)| {
            let stride = row + [0, 1, 7][random.pick(0..3)];
            let len = stride * (rows - 1) + row;
            (
                stride,
                (0..len).map(|_| random.next() as u8 & mask).collect(),
            )
        });
        Self {
            geometry,
            planes: planes.collect(),
        }
    }

    /// The same frame turned upright, component by component. Chroma that shares its plane with luma gets planes of
    /// its own, since a turn may leave it halved down alone.
    fn upright(&self, orientation: Orientation) -> Self {
        let stored = &self.geometry;
        let layout = match stored.layout {
            Layout::YCbCr { samples, encoding } => {
                let chroma = samples.chroma.filter(|c| c.halved_x != c.halved_y);
                let samples = chroma.map_or(samples, |chroma| Samples {
                    chroma: Samples::Y444.chroma.map(|planar| {
                        let (halved_x, halved_y) =
                            orientation.sides((chroma.halved_x, chroma.halved_y));
                        Chroma {
                            halved_x,
                            halved_y,
                            ..planar
                        }
                    }),
                    ..Samples::Y444
                });
                Layout::YCbCr { samples, encoding }
            }
            Layout::Packed { .. } | Layout::Planar { .. } => stored.layout,
        };
        let (width, height) = orientation.sides((stored.width, stored.height));
        let geometry = Geometry {
            layout,
            width,
            height,
        };
        let sizes = plane_sizes(&geometry).into_iter();
        let mut planes: Vec<_> = sizes
            .map(|(row, rows)| (row, vec![0; row * rows]))
            .collect();
        for (from, to) in grids(stored).iter().zip(grids(&geometry)) {
            for y in 0..from.size.1 {
                for x in 0..from.size.0 {
                    let (stride, data) = &self.planes[from.plane];
                    let sample = &data[y * stride + x * from.step + from.offset..][..from.bytes];
                    let (x, y) = orientation.upright((x, y), from.size);
                    let (stride, data) = &mut planes[to.plane];
                    data[y * *stride + x * to.step + to.offset..][..to.bytes]
                        .copy_from_slice(sample);
                }
            }
        }
        Self { geometry, planes }
    }

    fn sample(&self, presentation: &Presentation, fit: Fit) -> Vec<f32> {
        let mut sampler = Sampler::presented(&self.geometry, presentation, fit, &TORCH);
        let (width, height) = sampler.size();
        let size = fit.presented_size(self.geometry.width, self.geometry.height, presentation);
        assert_eq!((width, height), size);
        let mut tensor = vec![f32::NAN; 3 * width * height];
        let planes: Vec<Plane> = self
            .planes
            .iter()
            .map(|(stride, data)| Plane {
                data,
                stride: *stride,
            })
            .collect();
        sampler.sample(&planes, &mut tensor);
        // What was found on the way serves the painter as what it finds itself.
        let bounds = sampler.sample(&planes, &mut tensor);
        let painter = || Painter::presented(&self.geometry, presentation);
        let (mut one, mut other) = (self.clone(), self.clone());
        painter().paint(&mut one.planes_mut());
        painter().paint_sampled(&mut other.planes_mut(), bounds);
        assert!(one == other, "{:?}", self.geometry);
        tensor
    }

    fn planes_mut(&mut self) -> Vec<PlaneMut<'_>> {
        let planes = self.planes.iter_mut();
        planes
            .map(|(stride, data)| PlaneMut {
                data,
                stride: *stride,
            })
            .collect()
    }

    /// All samples of the first `count` components.
    fn samples(&self, count: usize) -> Vec<u8> {
        let mut samples = Vec::new();
        for grid in grids(&self.geometry).iter().take(count) {
            let (stride, data) = &self.planes[grid.plane];
            for y in 0..grid.size.1 {
                for x in 0..grid.size.0 {
                    let at = y * stride + x * grid.step + grid.offset;
                    samples.extend(&data[at..at + grid.bytes]);
                }
            }
        }
        samples
    }
}

const SDR: Encoding = Encoding {
    matrix: Matrix::Bt709,
    range: Range::Limited,
};

/// Frames of every layout, and ways to present them.
fn each_frame(seed: u64, mut check: impl FnMut(Frame, Presentation, &mut Random)) {
    let mut random = Random::new(seed);
    for _ in 0..6 {
        for layout in layouts(SDR) {
            for orientation in Orientation::ALL {
                let geometry = Geometry {
                    layout,
                    width: random.pick(1..150),
                    height: random.pick(1..70),
                };
                let presentation = Presentation {
                    orientation,
                    pixel_aspect: [(1, 1), (2, 1), (8, 9), (64, 45)][random.pick(0..4)],
                    hdr: None,
                };
                let frame = Frame::random(geometry, &mut random);
                check(frame, presentation, &mut random);
            }
        }
    }
}

#[test]
fn tensors_are_those_of_the_turned_frame() {
    each_frame(71, |frame, presentation, random| {
        let fit = random_fit(random, &frame.geometry);
        let orientation = presentation.orientation;
        let upright = Presentation {
            orientation: Orientation::IDENTITY,
            pixel_aspect: orientation.sides(presentation.pixel_aspect),
            hdr: None,
        };
        each_level(|level| {
            let expected = frame.upright(orientation).sample(&upright, fit);
            let actual = frame.sample(&presentation, fit);
            let geometry = &frame.geometry;
            assert!(
                actual == expected,
                "{level:?} {presentation:?} {geometry:?} {fit:?}"
            );
        });
    });
}

#[test]
fn pictures_are_those_of_the_turned_frame_turned_back() {
    each_frame(72, |frame, presentation, random| {
        let orientation = presentation.orientation;
        let (map, map_width) = random_map(random);
        let map_size = (map_width, map.len() / map_width);
        let mut turned_map = Vec::new();
        orientation.turn_back(&map, map_size, &mut turned_map);
        let mut painter = Painter::presented(&frame.geometry, &presentation);
        painter.set_map(view(&turned_map, orientation.sides(map_size).0), 0.2);
        let mut actual = frame.clone();
        painter.paint(&mut actual.planes_mut());

        let mut expected = frame.upright(orientation);
        let mut painter = Painter::new(&expected.geometry);
        painter.set_map(view(&map, map_width), 0.2);
        painter.paint(&mut expected.planes_mut());
        // Halved chroma takes the heat of the left one of its pixels, whichever that is.
        let components = match frame.geometry.layout {
            Layout::YCbCr { samples, .. } => match samples.chroma {
                Some(chroma) if chroma.halved_x || chroma.halved_y => 1,
                _ => 3,
            },
            Layout::Packed { .. } | Layout::Planar { .. } => 3,
        };
        assert!(
            actual.upright(orientation).samples(components) == expected.samples(components),
            "{presentation:?} {:?}",
            frame.geometry
        );
    });
}

#[test]
fn pixels_that_are_not_square_are_scaled_each_way_by_itself() {
    let mut random = Random::new(73);
    for (width, height, pixel_aspect, side, size, scale) in [
        (30, 40, (2, 1), 23, (35, 23), (1.15, 0.575)),
        (60, 40, (1, 1), 23, (35, 23), (0.575, 0.575)),
        (72, 48, (8, 9), 24, (32, 24), (4.0 / 9.0, 0.5)),
        (48, 72, (8, 9), 24, (24, 41), (0.5, 0.5625)),
        (30, 40, (3, 4), 45, (45, 80), (1.5, 2.0)),
    ] {
        let geometry = Geometry {
            layout: Layout::RGB,
            width,
            height,
        };
        let frame = Frame::random(geometry, &mut random);
        let presentation = Presentation {
            pixel_aspect,
            ..Presentation::default()
        };
        let fit = Fit::ShortestSide(side);
        assert_eq!(fit.presented_size(width, height, &presentation), size);
        let image = Image {
            width,
            height,
            channels: 3,
            data: frame.samples(3).into_iter().map(f64::from).collect(),
        };
        // Component by component in the frame's samples, pixel by pixel in the image.
        let area = width * height;
        let data = (0..area).flat_map(|i| [0, 1, 2].map(|c| image.data[c * area + i]));
        let image = Image {
            data: data.collect(),
            ..image
        };
        let small = oracle::resize(&image, size, scale, true);
        let expected = oracle::tensor(&small, &TORCH);
        let actual = frame.sample(&presentation, fit);
        let off = actual.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert!(off * 1000 <= actual.len(), "{pixel_aspect:?}: {off}");
    }
}

#[test]
fn absurd_pixels_give_absurd_sizes_and_no_panic() {
    for pixel_aspect in [
        (1, 1000),
        (1000, 1),
        (i32::MAX as u32, 1),
        (1, i32::MAX as u32),
    ] {
        let presentation = Presentation {
            pixel_aspect,
            ..Presentation::default()
        };
        let size = Fit::ShortestSide(224).presented_size(640, 480, &presentation);
        assert!(size.0.saturating_mul(size.1) > 16 << 20, "{size:?}");
    }
}

/// Samples of 8-bit codes of a frame of one colour, in BT.2100.
fn hdr_levels(luma: u8, curve: Curve) -> f32 {
    let geometry = Geometry {
        layout: Layout::YCbCr {
            samples: Samples::GRAY8,
            encoding: Encoding {
                matrix: Matrix::Bt2020,
                range: Range::Full,
            },
        },
        width: 9,
        height: 9,
    };
    let presentation = Presentation {
        hdr: Some(Hdr { curve, wide: true }),
        ..Presentation::default()
    };
    let levels = Normalization {
        divisor: 1.0,
        mean: [0.0; 3],
        deviation: [1.0; 3],
        ..TORCH
    };
    let mut sampler = Sampler::presented(&geometry, &presentation, Fit::ShortestSide(3), &levels);
    let mut tensor = [0.0; 27];
    let plane = Plane {
        data: &[luma; 81],
        stride: 9,
    };
    sampler.sample(&[plane], &mut tensor);
    assert!(tensor.iter().all(|v| *v == tensor[0]));
    tensor[0]
}

#[test]
fn high_dynamic_range_becomes_standard() {
    // By hand: PQ 0.4 is 32.5 cd/m², HLG 0.5 is (1/12)^1.2 of 1000, 50.7 cd/m²; over 203 and by BT.709.
    for (curve, luma, expected) in [
        (Curve::Pq, 102, 97.7),
        (Curve::Pq, 148, 254.6),
        (Curve::Pq, 200, 255.0),
        (Curve::Hlg, 128, 126.0),
        (Curve::Hlg, 191, 254.5),
        (Curve::Hlg, 0, 0.0),
    ] {
        let level = hdr_levels(luma, curve);
        assert!((level - expected).abs() < 1.5, "{curve:?} {luma}: {level}");
    }
}

#[test]
fn high_dynamic_range_is_painted_no_brighter_than_reference_white() {
    let mut random = Random::new(74);
    for samples in Y_CB_CR {
        for curve in [Curve::Pq, Curve::Hlg] {
            let geometry = Geometry {
                layout: Layout::YCbCr {
                    samples,
                    encoding: SDR,
                },
                width: 64,
                height: 32,
            };
            let presentation = Presentation {
                hdr: Some(Hdr { curve, wide: true }),
                ..Presentation::default()
            };
            let mut frame = Frame::random(geometry, &mut random);
            let mut painter = Painter::presented(&geometry, &presentation);
            painter.set_map(view(&[0.0, 1.0, 0.0, 0.5], 2), 0.2);
            painter.paint(&mut frame.planes_mut());
            let luma = frame.samples(1);
            let codes: Vec<f64> = match samples.depth {
                Depth::Eight => luma.iter().map(|c| f64::from(*c)).collect(),
                Depth::TenLow | Depth::TenHigh => {
                    let shift = if samples.depth == Depth::TenHigh {
                        6
                    } else {
                        0
                    };
                    let words = luma.as_chunks::<2>().0.iter();
                    let codes = words.map(|w| f64::from(u16::from_le_bytes(*w) >> shift));
                    codes.map(|code| code / 4.0).collect()
                }
            };
            let most = codes.iter().copied().fold(0.0, f64::max);
            let white = match curve {
                Curve::Pq => 16.0 + 219.0 * 0.58,
                Curve::Hlg => 16.0 + 219.0 * 0.75,
            };
            assert!(most <= white + 1.0, "{samples:?} {curve:?}: {most} {white}");
            assert!(most > 0.5 * white, "{samples:?} {curve:?}: {most} {white}");
        }
    }
}
