//! Being on time on live video: the latency to announce, and the frames that cannot wait for the network.

use std::time::{Duration, Instant};

use gst::ClockTime;

/// Headroom of the announced latency over the slowest recent frame, in percent of it.
const HEADROOM: u64 = 25;

/// How much later than announced a frame may come before that is news: what GStreamer's video sinks forgive at least, their
/// `max-lateness`.
const FORGIVEN: ClockTime = ClockTime::from_mseconds(5);

/// How long a slow frame is remembered, once or twice that: each message makes the whole pipeline ask and wait anew.
const PERIOD: Duration = Duration::from_secs(10);

/// The part of a rise in lag by which the baseline follows it from frame to frame: slow against a
/// backlog of our own making, fast against a source whose frames come later from now on.
const BASELINE_CREEP: u64 = 16;

/// What the element knows of the pipeline's clockwork.
#[derive(Default)]
pub struct LatencyTracker {
    /// Time spent on the slowest recent frame that waited for the network.
    slowest: ClockTime,
    /// The slowest of this period, when that began, and the slowest of the one before.
    peak: ClockTime,
    period: Option<Instant>,
    last_peak: ClockTime,
    /// What the latency query answers, but for what frames are held.
    announced: ClockTime,
    /// For how long frames are held by number: until others have come.
    held: ClockTime,
    /// Upstream's latency, if it is live, as the last latency query found.
    upstream: Option<ClockTime>,
    /// Lag behind the clock, on arrival here, of frames that nothing held up.
    baseline: ClockTime,
    /// Running time up to which frames reach the sink too late, as its last QoS event said.
    pub earliest: Option<ClockTime>,
}

impl LatencyTracker {
    /// Latency of the element for the latency query: how long frames are held, the slowest recent frame, and some headroom.
    pub fn latency(&self) -> ClockTime {
        self.held + self.announced
    }

    /// For how long frames are held until others have come.
    pub fn held(&self) -> ClockTime {
        self.held
    }

    /// Notes for how long frames are held until others have come. True when that has changed.
    pub fn set_held(&mut self, held: ClockTime) -> bool {
        std::mem::replace(&mut self.held, held) != held
    }

    /// Notes upstream's latency, `None` where upstream is not live.
    pub fn set_upstream(&mut self, latency: Option<ClockTime>) {
        if self.upstream != latency {
            self.upstream = latency;
            self.baseline = latency.unwrap_or_default();
        }
    }

    pub fn is_live(&self) -> bool {
        self.upstream.is_some()
    }

    /// Notes the time spent until `now` on a frame that waited for the network. True when the latency has changed so much
    /// that the pipeline should ask again.
    pub fn add(&mut self, time: ClockTime, now: Instant) -> bool {
        // Fades by 1/32 a frame, so that one hiccup is forgotten in a few seconds.
        self.slowest = time.max(self.slowest - self.slowest / 32);
        self.peak = self.peak.max(time);
        let is_over = now.duration_since(*self.period.get_or_insert(now)) >= PERIOD;
        let wanted = |peak: ClockTime| peak + peak * HEADROOM / 100;
        let remembered = wanted(self.peak.max(self.last_peak));
        let outgrown = time > self.announced + FORGIVEN || self.announced.is_zero();
        let shrunk =
            is_over && remembered * 2 < self.announced && remembered + FORGIVEN < self.announced;
        if outgrown {
            self.announced = wanted(time);
        } else if shrunk {
            self.announced = remembered;
        }
        if is_over {
            (self.last_peak, self.peak, self.period) = (self.peak, ClockTime::ZERO, Some(now));
        }
        outgrown || shrunk
    }

    /// Whether a frame of `running_time` and `duration` that arrives at time `now` (running time too,
    /// `None` without a clock) should not wait for the network.
    ///
    /// The sink's own word counts first. On live video with a network slower than the frames that
    /// is not waited for: a frame that comes later than the headroom of the announced latency
    /// allows has been held up by the inference before it, and letting it wait too would hold up
    /// the next one even more.
    pub fn is_late(
        &mut self,
        running_time: ClockTime,
        duration: Option<ClockTime>,
        now: Option<ClockTime>,
    ) -> bool {
        let told = self
            .earliest
            .is_some_and(|earliest| running_time <= earliest);
        let Some(now) = now.filter(|_| self.is_live()) else {
            return told;
        };
        let lag = now.saturating_sub(running_time);
        let rise = lag.saturating_sub(self.baseline);
        self.baseline = lag.min(self.baseline + rise / BASELINE_CREEP);
        let keeps_up = duration.is_some_and(|duration| self.slowest < duration);
        told || (!keeps_up && lag - self.baseline > self.announced.saturating_sub(self.slowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Option<ClockTime> = Some(ClockTime::from_mseconds(33));

    fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    /// How many messages `times` are worth that come 33 ms after each other.
    fn messages(
        latency: &mut LatencyTracker,
        start: Instant,
        times: impl Iterator<Item = u64>,
    ) -> usize {
        times
            .zip(0u32..)
            .filter(|&(time, i)| latency.add(ms(time), start + i * Duration::from_millis(33)))
            .count()
    }

    #[test]
    fn the_latency_follows_the_slowest_frame_with_headroom() {
        let mut latency = LatencyTracker::default();
        let now = Instant::now();
        assert!(latency.add(ms(20), now));
        assert_eq!(latency.latency(), ms(25));
        assert!(!latency.add(ms(29), now), "within what sinks forgive");
        assert!(latency.add(ms(40), now));
        assert_eq!(latency.latency(), ms(50));
        let fast = |frames: u64| (0..frames).map(|_| 8);
        let told = messages(&mut latency, now, fast(400));
        assert_eq!(told, 0, "a slow one may come again");
        let told = messages(
            &mut latency,
            now + 400 * Duration::from_millis(33),
            fast(800),
        );
        assert_eq!(told, 1, "a lasting fall");
        assert_eq!(latency.latency(), ms(10));
    }

    #[test]
    fn frames_of_changing_cost_do_not_fill_the_bus() {
        // Five minutes: a slow frame each second, a slower one each minute, and noise.
        let time = |i: u64| match i {
            i if i % 1800 == 900 => 120,
            i if i % 30 == 0 => 60,
            i => 10 + i * 7919 % 13,
        };
        let mut latency = LatencyTracker::default();
        let now = Instant::now();
        let messages = messages(&mut latency, now, (0..9000).map(time));
        assert!(messages <= 20, "{messages}");
        // And small ones, which no sink cares about.
        let mut latency = LatencyTracker::default();
        let small = |i: u64| 1 + i * 7919 % 5;
        assert_eq!(self::messages(&mut latency, now, (0..9000).map(small)), 1);
    }

    #[test]
    fn frames_are_late_by_the_sinks_word_or_by_the_clock() {
        let mut latency = LatencyTracker::default();
        latency.add(ms(40), Instant::now());
        assert!(
            !latency.is_late(ms(100), DURATION, Some(ms(500))),
            "on video that is not live frames come when they are wanted"
        );
        latency.earliest = Some(ms(150));
        assert!(latency.is_late(ms(150), DURATION, None));
        assert!(!latency.is_late(ms(151), DURATION, None));
        latency.set_upstream(Some(ms(30)));
        assert!(
            !latency.is_late(ms(200), DURATION, Some(ms(230))),
            "upstream"
        );
        assert!(
            !latency.is_late(ms(300), DURATION, Some(ms(340))),
            "the headroom"
        );
        assert!(latency.is_late(ms(400), DURATION, Some(ms(442))));
        let long = Some(ms(50));
        assert!(
            !latency.is_late(ms(500), long, Some(ms(545))),
            "a network that keeps up catches up"
        );
    }

    #[test]
    fn a_source_that_comes_later_from_now_on_is_late_for_a_while_only() {
        let mut latency = LatencyTracker::default();
        latency.add(ms(40), Instant::now());
        latency.set_upstream(Some(ms(0)));
        assert!(!latency.is_late(ms(0), DURATION, Some(ms(1))));
        let late = (1..200)
            .filter(|i| latency.is_late(ms(i * 33), DURATION, Some(ms(i * 33 + 30))))
            .count();
        assert!(late > 5 && late < 150, "{late}");
    }
}
