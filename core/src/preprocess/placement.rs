//! Where a frame lies in a tensor, and maps of the tensor laid over the frame.

use crate::resample::coefficients::Axis;

/// Where an upright frame lies in the tensor that is made of it: its edges, 0 being the tensor's left or top and 1 its
/// right or bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Left and right edge.
    pub across: [f64; 2],
    /// Top and bottom edge.
    pub down: [f64; 2],
}

impl Placement {
    /// The frame is the tensor.
    pub const WHOLE: Self = Self {
        across: [0.0, 1.0],
        down: [0.0, 1.0],
    };
}

/// How much finer the cells of a map over a frame are than those of the network's map, along each axis, where the two
/// do not begin and end together: what moves is then an eighth of a cell at most.
const FINER: usize = 4;

/// Most cells of an axis of a map over a frame.
const MOST_CELLS: usize = 4096;

/// Lays maps that tile the tensor over the frame, so that they tile that: bicubic (Keys, a = -0.5). What a crop left
/// out of the network's sight gets the map's least value, which shows no heat.
#[derive(Default)]
pub struct MapPlacer {
    /// For maps and frames like the last ones.
    plan: Option<Plan>,
    /// The map, rows scaled.
    rows: Vec<f64>,
    placed: Vec<f32>,
}

struct Plan {
    size: (usize, usize),
    placement: Placement,
    across: Line,
    down: Line,
}

/// The cells along one axis.
struct Line {
    axis: Axis,
    /// Which of them the network sees.
    seen: Vec<bool>,
}

impl Line {
    fn new(cells: usize, [start, end]: [f64; 2]) -> Self {
        let length = (end - start).max(f64::MIN_POSITIVE);
        let count = (cells as f64 * length * FINER as f64).round();
        let count = (count as usize).clamp(1, MOST_CELLS);
        let scale = count as f64 / (cells as f64 * length);
        let seen = |cell: usize| {
            let at = start + (cell as f64 + 0.5) / count as f64 * length;
            (0.0..=1.0).contains(&at)
        };
        Self {
            axis: Axis::new(cells, count, scale, start * cells as f64),
            seen: (0..count).map(seen).collect(),
        }
    }
}

impl MapPlacer {
    /// Replaces the map `values` of `size`, width and height, by one over a frame that lies in the tensor as
    /// `placement` says, and returns the size of that. `values` must be as many as the map has cells.
    pub fn place(
        &mut self,
        values: &mut Vec<f32>,
        size: (usize, usize),
        placement: Placement,
    ) -> (usize, usize) {
        let (width, height) = size;
        if placement == Placement::WHOLE || values.is_empty() || values.len() != width * height {
            return size;
        }
        let plan = match &mut self.plan {
            Some(plan) if (plan.size, plan.placement) == (size, placement) => plan,
            other => other.insert(Plan {
                size,
                placement,
                across: Line::new(width, placement.across),
                down: Line::new(height, placement.down),
            }),
        };
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let (columns, rows) = (plan.across.seen.len(), plan.down.seen.len());
        self.rows.clear();
        for row in values.chunks_exact(width) {
            let at = |x: usize| f64::from(row[x]);
            self.rows
                .extend((0..columns).map(|column| plan.across.axis.exact_sum(column, at)));
        }
        self.placed.clear();
        for (row, &is_seen) in plan.down.seen.iter().enumerate() {
            for (column, &is_beside) in plan.across.seen.iter().enumerate() {
                self.placed.push(if is_seen && is_beside {
                    let at = |y: usize| self.rows[y * columns + column];
                    plan.down.axis.exact_sum(row, at) as f32
                } else {
                    least
                });
            }
        }
        std::mem::swap(values, &mut self.placed);
        (columns, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Presentation;
    use crate::preprocess::Fit;

    #[test]
    fn a_frame_that_is_the_tensor_keeps_its_map() {
        let mut values = vec![1.0, 2.0, 3.0, 4.0];
        let size = MapPlacer::default().place(&mut values, (2, 2), Placement::WHOLE);
        assert_eq!((size, values), ((2, 2), vec![1.0, 2.0, 3.0, 4.0]));
    }

    /// Centre of mass, as shares of width and height, of what is above half of the range.
    fn hot((width, height): (usize, usize), values: &[f32]) -> (f64, f64) {
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
        let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
        for (i, v) in values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v > (low + high) / 2.0)
        {
            x += f64::from(*v) * ((i % width) as f64 + 0.5);
            y += f64::from(*v) * ((i / width) as f64 + 0.5);
            mass += f64::from(*v);
        }
        (x / mass / width as f64, y / mass / height as f64)
    }

    #[test]
    fn heat_lies_on_the_frame_where_it_lies_in_the_tensor() {
        let crop = Fit::Crop {
            width: 70,
            height: 70,
            covers: (80, 80),
        };
        let letterbox = Fit::Letterbox {
            width: 70,
            height: 70,
        };
        for (fit, size) in [
            (crop, (640, 480)),
            (crop, (480, 640)),
            (letterbox, (640, 480)),
            (letterbox, (300, 900)),
            (letterbox, (70, 70)),
        ] {
            let (width, height) = size;
            let placement = fit.placement(width, height, &Presentation::default());
            // A single hot cell of 7 x 7, not far from the middle.
            let (x, y) = (3, 4);
            let mut values = vec![0.0; 49];
            values[y * 7 + x] = 1.0;
            let placed = MapPlacer::default().place(&mut values, (7, 7), placement);
            assert_eq!(values.len(), placed.0 * placed.1);
            let expected = |cell: usize, [start, end]: [f64; 2]| {
                ((cell as f64 + 0.5) / 7.0 - start) / (end - start)
            };
            let expected = (expected(x, placement.across), expected(y, placement.down));
            let found = hot(placed, &values);
            let off = (found.0 - expected.0)
                .abs()
                .max((found.1 - expected.1).abs());
            assert!(off < 0.02, "{fit:?} {size:?}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn what_a_crop_leaves_out_is_coldest() {
        let mut values = vec![5.0, -1.0, 2.0, 3.0];
        let placement = Placement {
            across: [-0.5, 1.5],
            down: [0.0, 1.0],
        };
        let (width, _) = MapPlacer::default().place(&mut values, (2, 2), placement);
        for row in values.chunks_exact(width) {
            assert!(row[..width / 4].iter().all(|value| *value == -1.0));
            assert!(row[width * 3 / 4..].iter().all(|value| *value == -1.0));
            assert!(
                row[width / 4..width * 3 / 4]
                    .iter()
                    .any(|value| *value > 0.0)
            );
        }
    }
}
