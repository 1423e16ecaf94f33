//! Being on time on live video: the latency to announce, and the frames that cannot wait for the network.

use gst::ClockTime;

/// Headroom of the announced latency over the slowest recent frame, in percent of it.
const HEADROOM: u64 = 25;

/// What the element knows of the pipeline's clockwork.
#[derive(Default)]
pub struct Punctuality {
    /// Time spent on the slowest recent frame.
    slowest: ClockTime,
    /// What the latency query answers.
    announced: ClockTime,
    /// Whether upstream is live, as the last latency query found.
    pub live: bool,
    /// The whole pipeline's latency, as the sink was told.
    pub configured: Option<ClockTime>,
    /// Running time up to which frames reach the sink too late, as its last QoS event said.
    pub earliest: Option<ClockTime>,
}

impl Punctuality {
    /// Latency of the element for the latency query: the slowest recent frame and some headroom.
    pub fn latency(&self) -> ClockTime {
        self.announced
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

    /// Whether a frame of `running_time` would reach the sink late if it waited for the network at time `now` (running
    /// time too, `None` without a clock).
    ///
    /// The sink's own word counts first. On live video that is not waited for: where the pipeline's latency allows for
    /// an inference at all, a frame that has used up too much of it goes without.
    pub fn is_late(&self, running_time: ClockTime, now: Option<ClockTime>) -> bool {
        if self
            .earliest
            .is_some_and(|earliest| running_time <= earliest)
        {
            return true;
        }
        match (self.live, self.configured, now) {
            (true, Some(configured), Some(now)) if configured >= self.announced => {
                now + self.slowest > running_time + configured
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    #[test]
    fn the_latency_follows_the_slowest_frame_with_headroom() {
        let mut punctuality = Punctuality::default();
        assert!(punctuality.add(ms(20)));
        assert_eq!(punctuality.latency(), ms(25));
        assert!(!punctuality.add(ms(24)), "within the headroom");
        assert!(punctuality.add(ms(40)));
        assert_eq!(punctuality.latency(), ms(50));
        let fell = (0..200).filter(|_| punctuality.add(ms(8))).count();
        assert!(fell >= 1, "a lasting fall is announced");
        assert!(punctuality.latency() < ms(25));
    }

    #[test]
    fn frames_are_late_by_the_sinks_word_or_by_the_clock() {
        let mut punctuality = Punctuality::default();
        punctuality.add(ms(40));
        assert!(!punctuality.is_late(ms(100), Some(ms(500))), "not live");
        punctuality.earliest = Some(ms(150));
        assert!(punctuality.is_late(ms(150), None));
        assert!(!punctuality.is_late(ms(151), None));
        punctuality.live = true;
        punctuality.configured = Some(ms(60));
        assert!(!punctuality.is_late(ms(200), Some(ms(220))));
        assert!(punctuality.is_late(ms(200), Some(ms(221))));
        punctuality.configured = Some(ms(30));
        assert!(
            !punctuality.is_late(ms(200), Some(ms(300))),
            "no frame could be in time"
        );
    }
}
