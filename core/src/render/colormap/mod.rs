//! The colours of heat.

mod tables;

use std::sync::Arc;

pub(crate) use tables::LEVELS;
use tables::{CIVIDIS, INFERNO, TURBO, VIRIDIS};

/// Colours of classes that are shown together: told apart by all who see light and dark, and most colours. M. Okabe and K. Ito,
/// "Color Universal Design", 2008, without black, the most different first.
pub(crate) const CLASS_COLOURS: [[u8; 3]; 7] = [
    [86, 180, 233],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
];

/// Red, green and blue of the `number`-th of several classes that are shown together.
pub fn class_colour(number: usize) -> [u8; 3] {
    CLASS_COLOURS[number % CLASS_COLOURS.len()]
}

/// Colours that each of so many classes has.
pub(crate) fn levels_of_each(classes: usize) -> usize {
    (LEVELS - 1) / classes.max(1)
}

/// The colour of each heat, and what painters look up of these. Copies share the tables.
///
/// No heat is black, so that a picture without heat keeps its grays. Frames of luma and chroma take
/// theirs from the same colours, in each frame's own matrix and range.
#[derive(Clone, Debug)]
pub struct Colormap {
    tables: Arc<Tables>,
    /// How many of them a class has.
    each: usize,
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
        Self::of(|row| {
            let i = row as f64 + 1.0;
            let ramp =
                |up: f64, down: f64| ((i - up) / 64.0).min((down - i) / 64.0).clamp(0.0, 1.0);
            [ramp(96.0, 288.0), ramp(32.0, 224.0), ramp(-32.0, 160.0)]
                .map(|c| c * (row as f64 / (LEVELS - 1) as f64))
        })
    }

    /// matplotlib's `inferno`, from black by purple and orange to pale yellow: the hotter, the lighter, in even steps
    /// to the eye, in print without colour, and to most who do not tell red from green.
    ///
    /// By S. van der Walt and N. Smith, <https://bids.github.io/colormap>, CC0; their 256 colours at 255 even steps,
    /// off by no more than the rounding to eight bits, but for the coldest, which was a blue of 4 of 255 and is black.
    /// Unlike [`Colormap::jet`] it is not darkened, since it begins dark.
    ///
    /// ```
    /// use camoverlay::cam::Explanation;
    /// use camoverlay::frame::FrameMut;
    /// use camoverlay::render::Colormap;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut explanation = Explanation::default();
    /// # explanation.map.values = vec![0.0, 0.25, 0.5, 1.0];
    /// # (explanation.map.width, explanation.map.height) = (2, 2);
    /// # let (width, height) = (64, 48);
    /// # let mut rgb = vec![0; 3 * width * height];
    /// // `explanation` is what `Explainer::explain` made of this frame.
    /// explanation.paint(&mut FrameMut::rgb(&mut rgb, width, height)?, 0.2, &Colormap::inferno());
    /// # // Black where there is no heat, pale yellow where it is hottest.
    /// # assert_eq!(rgb[..3], [0; 3]);
    /// # assert_eq!(rgb[rgb.len() - 3..], [252, 255, 164]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn inferno() -> Self {
        Self::published(&INFERNO)
    }

    /// Google's `turbo`, a jet without its false edges: from dark blue by green and orange to dark red.
    ///
    /// By A. Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization", 2019, Apache-2.0.
    pub fn turbo() -> Self {
        Self::published(&TURBO)
    }

    /// matplotlib's `viridis`, from dark violet by green to yellow: the hotter, the lighter, in even steps to the eye.
    /// By the authors of [`inferno`](Self::inferno), CC0.
    pub fn viridis() -> Self {
        Self::published(&VIRIDIS)
    }

    /// From dark blue by gray to yellow: nearly the same to those who do not tell red from green.
    ///
    /// J. R. Nuñez, C. R. Anderton and R. S. Renslow, "Optimizing colormaps with consideration for color vision
    /// deficiency to enable accurate interpretation of scientific data", PLoS ONE 2018, CC0.
    pub fn cividis() -> Self {
        Self::published(&CIVIDIS)
    }

    /// For several classes, each in turns from nearly black to its [own colour](class_colour).
    pub(crate) fn classes(count: usize) -> Self {
        let each = levels_of_each(count);
        let mut colormap = Self::of(|row| {
            let (class, level) = (row.saturating_sub(1) / each, row.saturating_sub(1) % each);
            let light = (level + 1) as f64 / each as f64;
            class_colour(class).map(|c| f64::from(c) / 255.0 * light)
        });
        colormap.each = each;
        colormap
    }

    /// Share of the hottest, 0 to 1, that a heat index stands for.
    pub(crate) fn strength(&self, index: usize) -> f64 {
        match index {
            0 => 0.0,
            _ => ((index - 1) % self.each + 1) as f64 / self.each as f64,
        }
    }

    /// From black to white in even steps.
    pub fn gray() -> Self {
        Self::of(|row| [row as f64 / (LEVELS - 1) as f64; 3])
    }

    /// The map of a table of red, green and blue, eight bits each.
    fn published(table: &[u32; LEVELS]) -> Self {
        Self::of(|row| {
            let [_, r, g, b] = table[row].to_be_bytes();
            [r, g, b].map(|c| f64::from(c) / 255.0)
        })
    }

    /// The same with a share (0 to 1) of each colour's light.
    pub(crate) fn faded(&self, opacity: f64) -> Self {
        if opacity >= 1.0 {
            return self.clone();
        }
        Self::of(|row| self.tables.rgb[row].map(|c| c / 255.0 * opacity))
    }

    /// The map of `colours`, whose channels are 0 to 1. Whatever the coldest is, it becomes black.
    fn of(colours: impl Fn(usize) -> [f64; 3]) -> Self {
        let mut rgb = std::array::from_fn(|row| colours(row).map(|c| c * 255.0));
        rgb[0] = [0.0; 3];
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
            each: LEVELS - 1,
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
    fn known_rows_of_inferno() {
        // Published colours 1, 127 and 128 (the middle lies between them), 254 and 255.
        let colormap = Colormap::inferno();
        let rgb = colormap.rgb();
        assert_eq!(rgb[0], [0.0; 3]);
        let middle = [
            (0.729909 + 0.735683) / 2.0,
            (0.212759 + 0.215906) / 2.0,
            (0.333861 + 0.330245) / 2.0,
        ];
        for (row, published) in [
            (1, [0.002267, 0.001270, 0.018570]),
            (127, middle),
            (253, [0.982257, 0.994109, 0.631017]),
            (254, [0.988362, 0.998364, 0.644924]),
        ] {
            for (c, published) in rgb[row].into_iter().zip(published) {
                // The rounding, and 1/254 of a step between colours beside the ends.
                assert!((c - 255.0 * published).abs() <= 0.55, "{row}: {c}");
            }
        }
    }

    #[test]
    fn inferno_grows_lighter_step_by_step() {
        let colormap = Colormap::inferno();
        let luma = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        for (row, pair) in colormap.rgb().windows(2).enumerate() {
            let step = luma(pair[1]) - luma(pair[0]);
            // Rounding to eight bits may undo a small step.
            assert!((-0.2..=3.0).contains(&step), "{row}: {step}");
            for (a, b) in pair[0].into_iter().zip(pair[1]) {
                assert!((b - a).abs() <= 6.0, "{row}: {a} {b}");
            }
        }
    }

    #[test]
    fn no_heat_is_black_whatever_the_colours() {
        let white = Colormap::of(|_| [1.0; 3]);
        assert_eq!(white.rgb()[..2], [[0.0; 3], [255.0; 3]]);
        assert_eq!(white.span(0, 0), Span::default());
    }

    #[test]
    fn spans_cover_their_rows_and_no_more() {
        for colormap in [Colormap::jet(), Colormap::inferno(), Colormap::turbo()] {
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
}
