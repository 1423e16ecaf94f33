//! Sums of logits: what a class map explains.

/// Most logits of a sum.
const MOST_TERMS: usize = 4;

/// Most classes that [`LogitCombination::less_mean_of`] takes.
pub const MOST_COMPARED: usize = MOST_TERMS - 1;

/// A weighted sum of logits, Σ_c w_c z_c: one class's alone, or what sets it apart from others.
///
/// Whatever is linear in a class's weights or gradient is linear in those of the sum, so that a map of the sum is made
/// like the map of one class.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogitCombination {
    terms: [(usize, f32); MOST_TERMS],
    count: usize,
}

impl LogitCombination {
    /// The logit of one class.
    pub fn of_class(class: usize) -> Self {
        let mut combination = Self::default();
        combination.push(class, 1.0);
        combination
    }

    /// z_class - share · mean(z_other) over the first three of `others`; the logit alone where there are none.
    pub fn less_mean_of(class: usize, others: &[usize], share: f32) -> Self {
        let mut combination = Self::of_class(class);
        let others = &others[..others.len().min(MOST_COMPARED)];
        for &other in others {
            combination.push(other, -share / others.len() as f32);
        }
        combination
    }

    fn push(&mut self, class: usize, weight: f32) {
        self.terms[self.count] = (class, weight);
        self.count += 1;
    }

    /// The class that is explained, by itself or against others.
    pub fn class(&self) -> usize {
        self.terms[0].0
    }

    /// The classes, each with its weight; first the one that is explained, whose weight is 1.
    pub fn terms(&self) -> &[(usize, f32)] {
        &self.terms[..self.count]
    }

    /// The sum, of `values` that have one for each class: logits, biases.
    pub fn of(&self, values: &[f32]) -> f64 {
        let terms = self.terms().iter();
        terms
            .map(|&(class, weight)| f64::from(weight) * f64::from(values[class]))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_those_there_are_is_taken_away() {
        let logits = [5.0, 1.0, 2.0, 4.0, 100.0];
        assert_eq!(LogitCombination::of_class(3).of(&logits), 4.0);
        let all = LogitCombination::less_mean_of(0, &[1, 2, 3, 4], 0.6);
        assert!((all.of(&logits) - (5.0 - 0.6 * 7.0 / 3.0)).abs() < 1e-6);
        let one = LogitCombination::less_mean_of(0, &[2], 0.6);
        assert!((one.of(&logits) - 3.8).abs() < 1e-6);
        let none = LogitCombination::less_mean_of(0, &[], 0.6);
        assert_eq!(none, LogitCombination::of_class(0));
    }
}
