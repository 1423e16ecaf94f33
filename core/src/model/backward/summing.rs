//! Gradients of sums, means, maxima and norms over axes, of softmax, and of normalisations.

use super::context::{Context, MOST_CONSTANTS};
use super::windows::norm_slope;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::with_ints;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// dX of an operator that sums up a tensor over some of its axes.
pub fn reduction(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = node.operand(0);
    let is_global = matches!(
        node.op(),
        Op::GlobalAveragePool | Op::GlobalMaxPool | Op::GlobalLpPool
    );
    let axes = || {
        let rank = context.rank(x)?;
        let axes = match is_global {
            true => (2..rank).collect(),
            false => context.shapes.reduced_axes(context.graph, node, rank)?,
        };
        Some(axes.into_iter().map(|axis| axis as i64).collect::<Vec<_>>())
    };
    let (mut dy, mut y) = (dy.to_owned(), node.result().to_owned());
    if node.int("keepdims", 1) == 0 && !is_global {
        let axes = axes()?;
        dy = builder.unsqueeze(&dy, &axes);
        y = builder.unsqueeze(&y, &axes);
    }
    Some(match node.op() {
        Op::ReduceSum => builder.expand_like(&dy, x),
        Op::ReduceMean | Op::GlobalAveragePool => {
            let spread = builder.expand_like(&dy, x);
            let (of_x, of_y) = (builder.push("Size", &[x]), builder.push("Size", &[&y]));
            let count = builder.push("Div", &[&of_x, &of_y]);
            let count = builder.as_float(&count);
            builder.push("Div", &[&spread, &count])
        }
        // Shared by all that are equal.
        Op::ReduceMax | Op::ReduceMin | Op::GlobalMaxPool => {
            let is_best = builder.equal(x, &y);
            let count = builder.reduce("ReduceSum", &is_best, &axes()?);
            let share = builder.push("Div", &[&dy, &count]);
            builder.mul(&is_best, &share)
        }
        Op::ReduceL1 => {
            let slope = norm_slope(builder, x, &y, 1.0);
            builder.mul(&slope, &dy)
        }
        Op::ReduceL2 => {
            let slope = norm_slope(builder, x, &y, 2.0);
            builder.mul(&slope, &dy)
        }
        Op::GlobalLpPool => {
            let slope = norm_slope(builder, x, &y, node.int("p", 2) as f32);
            builder.mul(&slope, &dy)
        }
        Op::ReduceSumSquare => {
            let product = builder.mul(x, &dy);
            builder.scale(&product, 2.0)
        }
        // exp(y) is the sum.
        Op::ReduceLogSum => {
            let sum = builder.push("Exp", &[&y]);
            let share = builder.push("Div", &[&dy, &sum]);
            builder.expand_like(&share, x)
        }
        Op::ReduceLogSumExp => {
            let less = builder.push("Sub", &[x, &y]);
            let share = builder.push("Exp", &[&less]);
            builder.mul(&share, &dy)
        }
        _ => return None,
    })
}

/// dX of `Softmax` (y ⊙ (dY - Σ dY ⊙ y)) or `LogSoftmax` (dY - exp(y) Σ dY).
pub fn softmax(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let y = node.result();
    let rank = context.rank(y)?;
    // Older operator sets take all axes from this one on for one.
    let axes: Vec<i64> = if builder.opset() >= 13 {
        vec![Context::axis(node, -1, rank)? as i64]
    } else {
        (Context::axis(node, 1, rank)? as i64..rank as i64).collect()
    };
    Some(if node.op() == Op::LogSoftmax {
        let sum = builder.reduce("ReduceSum", dy, &axes);
        let softmax = builder.push("Exp", &[y]);
        let share = builder.mul(&softmax, &sum);
        builder.push("Sub", &[dy, &share])
    } else {
        softmax_slope(builder, y, dy, &axes)
    })
}

pub fn softmax_slope(builder: &mut GraphBuilder, y: &str, dy: &str, axes: &[i64]) -> String {
    let product = builder.mul(dy, y);
    let sum = builder.reduce("ReduceSum", &product, axes);
    let rest = builder.push("Sub", &[dy, &sum]);
    builder.mul(y, &rest)
}

/// dX of x̂ = (x - mean) / σ over `axes`, for a gradient `g` of x̂ (Ba et al., "Layer Normalization", 2016):
/// (g - mean(g) - x̂ mean(g x̂)) / σ. Without `centres`, σ is the root of the mean square and mean is 0 (Zhang and
/// Sennrich, "Root Mean Square Layer Normalization", 2019).
fn normalisation(
    builder: &mut GraphBuilder,
    x: &str,
    g: &str,
    axes: &[i64],
    epsilon: f32,
    centres: bool,
) -> String {
    let mean =
        |builder: &mut GraphBuilder, tensor: &str| builder.reduce("ReduceMean", tensor, axes);
    let centred = if centres {
        let x_mean = mean(builder, x);
        builder.push("Sub", &[x, &x_mean])
    } else {
        x.to_owned()
    };
    let squares = builder.mul(&centred, &centred);
    let variance = mean(builder, &squares);
    let epsilon = builder.scalar(epsilon);
    let variance = builder.push("Add", &[&variance, &epsilon]);
    let deviation = builder.push("Sqrt", &[&variance]);
    let normal = builder.push("Div", &[&centred, &deviation]);
    let g_normal = builder.mul(g, &normal);
    let g_normal_mean = mean(builder, &g_normal);
    let along = builder.mul(&normal, &g_normal_mean);
    let mut rest = g.to_owned();
    if centres {
        let g_mean = mean(builder, g);
        rest = builder.push("Sub", &[&rest, &g_mean]);
    }
    let rest = builder.push("Sub", &[&rest, &along]);
    builder.push("Div", &[&rest, &deviation])
}

pub fn layer_normalisation(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = node.operand(0);
    let axis = node.int("axis", -1);
    let axes: Vec<i64> = if axis == -1 {
        vec![-1]
    } else {
        let rank = context.rank(x)?;
        (Context::axis(node, -1, rank)? as i64..rank as i64).collect()
    };
    let g = builder.mul(dy, node.operand(1));
    let centres = node.op() == Op::LayerNormalization;
    Some(normalisation(
        builder,
        x,
        &g,
        &axes,
        node.float("epsilon", 1e-5),
        centres,
    ))
}

/// dX of `InstanceNormalization`, or of `GroupNormalization`, whose scales lie along the groups before operator set 21.
pub fn group_normalisation(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = node.operand(0);
    let rank = context.rank(x)?;
    let channels = context.fixed_length(x, 1)?;
    let scales = context
        .shape(node.operand(1))?
        .into_iter()
        .product::<usize>();
    let groups = match node.op() {
        Op::InstanceNormalization => channels,
        _ => usize::try_from(node.int("num_groups", 1)).ok()?,
    };
    let epsilon = node.float("epsilon", 1e-5);
    let mut g = dy.to_owned();
    if scales == channels {
        let along: Vec<usize> = [1, channels]
            .into_iter()
            .chain(vec![1; rank.checked_sub(2)?])
            .collect();
        let scale = builder.reshape(node.operand(1), &along);
        g = builder.mul(&g, &scale);
    }
    let shape = builder.integers(&[1, groups as i64, -1]);
    let mut grouped = builder.push("Reshape", &[&g, &shape]);
    if scales != channels {
        let scale = builder.reshape(node.operand(1), &[1, scales, 1]);
        grouped = builder.mul(&grouped, &scale);
    }
    let rows = builder.push("Reshape", &[x, &shape]);
    let dx = normalisation(builder, &rows, &grouped, &[2], epsilon, true);
    Some(builder.reshape_like(&dx, x))
}

/// dX of `MeanVarianceNormalization`.
pub fn mean_variance_normalisation(builder: &mut GraphBuilder, node: &Node, dy: &str) -> String {
    let axes = node.ints("axes").unwrap_or(&[0, 2, 3]).to_vec();
    normalisation(builder, node.operand(0), dy, &axes, 1e-9, true)
}

/// dX of y = x / ‖x‖ along an axis: (dY - slope of ‖x‖ · Σ dY y) / ‖x‖.
pub fn lp_normalisation(builder: &mut GraphBuilder, node: &Node, dy: &str) -> Option<String> {
    let (x, y) = (node.operand(0), node.result());
    let axes = [node.int("axis", -1)];
    let power = node.int("p", 2);
    let norm = match power {
        1 => "ReduceL1",
        2 => "ReduceL2",
        _ => return None,
    };
    let norm = builder.reduce(norm, x, &axes);
    let zero = builder.scalar(0.0);
    let is_zero = builder.equal(&norm, &zero);
    let divisor = builder.push("Add", &[&norm, &is_zero]);
    let product = builder.mul(dy, y);
    let sum = builder.reduce("ReduceSum", &product, &axes);
    let slope = norm_slope(builder, x, &norm, power as f32);
    let along = builder.mul(&slope, &sum);
    let rest = builder.push("Sub", &[dy, &along]);
    Some(builder.push("Div", &[&rest, &divisor]))
}

/// dX of `LRN` (Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.3),
/// y = x s^-β with s = k + α/n Σ x² over n neighbouring channels: dY s^-β - 2 α β / n x Σ' dY y / s, where Σ' goes over
/// the channels that have this one for a neighbour.
pub fn local_response_normalisation(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let (x, y) = (node.operand(0), node.result());
    let channels = context.fixed_length(x, 1)?;
    let size = usize::try_from(node.int("size", 1))
        .ok()
        .filter(|size| (1..MOST_CONSTANTS).contains(size))?;
    let (alpha, beta) = (node.float("alpha", 1e-4), node.float("beta", 0.75));
    let before = (size - 1) / 2;
    // Sums over neighbouring channels, as a convolution over rows of channels.
    let ones = builder.floats(&[1, 1, size as i64, 1], vec![1.0; size]);
    let rows = builder.integers(&[1, 1, channels as i64, -1]);
    let neighbours = |builder: &mut GraphBuilder, tensor: &str, before: usize| {
        let flat = builder.push("Reshape", &[tensor, &rows]);
        let pads = [before as i64, 0, (size - 1 - before) as i64, 0];
        let sums = builder.push_with("Conv", &[&flat, &ones], |node| {
            with_ints(node, "pads", &pads)
        });
        builder.reshape_like(&sums, x)
    };
    let squares = builder.mul(x, x);
    let sums = neighbours(builder, &squares, before);
    let sums = builder.scale(&sums, alpha / size as f32);
    let bias = builder.scalar(node.float("bias", 1.0));
    let s = builder.push("Add", &[&sums, &bias]);
    let exponent = builder.scalar(-beta);
    let power = builder.push("Pow", &[&s, &exponent]);
    let direct = builder.mul(dy, &power);
    let product = builder.mul(dy, y);
    let share = builder.push("Div", &[&product, &s]);
    let shares = neighbours(builder, &share, size - 1 - before);
    let along = builder.mul(x, &shares);
    let along = builder.scale(&along, 2.0 * alpha * beta / size as f32);
    Some(builder.push("Sub", &[&direct, &along]))
}
