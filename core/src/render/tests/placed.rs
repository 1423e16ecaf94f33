//! Heat where cells look, against the plain arithmetic.

use super::*;
use crate::oracle::round_u8;
use crate::simd::forced::each_level;

fn keys(t: f64) -> f64 {
    match t.abs() {
        t if t <= 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
        t if t <= 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
        _ => 0.0,
    }
}

/// The bicubic value of a line of cells at `place`, the first one's centre being 0; beyond the ends it is mirrored.
fn cubic(cells: &[f64], place: f64) -> f64 {
    let first = place.floor() as isize - 1;
    let taps = (first..first + 4).map(|i| {
        let n = cells.len() as isize;
        let j = i.rem_euclid(2 * n);
        keys(place - i as f64) * cells[j.min(2 * n - 1 - j) as usize]
    });
    taps.sum()
}

/// The heat index of each pixel of an upright frame whose cells lie so.
fn expected(map: &[f32], columns: usize, grid: CellGrid, size: (usize, usize)) -> Vec<u8> {
    let (width, height) = size;
    let place = |axis: CellAxis, pixel: usize| (pixel as f64 + 0.5 - axis.offset) / axis.stride;
    let rows: Vec<Vec<f64>> = map
        .chunks_exact(columns)
        .map(|row| {
            let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            (0..width)
                .map(|x| cubic(&row, place(grid.across, x)))
                .collect()
        })
        .collect();
    let seen = |axis: CellAxis, pixel: usize| {
        let middle = pixel as f64 + 0.5;
        axis.seen[0] <= middle && middle < axis.seen[1]
    };
    let mut values = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let column: Vec<f64> = rows.iter().map(|row| row[x]).collect();
            let is_seen = seen(grid.across, x) && seen(grid.down, y);
            values.push(is_seen.then(|| cubic(&column, place(grid.down, y))));
        }
    }
    let all = || values.iter().flatten().copied();
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(f64::NEG_INFINITY, f64::max),
    );
    let index = |value: &Option<f64>| match value {
        Some(value) if high > low => {
            let value = (value - low) / (high - low);
            if value < 0.2 {
                0
            } else {
                (round_u8(value * 255.0) as u8).min(254)
            }
        }
        _ => 0,
    };
    values.iter().map(index).collect()
}

/// The heat index of each pixel of a frame that lies as `orientation` says, read off what a mask leaves of white.
fn painted(
    map: &[f32],
    columns: usize,
    grid: CellGrid,
    size: (usize, usize),
    orientation: Orientation,
) -> Vec<u8> {
    let (width, height) = orientation.sides(size);
    let geometry = Geometry {
        layout: Layout::GBR,
        width,
        height,
    };
    let presentation = Presentation {
        orientation,
        ..Presentation::default()
    };
    let style = Style {
        blend: Blend::Mask,
        ..Style::default()
    };
    let mut painter = Painter::styled(&geometry, &presentation, &style);
    painter.set_grid(Some(grid));
    let mut turned = Vec::new();
    let cells = (columns, map.len() / columns);
    orientation.turn_back(map, cells, &mut turned);
    painter.set_map(view(&turned, orientation.sides(cells).0), 0.2);
    let mut planes = vec![vec![254u8; width * height]; 3];
    let mut all: Vec<_> = planes
        .iter_mut()
        .map(|data| PlaneMut {
            data,
            stride: width,
        })
        .collect();
    painter.paint(&mut all);
    planes.swap_remove(0)
}

#[test]
fn heat_lies_where_cells_look_in_every_orientation() {
    let mut random = Random::new(31);
    let (mut differing, mut total) = (0, 0);
    for round in 0..40 {
        let (columns, rows) = (random.pick(2..12), random.pick(2..12));
        let map: Vec<f32> = (0..columns * rows).map(|_| random.float()).collect();
        let size = (random.pick(columns..200), random.pick(rows..150));
        let axis = |cells: usize, length: usize, random: &mut Random| {
            let stride =
                (length as f64 / cells as f64 * (1.0 + 0.4 * f64::from(random.float()))).max(1.0);
            let seen = match round % 3 {
                0 => [0.0, length as f64],
                _ => [0.2, 0.85].map(|share| share * length as f64 + 0.3),
            };
            CellAxis {
                stride,
                offset: stride * f64::from(random.float()),
                seen,
            }
        };
        let grid = CellGrid {
            across: axis(columns, size.0, &mut random),
            down: axis(rows, size.1, &mut random),
        };
        let upright = expected(&map, columns, grid, size);
        for orientation in Orientation::ALL {
            let mut expected = Vec::new();
            orientation.turn_back(&upright, size, &mut expected);
            each_level(|level| {
                let painted = painted(&map, columns, grid, size, orientation);
                assert_eq!(painted.len(), expected.len());
                for (painted, expected) in painted.iter().zip(&expected) {
                    let off = painted.abs_diff(*expected);
                    assert!(
                        off <= 1 || painted.min(expected) == &0,
                        "{level:?} {grid:?} {orientation:?}"
                    );
                    differing += usize::from(off > 0);
                    total += 1;
                }
            });
        }
    }
    assert!(differing * 10_000 <= total, "{differing} of {total}");
}

#[test]
fn a_grid_that_tiles_the_frame_changes_nothing() {
    let mut random = Random::new(32);
    let map: Vec<f32> = (0..35).map(|_| random.float()).collect();
    let size = (140, 75);
    let axis = |cells: f64, length: f64| CellAxis {
        stride: length / cells,
        offset: length / cells / 2.0,
        seen: [0.0, length],
    };
    let grid = CellGrid {
        across: axis(7.0, 140.0),
        down: axis(5.0, 75.0),
    };
    let placed = painted(&map, 7, grid, size, Orientation::IDENTITY);
    let scaled = oracle::heat_index(&map_image(&map, 7), size.0, size.1, 0.2);
    let off = placed
        .iter()
        .zip(scaled)
        .filter(|(a, b)| usize::from(**a) != *b);
    assert!(off.count() <= 1);
}
