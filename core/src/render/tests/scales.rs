//! Scales, several classes and regions against the plain arithmetic.

use super::*;
use crate::oracle::{resize, round_u8};
use crate::simd::forced::each_level;
use std::time::Duration;

const SIZE: (usize, usize) = (150, 70);

fn scaled(map: &[f32], columns: usize) -> Vec<f64> {
    let image = map_image(map, columns);
    let scale = (
        SIZE.0 as f64 / image.width as f64,
        SIZE.1 as f64 / image.height as f64,
    );
    resize(&image, SIZE, scale, false).data
}

fn span(values: &[f64]) -> (f64, f64) {
    let each = |(low, high): (f64, f64), v: &f64| (low.min(*v), high.max(*v));
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), each)
}

/// What a frame of planes of `gray` becomes.
fn painted(painter: &mut Painter, gray: u8) -> Vec<Vec<u8>> {
    let mut planes = vec![vec![gray; SIZE.0 * SIZE.1]; 3];
    let mut all: Vec<_> = planes
        .iter_mut()
        .map(|data| PlaneMut {
            data,
            stride: SIZE.0,
        })
        .collect();
    painter.paint(&mut all);
    planes
}

fn painter(blend: Blend) -> Painter {
    let geometry = Geometry {
        layout: Layout::GBR,
        width: SIZE.0,
        height: SIZE.1,
    };
    let style = Style {
        blend,
        ..Style::default()
    };
    Painter::styled(&geometry, &Presentation::default(), &style)
}

fn index(value: f64, threshold: f64) -> u8 {
    if value < threshold {
        0
    } else {
        (round_u8(value * 255.0) as u8).min(254)
    }
}

#[test]
fn scales_are_those_of_the_plain_arithmetic() {
    let mut random = Random::new(51);
    for round in 0..30 {
        let columns = random.pick(2..12);
        let map: Vec<f32> = (0..columns * random.pick(2..9))
            .map(|_| random.float())
            .collect();
        let values = scaled(&map, columns);
        let (low, high) = span(&values);
        let threshold = [0.2, 0.0][round % 2];
        let scales = [
            Scale::Common {
                least: -0.4,
                most: 0.5,
            },
            Scale::Common {
                least: -3.0,
                most: 4.0,
            },
            Scale::Score(0.4),
            Scale::Score(0.001),
            Scale::Positive,
        ];
        for scale in scales {
            let (least, most) = match scale {
                Scale::Common { least, most } => (least, most),
                Scale::Score(share) => (low, low + (high - low) / share),
                Scale::Positive => (low.max(0.0), high),
                Scale::Frame | Scale::Steady => panic!("tested elsewhere"),
            };
            let expected = values
                .iter()
                .map(|v| index((v - least) / (most - least), threshold));
            let expected: Vec<u8> = expected.collect();
            each_level(|level| {
                let mut painter = painter(Blend::Mask);
                painter.set_scaled_map(view(&map, columns), threshold, scale);
                let heat = painted(&mut painter, 254).swap_remove(0);
                let off = heat.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert!(off <= 2, "{level:?} {scale:?} {threshold}: {off} differ");
            });
        }
    }
}

#[test]
fn each_pixel_is_that_of_the_highest_class() {
    let mut random = Random::new(52);
    let (mut differing, mut total) = (0, 0);
    for classes in 2..=MOST_CLASSES {
        let each = 254 / classes;
        let columns = random.pick(2..10);
        let rows = random.pick(2..8);
        let maps: Vec<Vec<f32>> = (0..classes)
            .map(|_| (0..columns * rows).map(|_| random.float()).collect())
            .collect();
        let (least, most) = (-0.5, 0.8);
        let values: Vec<Vec<f64>> = maps.iter().map(|map| scaled(map, columns)).collect();
        let highest = values.iter().map(|v| span(v).1).fold(most, f64::max);
        let expected: Vec<[f64; 3]> = (0..SIZE.0 * SIZE.1)
            .map(|at| {
                let wide = |class: usize| {
                    let value = (values[class][at] - least) / (highest - least);
                    index(value, 0.2 * (most - least) / (highest - least))
                };
                let best = (0..classes).rev().max_by_key(|class| wide(*class)).unwrap();
                match wide(best) {
                    0 => [0.0; 3],
                    index => {
                        let value = f64::from(index) / 255.0 * (highest - least) / (most - least);
                        let level = (value.min(1.0) * each as f64) as usize;
                        let light = (level.min(each - 1) + 1) as f64 / each as f64;
                        class_colour(best).map(|c| f64::from(c) * light / 2.0)
                    }
                }
            })
            .collect();
        let views: Vec<MapView> = maps.iter().map(|map| view(map, columns)).collect();
        each_level(|level| {
            let mut painter = painter(Blend::Colour);
            painter.set_maps(&views, 0.2, Scale::Common { least, most });
            // Planes of green, blue and red.
            let planes = painted(&mut painter, 0);
            for (at, expected) in expected.iter().enumerate() {
                for (c, plane) in [2, 0, 1].into_iter().enumerate() {
                    let off = f64::from(planes[plane][at]) - (expected[c] + 0.5).floor();
                    differing += usize::from(off != 0.0);
                    total += 1;
                }
            }
            assert!(
                differing * 500 <= total,
                "{level:?} {classes}: {differing} of {total}"
            );
        });
    }
    // One class again has the colours that were asked for.
    let mut painter = painter(Blend::Darkened);
    let map = [0.0, 1.0, 0.3, 0.2];
    painter.set_map(view(&map, 2), 0.2);
    let first = painted(&mut painter, 90);
    painter.set_maps(
        &[view(&map, 2), view(&map, 2)],
        0.2,
        Scale::Common {
            least: 0.0,
            most: 1.0,
        },
    );
    assert!(painted(&mut painter, 90) != first);
    painter.set_map(view(&map, 2), 0.2);
    assert!(painted(&mut painter, 90) == first);
}

#[test]
fn flat_and_missing_classes_leave_the_others() {
    let map = [0.0, 1.0, 0.3, 0.2];
    let scale = Scale::Common {
        least: 0.0,
        most: 1.0,
    };
    let mut painter = painter(Blend::Colour);
    painter.set_maps(&[view(&[0.5; 4], 2), view(&map, 2)], 0.2, scale);
    let planes = painted(&mut painter, 0);
    let [red, green, blue] = class_colour(1).map(|c| (f64::from(c) / 2.0 + 0.5) as u8);
    let top = |plane: usize| *planes[plane].iter().max().unwrap();
    assert_eq!([top(2), top(0), top(1)], [red, green, blue]);
    painter.set_maps(&[view(&[0.5; 4], 2), view(&[0.5; 4], 2)], 0.2, scale);
    assert!(painted(&mut painter, 7).iter().flatten().all(|v| *v == 7));
}

#[test]
fn regions_are_the_connected_parts_above_the_level() {
    let mut map = vec![0.0; 12 * 6];
    map[2 * 12 + 2] = 1.0;
    map[3 * 12 + 9] = 0.8;
    let values = scaled(&map, 12);
    let (low, high) = span(&values);
    let mut painter = painter(Blend::Darkened);
    painter.set_map(view(&map, 12), 0.2);
    for (level, count) in [(0.5, 2), (0.9, 1)] {
        let mut regions = Vec::new();
        painter.find_regions(0, level, &mut regions);
        assert_eq!(regions.len(), count);
        let hot = |at: usize| values[at] >= low + level * (high - low);
        let pixels: usize = regions.iter().map(|region| region.pixels).sum();
        assert_eq!(pixels, (0..values.len()).filter(|at| hot(*at)).count());
        for at in (0..values.len()).filter(|at| hot(*at)) {
            let (x, y) = (at % SIZE.0, at / SIZE.0);
            let inside = regions.iter().filter(|r| {
                (r.x..r.x + r.width).contains(&x) && (r.y..r.y + r.height).contains(&y)
            });
            assert_eq!(inside.count(), 1);
        }
    }
    // With an unpainted frame between, and no map.
    painted(&mut painter, 3);
    let mut regions = Vec::new();
    painter.find_regions(0, 0.5, &mut regions);
    assert_eq!(regions.len(), 2);
    painter.find_regions(1, 0.5, &mut regions);
    assert!(regions.is_empty());
}

#[test]
fn a_steady_scale_holds_still_and_follows_cuts() {
    let mut random = Random::new(53);
    let map: Vec<f32> = (0..48).map(|_| random.float()).collect();
    let noisy = |random: &mut Random| -> Vec<f32> {
        map.iter().map(|v| v + 0.02 * random.float()).collect()
    };
    let frame = Some(Duration::from_millis(33));
    let gain = |scale: Scale| {
        let mut random = Random::new(54);
        let mut painter = painter(Blend::Darkened);
        let mut brightest: Vec<f64> = Vec::new();
        for number in 0..60 {
            painter.advance(frame.filter(|_| number > 0));
            painter.set_scaled_map(view(&noisy(&mut random), 8), 0.2, scale);
            let planes = painted(&mut painter, 120 + (random.next() % 3) as u8);
            brightest.push(planes.iter().flatten().map(|v| f64::from(*v)).sum());
        }
        let (low, high) = span(&brightest);
        (high - low) / low
    };
    assert!(gain(Scale::Steady) < gain(Scale::Frame));

    // A darker picture after a cut is as if it were the first; without the cut it is not.
    let dark: Vec<f32> = map.iter().map(|v| 0.3 * v).collect();
    let mut alone = painter(Blend::Darkened);
    alone.set_scaled_map(view(&dark, 8), 0.2, Scale::Steady);
    let expected = painted(&mut alone, 10);
    for (elapsed, gray, same) in [(None, 120, true), (frame, 12, false), (frame, 120, false)] {
        let mut painter = painter(Blend::Darkened);
        painter.advance(None);
        painter.set_scaled_map(view(&map, 8), 0.2, Scale::Steady);
        painted(&mut painter, gray);
        painter.advance(elapsed);
        painter.set_scaled_map(view(&dark, 8), 0.2, Scale::Steady);
        assert_eq!(
            painted(&mut painter, 10) == expected,
            same,
            "{elapsed:?} {gray}"
        );
    }
}
