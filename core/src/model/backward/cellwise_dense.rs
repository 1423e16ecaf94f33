//! The dense layer that takes a flattened feature map, as a sum over the cells of the map.
//!
//! y = Σ_i W_i A_i + b, where A_i are the C channels of cell i and W_i the columns of W that they
//! meet. With the products P_i = W_i A_i at hand, the share of cell i in a logit by HiResCAM is
//! A_i · dA_i = A_i · W_iᵀ dy = P_i · dy: the weights, by far the most that such a network reads, are
//! not read a second time.

use std::collections::HashSet;

use prost::bytes::Bytes;

use crate::model::facts::Facts;
use crate::model::gradient::DETAIL;
use crate::model::layers::dense_shape;
use crate::model::types::{CellOrder, Head, HeadMatch, Layout};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::{self, Node, data_type};

/// The layer y = W x + b, where x is a feature map.
pub struct Cellwise<'a> {
    /// Index of the layer among the nodes.
    pub index: usize,
    layer: &'a Node,
    features: &'a str,
    channels: usize,
    cells: usize,
    /// Order of the features in x.
    order: Layout,
    weights: &'a proto::Tensor,
    /// W is stored as inputs x outputs.
    inputs_first: bool,
    outputs: usize,
}

/// What takes the layer's place.
pub struct Products {
    /// Make y, and P on the way.
    pub nodes: Vec<Node>,
    /// P, cells x 1 x outputs.
    tensor: String,
    /// W, cells x channels x outputs.
    weights: String,
}

impl<'a> Cellwise<'a> {
    /// The first dense layer of `head_match`'s head, if nothing but its order lies between the feature
    /// map and it, and its weights are stored in single precision.
    pub fn find(graph: &'a Graph, facts: &Facts, head_match: &'a HeadMatch) -> Option<Self> {
        let CellOrder::Map(mut order) = head_match.order else {
            return None;
        };
        if !matches!(head_match.head, Head::FlattenedLayers) {
            return None;
        }
        let mut before = HashSet::from([head_match.features.as_str()]);
        let mut tensor = head_match.features.as_str();
        let mut is_matrix = false;
        let mut tail = head_match
            .tail
            .iter()
            .map(|&index| (index, &graph.nodes()[index]));
        let (index, layer) = loop {
            let (index, node) = tail.next().filter(|(_, node)| node.operand(0) == tensor)?;
            match node.op() {
                Op::Transpose
                    if order == Layout::ChannelsFirst
                        && node.ints("perm") == Some(&[0, 2, 3, 1]) =>
                {
                    order = Layout::ChannelsLast;
                }
                Op::Flatten => is_matrix = node.int("axis", 1) == 1,
                Op::Reshape => {
                    let shape = graph.constant_shape(node.operand(1));
                    is_matrix = shape.is_some_and(|shape| shape == [2]);
                }
                Op::Dropout | Op::Identity => {}
                Op::Gemm | Op::MatMul => break (index, node),
                _ => return None,
            }
            tensor = node.result();
            before.insert(tensor);
        };
        let is_plain = layer.int("transA", 0) == 0
            && layer.float("alpha", 1.0) == 1.0
            && layer.float("beta", 1.0) == 1.0;
        let is_only_way =
            tail.all(|(_, node)| !node.input.iter().any(|x| before.contains(x.as_str())));
        let (inputs, outputs) = dense_shape(graph, layer)?;
        let channels = facts.certain_channels(&head_match.features)?;
        let cells = inputs.checked_div(channels)?;
        let weights = graph.initializer(layer.operand(1))?;
        let stored = match &weights.raw_data {
            Some(raw) => raw.len(),
            None => weights.float_data.len().checked_mul(4)?,
        };
        // A file may claim what it does not hold.
        let is_whole = stored > 0 && inputs.checked_mul(outputs)?.checked_mul(4)? == stored;
        (is_matrix
            && is_whole
            && is_plain
            && is_only_way
            && channels * cells == inputs
            && weights.data_type() == data_type::FLOAT)
            .then(|| Self {
                index,
                layer,
                features: &head_match.features,
                channels,
                cells,
                order,
                weights,
                inputs_first: layer.int("transB", 0) == 0,
                outputs,
            })
    }

    /// Makes y by way of the products.
    pub fn forward(&self, builder: &mut GraphBuilder) -> Products {
        let shape = [self.cells, self.channels, self.outputs];
        let weights = builder.stored(&shape, self.weights_by_cell());
        let (nodes, tensor) = builder.aside(|builder| {
            let mut x = self.layer.operand(0).to_owned();
            if self.order == Layout::ChannelsFirst {
                x = builder.reshape(&x, &[self.channels, self.cells]);
                x = builder.push("Transpose", &[&x]);
            }
            let rows = builder.reshape(&x, &[self.cells, 1, self.channels]);
            let products = builder.push("MatMul", &[&rows, &weights]);
            let sum = builder.reduce("ReduceSum", &products, &[0]);
            let mut y = builder.reshape(&sum, &[1, self.outputs]);
            let bias = self.layer.operand(2);
            if !bias.is_empty() {
                y = builder.push("Add", &[&y, bias]);
            }
            builder.push_as(self.layer.result(), "Identity", &[&y]);
            products
        });
        Products {
            nodes,
            tensor,
            weights,
        }
    }

    /// A_i · dA_i of each cell, given dy; and dA where [`DETAIL`] asks for it,
    /// else something of its shape.
    pub fn backward(
        &self,
        builder: &mut GraphBuilder,
        products: &Products,
        dy: &str,
    ) -> (String, String) {
        let dy = builder.reshape(dy, &[self.outputs, 1]);
        let rows = builder.reshape(&products.tensor, &[self.cells, self.outputs]);
        let sums = builder.push("MatMul", &[&rows, &dy]);
        // Older versions of `If` ask for the same shape whichever way it goes.
        let (none, filler) = builder.aside(|builder| builder.push("Identity", &[self.features]));
        let (all, gradient) = builder.aside(|builder| {
            let by_cell = builder.push("MatMul", &[&products.weights, &dy]);
            let by_cell = builder.reshape(&by_cell, &[self.cells, self.channels]);
            let by_channel = builder.push("Transpose", &[&by_cell]);
            builder.reshape_like(&by_channel, self.features)
        });
        let gradient = builder.either(DETAIL, (all, &gradient), (none, &filler));
        (sums, gradient)
    }

    /// W, cells x channels x outputs, little-endian.
    fn weights_by_cell(&self) -> Bytes {
        let stored = match &self.weights.raw_data {
            Some(raw) => raw.clone(),
            None => self
                .weights
                .float_data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        };
        if self.inputs_first && self.order == Layout::ChannelsLast {
            return stored;
        }
        let (stored, _) = stored.as_chunks::<4>();
        let inputs = self.channels * self.cells;
        let mut rows = vec![[0; 4]; inputs * self.outputs];
        // Which input each row is of.
        let input = |row: usize| match self.order {
            Layout::ChannelsFirst => row % self.channels * self.cells + row / self.channels,
            Layout::ChannelsLast => row,
        };
        if self.inputs_first {
            for (row, out) in rows.chunks_exact_mut(self.outputs).enumerate() {
                out.copy_from_slice(&stored[input(row) * self.outputs..][..self.outputs]);
            }
        } else {
            transpose_rows(stored, self.outputs, &mut rows, input);
        }
        Bytes::from(rows.into_flattened())
    }
}

/// Side of the blocks that are transposed one after the other, so that they stay in the cache.
const BLOCK: usize = 16;

/// Writes column `column(row)` of `matrix`, which has `height` rows, to each row of `out`.
fn transpose_rows(
    matrix: &[[u8; 4]],
    height: usize,
    out: &mut [[u8; 4]],
    column: impl Fn(usize) -> usize,
) {
    let width = out.len() / height;
    for (block, out) in out.chunks_mut(BLOCK * height).enumerate() {
        for first in (0..height).step_by(BLOCK) {
            for (i, out) in out.chunks_exact_mut(height).enumerate() {
                let column = column(block * BLOCK + i);
                let rows = matrix.chunks_exact(width).skip(first);
                for (value, row) in out[first..].iter_mut().take(BLOCK).zip(rows) {
                    *value = row[column];
                }
            }
        }
    }
}
