//! The colours of heat.

use std::sync::Arc;

/// Colours of a map, from no heat to the hottest.
pub(crate) const LEVELS: usize = 255;

/// The colour of each heat, and what painters look up of these. Copies share the tables.
///
/// No heat is black, so that a picture without heat keeps its grays. Frames of luma and chroma take
/// theirs from the same colours, in each frame's own matrix and range.
#[derive(Clone, Debug)]
pub struct Colormap {
    tables: Arc<Tables>,
}

#[derive(Debug)]
struct Tables {
    rgb: [[f64; 3]; LEVELS],
    /// [`Span`]s of 1, 2, 4, .. 128 colours from each one on, as far as the map goes.
    spans: [[Span; LEVELS]; 8],
}

/// Smallest and largest channel of some colours, or of these over some grays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub lowest: f64,
    pub highest: f64,
}

impl Span {
    /// Of no colours.
    pub const NONE: Self = Self {
        lowest: f64::INFINITY,
        highest: f64::NEG_INFINITY,
    };

    /// Of one colour.
    fn of([r, g, b]: [f64; 3]) -> Self {
        Self {
            lowest: r.min(g).min(b),
            highest: r.max(g).max(b),
        }
    }

    pub fn holds(self, other: Self) -> bool {
        self.lowest <= other.lowest && other.highest <= self.highest
    }

    pub fn joined(self, other: Self) -> Self {
        Self {
            lowest: self.lowest.min(other.lowest),
            highest: self.highest.max(other.highest),
        }
    }
}

impl Colormap {
    /// MATLAB's `jet(255)`, darkened towards its cold end: colour `i` is scaled by `i / 254`.
    pub fn jet() -> Self {
        Self::darkened(|row| {
            let i = row as f64 + 1.0;
            let ramp =
                |up: f64, down: f64| ((i - up) / 64.0).min((down - i) / 64.0).clamp(0.0, 1.0);
            [ramp(96.0, 288.0), ramp(32.0, 224.0), ramp(-32.0, 160.0)]
        })
    }

    /// The map of `colours`, whose channels are 0 to 1, darkened so that the coldest is black.
    fn darkened(colours: impl Fn(usize) -> [f64; 3]) -> Self {
        let rgb = std::array::from_fn(|row| {
            colours(row).map(|c| c * (row as f64 / (LEVELS - 1) as f64) * 255.0)
        });
        let mut spans = [rgb.map(Span::of); 8];
        for doubling in 1..8 {
            let half = spans[doubling - 1];
            spans[doubling] = std::array::from_fn(|row| {
                let second = (row + (1 << (doubling - 1))).min(LEVELS - 1);
                half[row].joined(half[second])
            });
        }
        Self {
            tables: Arc::new(Tables { rgb, spans }),
        }
    }

    /// Red, green and blue of each heat, each 0 to 255.
    pub(crate) fn rgb(&self) -> &[[f64; 3]; LEVELS] {
        &self.tables.rgb
    }

    /// The span of each colour.
    pub(crate) fn spans(&self) -> &[Span; LEVELS] {
        &self.tables.spans[0]
    }

    /// The span of the colours from `coolest` to `hottest`.
    pub(crate) fn span(&self, coolest: u8, hottest: u8) -> Span {
        if hottest == 0 {
            return Span::default();
        }
        let (first, last) = (usize::from(coolest), usize::from(hottest));
        let doubling = (last - first + 1).ilog2() as usize;
        let spans = &self.tables.spans[doubling];
        spans[first].joined(spans[last + 1 - (1 << doubling)])
    }
}

/// [`Colormap::jet`].
impl Default for Colormap {
    fn default() -> Self {
        Self::jet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rows() {
        let colormap = Colormap::default();
        let rgb = colormap.rgb();
        assert_eq!(rgb[0], [0.0; 3]);
        assert_eq!(rgb[223].map(f64::round), [224.0, 0.0, 0.0]);
        assert_eq!(rgb[254].map(f64::round), [131.0, 0.0, 0.0]);
    }

    #[test]
    fn spans_cover_their_rows_and_no_more() {
        let colormap = Colormap::default();
        for coolest in 0..LEVELS as u8 {
            let mut expected = colormap.span(coolest, coolest);
            for hottest in coolest..LEVELS as u8 {
                for c in colormap.rgb()[usize::from(hottest)] {
                    expected.lowest = expected.lowest.min(c);
                    expected.highest = expected.highest.max(c);
                }
                assert_eq!(colormap.span(coolest, hottest), expected);
            }
        }
    }
}
