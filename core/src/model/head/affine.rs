//! The part of a head that is affine in the pooled features, as one matrix and one bias.
//!
//! logits = W mean(A) + b then holds exactly, whatever mixture of dense layers, 1 x 1
//! convolutions, unfolded batch normalisations and scalings the exporter wrote.

use std::collections::HashMap;

use crate::model::layers::{dense_shape, is_pointwise, keeps_values};
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// Most multiplications that composing two matrices may cost: half a minute's worth is no head.
const MOST_PRODUCTS: usize = 1 << 34;

/// logits = weights · mean(A) + bias; an empty bias stands for zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    pub weights: Weights,
    pub bias: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Weights {
    /// Channel k of the feature map is class k.
    Identity,
    /// One factor for each channel.
    Diagonal(Vec<f32>),
    /// Row-major, classes x channels.
    Matrix { columns: usize, values: Vec<f32> },
}

impl Affine {
    /// What `nodes` (in the order of the graph) do to a vector of pooled features, `source`; none where an
    /// operator is not affine or its weights are not known.
    pub fn compose<'a>(
        graph: &Graph,
        source: &'a str,
        nodes: impl Iterator<Item = &'a Node>,
    ) -> Option<Self> {
        let nodes: Vec<&Node> = nodes.collect();
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for operand in nodes.iter().flat_map(|node| &node.input) {
            *uses.entry(operand).or_default() += 1;
        }
        let identity = Self {
            weights: Weights::Identity,
            bias: Vec::new(),
        };
        let mut known = HashMap::from([(source, identity)]);
        let mut last = source;
        for node in nodes {
            // Large matrices are not copied for their last use.
            let mut take = |operand: &str| {
                let left = uses.get_mut(operand)?;
                *left -= 1;
                match *left {
                    0 => known.remove(operand),
                    _ => known.get(operand).cloned(),
                }
            };
            let mut varying = node.input.iter().filter(|operand| graph.varies(operand));
            let mut affine = take(varying.next()?)?;
            match (varying.next(), node.op()) {
                (None, _) => affine.apply(graph, node)?,
                (Some(other), Op::Add | Op::Sum) => {
                    affine.add(take(other)?)?;
                    for other in varying {
                        affine.add(take(other)?)?;
                    }
                }
                (Some(other), Op::Sub) => {
                    let mut other = take(other)?;
                    other.scale(vec![-1.0])?;
                    affine.add(other)?;
                }
                (Some(_), _) => return None,
            }
            last = node.result();
            known.insert(last, affine);
        }
        known.remove(last)
    }

    /// The sum of two.
    fn add(&mut self, other: Self) -> Option<()> {
        match (&mut self.weights, other.weights) {
            (
                Weights::Matrix { columns, values },
                Weights::Matrix {
                    columns: others,
                    values: added,
                },
            ) if *columns == others && values.len() == added.len() => {
                values
                    .iter_mut()
                    .zip(added)
                    .for_each(|(value, added)| *value += added);
            }
            _ => return None,
        }
        self.shift(other.bias)
    }

    fn apply(&mut self, graph: &Graph, node: &Node) -> Option<()> {
        let varies = |index: usize| graph.varies(node.operand(index));
        let floats = |index: usize| graph.constant(node.operand(index))?.floats();
        match node.op() {
            _ if keeps_values(graph, node) => {}
            Op::Gemm if varies(0) && !varies(1) && node.int("transA", 0) == 0 => {
                let alpha = node.float("alpha", 1.0);
                let beta = node.float("beta", 1.0);
                let matrix = dense_matrix(graph, node)?;
                let bias = match node.operand(2) {
                    "" => Vec::new(),
                    _ => floats(2)?,
                };
                self.dense(
                    matrix.into_iter().map(|weight| alpha * weight).collect(),
                    dense_shape(graph, node)?.0,
                )?;
                self.shift(bias.into_iter().map(|value| beta * value).collect())?;
            }
            Op::MatMul if varies(0) && !varies(1) => {
                self.dense(dense_matrix(graph, node)?, dense_shape(graph, node)?.0)?;
            }
            Op::Conv if is_pointwise(graph, node) => {
                self.dense(dense_matrix(graph, node)?, dense_shape(graph, node)?.0)?;
                if !node.operand(2).is_empty() {
                    self.shift(floats(2)?)?;
                }
            }
            Op::BatchNormalization => {
                let (scale, bias, mean, variance) =
                    (floats(1)?, floats(2)?, floats(3)?, floats(4)?);
                let epsilon = node.float("epsilon", 1e-5);
                let deviations = variance.iter().map(|variance| (variance + epsilon).sqrt());
                let factors: Vec<f32> = scale
                    .iter()
                    .zip(deviations)
                    .map(|(scale, deviation)| scale / deviation)
                    .collect();
                let shifts = bias.iter().zip(&mean).zip(&factors);
                let shifts = shifts
                    .map(|((bias, mean), factor)| bias - mean * factor)
                    .collect();
                self.scale(factors)?;
                self.shift(shifts)?;
            }
            Op::Add => self.shift(floats(if varies(0) { 1 } else { 0 })?)?,
            Op::Mul => self.scale(floats(if varies(0) { 1 } else { 0 })?)?,
            Op::Sub if varies(0) => self.shift(floats(1)?.iter().map(|value| -value).collect())?,
            Op::Div if varies(0) => {
                self.scale(floats(1)?.iter().map(|value| 1.0 / value).collect())?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Number of values the map returns, where known.
    fn rows(&self) -> Option<usize> {
        match &self.weights {
            Weights::Identity if self.bias.is_empty() => None,
            Weights::Identity => Some(self.bias.len()),
            Weights::Diagonal(factors) => Some(factors.len()),
            Weights::Matrix { columns, values } => values.len().checked_div(*columns),
        }
    }

    fn dense(&mut self, matrix: Vec<f32>, columns: usize) -> Option<()> {
        let rows = matrix.len().checked_div(columns)?;
        if rows * columns != matrix.len() || self.rows().is_some_and(|rows| rows != columns) {
            return None;
        }
        if !self.bias.is_empty() {
            let products = matrix.chunks_exact(columns).map(|row| dot(row, &self.bias));
            self.bias = products.collect();
        }
        let (columns, values) = match &self.weights {
            Weights::Identity => (columns, matrix),
            Weights::Diagonal(factors) => {
                let scaled = matrix.chunks_exact(columns).flat_map(|row| {
                    row.iter()
                        .zip(factors)
                        .map(|(weight, factor)| weight * factor)
                });
                (columns, scaled.collect())
            }
            Weights::Matrix {
                columns: inner,
                values,
            } => {
                if rows.checked_mul(*inner)?.checked_mul(columns)? > MOST_PRODUCTS {
                    return None;
                }
                let mut product = vec![0.0; rows * inner];
                for (row, result) in matrix
                    .chunks_exact(columns)
                    .zip(product.chunks_exact_mut(*inner))
                {
                    for (weight, old) in row.iter().zip(values.chunks_exact(*inner)) {
                        for (sum, value) in result.iter_mut().zip(old) {
                            *sum += weight * value;
                        }
                    }
                }
                (*inner, product)
            }
        };
        self.weights = Weights::Matrix { columns, values };
        Some(())
    }

    fn shift(&mut self, mut values: Vec<f32>) -> Option<()> {
        if values.is_empty() {
            return Some(());
        }
        if let Some(rows) = self.rows() {
            values = broadcast(values, rows)?;
        }
        if values.len() == 1 && self.rows().is_none() {
            return None;
        }
        if self.bias.is_empty() {
            self.bias = values;
        } else {
            self.bias
                .iter_mut()
                .zip(values)
                .for_each(|(bias, value)| *bias += value);
        }
        Some(())
    }

    fn scale(&mut self, mut factors: Vec<f32>) -> Option<()> {
        if let Some(rows) = self.rows() {
            factors = broadcast(factors, rows)?;
        } else if factors.len() < 2 {
            return None;
        }
        self.bias
            .iter_mut()
            .zip(&factors)
            .for_each(|(bias, factor)| *bias *= factor);
        match &mut self.weights {
            Weights::Identity => self.weights = Weights::Diagonal(factors),
            Weights::Diagonal(old) => {
                old.iter_mut()
                    .zip(&factors)
                    .for_each(|(old, factor)| *old *= factor);
            }
            Weights::Matrix { columns, values } => {
                for (row, factor) in values.chunks_exact_mut(*columns).zip(&factors) {
                    row.iter_mut().for_each(|value| *value *= factor);
                }
            }
        }
        Some(())
    }
}

fn broadcast(values: Vec<f32>, rows: usize) -> Option<Vec<f32>> {
    match values.len() {
        1 => Some(vec![values[0]; rows]),
        length => (length == rows).then_some(values),
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The weights of a dense layer, row-major, outputs x inputs.
fn dense_matrix(graph: &Graph, node: &Node) -> Option<Vec<f32>> {
    let (inputs, outputs) = dense_shape(graph, node)?;
    let stored = graph.constant(node.operand(1))?.floats()?;
    if node.op() == Op::Conv || node.int("transB", 0) != 0 {
        return Some(stored);
    }
    let mut matrix = Vec::with_capacity(stored.len());
    for output in 0..outputs {
        matrix.extend((0..inputs).map(|input| stored[input * outputs + output]));
    }
    Some(matrix)
}
