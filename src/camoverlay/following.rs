//! Property `smoothing`: maps that follow each other.

use std::time::Duration;

use camoverlay::cam::Explanation;

/// The maps that were shown last.
#[derive(Default)]
pub struct Following {
    /// Of each class: its number, the size of its map, and the values.
    last: Vec<(usize, (usize, usize), Vec<f32>)>,
    pts: Option<gst::ClockTime>,
}

impl Following {
    /// The next maps follow none.
    pub fn clear(&mut self) {
        self.last.clear();
        self.pts = None;
    }

    /// Has the maps of a frame of `pts` follow the last ones with the time constant `smoothing`, unless they are of another
    /// picture (`is_cut`), of other classes or sizes, or earlier.
    pub fn follow<'a>(
        &mut self,
        explanations: impl Iterator<Item = &'a mut Explanation>,
        pts: Option<gst::ClockTime>,
        smoothing: Duration,
        is_cut: bool,
    ) {
        let elapsed = pts
            .zip(self.pts)
            .and_then(|(now, last)| now.checked_sub(last));
        let elapsed = elapsed.filter(|_| !is_cut && !smoothing.is_zero());
        // What of the last map stays.
        let kept = elapsed.map(|elapsed| {
            (-(elapsed.nseconds() as f64) / smoothing.as_nanos() as f64).exp() as f32
        });
        let mut count = 0;
        for explanation in explanations {
            let map = &mut explanation.map;
            let (class, size) = (explanation.target.id, (map.width, map.height));
            if self.last.len() == count {
                self.last.push((class, size, Vec::new()));
            }
            let last = &mut self.last[count];
            count += 1;
            if let Some(kept) = kept
                && (last.0, last.1) == (class, size)
                && last.2.len() == map.values.len()
            {
                for (value, last) in map.values.iter_mut().zip(&last.2) {
                    *value += kept * (last - *value);
                }
            }
            (last.0, last.1) = (class, size);
            last.2.clear();
            last.2.extend_from_slice(&map.values);
        }
        self.last.truncate(count);
        self.pts = pts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(class: usize, values: [f32; 2]) -> Explanation {
        let mut explanation = Explanation::default();
        explanation.target.id = class;
        explanation.map.values = values.into();
        (explanation.map.width, explanation.map.height) = (2, 1);
        explanation
    }

    #[test]
    fn maps_follow_exponentially_and_begin_anew_after_cuts() {
        let mut following = Following::default();
        let mut follow = |class, values, ms: u64, is_cut| {
            let mut explanation = explained(class, values);
            let pts = Some(gst::ClockTime::from_mseconds(ms));
            let time = Duration::from_millis(200);
            following.follow([&mut explanation].into_iter(), pts, time, is_cut);
            explanation.map.values
        };
        assert_eq!(follow(1, [1.0, 0.0], 0, true), [1.0, 0.0]);
        let kept = (-0.5f32).exp();
        let second = follow(1, [0.0, 1.0], 100, false);
        assert!((second[0] - kept).abs() < 1e-6 && (second[1] - 1.0 + kept).abs() < 1e-6);
        // Two steps are as one of both.
        let third = follow(1, [0.0, 1.0], 200, false);
        assert!((third[0] - (-1.0f32).exp()).abs() < 1e-6, "{third:?}");
        assert_eq!(
            follow(2, [0.5, 0.5], 300, false),
            [0.5, 0.5],
            "another class"
        );
        assert_eq!(follow(2, [0.1, 0.5], 400, true), [0.1, 0.5], "a cut");
        assert_eq!(follow(2, [0.7, 0.5], 50, false), [0.7, 0.5], "earlier");
    }
}
