//! What sets a class apart from those that are most like it, as the row of weights that stands for it.

use super::context::Context;
use crate::model::combination::MOST_COMPARED;
use crate::model::gradient::SHARE;
use crate::model::layers::dense_shape;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::with_int;
use crate::onnx::ops::Op;
use crate::onnx::proto::{Node, data_type};

/// What a class's row is raised by among its cosines, so that it is the first.
const FIRST: f32 = 1e30;

/// The weights of a layer that makes the logits, one row a class.
pub struct Rows<'a> {
    layer: &'a Node,
    classes: usize,
    length: usize,
    /// Classes x values, row-major.
    pub values: Vec<f32>,
}

impl<'a> Rows<'a> {
    /// Those of `layer`, if they are single precision; none where there is nothing to compare.
    pub fn of(context: &Context, layer: &'a Node, classes: usize) -> Option<Self> {
        let weights = layer.operand(1);
        let is_single = context.graph.initializer(weights)?.data_type() == data_type::FLOAT;
        let (length, outputs) = dense_shape(context.graph, layer)?;
        if !is_single || outputs != classes || classes < 2 || context.graph.opset() < 11 {
            return None;
        }
        let values = context.graph.constant(weights)?.floats()?;
        let values = if is_by_class(layer) {
            values
        } else {
            (0..classes)
                .flat_map(|class| values.iter().skip(class).step_by(classes).copied())
                .collect()
        };
        Some(Self {
            layer,
            classes,
            length,
            values,
        })
    }

    /// `row` of the class whose index is in `class`, less the share [`SHARE`] of the mean of the three rows that have the
    /// largest cosine with it. Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual
    /// Explanation", CVPR 2025.
    pub fn less_similar(&self, builder: &mut GraphBuilder, row: &str, class: &str) -> String {
        let weights = self.layer.operand(1);
        let lengths = self.values.chunks_exact(self.length).map(|row| {
            let square: f64 = row.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
            if square > 0.0 {
                (1.0 / square.sqrt()) as f32
            } else {
                0.0
            }
        });
        let scales = builder.floats(&[1, self.classes as i64], lengths.collect());
        let zero = builder.scalar(0.0);
        let is_asked = builder.push("Greater", &[SHARE, &zero]);
        let (all, difference) = builder.aside(|builder| {
            let flat = builder.reshape(row, &[1, self.length]);
            let weights = match self.layer.op() {
                Op::Conv => builder.reshape(weights, &[self.classes, self.length]),
                _ => weights.to_owned(),
            };
            let by_class = is_by_class(self.layer);
            let products = builder.matrix_product(&flat, &weights, by_class);
            let cosines = builder.mul(&products, &scales);
            let numbers: Vec<i64> = (0..self.classes as i64).collect();
            let numbers = builder.integers(&numbers);
            let is_own = builder.push("Equal", &[&numbers, class]);
            let is_own = builder.as_float(&is_own);
            let raised = builder.scale(&is_own, FIRST);
            let ranked = builder.push("Add", &[&cosines, &raised]);
            let others = MOST_COMPARED.min(self.classes - 1);
            let ranking = builder.best(&ranked, others + 1);
            let nearest = builder.slice(&ranking, 1, 1, others as i64 + 1);
            let nearest = builder.reshape(&nearest, &[others]);
            let axis = if by_class { 0 } else { 1 };
            let rows = builder.push_with("Gather", &[&weights, &nearest], |node| {
                with_int(node, "axis", axis)
            });
            let mean = builder.reduce("ReduceMean", &rows, &[axis]);
            let mean = builder.reshape_like(&mean, row);
            let share = builder.mul(&mean, SHARE);
            let difference = builder.push("Sub", &[row, &share]);
            builder.reshape_like(&difference, row)
        });
        let (none, same) = builder.aside(|builder| builder.push("Identity", &[row]));
        builder.either(&is_asked, (all, &difference), (none, &same))
    }
}

/// Whether the weights lie classes x values in the file.
fn is_by_class(layer: &Node) -> bool {
    layer.op() == Op::Conv || layer.int("transB", 0) != 0
}
