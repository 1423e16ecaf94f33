//! Frames on which the network failed: how many in a row a stream bears, and how often that is told.

use std::time::{Duration, Instant};

/// Shortest time between two warnings.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of the runs until now.
#[derive(Default)]
pub struct Failures {
    /// Some run has succeeded.
    has_succeeded: bool,
    /// Since the last run that succeeded.
    in_a_row: u64,
    /// When the last warning was given, and how many failures had none since.
    told: Option<(Instant, u64)>,
}

impl Failures {
    pub fn succeed(&mut self) {
        self.has_succeeded = true;
        self.in_a_row = 0;
    }

    /// Notes a failure. Whether the stream goes on: after its first frame, and with at most `most` failures in a row, any
    /// number of them where that is negative, as GstVideoDecoder's `max-errors` has it.
    pub fn bear(&mut self, most: i32) -> bool {
        self.in_a_row += 1;
        self.has_succeeded && u64::try_from(most).map_or(true, |most| self.in_a_row <= most)
    }

    /// What to warn of at `now`, if it is time again: `what`, and how many failures were not told since the last warning.
    pub fn warning(&mut self, now: Instant, what: impl FnOnce() -> String) -> Option<String> {
        let untold = match &mut self.told {
            Some((at, untold)) if now.duration_since(*at) < PAUSE => {
                *untold += 1;
                return None;
            }
            Some((_, untold)) => *untold,
            None => 0,
        };
        self.told = Some((now, 0));
        let what = what();
        Some(match untold {
            0 => what,
            1 => format!("{what} (So it was with one more frame since the last warning.)"),
            _ => format!("{what} (So it was with {untold} more frames since the last warning.)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_must_succeed_and_then_so_many_may_fail() {
        for (most, borne) in [(0, 0), (1, 1), (10, 10)] {
            let mut failures = Failures::default();
            assert!(!failures.bear(most), "the first frame");
            for _ in 0..2 {
                failures.succeed();
                assert!((0..borne).all(|_| failures.bear(most)), "{most}");
            }
            assert!(!failures.bear(most), "{most}");
        }
        let mut failures = Failures::default();
        assert!(!failures.bear(-1), "the first frame");
        failures.succeed();
        assert!((0..1000).all(|_| failures.bear(-1)));
    }

    #[test]
    fn warnings_come_once_a_second_and_count_what_lies_between() {
        let mut failures = Failures::default();
        let start = Instant::now();
        let told: Vec<_> = (0..61)
            .filter_map(|i| {
                failures.warning(start + i * Duration::from_millis(50), || "Bad.".into())
            })
            .collect();
        let later = "Bad. (So it was with 19 more frames since the last warning.)";
        assert_eq!(told, ["Bad.", later, later, later]);
    }
}
