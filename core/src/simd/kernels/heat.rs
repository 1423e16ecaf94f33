//! Look-ups of heat.
//!
//! Heat is smooth: the indices of a registerful of pixels beside each other have but a few values, so that a small
//! window of a table holds all that they look up.

use crate::simd::vectors::Vectors;

/// What the indices of a registerful of pixels lie in.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// The least.
    base: u8,
    /// Windows of a table from there on.
    count: usize,
    hottest: u8,
}

impl Window {
    #[inline(always)]
    pub fn of<V: Vectors>(v: V, low: V::Bytes, high: V::Bytes) -> Self {
        let [base, hottest] = v.extremes(low, high);
        Self {
            base,
            count: usize::from(hottest - base) / V::WINDOW + 1,
            hottest,
        }
    }

    pub fn is_cold(self) -> bool {
        self.hottest == 0
    }

    pub fn count(self) -> usize {
        self.count
    }

    /// Where `N` windows begin that hold all.
    #[inline(always)]
    pub fn base<V: Vectors, const N: usize>(self) -> usize {
        usize::from(self.base).min(256 - N * V::WINDOW)
    }
}

/// Runs a function that has the number of windows as its last constant, with no fewer than there are.
macro_rules! with_windows {
    ($windows:expr, $v:ident, $name:ident ( $($argument:expr),* $(,)? )) => {
        // Those of NEON are four at most.
        match ($windows.count(), V::WINDOW) {
            (1, _) => $name::<V, 1>($v, $($argument),*),
            (2, _) => $name::<V, 2>($v, $($argument),*),
            (3, 16) => $name::<V, 3>($v, $($argument),*),
            (3 | 4, _) => $name::<V, 4>($v, $($argument),*),
            (5 | 6, 16) => $name::<V, 6>($v, $($argument),*),
            (_, 16) => $name::<V, 16>($v, $($argument),*),
            _ => unreachable!("a table has no more than four windows of 64 entries"),
        }
    };
}
pub(super) use with_windows;
