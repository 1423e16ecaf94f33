//! Every instruction set gives the same, to the last bit, for every layout.

use super::*;
use crate::simd::forced::each_level;

#[test]
fn every_layout_is_the_same_on_every_instruction_set() {
    let mut random = Random::new(31);
    let tested_maps = tested_maps();
    for round in 0..40 {
        let encoding = Encoding {
            matrix: [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020][random.pick(0..3)],
            range: [Range::Limited, Range::Full][random.pick(0..2)],
        };
        for layout in layouts(encoding) {
            let geometry = Geometry {
                layout,
                width: random.pick(1..260),
                height: random.pick(1..50),
            };
            let fit = random_fit(&mut random, &geometry);
            let flat = (vec![2.5; 6], 3);
            let (map, map_width) = match round % 8 {
                0 => flat,
                _ => random_map(&mut random),
            };
            let threshold = [0.2, 0.0, 1.0, 0.5][random.pick(0..4)];
            // Few levels beside many: ties of rounding and flat tiles occur.
            let mask = [0xff, 0x80, 0x0f, 0x00][random.pick(0..4)];
            let base = random.next() as u8;
            let planes: Vec<(usize, Vec<u8>)> = plane_sizes(&geometry)
                .into_iter()
                .map(|(row, rows)| {
                    let stride = row + [0, 1, 7, 64][random.pick(0..4)];
                    // The last row ends with its own last byte.
                    let len = stride * (rows - 1) + row;
                    let data = (0..len).map(|_| base & !mask | random.next() as u8 & mask);
                    (stride, data.collect())
                })
                .collect();

            let TestedMap { name, colormap, .. } = &tested_maps[random.pick(0..tested_maps.len())];
            let mut first: Option<(Vec<u32>, Vec<Vec<u8>>)> = None;
            each_level(|level| {
                let mut sampler = Sampler::new(&geometry, fit, &TORCH);
                let (width, height) = sampler.size();
                let mut tensor = vec![f32::NAN; 3 * width * height];
                let read: Vec<_> = planes
                    .iter()
                    .map(|(stride, data)| Plane {
                        data,
                        stride: *stride,
                    })
                    .collect();
                let bounds = sampler.sample(&read, &mut tensor);
                let mut painter = coloured(&geometry, colormap);
                painter.set_map(view(&map, map_width), threshold);
                let mut painted = |paint: &dyn Fn(&mut Painter, &mut [PlaneMut])| {
                    let mut painted: Vec<Vec<u8>> =
                        planes.iter().map(|(_, data)| data.clone()).collect();
                    let write = painted.iter_mut().zip(&planes);
                    let mut write: Vec<_> = write
                        .map(|(data, (stride, _))| PlaneMut {
                            data,
                            stride: *stride,
                        })
                        .collect();
                    paint(&mut painter, &mut write);
                    painted
                };
                let sampled = painted(&|painter, planes| painter.paint_sampled(planes, bounds));
                let painted = painted(&Painter::paint);
                assert!(sampled == painted, "{level:?} {geometry:?} {fit:?}");
                let now = (tensor.into_iter().map(f32::to_bits).collect(), painted);
                let first = first.get_or_insert_with(|| now.clone());
                assert!(
                    now == *first,
                    "{level:?} {geometry:?} {fit:?} {threshold} {name}, round {round}"
                );
            });
        }
    }
}
