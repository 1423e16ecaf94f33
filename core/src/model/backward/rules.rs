//! Vector-Jacobian products of the operators that classifiers are made of, as ONNX nodes.
//!
//! For a node Y = f(X, ...) and the gradient dY of a logit, each rule adds the nodes that compute
//! dX, reusing the node's own weights. Only a single picture is considered: N = 1.

use super::context::Context;
use super::slopes::{hard_gate, hard_swish_slope, slope};
use super::{linear, moving, summing, windows};
use crate::model::layers::is_truth;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::with_int;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// Which of the `varying` operands of `node` have a [`product`]: where a product of one takes in what flows through
/// another, that other has none; nor have those that choose and do not count.
pub fn paths(context: &Context, node: &Node, varying: &[usize]) -> Vec<usize> {
    let all = varying.iter().copied();
    match node.op() {
        Op::Where => all.filter(|&index| index > 0).collect(),
        Op::ScatterND => all.filter(|&index| index != 1).collect(),
        // Steps are flat.
        Op::Cast | Op::CastLike if is_truth(context.graph, node.operand(0)) => Vec::new(),
        Op::Expand | Op::Reshape | Op::Tile | Op::Dropout | Op::QuantizeLinear => {
            all.filter(|&index| index == 0).collect()
        }
        _ => match hard_gate(context.graph, node) {
            Some(gate) => vec![gate.index],
            None => all.collect(),
        },
    }
}

/// dX of the `index`th operand of `node`, given `dy`; none where no rule fits. The builder computes
/// in that operand's element type.
pub fn product(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let (x, y) = (node.operand(index), node.result());
    let other = || node.operand(1 - index);
    // What follows for the one operand that the operator is differentiated for.
    let first = || (index == 0).then_some(());
    let spread = |builder: &mut GraphBuilder, dx: String| context.sum_spread(builder, dx, x, y);
    Some(match node.op() {
        Op::Identity | Op::Dropout => dy.to_owned(),
        // The rounding has no gradient of its own: it is passed straight through.
        Op::QuantizeLinear | Op::DequantizeLinear => {
            first()?;
            dy.to_owned()
        }
        Op::Cast | Op::CastLike => {
            first()?;
            builder.as_float(dy)
        }
        Op::Flatten | Op::Reshape | Op::Squeeze | Op::Unsqueeze => {
            first()?;
            builder.reshape_like(dy, x)
        }
        Op::Gather => {
            first()?;
            match context.shape(x).zip(context.shape(y)) {
                // Another view of the same.
                Some((x, y))
                    if x.iter().product::<usize>() == y.iter().product::<usize>()
                        && crate::model::layers::keeps_values(context.graph, node) =>
                {
                    builder.reshape_like(dy, node.operand(0))
                }
                _ => moving::gather(builder, context, node, dy)?,
            }
        }
        Op::GatherND => {
            first()?;
            moving::gather_nd(builder, context, node, dy)?
        }
        Op::Slice => {
            first()?;
            moving::slice(builder, context, node, dy)?
        }
        Op::ScatterND => moving::scatter_nd(builder, node, index, dy)?,
        Op::Concat => moving::concat(builder, context, node, index, dy)?,
        Op::Pad => {
            first()?;
            moving::pad(builder, context, node, dy)?
        }
        Op::Tile => moving::tile(builder, context, node, dy)?,
        Op::Resize => {
            first()?;
            moving::resize(builder, context, node, dy)?
        }
        Op::Transpose => moving::transpose(builder, context, node, dy)?,
        // Made by each other, channel by channel.
        Op::SpaceToDepth => builder.push_with("DepthToSpace", &[dy], |made| {
            with_int(made, "blocksize", node.int("blocksize", 1))
        }),
        Op::DepthToSpace
            if node
                .find("mode")
                .is_none_or(|mode| mode.s.as_deref() == Some(b"DCR")) =>
        {
            builder.push_with("SpaceToDepth", &[dy], |made| {
                with_int(made, "blocksize", node.int("blocksize", 1))
            })
        }
        Op::Gemm => linear::gemm(builder, context, node, index, dy)?,
        Op::MatMul => linear::matrix_product(builder, context, node, index, dy)?,
        Op::Einsum => linear::einsum(builder, context, node, index, dy)?,
        Op::Conv => {
            first()?;
            linear::convolution(builder, context, node, dy)?
        }
        Op::ConvTranspose => {
            first()?;
            linear::transposed_convolution(builder, context, node, dy)?
        }
        Op::Add | Op::Sum => spread(builder, dy.to_owned())?,
        Op::Mean => {
            let share = builder.scale(dy, 1.0 / node.input.len() as f32);
            spread(builder, share)?
        }
        Op::Expand => {
            first()?;
            spread(builder, dy.to_owned())?
        }
        Op::Sub if index == 0 => spread(builder, dy.to_owned())?,
        Op::Sub => {
            let negative = builder.push("Neg", &[dy]);
            spread(builder, negative)?
        }
        Op::Neg => builder.push("Neg", &[dy]),
        Op::Mul => {
            let dx = match hard_gate(context.graph, node) {
                Some(gate) => {
                    let slope = hard_swish_slope(builder, x, other(), gate.alpha);
                    builder.mul(dy, &slope)
                }
                None => builder.mul(dy, other()),
            };
            spread(builder, dx)?
        }
        Op::Div if index == 0 => {
            let dx = builder.push("Div", &[dy, other()]);
            spread(builder, dx)?
        }
        Op::Div => {
            let product = builder.mul(dy, y);
            let quotient = builder.push("Div", &[&product, x]);
            let dx = builder.push("Neg", &[&quotient]);
            spread(builder, dx)?
        }
        // Shared by all operands that are equal.
        Op::Max | Op::Min => {
            let mut count: Option<String> = None;
            for operand in &node.input {
                let is_best = builder.equal(operand, y);
                count = Some(match count {
                    None => is_best,
                    Some(count) => builder.push("Add", &[&count, &is_best]),
                });
            }
            let is_best = builder.equal(x, y);
            let share = builder.push("Div", &[&is_best, &count?]);
            let dx = builder.mul(dy, &share);
            spread(builder, dx)?
        }
        Op::Where => {
            let mut chosen = builder.as_float(node.operand(0));
            if index == 2 {
                let one = builder.scalar(1.0);
                chosen = builder.push("Sub", &[&one, &chosen]);
            }
            let dx = builder.mul(dy, &chosen);
            spread(builder, dx)?
        }
        Op::BatchNormalization => {
            first()?;
            let floats = |index: usize| context.graph.constant(node.operand(index))?.floats();
            let epsilon = node.float("epsilon", 1e-5);
            let factors: Vec<f32> = floats(1)?
                .iter()
                .zip(floats(4)?)
                .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
                .collect();
            // One for each channel; a row where the shape is not known.
            let behind = context
                .rank(x)
                .and_then(|rank| rank.checked_sub(2))
                .unwrap_or(0);
            let dims = [1, factors.len() as i64].into_iter().chain(vec![1; behind]);
            let factors = builder.floats(&dims.collect::<Vec<_>>(), factors);
            builder.mul(dy, &factors)
        }
        Op::LayerNormalization | Op::RMSNormalization => {
            first()?;
            summing::layer_normalisation(builder, context, node, dy)?
        }
        Op::InstanceNormalization | Op::GroupNormalization => {
            first()?;
            summing::group_normalisation(builder, context, node, dy)?
        }
        Op::LRN => summing::local_response_normalisation(builder, context, node, dy)?,
        Op::LpNormalization => summing::lp_normalisation(builder, node, dy)?,
        Op::MeanVarianceNormalization => summing::mean_variance_normalisation(builder, node, dy),
        Op::Softmax | Op::LogSoftmax => summing::softmax(builder, context, node, dy)?,
        // Turned back by the same angles.
        Op::RotaryEmbedding => {
            first()?;
            let sine = builder.push("Neg", &[node.operand(2)]);
            builder.push_with(
                "RotaryEmbedding",
                &[dy, node.operand(1), &sine],
                |mut made| {
                    made.input.extend(node.input.iter().skip(3).cloned());
                    made.attribute = node.attribute.clone();
                    made
                },
            )
        }
        Op::AveragePool | Op::MaxPool | Op::LpPool => windows::pool(builder, context, node, dy)?,
        Op::GlobalAveragePool
        | Op::GlobalLpPool
        | Op::GlobalMaxPool
        | Op::ReduceL1
        | Op::ReduceL2
        | Op::ReduceLogSum
        | Op::ReduceLogSumExp
        | Op::ReduceMax
        | Op::ReduceMean
        | Op::ReduceMin
        | Op::ReduceSum
        | Op::ReduceSumSquare => {
            first()?;
            summing::reduction(builder, context, node, dy)?
        }
        _ => {
            first()?;
            let slope = slope(builder, context, node)?;
            builder.mul(dy, &slope)
        }
    })
}

/// dX of a dense layer when dY is one for the class whose index is in the tensor `class`, 1 x 1,
/// and zero for all others: that class's row of the weights.
pub fn dense_row(builder: &mut GraphBuilder, node: &Node, class: &str) -> String {
    let (x, weights) = (node.operand(0), node.operand(1));
    let rows_are_outputs = node.op() == Op::Conv || node.int("transB", 0) != 0;
    let factor = node.float("alpha", 1.0);
    // Gives the row the dimensions of what the layer takes; the operator is younger than the rest.
    if rows_are_outputs && builder.opset() >= 11 {
        let row = builder.push("GatherND", &[weights, class]);
        return builder.scale(&row, factor);
    }
    let axis = if rows_are_outputs { 0 } else { 1 };
    let row = builder.push_with("Gather", &[weights, class], |node| {
        with_int(node, "axis", axis)
    });
    let row = builder.scale(&row, factor);
    builder.reshape_like(&row, x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use crate::model::facts::Facts;
    use crate::model::image_input::Picture;
    use crate::onnx::graph::Graph;
    use crate::onnx::node::{node, with_ints};
    use crate::onnx::ops::Gradient;
    use crate::onnx::shapes::Shapes;
    use crate::testing::Draft;

    #[test]
    fn an_operator_has_a_rule_where_its_row_says_so() {
        for (op, name) in Op::ALL {
            let mut draft = Draft::new();
            let operands = ["x", "w", "w", "w", "w"];
            let made = with_ints(node(name, &operands, "y"), "perm", &[0, 1, 2, 3]);
            let weights: &[i64] = match op {
                Op::Conv => &[4, 3, 1, 1],
                Op::MatMul => &[4, 4],
                _ => &[1],
            };
            match op {
                Op::Gather => draft.integers("w", &[0]),
                _ => draft.random("w", weights),
            };
            draft.push(made).output("y");
            let graph = Graph::new(draft.model).unwrap();
            let made = graph.producer("y").unwrap();
            let mut builder = GraphBuilder::new(graph.opset());
            let picture = Picture::of(&graph, Path::new("test.onnx")).unwrap();
            let shapes = Shapes::infer(&graph, &[("x", &[1, 3, 4, 4])]);
            let context = Context {
                graph: &graph,
                facts: &Facts::trace(&graph, &picture, [4, 4]),
                shapes: &shapes,
                is_fixed: true,
                shares: &std::collections::HashMap::new(),
            };
            let has_rule = product(&mut builder, &context, made, 0, "dy").is_some();
            let says_so = op.facts().gradient != Gradient::None;
            assert!(has_rule || !says_so, "{name}");
        }
    }
}
