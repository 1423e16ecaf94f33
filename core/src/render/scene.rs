//! Whether a frame shows something else than the last one.

use crate::luma::reader::GrayBounds;

/// Mean difference, in levels of gray, from which on the brightest and darkest of all tiles are another picture's. Noise and
/// what moves in a picture change them by a few; between two photos it is 40 and more.
const OTHER_PICTURE: f64 = 24.0;

/// Finds cuts among frames of one size.
#[derive(Clone, Debug, Default)]
pub struct SceneCut {
    last: Vec<[u8; 2]>,
}

impl SceneCut {
    /// Whether a frame whose gray lies in `bounds` shows another picture than the last that was given; the first one does.
    pub fn is_cut(&mut self, bounds: &GrayBounds) -> bool {
        let tiles = bounds.tiles();
        let is_cut = if self.last.len() == tiles.len() {
            let levels = self.last.as_flattened().iter().zip(tiles.as_flattened());
            let sum: u64 = levels.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            sum as f64 > OTHER_PICTURE * 2.0 * tiles.len() as f64
        } else {
            true
        };
        self.last.clear();
        self.last.extend_from_slice(tiles);
        is_cut
    }
}
