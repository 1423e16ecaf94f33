//! Being on time on live video: the latency to announce, and the frames that cannot wait for the network.

use gst::ClockTime;

/// Headroom of the announced latency over the slowest recent frame, in percent of it.
const HEADROOM: u64 = 25;

/// The part of a rise in lag by which the baseline follows it from frame to frame: slow against a
/// backlog of our own making, fast against a source whose frames come later from now on.
const BASELINE_CREEP: u64 = 16;

/// What the element knows of the pipeline's clockwork.
#[derive(Default)]
pub struct LatencyTracker {
    /// Time spent on the slowest recent frame that waited for the network.
    slowest: ClockTime,
    /// What the latency query answers.
    announced: ClockTime,
    /// Upstream's latency, if it is live, as the last latency query found.
    upstream: Option<ClockTime>,
    /// Lag behind the clock, on arrival here, of frames that nothing held up.
    baseline: ClockTime,
    /// Running time up to which frames reach the sink too late, as its last QoS event said.
    pub earliest: Option<ClockTime>,
}

impl LatencyTracker {
    /// Latency of the element for the latency query: the slowest recent frame and some headroom.
    pub fn latency(&self) -> ClockTime {
        self.announced
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

    /// Notes the time spent on a frame that waited for the network. True when the latency has changed so much that the
    /// pipeline should ask again.
    pub fn add(&mut self, time: ClockTime) -> bool {
        // The peak fades by 1/32 a frame, so that one hiccup is forgotten in a few seconds.
        self.slowest = time.max(self.slowest - self.slowest / 32);
        let wanted = self.slowest + self.slowest * HEADROOM / 100;
        let outgrown = self.slowest > self.announced;
        let shrunk = wanted * 2 < self.announced;
        if outgrown || shrunk {
            self.announced = wanted;
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
        told || (!keeps_up && lag - self.baseline > self.announced - self.slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Option<ClockTime> = Some(ClockTime::from_mseconds(33));

    fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    #[test]
    fn the_latency_follows_the_slowest_frame_with_headroom() {
        let mut latency = LatencyTracker::default();
        assert!(latency.add(ms(20)));
        assert_eq!(latency.latency(), ms(25));
        assert!(!latency.add(ms(24)), "within the headroom");
        assert!(latency.add(ms(40)));
        assert_eq!(latency.latency(), ms(50));
        let fell = (0..200).filter(|_| latency.add(ms(8))).count();
        assert!(fell >= 1, "a lasting fall is announced");
        assert!(latency.latency() < ms(25));
    }

    #[test]
    fn frames_are_late_by_the_sinks_word_or_by_the_clock() {
        let mut latency = LatencyTracker::default();
        latency.add(ms(40));
        assert!(
            !latency.is_late(ms(100), PERIOD, Some(ms(500))),
            "on video that is not live frames come when they are wanted"
        );
        latency.earliest = Some(ms(150));
        assert!(latency.is_late(ms(150), PERIOD, None));
        assert!(!latency.is_late(ms(151), PERIOD, None));
        latency.set_upstream(Some(ms(30)));
        assert!(!latency.is_late(ms(200), PERIOD, Some(ms(230))), "upstream");
        assert!(
            !latency.is_late(ms(300), PERIOD, Some(ms(340))),
            "the headroom"
        );
        assert!(latency.is_late(ms(400), PERIOD, Some(ms(442))));
        let long = Some(ms(50));
        assert!(
            !latency.is_late(ms(500), long, Some(ms(545))),
            "a network that keeps up catches up"
        );
    }

    #[test]
    fn a_source_that_comes_later_from_now_on_is_late_for_a_while_only() {
        let mut latency = LatencyTracker::default();
        latency.add(ms(40));
        latency.set_upstream(Some(ms(0)));
        assert!(!latency.is_late(ms(0), PERIOD, Some(ms(1))));
        let late = (1..200)
            .filter(|i| latency.is_late(ms(i * 33), PERIOD, Some(ms(i * 33 + 30))))
            .count();
        assert!(late > 5 && late < 150, "{late}");
    }
}
