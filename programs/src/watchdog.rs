//! Whether an input still gives something, or nothing will come of it any more.
//!
//! A decoded frame always counts. So does what is read, as long as it comes fast enough for something to come of it: at
//! [`SLOWEST`], which any link that carries pictures is above. Before the first frame, of an input that says nowhere how
//! long it is, it does so for [`LONGEST_START`] at most: such an input may have no end, and no picture.

use std::time::{Duration, Instant};

/// How long a file may give nothing while somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for an address, which has a time limit of its own as a rule.
const PATIENCE_FAR: Duration = Duration::from_secs(30);
/// What must be read without a frame coming out, in bytes a second.
const SLOWEST: u64 = 1000;
/// What may be read in all before the first frame of an input that says how long it is, besides twice its length: bytes.
const MOST_BEFORE_FRAME: u64 = 64 << 20;
/// How long an input of unknown length may be read before its first frame.
const LONGEST_START: Duration = Duration::from_secs(300);

/// What has come of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Bytes read.
    pub bytes: u64,
    /// The place behind the furthest of them, as far as can be known.
    pub place: u64,
    /// Frames decoded.
    pub frames: u64,
}

/// Why an input is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standstill {
    Silent,
    /// So many bytes, and no frame.
    Slow {
        bytes: u64,
    },
    /// So many bytes, and no frame, of an input that says nowhere how long it is.
    Endless {
        bytes: u64,
    },
    /// Much more than the `length` that it says it has, in bytes, and no frame.
    Repeating {
        length: u64,
    },
}

pub struct Watchdog {
    pub patience: Duration,
    pub is_far: bool,
    /// When there was last no reason to complain, and what had come until then; none before the first look.
    last: Option<(Given, Instant)>,
    /// Since when the first frame is waited for.
    start: Option<Instant>,
}

impl Watchdog {
    /// For an address, or else for a file.
    pub fn new(is_far: bool) -> Self {
        Self {
            patience: if is_far { PATIENCE_FAR } else { PATIENCE },
            is_far,
            last: None,
            start: None,
        }
    }

    /// Why to give up at `now` an input of which so much has been `given` since the pipeline began, if there is a reason.
    /// `may_rest`: nothing need come now; `length`: how many bytes it has, if it says so.
    pub fn look(
        &mut self,
        now: Instant,
        given: Given,
        may_rest: bool,
        length: Option<u64>,
    ) -> Option<Standstill> {
        let (before, since) = *self.last.get_or_insert((given, now));
        let start = *self.start.get_or_insert(now);
        if may_rest || given.frames != before.frames {
            (self.last, self.start) = (Some((given, now)), Some(now));
            return None;
        }
        if given.frames == 0 {
            let most = length.map(|length| length.saturating_mul(2) + MOST_BEFORE_FRAME);
            match length.zip(most) {
                None if now - start > LONGEST_START => {
                    return Some(Standstill::Endless { bytes: given.bytes });
                }
                // A server may send the same again and again, whatever part it is asked for.
                Some((length, most)) if given.bytes.max(given.place) > most => {
                    return Some(Standstill::Repeating { length });
                }
                None | Some(_) => {}
            }
        }
        let bytes = given.bytes - before.bytes;
        if u128::from(bytes) * 1000 >= u128::from(SLOWEST) * self.patience.as_millis() {
            self.last = Some((given, now));
            return None;
        }
        (now - since > self.patience).then_some(match bytes {
            0 => Standstill::Silent,
            bytes => Standstill::Slow { bytes },
        })
    }

    /// What has happened to the input that the user calls `name`, and what to do.
    pub fn sentence(&self, name: &str, standstill: Standstill) -> String {
        let seconds = self.patience.as_secs();
        let (what, advice) = match standstill {
            Standstill::Silent => return silent(name, seconds, self.is_far),
            Standstill::Slow { bytes } => (
                format!("no picture and only {bytes} bytes in {seconds} seconds"),
                help(self.is_far),
            ),
            Standstill::Endless { bytes } => (
                format!("{:.1} MB and no picture", bytes as f64 / 1e6,),
                "Is it a video or a picture?",
            ),
            Standstill::Repeating { length } => (
                format!(
                    "more than the {:.1} MB that it has, and no picture",
                    length as f64 / 1e6
                ),
                "Its server does not send the parts that it is asked for: download it first.",
            ),
        };
        format!("{name} has given {what}, and is given up. {advice}")
    }
}

/// The same where nothing at all has come for so many `seconds`, from an address or else a file.
pub fn silent(name: &str, seconds: u64, is_far: bool) -> String {
    let help = help(is_far);
    format!("{name} has given nothing for {seconds} seconds, and is given up. {help}")
}

/// What to look at where little or nothing comes of an input.
fn help(is_far: bool) -> &'static str {
    match is_far {
        true => "Is the address right, and do its server and the connection work?",
        false => "Is it complete, and can the place where it lies be read?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an address's watchdog says within `minutes` if it looks every second, `given` being what has come by then.
    fn verdict(
        minutes: u64,
        length: Option<u64>,
        given: impl Fn(u64) -> Given,
    ) -> Option<(u64, Standstill)> {
        let mut watchdog = Watchdog::new(true);
        let start = Instant::now();
        (0..minutes * 60).find_map(|second| {
            let now = start + Duration::from_secs(second);
            let standstill = watchdog.look(now, given(second), false, length);
            standstill.map(|standstill| (second, standstill))
        })
    }

    fn bytes(bytes: u64) -> Given {
        Given {
            bytes,
            place: bytes,
            frames: 0,
        }
    }

    #[test]
    fn what_comes_slowly_but_surely_is_waited_for() {
        for length in [Some(1 << 30), None] {
            assert_eq!(verdict(4, length, |s| bytes(1500 * s)), None);
        }
        // An hour for an MP4 whose table is at its end.
        assert_eq!(verdict(60, Some(1 << 30), |s| bytes(50_000 * s)), None);
        // A picture every twenty seconds.
        let frames = |s: u64| Given {
            frames: s / 20,
            ..bytes(s)
        };
        assert_eq!(verdict(60, None, frames), None);
        // Sound behind the first picture, which is the only one.
        let sound = |s: u64| Given {
            frames: s.min(1),
            ..bytes(16_000 * s)
        };
        assert_eq!(verdict(60, None, sound), None);
    }

    #[test]
    fn what_only_drips_or_never_ends_is_not() {
        let silent = verdict(60, Some(1 << 30), |_| bytes(0));
        assert_eq!(silent, Some((31, Standstill::Silent)));
        let dripping = verdict(60, Some(1 << 30), bytes);
        assert_eq!(dripping, Some((31, Standstill::Slow { bytes: 31 })));
        let endless = verdict(60, None, |s| bytes(50_000 * s));
        let all = 50_000 * 301;
        assert_eq!(endless, Some((301, Standstill::Endless { bytes: all })));
        // The same megabyte again and again, or at other places each time.
        let length = 1_000_000;
        let again = verdict(60, Some(length), |s| bytes(length * s));
        assert_eq!(again, Some((70, Standstill::Repeating { length })));
        let elsewhere = verdict(60, Some(length), |s| Given {
            place: length << s.min(40),
            ..bytes(8000 * s)
        });
        assert_eq!(elsewhere, Some((7, Standstill::Repeating { length })));
        // After a frame as well.
        let then = verdict(60, Some(1 << 30), |s| Given {
            frames: s.min(100),
            ..bytes(1_000_000 + s)
        });
        assert_eq!(then, Some((131, Standstill::Slow { bytes: 31 })));
    }

    #[test]
    fn a_rest_begins_everything_anew() {
        let mut watchdog = Watchdog::new(false);
        let start = Instant::now();
        for second in 0..1000 {
            let now = start + Duration::from_secs(second);
            let rests = second % 10 == 0;
            assert_eq!(watchdog.look(now, bytes(0), rests, None), None);
        }
    }

    #[test]
    fn a_sentence_says_what_came_and_what_to_do() {
        let file = Watchdog::new(false);
        let far = Watchdog::new(true);
        for (watchdog, standstill, expected) in [
            (
                &file,
                Standstill::Silent,
                "a has given nothing for 10 seconds, and is given up. Is it complete, and can the place where it lies be \
                 read?",
            ),
            (
                &far,
                Standstill::Slow { bytes: 31 },
                "a has given no picture and only 31 bytes in 30 seconds, and is given up. Is the address right, and do \
                 its server and the connection work?",
            ),
            (
                &far,
                Standstill::Endless { bytes: 15_050_000 },
                "a has given 15.1 MB and no picture, and is given up. Is it a video or a picture?",
            ),
            (
                &far,
                Standstill::Repeating { length: 6_324_760 },
                "a has given more than the 6.3 MB that it has, and no picture, and is given up. Its server does not send \
                 the parts that it is asked for: download it first.",
            ),
        ] {
            assert_eq!(watchdog.sentence("a", standstill), expected);
        }
    }
}
