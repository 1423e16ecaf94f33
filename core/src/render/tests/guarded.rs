//! Nothing beside what a function was given is read or written, at any length, on any instruction
//! set. Checkers of memory do not know the widest vectors; pages that cannot be touched do.

use super::guard::{Guarded, Side};
use super::*;
use crate::luma::gray::{gray_planes, gray_row};
use crate::render::colormap::{Colormap, Span};
use crate::render::rgb::Colours;
use crate::render::yuv::sum_table::{SumTable, Table};
use crate::resample::coefficients::{Axis, Bytes};
use crate::resample::vertical::round_byte_rows;
use crate::simd::forced::each_level;

fn noise(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.next() as u8).collect()
}

/// Runs `body` for every length, page and level, with the bytes of `inputs` and an output, each so
/// many for each unit of the length; what it leaves in the output is the same for each.
fn each_length<const N: usize>(
    inputs: [usize; N],
    output: usize,
    body: impl Fn([&[u8]; N], &mut [u8]),
) {
    let mut random = Random::new(21);
    for length in 1..=200 {
        let inputs = inputs.map(|bytes| noise(&mut random, bytes * length));
        let before = noise(&mut random, output * length);
        let mut first: Option<Vec<u8>> = None;
        for side in Side::BOTH {
            each_level(|level| {
                let inputs = inputs.each_ref().map(|input| Guarded::new(input, side));
                let mut out = Guarded::new(&before, side);
                body(inputs.each_ref().map(|input| &**input), &mut out);
                let first = first.get_or_insert_with(|| out.to_vec());
                assert!(*first == *out, "{level:?} {length} {side:?}");
            });
        }
    }
}

#[test]
fn sums_of_tables() {
    let mut tables = [Table::ZERO, Table::ZERO];
    for i in 0..256 {
        tables[0].set(i, (i * 151) as u16);
        tables[1].set(i, (i * 93 + 77) as u16);
    }
    let [first, second] = tables;
    let sums = SumTable::new(first, second);
    each_length([1, 1], 1, |indices, out| sums.sum_entries(indices, out));
}

#[test]
fn grays() {
    each_length([3], 1, |[pixels], out| gray_row::<3, 2, 1, 0>(pixels, out));
    each_length([4], 1, |[pixels], out| gray_row::<4, 1, 2, 3>(pixels, out));
    each_length([1, 1, 1], 1, |[r, g, b], out| gray_planes(r, g, b, out));
}

#[test]
fn colours() {
    let colours = |offsets| {
        let mut colours = Colours::new(offsets, &Colormap::default());
        // Whatever gray and heat there are.
        colours.fill(Span {
            lowest: 0.0,
            highest: 390.25,
        });
        colours
    };
    // The table has no index 255.
    let heat = |index: &[u8]| -> Vec<u8> { index.iter().map(|i| i / 3 * 2).collect() };
    each_length([3, 1], 3, |[source, index], pixels| {
        let index = Guarded::new(&heat(index), Side::After);
        pixels.copy_from_slice(source);
        let mut gray = Guarded::new(&index, Side::After);
        colours([0, 1, 2]).paint_row::<3, 0, 1, 2>(pixels, &index, &mut gray);
    });
    each_length([4, 1], 4, |[source, index], pixels| {
        let index = Guarded::new(&heat(index), Side::Before);
        let mut gray = Guarded::new(&index, Side::Before);
        pixels.copy_from_slice(source);
        colours([2, 1, 0]).paint_row::<4, 2, 1, 0>(pixels, &index, &mut gray);
        colours([1, 2, 3]).paint_row::<4, 1, 2, 3>(pixels, &index, &mut gray);
    });
    each_length([1, 1], 3, |[gray, index], out| {
        let index = Guarded::new(&heat(index), Side::After);
        let planes = || out.chunks_exact(gray.len());
        let mut guarded: Vec<_> = planes()
            .map(|plane| Guarded::new(plane, Side::After))
            .collect();
        if let [first, second, third] = &mut guarded[..] {
            colours([1, 2, 0]).paint_planes([first, second, third], gray, &index);
        }
        for (plane, guarded) in out.chunks_exact_mut(gray.len()).zip(&guarded) {
            plane.copy_from_slice(guarded);
        }
    });
}

#[test]
fn scaled_rows() {
    for (rows, scaled) in [(1, 3), (5, 2), (12, 12), (9, 1)] {
        let axis = Axis::new(rows, scaled, scaled as f64 / rows as f64, 0.0).for_bytes();
        each_length([rows], scaled, |[data], out| {
            let width = out.len() / scaled;
            let source = Bytes {
                data,
                stride: width,
            };
            round_byte_rows(source, &axis, 0..scaled, width, out);
        });
    }
}

/// Frames whose planes end with their last pixel.
#[test]
fn frames_of_every_layout() {
    let mut random = Random::new(22);
    let encoding = Encoding {
        matrix: Matrix::Bt601,
        range: Range::Full,
    };
    for (i, layout) in layouts(encoding).into_iter().enumerate() {
        // Three layouts make all widths: the functions they share were tried above.
        for width in (1 + i % 3..=200).step_by(3) {
            let geometry = Geometry {
                layout,
                width,
                height: random.pick(1..12),
            };
            let fit = random_fit(&mut random, &geometry);
            let (map, map_width) = random_map(&mut random);
            let side = Side::BOTH[random.pick(0..2)];
            let sizes = plane_sizes(&geometry);
            let data: Vec<_> = sizes
                .iter()
                .map(|(row, rows)| noise(&mut random, row * rows))
                .collect();
            each_level(|_| {
                let mut planes: Vec<_> = data.iter().map(|data| Guarded::new(data, side)).collect();
                let mut sampler = Sampler::new(&geometry, fit, &TORCH);
                let (width, height) = sampler.size();
                let mut tensor = Guarded::new(&vec![f32::NAN; 3 * width * height], side);
                let read = planes.iter().zip(&sizes);
                let read: Vec<_> = read
                    .map(|(data, &(stride, _))| Plane { data, stride })
                    .collect();
                sampler.sample(&read, &mut tensor);
                assert!(tensor.iter().all(|value| value.is_finite()));
                let write = planes.iter_mut().zip(&sizes);
                let mut write: Vec<_> = write
                    .map(|(data, &(stride, _))| PlaneMut { data, stride })
                    .collect();
                for blend in Blend::ALL {
                    let style = Style {
                        blend,
                        ..Style::default()
                    };
                    let mut painter = Painter::styled(&geometry, &Presentation::default(), &style);
                    painter.set_map(view(&map, map_width), 0.2);
                    painter.paint(&mut write);
                }
            });
        }
    }
}
