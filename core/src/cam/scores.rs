//! From logits to the best classes and their scores.

use crate::model::Scores;

use super::class::Class;

/// Fills `top` with the `count` classes of the largest logits, largest first, ties to the lower
/// number. Scores are left at zero.
pub fn best(logits: &[f32], count: usize, top: &mut Vec<Class>) {
    top.clear();
    for (id, &logit) in logits.iter().enumerate() {
        let place = top.partition_point(|better| better.logit >= logit);
        if place < count {
            if top.len() == count {
                top.pop();
            }
            top.insert(
                place,
                Class {
                    id,
                    score: 0.0,
                    logit,
                },
            );
        }
    }
}

/// Gives each class its score among all `logits`. The largest logit is subtracted before the
/// exponential, so that no finite logit overflows.
pub fn score(logits: &[f32], scores: Scores, classes: &mut [Class]) {
    match scores {
        Scores::Softmax => {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exponential = |logit: f32| f64::from(logit - largest).exp();
            let sum: f64 = logits.iter().map(|&logit| exponential(logit)).sum();
            for class in classes {
                class.score = (exponential(class.logit) / sum) as f32;
            }
        }
        Scores::Sigmoid => {
            for class in classes {
                class.score = (1.0 / (1.0 + (-f64::from(class.logit)).exp())) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_class() {
        let mut top = Vec::new();
        best(&[1.0, 3.0, 3.0, 2.0, 3.0], 3, &mut top);
        assert_eq!(
            top.iter().map(|class| class.id).collect::<Vec<_>>(),
            [1, 2, 4]
        );
        best(&[1.0, 2.0], 5, &mut top);
        assert_eq!(top.iter().map(|class| class.id).collect::<Vec<_>>(), [1, 0]);
        best(&[1.0, 2.0], 0, &mut top);
        assert!(top.is_empty());
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = [1e30, 1e30, -1e30];
        let mut top = Vec::new();
        best(&logits, 3, &mut top);
        score(&logits, Scores::Softmax, &mut top);
        assert_eq!(
            top.iter().map(|class| class.score).collect::<Vec<_>>(),
            [0.5, 0.5, 0.0]
        );
        score(&[0.0], Scores::Sigmoid, &mut top[..1]);
        assert_eq!(top[0].score, 1.0);
    }
}
