//! Boxes around what is hot.

use std::ops::Range;

/// A connected part of a frame that is hot, pixels that touch by a side being connected (B. Zhou et al., "Learning deep features
/// for discriminative localization", 2016, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Of the box around it: pixels to the left of it, above it, across and down.
    pub x: usize,
    /// See `x`.
    pub y: usize,
    /// See `x`.
    pub width: usize,
    /// See `x`.
    pub height: usize,
    /// Hot pixels.
    pub pixels: usize,
}

/// Runs of hot pixels, row by row, put together to regions.
#[derive(Default)]
pub(crate) struct Runs {
    /// Columns of each run, and its part, of the last row and of this one.
    above: Vec<(Range<usize>, usize)>,
    here: Vec<(Range<usize>, usize)>,
    /// For each part another of the same region, or itself; and what is known of it.
    parts: Vec<(usize, Region)>,
}

impl Runs {
    /// Takes in row `y`, from top to bottom: whether each pixel is hot.
    pub fn add_row(&mut self, y: usize, hot: &[bool]) {
        std::mem::swap(&mut self.above, &mut self.here);
        self.here.clear();
        let mut start = 0;
        let mut above = 0;
        for run in hot.chunk_by(|a, b| a == b) {
            let columns = start..start + run.len();
            start = columns.end;
            if !run[0] {
                continue;
            }
            let part = self.parts.len();
            let region = Region {
                x: columns.start,
                y,
                width: run.len(),
                height: 1,
                pixels: run.len(),
            };
            self.parts.push((part, region));
            while self
                .above
                .get(above)
                .is_some_and(|(other, _)| other.end <= columns.start)
            {
                above += 1;
            }
            let touching = self.above[above..].iter();
            let touching: Vec<usize> = touching
                .take_while(|(other, _)| other.start < columns.end)
                .map(|(_, part)| *part)
                .collect();
            for other in touching {
                self.join(part, other);
            }
            self.here.push((columns, part));
        }
    }

    /// The part that stands for all of its region.
    fn first(&mut self, mut part: usize) -> usize {
        while self.parts[part].0 != part {
            self.parts[part].0 = self.parts[self.parts[part].0].0;
            part = self.parts[part].0;
        }
        part
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        if a == b {
            return;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let other = self.parts[gone].1;
        self.parts[gone].0 = kept;
        let region = &mut self.parts[kept].1;
        let right = (region.x + region.width).max(other.x + other.width);
        let bottom = (region.y + region.height).max(other.y + other.height);
        region.x = region.x.min(other.x);
        region.y = region.y.min(other.y);
        region.width = right - region.x;
        region.height = bottom - region.y;
        region.pixels += other.pixels;
    }

    /// All regions, the largest first, of equal ones that whose top row comes first; and begins anew.
    pub fn take(&mut self, regions: &mut Vec<Region>) {
        regions.clear();
        let parts = self.parts.iter().enumerate();
        let whole = parts.filter(|(number, (first, _))| number == first);
        regions.extend(whole.map(|(_, (_, region))| *region));
        regions.sort_by_key(|region| std::cmp::Reverse(region.pixels));
        self.parts.clear();
        self.above.clear();
        self.here.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::Random;

    /// The regions by filling one after the other.
    fn filled(hot: &[bool], width: usize) -> Vec<Region> {
        let mut left = hot.to_vec();
        let mut regions = Vec::new();
        for start in 0..left.len() {
            let mut open = vec![start];
            let mut pixels = Vec::new();
            while let Some(at) = open.pop() {
                if !std::mem::take(&mut left[at]) {
                    continue;
                }
                pixels.push((at % width, at / width));
                open.extend((at >= width).then(|| at - width));
                open.extend((at + width < left.len()).then_some(at + width));
                open.extend((at % width > 0).then(|| at - 1));
                open.extend((at % width + 1 < width).then_some(at + 1));
            }
            if pixels.is_empty() {
                continue;
            }
            let of = |pick: fn(&(usize, usize)) -> usize| {
                let all = pixels.iter().map(pick);
                (all.clone().min().unwrap(), all.max().unwrap())
            };
            let (across, down) = (of(|pixel| pixel.0), of(|pixel| pixel.1));
            regions.push(Region {
                x: across.0,
                y: down.0,
                width: across.1 - across.0 + 1,
                height: down.1 - down.0 + 1,
                pixels: pixels.len(),
            });
        }
        regions
    }

    #[test]
    fn regions_are_those_that_filling_finds() {
        let mut random = Random::new(41);
        let mut runs = Runs::default();
        for round in 0..300 {
            let (width, height) = (random.pick(1..40), random.pick(1..30));
            let share = 1 + round % 9;
            let hot: Vec<bool> = (0..width * height)
                .map(|_| random.pick(0..10) < share)
                .collect();
            for (y, row) in hot.chunks(width).enumerate() {
                runs.add_row(y, row);
            }
            let mut found = Vec::new();
            runs.take(&mut found);
            assert!(found.is_sorted_by(|a, b| a.pixels >= b.pixels));
            let sorted = |mut regions: Vec<Region>| {
                regions.sort_by_key(|r| (r.x, r.y, r.width, r.height, r.pixels));
                regions
            };
            assert_eq!(
                sorted(found),
                sorted(filled(&hot, width)),
                "{width} x {height}"
            );
        }
    }
}
