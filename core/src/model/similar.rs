//! Which classes are most like a class, by the weights that tell them.

use std::sync::OnceLock;

use super::combination::MOST_COMPARED;
use super::layers::keeps_values;
use super::types::{Head, HeadMatch};
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;

/// The classes whose weights are most like a class's: looked for when a class is first asked for, then kept.
#[derive(Debug, Default)]
pub struct SimilarClasses {
    /// Of a head that is no dense layer: classes x values, row-major.
    kernels: Vec<f32>,
    /// One a class; none where the weights are not known.
    found: Box<[OnceLock<Neighbours>]>,
}

/// Classes, nearest first.
#[derive(Debug, Clone, Copy, Default)]
struct Neighbours {
    classes: [usize; MOST_COMPARED],
    count: usize,
}

impl SimilarClasses {
    /// Those of a head's `classes`. Where each has a channel of its own, its weights are the kernel that makes the channel,
    /// a row of `kernels` (classes x values, row-major); in a head of several layers those of the last one.
    pub fn new(head: &Head, classes: usize, kernels: Option<Vec<f32>>) -> Self {
        let has_rows = |kernels: &Vec<f32>| {
            !kernels.is_empty() && kernels.len().is_multiple_of(classes.max(1))
        };
        let kernels = match head {
            Head::Dense { .. } => Some(Vec::new()),
            Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                kernels.filter(has_rows)
            }
        };
        kernels.map_or_else(Self::default, |kernels| Self {
            kernels,
            found: (0..classes).map(|_| OnceLock::new()).collect(),
        })
    }

    /// Whether classes can be compared: where the weights that tell them are known.
    pub fn are_known(&self) -> bool {
        !self.found.is_empty()
    }

    /// The three classes whose weights have the largest cosine with those of `class`, nearest first, ties to the lower
    /// number; fewer where there are not as many. A class whose weights are all zero is like none: its cosines are 0.
    /// `head` is the one that this was made for.
    ///
    /// # Panics
    /// For a class that there is not.
    pub fn of(&self, head: &Head, class: usize) -> &[usize] {
        let rows = match head {
            Head::Dense { weights, .. } => weights,
            Head::Channels | Head::PooledLayers | Head::FlattenedLayers | Head::Layers { .. } => {
                &self.kernels
            }
        };
        let neighbours =
            self.found[class].get_or_init(|| neighbours(rows, self.found.len(), class));
        &neighbours.classes[..neighbours.count]
    }
}

fn neighbours(rows: &[f32], classes: usize, class: usize) -> Neighbours {
    let row = |class: usize| {
        let length = rows.len() / classes;
        &rows[class * length..][..length]
    };
    let wanted = row(class);
    let mut nearest = [(0, f64::NEG_INFINITY); MOST_COMPARED];
    let mut count = 0;
    for other in (0..classes).filter(|&other| other != class) {
        let cosine = cosine(wanted, row(other));
        let place = nearest[..count].partition_point(|&(_, nearer)| nearer >= cosine);
        if place < MOST_COMPARED {
            count = MOST_COMPARED.min(count + 1);
            nearest[place..count].rotate_right(1);
            nearest[place] = (other, cosine);
        }
    }
    Neighbours {
        classes: nearest.map(|(class, _)| class),
        count,
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut product, mut a_square, mut b_square) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        product += a * b;
        a_square += a * a;
        b_square += b * b;
    }
    let cosine = product / (a_square * b_square).sqrt();
    if cosine.is_finite() { cosine } else { 0.0 }
}

/// The kernels that make the channels of the feature map, channels x values, where it is the result of a convolution
/// and of what leaves each channel by itself and larger values larger.
pub fn kernels_of_channels(graph: &Graph, head_match: &HeadMatch) -> Option<Vec<f32>> {
    let mut node = graph.producer(&head_match.features)?;
    while matches!(
        node.op(),
        Op::Relu | Op::LeakyRelu | Op::Clip | Op::MaxPool | Op::AveragePool
    ) || keeps_values(graph, node)
    {
        node = graph.producer(node.operand(0))?;
    }
    if node.op() != Op::Conv || node.int("group", 1) != 1 {
        return None;
    }
    graph.constant(node.operand(1))?.floats()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(weights: Vec<f32>, classes: usize) -> Head {
        Head::Dense {
            weights,
            bias: vec![0.0; classes],
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_class_itself_not_at_all() {
        // Directions in the plane, of whatever length: 0, 10, 90, 350 and 180 degrees; the last class has none.
        let angles: [f32; 5] = [0.0, 10.0, 90.0, 350.0, 180.0];
        let mut weights: Vec<f32> = angles
            .iter()
            .zip([1.0, 20.0, 3.0, 1e-20, 5.0])
            .flat_map(|(angle, length)| {
                [angle.to_radians().cos(), angle.to_radians().sin()].map(|value| length * value)
            })
            .collect();
        weights.extend([0.0, 0.0]);
        let head = dense(weights, 6);
        let similar = SimilarClasses::new(&head, 6, None);
        assert!(similar.are_known());
        assert_eq!(similar.of(&head, 1), [0, 3, 2]);
        assert_eq!(similar.of(&head, 4)[0], 5);
        assert_eq!(similar.of(&head, 5), [0, 1, 2]);
        assert_eq!(similar.of(&head, 1).as_ptr(), similar.of(&head, 1).as_ptr());
    }

    #[test]
    fn there_are_as_many_as_there_are_other_classes() {
        let head = dense(vec![1.0, 2.0, -1.0], 3);
        let similar = SimilarClasses::new(&head, 3, None);
        assert_eq!(similar.of(&head, 0), [1, 2]);
        let head = dense(vec![1.0, 2.0], 2);
        assert_eq!(SimilarClasses::new(&head, 2, None).of(&head, 1), [0]);
    }

    #[test]
    fn channels_are_compared_by_their_kernels() {
        let kernels = vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.1];
        let similar = SimilarClasses::new(&Head::Channels, 3, Some(kernels));
        assert_eq!(similar.of(&Head::Channels, 2), [0, 1]);
        for kernels in [None, Some(vec![]), Some(vec![1.0; 7])] {
            assert!(!SimilarClasses::new(&Head::Channels, 3, kernels).are_known());
        }
        assert!(!SimilarClasses::new(&Head::PooledLayers, 3, None).are_known());
    }
}
