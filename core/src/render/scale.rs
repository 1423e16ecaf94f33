//! What of a map's values becomes no heat and what the most.

use std::time::Duration;

/// How a map's values become 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// From the minimum and maximum over this frame.
    #[default]
    Frame,
    /// From a minimum and maximum that follow the frame's with a time constant of a second, and at once where it reaches beyond
    /// them. So does the final stretch of [`Blend::Darkened`](super::Blend::Darkened), which leaves two in a hundred for noise. After a
    /// cut both begin anew.
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

/// Share of what the stretch of a frame goes over by which noise moves the brightest and the darkest pixel: so much is left above
/// and below, and within that nothing is followed.
const SLACK: f64 = 0.02;

/// Limits that hold the frame's and follow them slowly inward.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits(Option<(f64, f64)>);

impl Limits {
    /// The limits for a frame whose own are `now`, so long after the last one; none: it has nothing to do with it.
    pub fn follow(&mut self, now: (f64, f64), elapsed: Option<Duration>) -> (f64, f64) {
        let limits = match (self.0, elapsed) {
            (Some((low, high)), Some(elapsed)) => {
                let share = share_of(elapsed);
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

    /// The same with a little room below and above, in which limits stay as they are.
    pub fn follow_with_slack(&mut self, now: (f64, f64), elapsed: Option<Duration>) -> (f64, f64) {
        let slack = SLACK * (now.1 - now.0);
        let roomy = (now.0 - slack / 4.0, now.1 + slack);
        let beyond = |way: f64| way.signum() * (way.abs() - slack).max(0.0);
        let limits = match (self.0, elapsed) {
            (Some((low, high)), Some(elapsed)) => {
                let share = share_of(elapsed);
                (
                    low + share * beyond(roomy.0 - low),
                    high + share * beyond(roomy.1 - high),
                )
            }
            (None, _) | (_, None) => roomy,
        };
        self.0 = Some(limits);
        (now.0.min(limits.0), now.1.max(limits.1))
    }

    /// Forgets what was.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

/// How much of the way to where it follows a limit goes in that time.
fn share_of(elapsed: Duration) -> f64 {
    1.0 - (-elapsed.as_secs_f64() / FOLLOWING).exp()
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

    #[test]
    fn noise_moves_no_limits_and_changes_do() {
        let mut limits = Limits::default();
        let frame = Some(Duration::from_millis(40));
        let first = limits.follow_with_slack((10.0, 110.0), None);
        assert!(first.0 < 10.0 && first.1 > 110.0);
        for noise in [1.0, -1.5, 0.5, 1.9] {
            assert_eq!(
                limits.follow_with_slack((10.0, 110.0 + noise), frame),
                first
            );
        }
        // What is brighter is never cut off, and what stays darker is followed.
        assert_eq!(limits.follow_with_slack((10.0, 150.0), frame).1, 150.0);
        for _ in 0..500 {
            limits.follow_with_slack((10.0, 60.0), frame);
        }
        let last = limits.follow_with_slack((10.0, 60.0), frame);
        assert!((60.0..63.0).contains(&last.1), "{last:?}");
    }
}
