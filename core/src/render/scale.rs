//! What of a map's values becomes no heat and what the most.

use std::time::Duration;

/// How a map's values become 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// From the minimum and maximum over this frame.
    #[default]
    Frame,
    /// From a minimum and maximum that follow the frame's with a time constant of a second, and at once where it reaches beyond
    /// them. So does the final stretch of [`Blend::Darkened`](super::Blend::Darkened). After a cut both begin anew.
    Steady,
    /// From these two values, as another class's map has them before it is scaled: what is beyond is drawn as these.
    Common {
        /// What becomes 0.
        least: f64,
        /// What becomes 1.
        most: f64,
    },
    /// As [`Frame`](Self::Frame), times this share (0 to 1).
    Score(f64),
    /// From 0, or this frame's minimum where that is more, to its maximum: what is negative has no heat.
    Positive,
}

/// Time constant with which limits come back.
const FOLLOWING: f64 = 1.0;

/// Limits that hold the frame's and follow them slowly inward.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits(Option<(f64, f64)>);

impl Limits {
    /// The limits for a frame whose own are `now`, so long after the last one; none: it has nothing to do with it.
    pub fn follow(&mut self, now: (f64, f64), elapsed: Option<Duration>) -> (f64, f64) {
        let limits = match (self.0, elapsed) {
            (Some((low, high)), Some(elapsed)) => {
                let share = 1.0 - (-elapsed.as_secs_f64() / FOLLOWING).exp();
                (
                    now.0.min(low + share * (now.0 - low)),
                    now.1.max(high + share * (now.1 - high)),
                )
            }
            (None, _) | (_, None) => now,
        };
        self.0 = Some(limits);
        limits
    }

    /// Forgets what was.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_the_frames_and_come_back_within_seconds() {
        let mut limits = Limits::default();
        let frame = Some(Duration::from_millis(40));
        assert_eq!(limits.follow((2.0, 8.0), frame), (2.0, 8.0));
        // At once outward.
        assert_eq!(limits.follow((1.0, 9.0), frame), (1.0, 9.0));
        // Inward to 1/e of the way after a second.
        let mut last = (0.0, 0.0);
        for _ in 0..25 {
            last = limits.follow((3.0, 5.0), frame);
            assert!(last.0 <= 3.0 && last.1 >= 5.0);
        }
        let left = (-1.0f64).exp();
        assert!((last.1 - (5.0 + 4.0 * left)).abs() < 1e-9, "{last:?}");
        assert!((last.0 - (3.0 - 2.0 * left)).abs() < 1e-9, "{last:?}");
        // After a cut at once.
        assert_eq!(limits.follow((3.0, 5.0), None), (3.0, 5.0));
    }
}
