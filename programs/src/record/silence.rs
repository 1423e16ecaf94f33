//! When a sound that is missing is replaced by silence.
//!
//! Muxers write nothing while one of their streams may still give something earlier. If a live input stops to give a sound,
//! everything else would wait in memory for as long as the recording lasts.

use std::time::Instant;

use gst::ClockTime;

/// How far the picture goes on without sound before silence takes its place: live sound and picture come together.
const LAG: ClockTime = ClockTime::from_seconds(2);
/// Most of silence that is made at once: what is before it was an outage.
const LONGEST: ClockTime = ClockTime::from_seconds(10);
/// How long the picture may stand still beside silence, before that goes on for as long ahead of it: the picture may wait
/// for what comes behind it, and that for sound.
const STANDSTILL: ClockTime = ClockTime::SECOND;

/// What was heard, in running times.
#[derive(Default)]
pub struct Heard {
    /// Where sound and the silence behind it end; none before the first one.
    end: Option<ClockTime>,
    /// Whether it is silence that ends there.
    is_silent: bool,
    /// How far sound was ahead of the picture when it was heard last, in nanoseconds.
    lead: i64,
    /// How far the picture had come then, or when it was back after it had been away.
    since: ClockTime,
    /// Whether it has been away since sound was heard last: sound may be back as well.
    was_away: bool,
    /// How far the picture had come at the last look, and when it was first seen there.
    looked: ClockTime,
    moved: Option<Instant>,
}

/// Silence from one running time to another.
#[derive(Debug, PartialEq, Eq)]
pub struct Silence {
    pub from: ClockTime,
    pub to: ClockTime,
    /// Whether it follows sound.
    pub is_first: bool,
}

impl Heard {
    /// Sound has come from `from` to `to` while the picture had come as far as `picture`. Whether it may be recorded:
    /// silence may already have taken its place.
    pub fn hear(&mut self, from: ClockTime, to: ClockTime, picture: ClockTime) -> bool {
        (self.since, self.was_away) = (picture, false);
        if self.is_silent && self.end.is_some_and(|end| from < end) {
            return false;
        }
        self.lead = to.nseconds() as i64 - picture.nseconds() as i64;
        (self.end, self.is_silent) = (Some(to), false);
        true
    }

    /// How long the picture, which has come as far as `picture`, has gone on without sound.
    pub fn lull(&mut self, picture: ClockTime, now: Instant) -> ClockTime {
        // Once, since there may be as long from frame to frame.
        if picture > self.looked + LAG && !self.was_away {
            (self.since, self.was_away) = (picture, true);
        }
        if picture != self.looked || self.moved.is_none() {
            (self.looked, self.moved) = (picture, Some(now));
        }
        picture.saturating_sub(self.since)
    }

    /// What has to be silent `now` that the picture has come as far as `picture`.
    pub fn fill(&mut self, picture: ClockTime, now: Instant) -> Option<Silence> {
        let is_due = self.lull(picture, now) > LAG;
        let end = self.end.filter(|_| is_due)?;
        let is_still = self
            .moved
            .is_some_and(|moved| now - moved > STANDSTILL.into());
        let to = if self.is_silent && is_still {
            picture + STANDSTILL + ClockTime::from_nseconds(self.lead.max(0).unsigned_abs())
        } else {
            let behind = picture.saturating_sub(LAG).nseconds();
            ClockTime::from_nseconds(behind.saturating_add_signed(self.lead))
        };
        let from = end.max(to.saturating_sub(LONGEST));
        if from >= to {
            return None;
        }
        let is_first = !self.is_silent;
        (self.end, self.is_silent) = (Some(to), true);
        Some(Silence { from, to, is_first })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What is filled where the picture has moved.
    fn fill(heard: &mut Heard, tenths: u64) -> Option<Silence> {
        heard.fill(at(tenths), Instant::now())
    }

    const fn at(tenths: u64) -> ClockTime {
        ClockTime::from_mseconds(100 * tenths)
    }

    /// A second in which sound comes that is `lead` tenths of a second ahead of the picture, which starts at `start`.
    fn second(heard: &mut Heard, start: u64, lead: i64) {
        for tenth in start..start + 10 {
            let from = at(tenth.checked_add_signed(lead).unwrap());
            assert!(heard.hear(from, from + at(1), at(tenth)));
            assert_eq!(fill(heard, tenth), None);
        }
    }

    #[test]
    fn silence_follows_sound_without_a_gap_and_as_far_from_the_picture() {
        for lead in [-50, 0, 50] {
            let mut heard = Heard::default();
            second(&mut heard, 100, lead);
            // The picture was at 10.9 s when sound was heard last.
            let mut end = at(110u64.checked_add_signed(lead).unwrap());
            for tenth in 110..=129 {
                assert_eq!(fill(&mut heard, tenth), None, "{lead}, {tenth}");
            }
            for tenth in 131..200 {
                let Silence { from, to, is_first } = fill(&mut heard, tenth).unwrap();
                assert_eq!((from, is_first), (end, tenth == 131), "{lead}, {tenth}");
                end = to;
            }
            // What comes again where it should is recorded at once.
            second(&mut heard, 200, lead);
        }
    }

    #[test]
    fn sound_whose_place_is_taken_is_left_out_until_it_has_caught_up() {
        let mut heard = Heard::default();
        second(&mut heard, 100, 0);
        for tenth in 110..=160 {
            fill(&mut heard, tenth);
        }
        let end = heard.end.unwrap();
        for tenth in 161..200 {
            let from = at(tenth - 30);
            assert_eq!(heard.hear(from, from + at(1), at(tenth)), from >= end);
            assert_eq!(fill(&mut heard, tenth), None);
        }
    }

    #[test]
    fn an_outage_is_no_silence() {
        let mut heard = Heard::default();
        second(&mut heard, 100, 0);
        assert_eq!(fill(&mut heard, 36_000), None);
        second(&mut heard, 36_000, 0);
        // Nor is one after which no sound comes filled up.
        assert_eq!(fill(&mut heard, 72_000), None);
        let filled: Vec<_> = (72_001..72_050)
            .filter_map(|tenth| fill(&mut heard, tenth))
            .collect();
        let all = filled.iter().map(|silence| silence.to - silence.from);
        assert!(all.sum::<ClockTime>() <= LONGEST + at(50));
        assert!(filled[0].from > at(71_000));
    }

    #[test]
    fn a_picture_that_waits_for_sound_gets_silence_ahead_of_it() {
        for lead in [-50, 0, 50] {
            let mut heard = Heard::default();
            second(&mut heard, 100, lead);
            let now = Instant::now();
            // It is not silent yet: there may be no picture for the time being.
            heard.fill(at(129), now);
            assert_eq!(heard.fill(at(129), now + Duration::from_secs(5)), None);
            assert!(heard.fill(at(140), now).is_some());
            assert_eq!(heard.fill(at(140), now + Duration::from_millis(900)), None);
            let later = now + Duration::from_millis(1100);
            let to = heard.fill(at(140), later).unwrap().to;
            assert_eq!(to, at(150 + (lead + 1).max(0).unsigned_abs()));
            // Once.
            assert_eq!(heard.fill(at(140), later + Duration::from_secs(5)), None);
        }
    }

    #[test]
    fn after_an_outage_sound_is_waited_for() {
        for outage in [25, 50, 36_000] {
            let mut heard = Heard::default();
            second(&mut heard, 100, 0);
            let back = 110 + outage;
            for tenth in back..=back + 20 {
                assert_eq!(fill(&mut heard, tenth), None);
            }
            assert!(fill(&mut heard, back + 21).unwrap().is_first);
        }
    }

    #[test]
    fn three_seconds_from_frame_to_frame_are_no_outage() {
        let mut heard = Heard::default();
        second(&mut heard, 100, 0);
        assert_eq!(fill(&mut heard, 140), None);
        assert!(fill(&mut heard, 170).is_some());
    }

    #[test]
    fn before_the_first_sound_nothing_is_filled() {
        let mut heard = Heard::default();
        assert!((0..200).all(|tenth| fill(&mut heard, tenth).is_none()));
    }
}
