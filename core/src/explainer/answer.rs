//! Several classes of one picture, of one run where the network allows it, and what a data set is sorted by.

use crate::cam::{ClassMap, Explanation, Method};
use crate::error::Error;
use crate::inference::Lease;
use crate::model::{Activation, FeatureMap, Target};

/// What is asked of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The classes to explain.
    pub targets: Vec<Target>,
    /// Number of classes to report.
    pub top_k: usize,
    /// How the maps are made.
    pub method: Method,
    /// Pooled features are wanted too.
    pub features: bool,
}

/// The best class, and the three best reported.
impl Default for Question {
    fn default() -> Self {
        Self {
            targets: vec![Target::Rank(0)],
            top_k: 3,
            method: Method::Auto,
            features: false,
        }
    }
}

/// What a picture was explained with.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// One for each target, in their order.
    pub explanations: Vec<Explanation>,
    /// One value a class, before any softmax.
    pub logits: Vec<f32>,
    /// Where they were asked for.
    pub features: Option<PooledFeatures>,
}

/// The feature map pooled over space, one value a channel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PooledFeatures {
    /// The mean of all cells.
    pub mean: Vec<f32>,
    /// For each target, the mean of the cells weighted by what is positive of its map; of a map without that, the mean of all.
    pub hot: Vec<Vec<f32>>,
}

/// Answers of a tensor; the maps are those of the tensor.
///
/// # Errors
/// Those of the run, and any [`CamError`](crate::CamError).
pub fn of_tensor(
    lease: &mut Lease,
    tensor: &[f32],
    size: (usize, usize),
    question: &Question,
) -> Result<Answer, Error> {
    let mut answer = Answer::default();
    let run = |lease: &mut Lease, answer: &mut Answer, targets: &[Target]| {
        let detail = question.method.detail();
        lease.run_each(tensor, size, targets, detail, &mut |_, activation| {
            answer.add(activation, question)
        })
    };
    let (first, rest) = question.split();
    if lease.tells_of_several() && !rest.is_empty() {
        run(lease, &mut answer, &question.targets)?;
    } else {
        run(lease, &mut answer, &[first])?;
        for &target in rest {
            // A class that was explained already, under another name, needs no run.
            if !answer.repeat(target) {
                run(lease, &mut answer, &[target])?;
            }
        }
    }
    Ok(answer.reported(question.top_k))
}

impl Question {
    /// The first target, the best class if there is none, and the others.
    fn split(&self) -> (Target, &[Target]) {
        match self.targets.split_first() {
            Some((first, rest)) => (*first, rest),
            None => (Target::Rank(0), &[]),
        }
    }
}

impl Answer {
    /// Of all targets of one run, of a head that is affine in pooled features.
    ///
    /// # Errors
    /// As [`Explanation::update`].
    pub(super) fn of_run(activation: &Activation, question: &Question) -> Result<Self, Error> {
        let (first, rest) = question.split();
        let of = |target| Activation {
            target,
            ..*activation
        };
        let mut answer = Self::default();
        answer.add(&of(first), question)?;
        for &target in rest {
            answer.add(&of(target), question)?;
        }
        Ok(answer.reported(question.top_k))
    }

    /// Reports `top_k` best classes.
    fn reported(mut self, top_k: usize) -> Self {
        for explanation in &mut self.explanations {
            explanation.top.truncate(top_k);
        }
        self
    }

    /// Adds the target of one run, always on the same picture. As many best classes are reported as ranks are asked for.
    fn add(&mut self, activation: &Activation, question: &Question) -> Result<(), Error> {
        if self.explanations.is_empty() {
            self.logits = activation.logits.to_vec();
            self.features = question.features.then(|| PooledFeatures {
                mean: mean(&activation.features),
                hot: Vec::new(),
            });
        }
        let ranks = question.targets.iter().map(|target| match target {
            Target::Rank(rank) => rank + 1,
            Target::Class(_) => 0,
        });
        let top_k = ranks.fold(question.top_k, usize::max);
        let mut explanation = Explanation::default();
        explanation.update(activation, top_k, question.method)?;
        if let Some(features) = &mut self.features {
            let hot = mean_under(&activation.features, &explanation.map);
            features
                .hot
                .push(hot.unwrap_or_else(|| features.mean.clone()));
        }
        self.explanations.push(explanation);
        Ok(())
    }

    /// Answers for `target` what was answered for another target that is the same class, if there was one.
    fn repeat(&mut self, target: Target) -> bool {
        let class = match target {
            Target::Class(class) => Some(class),
            Target::Rank(rank) => {
                let best = self.explanations.first();
                best.and_then(|explanation| Some(explanation.top.get(rank)?.id))
            }
        };
        let mut known = self.explanations.iter();
        let Some(known) = known.position(|known| Some(known.target.id) == class) else {
            return false;
        };
        self.explanations.push(self.explanations[known].clone());
        if let Some(features) = &mut self.features {
            features.hot.push(features.hot[known].clone());
        }
        true
    }
}

/// The mean of each channel over all cells.
fn mean(features: &FeatureMap) -> Vec<f32> {
    let cells = features.width * features.height;
    let channels = features.values.chunks_exact(cells);
    channels
        .map(|channel| channel.iter().sum::<f32>() / cells as f32)
        .collect()
}

/// The mean of each channel, cells weighted by what is positive of `map`; none where nothing is.
fn mean_under(features: &FeatureMap, map: &ClassMap) -> Option<Vec<f32>> {
    let weights: Vec<f32> = map.values.iter().map(|value| value.max(0.0)).collect();
    let sum: f32 = weights.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return None;
    }
    let channels = features.values.chunks_exact(weights.len());
    let weighted = channels.map(|channel| {
        let products = channel.iter().zip(&weights);
        products.map(|(value, weight)| value * weight).sum::<f32>() / sum
    });
    Some(weighted.collect())
}
