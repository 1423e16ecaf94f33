//! The colours of heat.

use std::sync::LazyLock;

/// Rows of the table, from no heat to the hottest.
pub(crate) const LEVELS: usize = 255;

/// MATLAB's `jet(255)` with its row `i` scaled by `i / 254` and to 0..255, so that row 0 is black.
pub(crate) static HEAT: LazyLock<[[f64; 3]; LEVELS]> = LazyLock::new(|| {
    std::array::from_fn(|row| {
        let i = row as f64 + 1.0;
        let ramp = |up: f64, down: f64| ((i - up) / 64.0).min((down - i) / 64.0).clamp(0.0, 1.0);
        let jet = [ramp(96.0, 288.0), ramp(32.0, 224.0), ramp(-32.0, 160.0)];
        jet.map(|c| c * (row as f64 / 254.0) * 255.0)
    })
});

/// Smallest and largest channel of some rows of [`HEAT`], or of these over some grays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub lowest: f64,
    pub highest: f64,
}

impl Span {
    /// Of no rows.
    pub const NONE: Self = Self {
        lowest: f64::INFINITY,
        highest: f64::NEG_INFINITY,
    };

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

/// [`Span`] of each row.
pub(crate) static ROWS: LazyLock<[Span; LEVELS]> = LazyLock::new(|| {
    HEAT.map(|c| Span {
        lowest: c[0].min(c[1]).min(c[2]),
        highest: c[0].max(c[1]).max(c[2]),
    })
});

/// [`Span`]s of 1, 2, 4, .. 128 rows from each row on, as far as the table goes.
static SPANS: LazyLock<[[Span; LEVELS]; 8]> = LazyLock::new(|| {
    let mut spans = [*ROWS; 8];
    for doubling in 1..8 {
        let half = spans[doubling - 1];
        spans[doubling] = std::array::from_fn(|row| {
            let second = (row + (1 << (doubling - 1))).min(LEVELS - 1);
            half[row].joined(half[second])
        });
    }
    spans
});

/// The span of the rows from `coolest` to `hottest`.
pub(crate) fn span(coolest: u8, hottest: u8) -> Span {
    if hottest == 0 {
        return Span::default();
    }
    let (first, last) = (usize::from(coolest), usize::from(hottest));
    let doubling = (last - first + 1).ilog2() as usize;
    let spans = &SPANS[doubling];
    spans[first].joined(spans[last + 1 - (1 << doubling)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rows() {
        assert_eq!(HEAT[0], [0.0; 3]);
        assert_eq!(HEAT[223].map(f64::round), [224.0, 0.0, 0.0]);
        assert_eq!(HEAT[254].map(f64::round), [131.0, 0.0, 0.0]);
    }

    #[test]
    fn spans_cover_their_rows_and_no_more() {
        for coolest in 0..LEVELS as u8 {
            let mut expected = span(coolest, coolest);
            for hottest in coolest..LEVELS as u8 {
                let row = HEAT[usize::from(hottest)];
                for c in row {
                    expected.lowest = expected.lowest.min(c);
                    expected.highest = expected.highest.max(c);
                }
                assert_eq!(span(coolest, hottest), expected);
            }
        }
    }
}
