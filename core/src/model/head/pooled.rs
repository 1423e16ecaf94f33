//! The head of what follows from the mean of a feature map over space.

use super::affine::{Affine, Weights};
use crate::model::types::{CellOrder, Head, HeadMatch, Scores};
use crate::onnx::graph::Graph;

/// The head between the mean that node `pool` makes of `features` and the `logits`; `tail` has the nodes on the way, the
/// last one first.
pub fn pooled(
    graph: &Graph,
    logits: &str,
    scores: Scores,
    (features, order): (&str, CellOrder),
    pool: usize,
    mut tail: Vec<usize>,
) -> HeadMatch {
    tail.reverse();
    let layers = tail.iter().skip_while(|&&index| index != pool).skip(1);
    let layers = layers.map(|&index| &graph.nodes()[index]);
    let source = graph.nodes()[pool].result();
    let head = match Affine::compose(graph, source, layers) {
        Some(affine) => head_of(affine),
        None => Head::PooledLayers,
    };
    HeadMatch {
        logits: logits.to_owned(),
        scores,
        features: features.to_owned(),
        order,
        head,
        tail,
        pool: Some(pool),
        beside: Vec::new(),
    }
}

fn head_of(affine: Affine) -> Head {
    let or_zeros = |bias: Vec<f32>, rows: usize| {
        if bias.is_empty() {
            vec![0.0; rows]
        } else {
            bias
        }
    };
    let diagonal = |factors: Vec<f32>, bias: Vec<f32>| {
        let size = factors.len();
        let mut weights = vec![0.0; size * size];
        for (row, factor) in factors.into_iter().enumerate() {
            weights[row * size + row] = factor;
        }
        Head::Dense {
            weights,
            bias: or_zeros(bias, size),
        }
    };
    match affine.weights {
        Weights::Identity if affine.bias.is_empty() => Head::Channels,
        Weights::Identity => diagonal(vec![1.0; affine.bias.len()], affine.bias),
        Weights::Diagonal(factors) => diagonal(factors, affine.bias),
        Weights::Matrix { columns, values } => {
            let rows = values.len() / columns.max(1);
            Head::Dense {
                weights: values,
                bias: or_zeros(affine.bias, rows),
            }
        }
    }
}
