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
        Self::of(|row| {
            let [_, r, g, b] = INFERNO[row].to_be_bytes();
            [r, g, b].map(|c| f64::from(c) / 255.0)
        })
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

/// Red, green and blue of [`Colormap::inferno`], as `scripts/colormap.py inferno` prints them.
#[rustfmt::skip]
const INFERNO: [u32; LEVELS] = [
    0x000004, 0x010005, 0x010106, 0x010108, 0x02010a, 0x02020c, 0x02020e, 0x030210, 0x040312,
    0x040315, 0x050417, 0x060419, 0x07051b, 0x08061d, 0x090620, 0x0a0722, 0x0b0724, 0x0c0826,
    0x0d0829, 0x0e092b, 0x10092d, 0x110a30, 0x120a32, 0x140b35, 0x150b37, 0x160b3a, 0x180c3c,
    0x190c3e, 0x1b0c41, 0x1c0c43, 0x1e0c46, 0x200c48, 0x210c4a, 0x230c4d, 0x250c4f, 0x260c51,
    0x280b53, 0x2a0b55, 0x2c0b57, 0x2d0b59, 0x2f0a5b, 0x310a5c, 0x330a5e, 0x340a5f, 0x360961,
    0x380962, 0x3a0963, 0x3b0964, 0x3d0965, 0x3f0966, 0x400a67, 0x420a68, 0x440a69, 0x460b69,
    0x470b6a, 0x490b6a, 0x4b0c6b, 0x4c0c6b, 0x4e0d6c, 0x4f0d6c, 0x510e6c, 0x530e6d, 0x540f6d,
    0x560f6d, 0x57106e, 0x59116e, 0x5b116e, 0x5c126e, 0x5e126e, 0x5f136e, 0x61146e, 0x63146e,
    0x64156e, 0x66156e, 0x67166e, 0x69176e, 0x6b176e, 0x6c186e, 0x6e186e, 0x6f196e, 0x711a6e,
    0x731a6e, 0x741b6e, 0x761b6e, 0x771c6d, 0x791c6d, 0x7b1d6d, 0x7c1e6d, 0x7e1e6c, 0x7f1f6c,
    0x811f6c, 0x83206c, 0x84206b, 0x86216b, 0x87216a, 0x89226a, 0x8b236a, 0x8c2369, 0x8e2469,
    0x8f2468, 0x912568, 0x932567, 0x942667, 0x962766, 0x972766, 0x992865, 0x9a2865, 0x9c2964,
    0x9e2a63, 0x9f2a63, 0xa12b62, 0xa22b62, 0xa42c61, 0xa52d60, 0xa72d5f, 0xa92e5f, 0xaa2f5e,
    0xac2f5d, 0xad305c, 0xaf315c, 0xb0315b, 0xb2325a, 0xb33359, 0xb53458, 0xb63457, 0xb83556,
    0xb93656, 0xbb3755, 0xbc3754, 0xbe3853, 0xbf3952, 0xc13a51, 0xc23b50, 0xc43c4f, 0xc53d4e,
    0xc63e4d, 0xc83f4c, 0xc9404b, 0xcb414a, 0xcc4249, 0xcd4348, 0xcf4447, 0xd04545, 0xd14644,
    0xd24743, 0xd44842, 0xd54941, 0xd64a40, 0xd74b3f, 0xd94d3e, 0xda4e3c, 0xdb4f3b, 0xdc503a,
    0xdd5239, 0xde5338, 0xdf5437, 0xe15535, 0xe25734, 0xe35833, 0xe45a32, 0xe55b31, 0xe65c2f,
    0xe75e2e, 0xe85f2d, 0xe8612c, 0xe9622a, 0xea6429, 0xeb6528, 0xec6727, 0xed6825, 0xee6a24,
    0xee6c23, 0xef6d22, 0xf06f20, 0xf1701f, 0xf1721e, 0xf2741c, 0xf3751b, 0xf3771a, 0xf47919,
    0xf47a17, 0xf57c16, 0xf67e15, 0xf68013, 0xf78112, 0xf78311, 0xf7850f, 0xf8870e, 0xf8880d,
    0xf98a0b, 0xf98c0a, 0xf98e09, 0xfa9008, 0xfa9107, 0xfa9307, 0xfb9506, 0xfb9706, 0xfb9906,
    0xfb9b06, 0xfb9d06, 0xfc9e07, 0xfca008, 0xfca209, 0xfca40a, 0xfca60b, 0xfca80d, 0xfcaa0f,
    0xfcac10, 0xfcae12, 0xfcb014, 0xfcb216, 0xfcb418, 0xfbb61a, 0xfbb71c, 0xfbb91e, 0xfbbb21,
    0xfbbd23, 0xfbbf25, 0xfac128, 0xfac32a, 0xfac52d, 0xf9c72f, 0xf9c932, 0xf9cb34, 0xf8cd37,
    0xf8cf3a, 0xf7d13d, 0xf7d33f, 0xf6d542, 0xf6d745, 0xf5d949, 0xf5db4c, 0xf5dd4f, 0xf4df52,
    0xf4e156, 0xf3e359, 0xf3e45d, 0xf2e661, 0xf2e865, 0xf2ea68, 0xf1ec6d, 0xf1ed71, 0xf1ef75,
    0xf1f079, 0xf2f27d, 0xf2f381, 0xf3f586, 0xf3f68a, 0xf4f88e, 0xf5f992, 0xf6fa96, 0xf8fb9a,
    0xf9fc9d, 0xfafda1, 0xfcffa4,
];

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
        for colormap in [Colormap::jet(), Colormap::inferno()] {
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
