//! From regions to the grid of rows and columns in which tokens lie.

use super::regions::{Atlas, Region, Regions};

/// How far neighbouring distances in a grid may differ, as a share of the distance.
const UNEVEN: f32 = 0.05;

/// Which element of a tensor is which cell of a map of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenGrid {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Axes along which the values of one cell lie, in ascending order; all others count tokens.
    pub channels: Vec<usize>,
    /// Rows and columns of cells.
    pub cells: [usize; 2],
    /// For each cell, row by row, the number of its token: tokens are counted along the axes that are not `channels`.
    pub order: Vec<usize>,
    /// Centre of the first cell, in pixels of the input from its top and left edge.
    pub offset: [f64; 2],
    /// Distance between the centres of neighbouring cells, in pixels.
    pub stride: [f64; 2],
    /// Tokens in all: more than cells where some, such as a class token, stand for no place.
    pub tokens: usize,
}

impl TokenGrid {
    /// The grid in which the elements of a tensor lie; none where they do not lie in one, or in one of a single row or
    /// column.
    pub fn of(regions: &Regions, atlas: &Atlas) -> Option<Self> {
        let channels: Vec<usize> = (0..regions.rank())
            .filter(|&axis| regions.sizes[axis] == 1)
            .collect();
        let areas: Vec<f32> = regions
            .values
            .iter()
            .map(|&region| area(atlas, region))
            .collect();
        let least = areas.iter().copied().fold(f32::INFINITY, f32::min);
        // Tokens that look at more than the others stand for no place.
        let mut cells: Vec<([f32; 2], usize)> = Vec::new();
        for (token, (&region, &area)) in regions.values.iter().zip(&areas).enumerate() {
            if area <= least * (1.0 + UNEVEN)
                && let Some(rectangle) = atlas.rectangle(region)
            {
                cells.push((rectangle.centre(), token));
            }
        }
        cells.sort_by(|(a, _), (b, _)| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let rows = even_steps(cells.iter().map(|(centre, _)| centre[0]))?;
        let columns = even_steps(cells.iter().map(|(centre, _)| centre[1]))?;
        if rows.count * columns.count != cells.len() {
            return None;
        }
        let is_in_place = |(index, (centre, _)): (usize, &([f32; 2], usize))| {
            let (row, column) = (index / columns.count, index % columns.count);
            (rows.at(row) - centre[0]).abs() <= UNEVEN * rows.step
                && (columns.at(column) - centre[1]).abs() <= UNEVEN * columns.step
        };
        cells.iter().enumerate().all(is_in_place).then(|| Self {
            shape: regions.shape.clone(),
            channels,
            cells: [rows.count, columns.count],
            order: cells.into_iter().map(|(_, token)| token).collect(),
            offset: [rows.first.into(), columns.first.into()],
            stride: [rows.step.into(), columns.step.into()],
            tokens: regions.values.len(),
        })
    }

    /// Numbers of a cell.
    pub fn channel_count(&self) -> usize {
        self.channels.iter().map(|&axis| self.shape[axis]).product()
    }

    /// Whether the tokens are the cells in their order.
    pub fn is_in_order(&self) -> bool {
        self.tokens == self.order.len()
            && self
                .order
                .iter()
                .enumerate()
                .all(|(at, &token)| at == token)
    }
}

fn area(atlas: &Atlas, region: Region) -> f32 {
    atlas
        .rectangle(region)
        .map_or(f32::INFINITY, |found| found.area())
}

/// Places at equal distances.
struct Steps {
    first: f32,
    step: f32,
    count: usize,
}

impl Steps {
    fn at(&self, index: usize) -> f32 {
        self.first + index as f32 * self.step
    }
}

/// The distinct ones of `places`, if they are two or more at equal distances.
fn even_steps(places: impl Iterator<Item = f32>) -> Option<Steps> {
    let mut places: Vec<f32> = places.collect();
    places.sort_by(f32::total_cmp);
    let (first, last) = (*places.first()?, *places.last()?);
    let span = last - first;
    places.dedup_by(|b, a| *b - *a <= 1e-4 * span.max(1.0));
    let count = places.len();
    if count < 2 {
        return None;
    }
    let steps = Steps {
        first,
        step: span / (count - 1) as f32,
        count,
    };
    let is_even =
        |(index, place): (usize, &f32)| (steps.at(index) - place).abs() <= UNEVEN * steps.step;
    places.iter().enumerate().all(is_even).then_some(steps)
}
