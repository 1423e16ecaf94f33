//! Blends and opacities against the plain arithmetic, in every layout.

use super::*;
use crate::simd::forced::each_level;

/// A frame's planes without padding, and how many bytes their rows have.
#[derive(Clone)]
struct Frame {
    geometry: Geometry,
    planes: Vec<(Vec<u8>, usize)>,
}

impl Frame {
    fn noise(geometry: Geometry, random: &mut Random) -> Self {
        let ten = matches!(geometry.layout, Layout::YCbCr { samples, .. } if samples.depth != Depth::Eight);
        let shift = match geometry.layout {
            Layout::YCbCr { samples, .. } if samples.depth == Depth::TenHigh => 6,
            _ => 0,
        };
        let planes = plane_sizes(&geometry).into_iter().map(|(row, rows)| {
            let mut data: Vec<u8> = (0..row * rows).map(|_| random.next() as u8).collect();
            if ten {
                for word in data.as_chunks_mut::<2>().0 {
                    let code = u16::from_le_bytes(*word) & 1023;
                    *word = (code << shift).to_le_bytes();
                }
            }
            (data, row)
        });
        Self {
            geometry,
            planes: planes.collect(),
        }
    }

    fn painted(&self, style: &Style, map: MapView) -> Self {
        let mut painter = Painter::styled(&self.geometry, &Presentation::default(), style);
        painter.set_map(map, 0.2);
        let mut frame = self.clone();
        let planes = frame.planes.iter_mut();
        let mut planes: Vec<_> = planes
            .map(|(data, stride)| PlaneMut {
                data,
                stride: *stride,
            })
            .collect();
        painter.paint(&mut planes);
        frame
    }

    fn sample(&self, plane: usize, y: usize, place: usize) -> f64 {
        let (data, stride) = &self.planes[plane];
        let code = match self.geometry.layout {
            Layout::YCbCr { samples, .. } if samples.depth != Depth::Eight => {
                let at = y * stride + 2 * place;
                let word = u16::from_le_bytes([data[at], data[at + 1]]);
                word >> if samples.depth == Depth::TenHigh {
                    6
                } else {
                    0
                }
            }
            _ => u16::from(data[y * stride + place]),
        };
        f64::from(code)
    }
}

/// What a sample becomes: a share of itself, and the rest of a colour.
fn mixed(style: &Style, index: usize, sample: f64, colour: f64, cold: f64) -> f64 {
    let opacity = style.opacity;
    let (kept, toward) = match style.blend {
        Blend::Mask => (1.0 - opacity * (1.0 - index as f64 / 254.0), cold),
        _ if index == 0 => (1.0, 0.0),
        Blend::Colour => (1.0 - 0.5 * opacity, colour),
        Blend::Contour => (1.0 - opacity, colour),
        Blend::Darkened => panic!("is tested with the colours"),
    };
    kept * sample + (1.0 - kept) * toward
}

/// The heat index of lines of equal heat.
fn lines(index: &[usize], width: usize, height: usize) -> Vec<usize> {
    let thickness = ((width.min(height) as f64 / 200.0).round() as usize).clamp(1, 8);
    let fifth = |x: usize, y: usize| (index[y * width + x] / 51).min(4);
    let line = |i: usize| {
        let (x, y) = (i % width, i / width);
        let around = [
            fifth(x, y),
            fifth(x.saturating_sub(thickness), y),
            fifth(x, y.saturating_sub(thickness)),
        ];
        let highest = *around.iter().max().unwrap();
        if around.iter().all(|fifth| *fifth == highest) {
            0
        } else {
            highest * 51 + 25
        }
    };
    (0..index.len()).map(line).collect()
}

/// Weights of red and blue in luma, codes of black, white and the range of chroma, of no chroma, and the largest one.
fn coding(encoding: Encoding, ten: bool) -> ([f64; 2], [f64; 5]) {
    let weights = match encoding.matrix {
        Matrix::Bt601 => [0.299, 0.114],
        Matrix::Bt709 => [0.2126, 0.0722],
        Matrix::Bt2020 => [0.2627, 0.0593],
    };
    let unit = if ten { 4.0 } else { 1.0 };
    let largest = if ten { 1023.0 } else { 255.0 };
    let codes = match encoding.range {
        Range::Limited => [16.0 * unit, 235.0 * unit, 224.0 * unit],
        Range::Full => [0.0, largest, largest],
    };
    (
        weights,
        [codes[0], codes[1], codes[2], 128.0 * unit, largest],
    )
}

/// Luma and chroma codes of a colour.
fn codes([r, g, b]: [f64; 3], encoding: Encoding, ten: bool) -> [f64; 3] {
    let ([red, blue], [black, white, range, neutral, largest]) = coding(encoding, ten);
    let luma = red * r + (1.0 - red - blue) * g + blue * b;
    let difference = |c: f64, weight: f64| {
        (neutral + (c - luma) / (2.0 * (1.0 - weight)) / 255.0 * range).clamp(0.0, largest)
    };
    [
        black + luma / 255.0 * (white - black),
        difference(b, blue),
        difference(r, red),
    ]
}

/// Every sample that is painted: plane, row and place in it, and what it becomes.
fn expected(frame: &Frame, style: &Style, index: &[usize]) -> Vec<(usize, usize, usize, f64)> {
    let Geometry {
        width,
        height,
        layout,
    } = frame.geometry;
    let heat = |x: usize, y: usize| index[y.min(height - 1) * width + x.min(width - 1)];
    let colour = |index: usize| style.colormap.rgb()[index];
    let mut out = Vec::new();
    let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    match layout {
        Layout::Packed(order) => {
            for (x, y) in pixels() {
                for (c, offset) in order.offsets().into_iter().enumerate() {
                    let (place, index) = (x * order.bytes() + offset, heat(x, y));
                    let sample = frame.sample(0, y, place);
                    let value = mixed(style, index, sample, colour(index)[c], 0.0);
                    out.push((0, y, place, value));
                }
            }
        }
        Layout::Planar { r, g, b } => {
            for (x, y) in pixels() {
                for (c, plane) in [r, g, b].into_iter().enumerate() {
                    let index = heat(x, y);
                    let sample = frame.sample(plane, y, x);
                    out.push((
                        plane,
                        y,
                        x,
                        mixed(style, index, sample, colour(index)[c], 0.0),
                    ));
                }
            }
        }
        Layout::YCbCr { samples, encoding } => {
            let ten = samples.depth != Depth::Eight;
            let (_, [black, _, _, neutral, _]) = coding(encoding, ten);
            for (x, y) in pixels() {
                let place = x * samples.y.step + samples.y.offset;
                let (index, sample) = (heat(x, y), frame.sample(samples.y.plane, y, place));
                let code = codes(colour(index), encoding, ten)[0];
                out.push((
                    samples.y.plane,
                    y,
                    place,
                    mixed(style, index, sample, code, black),
                ));
            }
            if let Some(chroma) = samples.chroma {
                let (columns, rows) = chroma.size(width, height);
                let (across, down) = (
                    1 + usize::from(chroma.halved_x),
                    1 + usize::from(chroma.halved_y),
                );
                for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
                    for (component, place) in [(1, chroma.cb), (2, chroma.cr)] {
                        let at = x * place.step + place.offset;
                        let sample = frame.sample(place.plane, y, at);
                        // A sample lies between the rows that share it.
                        let halves = [0, down - 1].map(|below| {
                            let index = heat(x * across, y * down + below);
                            let code = codes(colour(index), encoding, ten)[component];
                            mixed(style, index, sample, code, neutral) / 2.0
                        });
                        out.push((place.plane, y, at, halves[0] + halves[1]));
                    }
                }
            }
        }
    }
    out
}

#[test]
fn heat_over_the_own_colours_is_that_of_the_plain_arithmetic() {
    let mut random = Random::new(21);
    let (mut differing, mut total) = (0, 0);
    let encodings = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020]
        .into_iter()
        .flat_map(|matrix| [Range::Limited, Range::Full].map(|range| Encoding { matrix, range }));
    for (round, encoding) in encodings.enumerate() {
        for layout in layouts(encoding) {
            for (blend, opacity) in [
                (Blend::Colour, 1.0),
                (Blend::Colour, 0.37),
                (Blend::Contour, 1.0),
                (Blend::Contour, 0.5),
                (Blend::Mask, 1.0),
                (Blend::Mask, 0.81),
            ] {
                let size = match round {
                    0 => (1, 1),
                    1 => (565, 550),
                    _ => (random.pick(2..200), random.pick(2..90)),
                };
                let geometry = Geometry {
                    layout,
                    width: size.0,
                    height: size.1,
                };
                let frame = Frame::noise(geometry, &mut random);
                let tested = &tested_maps()[random.pick(0..6)];
                let style = Style {
                    colormap: tested.colormap.clone(),
                    blend,
                    opacity,
                };
                let (map, map_width) = random_map(&mut random);
                let mut index =
                    oracle::heat_index(&map_image(&map, map_width), size.0, size.1, 0.2);
                if blend == Blend::Contour {
                    index = lines(&index, size.0, size.1);
                }
                let what = format!("{geometry:?} {blend:?} {opacity} {}", tested.name);
                let mut first: Option<Frame> = None;
                each_level(|level| {
                    let painted = frame.painted(&style, view(&map, map_width));
                    let first = first.get_or_insert_with(|| painted.clone());
                    assert!(painted.planes == first.planes, "{level:?} {what}");
                });
                let painted = first.unwrap();
                let mut rest = frame.clone();
                for (plane, y, place, expected) in expected(&frame, &style, &index) {
                    let actual = painted.sample(plane, y, place);
                    let off = (actual - (expected + 0.5).floor()).abs();
                    // An index may differ by one where the map lies between two.
                    assert!(
                        off <= 1.0 || blend == Blend::Contour,
                        "{what}: {actual} for {expected}"
                    );
                    differing += usize::from(off > 0.0);
                    total += 1;
                    // What is left are bytes that are no sample.
                    let bytes = rest.planes[plane].0.len() / plane_sizes(&geometry)[plane].1;
                    let wide = usize::from(is_ten(&geometry));
                    for byte in 0..1 + wide {
                        let at = y * bytes + place * (1 + wide) + byte;
                        rest.planes[plane].0[at] = painted.planes[plane].0[at];
                    }
                }
                assert!(rest.planes == painted.planes, "{what}: other bytes");
            }
        }
    }
    assert!(differing * 1000 <= total, "{differing} of {total}");
}

fn is_ten(geometry: &Geometry) -> bool {
    matches!(geometry.layout, Layout::YCbCr { samples, .. } if samples.depth != Depth::Eight)
}

#[test]
fn opacity_fades_the_heat_over_darkened_gray() {
    let mut random = Random::new(22);
    let (width, height) = (97, 61);
    let geometry = Geometry {
        layout: Layout::RGB,
        width,
        height,
    };
    let frame = Frame::noise(geometry, &mut random);
    let image = Image {
        width,
        height,
        channels: 3,
        data: frame.planes[0].0.iter().map(|v| f64::from(*v)).collect(),
    };
    let (map, map_width) = ([0.0, 0.3, 1.0, 0.6, 0.1, 0.5], 3);
    for opacity in [0.0, 0.25, 0.9] {
        for TestedMap {
            name,
            colormap,
            plain,
        } in tested_maps()
        {
            let style = Style {
                opacity,
                ..Style::coloured(colormap)
            };
            let faded = |index| plain(index).map(|c| c * opacity);
            let expected = oracle::paint(&image, &map_image(&map, map_width), 0.2, faded);
            let painted = frame.painted(&style, view(&map, map_width));
            let off = painted.planes[0].0.iter().zip(&expected);
            let differing = off.filter(|(a, b)| a.abs_diff(**b) > 0).count();
            assert!(
                differing * 5000 <= expected.len(),
                "{name} {opacity}: {differing}"
            );
        }
    }
}

#[test]
fn frames_without_heat_stay_as_they_are_or_go_dark() {
    let mut random = Random::new(23);
    for layout in layouts(Encoding {
        matrix: Matrix::Bt709,
        range: Range::Limited,
    }) {
        let geometry = Geometry {
            layout,
            width: 70,
            height: 30,
        };
        let frame = Frame::noise(geometry, &mut random);
        for blend in [Blend::Colour, Blend::Contour] {
            let style = Style {
                blend,
                ..Style::default()
            };
            let painted = frame.painted(&style, view(&[3.0; 4], 2));
            assert!(painted.planes == frame.planes, "{layout:?} {blend:?}");
        }
        let style = Style {
            blend: Blend::Mask,
            ..Style::default()
        };
        let painted = frame.painted(&style, view(&[3.0; 4], 2));
        for (_, _, _, dark) in expected(&painted, &style, &[0; 70 * 30]) {
            // Black stays black.
            assert!(
                [0.0, 16.0, 64.0, 128.0, 512.0].contains(&dark),
                "{layout:?}: {dark}"
            );
        }
    }
}
