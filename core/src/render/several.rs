//! Heat of several classes: each pixel is that of the class whose map is the highest there.

use super::colormap::{CLASS_COLOURS, levels_of_each};
use super::quantize::Quantizer;
use super::scaled_map::MapScaler;
use crate::luma::tiles::{self, COLUMNS};
use crate::simd::dispatched;

/// Pixels of a tile.
const TILE: usize = COLUMNS * tiles::ROWS;

/// Most classes that are shown at once.
pub const MOST_CLASSES: usize = CLASS_COLOURS.len();

/// How heats of one common scale become rows of a table in which each class has some.
pub(crate) struct Several {
    classes: usize,
    /// Which of a class's own rows, from 1 on, belongs to a heat index; 0 to none.
    levels: [u8; 256],
    indices: Vec<[u8; 2]>,
}

impl Several {
    /// For `classes` maps, of whose heat indices 255 stands for `most`, 1 being the hottest that is drawn.
    pub fn new(classes: usize, most: f64) -> Self {
        let each = levels_of_each(classes);
        let level = |index: usize| match index {
            0 => 0,
            _ => {
                let value = (index as f64 / 255.0 * most).min(1.0);
                1 + ((value * each as f64) as usize).min(each - 1) as u8
            }
        };
        Self {
            classes,
            levels: std::array::from_fn(level),
            indices: Vec::new(),
        }
    }

    /// The row of the table of a class's heat index.
    fn row(&self, class: usize, index: u8) -> u8 {
        match self.levels[usize::from(index)] {
            0 => 0,
            level => (class * levels_of_each(self.classes)) as u8 + level,
        }
    }

    /// Finds what the rows of each tile can be; see [`Self::indices`].
    pub fn bound_indices<'a>(
        &mut self,
        maps: impl Iterator<Item = (usize, &'a MapScaler)> + Clone,
    ) {
        let mut indices = Vec::new();
        let tiles = maps
            .clone()
            .next()
            .map_or(0, |(_, map)| map.indices().len());
        for tile in 0..tiles {
            let [mut coolest, mut hottest] = [u8::MAX, 0];
            let mut may_be_cold = true;
            for (class, map) in maps.clone() {
                let [least, most] = map.indices()[tile];
                may_be_cold &= least == 0;
                if most > 0 {
                    coolest = coolest.min(self.row(class, least.max(1)));
                    hottest = hottest.max(self.row(class, most));
                }
            }
            let coolest = if may_be_cold { 0 } else { coolest };
            indices.push([coolest.min(hottest), hottest]);
        }
        self.indices = indices;
    }

    /// The least and the greatest row that each tile can have.
    pub fn indices(&self) -> &[[u8; 2]] {
        &self.indices
    }

    /// Rows of the table for a tile, given by its number, into rows `stride` bytes apart.
    pub fn quantize_tile<'a>(
        &self,
        maps: impl Iterator<Item = (usize, &'a MapScaler, &'a Quantizer)>,
        tile: usize,
        out: &mut [u8],
        stride: usize,
    ) {
        let (mut heats, mut highest, mut classes) = ([0; TILE], [0; TILE], [0; TILE]);
        let mut rows = 0;
        for (class, map, quantizer) in maps {
            rows = map.quantize_tile(tile, quantizer, &mut heats, COLUMNS);
            take_higher(&heats, class as u8, &mut highest, &mut classes);
        }
        for (y, out) in out.chunks_mut(stride).enumerate().take(rows) {
            let heats = highest[y * COLUMNS..].iter().zip(&classes[y * COLUMNS..]);
            for (out, (&heat, &class)) in out[..COLUMNS].iter_mut().zip(heats) {
                *out = self.row(usize::from(class), heat);
            }
        }
    }
}

dispatched! {
    /// Takes the heats of a class where they are higher than those of the classes before.
    fn take_higher<;>(heats: &[u8; TILE], class: u8, highest: &mut [u8; TILE], classes: &mut [u8; TILE]) {
        for ((heat, highest), own) in heats.iter().zip(highest).zip(classes) {
            let is_higher = *heat > *highest;
            *own = if is_higher { class } else { *own };
            *highest = if is_higher { *heat } else { *highest };
        }
    }
}
