//! What came of trying a provider with a network.

use std::time::Duration;

use serde_json::{Value, json};

use super::attach::Refusal;

/// Most that a score may differ from ONNX Runtime's own for two to count as equal.
pub const SAME_SCORE: f64 = 0.02;

/// What was found out in the process that tried it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It runs the network.
    Measured(Measured),
    /// It does not.
    Refused(Refusal),
    /// It ended that process, as this says.
    Died(String),
    /// It took longer than this many seconds.
    TimedOut(u64),
}

/// A provider next to ONNX Runtime's own processor code, on test pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The best class is the same in all of them.
    pub is_same_class: bool,
    /// Largest difference of a score, of any class.
    pub score_difference: f64,
    /// Least correlation of the feature maps of a picture.
    pub correlation: f64,
    /// A run of ONNX Runtime's own code, the shortest of several.
    pub cpu: Duration,
    /// A run of the provider, the shortest of several.
    pub provider: Duration,
    /// How many of the network's steps it took, after what was fused, and how many there are.
    pub steps: [u64; 2],
    /// Its device.
    pub device: String,
}

impl Measured {
    /// Whether it gives what ONNX Runtime's own code gives.
    pub fn is_right(&self) -> bool {
        self.is_same_class && self.score_difference <= SAME_SCORE
    }

    /// Why it is no better than ONNX Runtime's own code, as the end of a sentence that begins with its name.
    pub fn shortcoming(&self) -> Option<String> {
        if !self.is_right() {
            return Some(format!(
                "gives other classes or scores (by up to {:.3})",
                self.score_difference
            ));
        }
        (self.provider >= self.cpu).then(|| {
            let [provider, cpu] = [self.provider, self.cpu].map(|time| time.as_secs_f64() * 1e3);
            format!("is not faster ({provider:.1} ms a run instead of {cpu:.1} ms)")
        })
    }
}

impl Outcome {
    /// For another process, or a later one.
    pub fn to_json(&self) -> Value {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match self {
            Self::Measured(measured) => json!({
                "outcome": "measured",
                "same-class": measured.is_same_class,
                "score-difference": measured.score_difference,
                "correlation": measured.correlation,
                "cpu": nanoseconds(measured.cpu),
                "provider": nanoseconds(measured.provider),
                "steps": measured.steps,
                "device": measured.device,
            }),
            Self::Refused(refusal) => json!({
                "outcome": match refusal {
                    Refusal::Library(_) => "library",
                    Refusal::Device(_) => "device",
                    Refusal::Network(_) => "network",
                },
                "words": refusal.words(),
            }),
            Self::Died(words) => json!({ "outcome": "died", "words": words }),
            Self::TimedOut(seconds) => json!({ "outcome": "timed-out", "seconds": seconds }),
        }
    }

    /// From another process, or an earlier one.
    pub fn from_json(value: &Value) -> Option<Self> {
        let words = || Some(value["words"].as_str()?.to_owned());
        let time = |key: &str| Some(Duration::from_nanos(value[key].as_u64()?));
        let number = |key: &str| value[key].as_f64();
        Some(match value["outcome"].as_str()? {
            "measured" => Self::Measured(Measured {
                is_same_class: value["same-class"].as_bool()?,
                score_difference: number("score-difference")?,
                correlation: number("correlation")?,
                cpu: time("cpu")?,
                provider: time("provider")?,
                steps: [value["steps"][0].as_u64()?, value["steps"][1].as_u64()?],
                device: value["device"].as_str()?.to_owned(),
            }),
            "library" => Self::Refused(Refusal::Library(words()?)),
            "device" => Self::Refused(Refusal::Device(words()?)),
            "network" => Self::Refused(Refusal::Network(words()?)),
            "died" => Self::Died(words()?),
            "timed-out" => Self::TimedOut(value["seconds"].as_u64()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_survive_being_written_down() {
        let measured = Measured {
            is_same_class: true,
            score_difference: 0.25,
            correlation: 0.5,
            cpu: Duration::from_nanos(7),
            provider: Duration::from_millis(3),
            steps: [1, 2],
            device: "CPU (AMD)".into(),
        };
        let outcomes = [
            Outcome::Measured(measured),
            Outcome::Refused(Refusal::Library("a".into())),
            Outcome::Refused(Refusal::Device("b".into())),
            Outcome::Refused(Refusal::Network("c".into())),
            Outcome::Died("d".into()),
            Outcome::TimedOut(60),
        ];
        for outcome in outcomes {
            let text = outcome.to_json().to_string();
            let read = Outcome::from_json(&serde_json::from_str(&text).unwrap());
            assert_eq!(read, Some(outcome));
        }
        assert_eq!(Outcome::from_json(&json!({"outcome": "measured"})), None);
        assert_eq!(Outcome::from_json(&json!(3)), None);
    }
}
