//! Gradients of matrix products and convolutions.

use super::context::Context;
use super::windows;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::node::{with_int, with_ints};
use crate::onnx::proto::{Attribute, Node, attribute_type};
use crate::onnx::shapes::Equation;

/// dX = dY Wᵀ of the first operand, where `node` multiplies rows with weights that follow from no picture; by the very
/// tensor that the layer itself multiplies with.
pub fn dense(builder: &mut GraphBuilder, context: &Context, node: &Node, dy: &str) -> String {
    let weights = node.operand(1);
    let rows = context.shape(node.operand(0)).map(|shape| {
        shape
            .split_last()
            .map_or(1, |(_, rows)| rows.iter().product::<usize>())
    });
    if rows.is_none_or(|rows| rows == 1) {
        builder.row_weights.push(weights.to_owned());
    }
    let product = builder.matrix_product(dy, weights, node.int("transB", 0) == 0);
    builder.scale(&product, node.float("alpha", 1.0))
}

/// dA or dB of a `MatMul`.
pub fn matrix_product(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let (a, b) = (node.operand(0), node.operand(1));
    let of_b = context.rank(b)?;
    if index == 0 && of_b == 2 && !context.graph.varies(b) {
        let width = context.shape(b)?[1];
        let rows = builder.reshape_free(dy, width);
        let product = dense(builder, context, node, &rows);
        return Some(builder.reshape_like(&product, a));
    }
    let of_a = context.rank(a)?;
    if of_a < 2 || of_b < 2 {
        return None;
    }
    let (product, shape) = if index == 0 {
        let turned = builder.transpose(b, &swapped(of_b));
        (builder.push("MatMul", &[dy, &turned]), a)
    } else {
        let turned = builder.transpose(a, &swapped(of_a));
        (builder.push("MatMul", &[&turned, dy]), b)
    };
    sum_batch(
        builder,
        context,
        product,
        shape,
        of_a.max(of_b),
        node.result(),
    )
}

/// Sums `dx` over the axes before the last two along which `operand` was spread out.
fn sum_batch(
    builder: &mut GraphBuilder,
    context: &Context,
    dx: String,
    operand: &str,
    rank: usize,
    result: &str,
) -> Option<String> {
    let (own, made) = (context.shape(operand)?, context.shape(result)?);
    let missing = rank.checked_sub(own.len())?;
    let axes: Vec<i64> = (0..rank - 2)
        .filter(|&axis| axis < missing || own[axis - missing] == 1 && made[axis] != 1)
        .map(|axis| axis as i64)
        .collect();
    if axes.is_empty() {
        return Some(dx);
    }
    let sum = builder.reduce("ReduceSum", &dx, &axes);
    Some(builder.reshape_like(&sum, operand))
}

/// The order that takes the last two axes for each other.
fn swapped(rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    order
}

/// dA, dB or dC of a `Gemm`, alpha A B + beta C.
pub fn gemm(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let (a, b) = (node.operand(0), node.operand(1));
    let turns = |name: &str| node.int(name, 0) != 0;
    let alpha = node.float("alpha", 1.0);
    if index == 2 {
        let scaled = builder.scale(dy, node.float("beta", 1.0));
        return context.sum_spread(builder, scaled, node.operand(2), node.result());
    }
    if index == 0 && !turns("transA") {
        return Some(dense(builder, context, node, dy));
    }
    let mut product = |x: &str, turn_x: bool, y: &str, turn_y: bool| {
        let mut turned = |tensor: &str, turn: bool| match turn {
            true => builder.transpose(tensor, &[1, 0]),
            false => tensor.to_owned(),
        };
        let (x, y) = (turned(x, turn_x), turned(y, turn_y));
        let product = builder.push("MatMul", &[&x, &y]);
        builder.scale(&product, alpha)
    };
    Some(match (index, turns("transA"), turns("transB")) {
        (0, _, turns_b) => product(b, turns_b, dy, true),
        (_, turns_a, false) => product(a, !turns_a, dy, false),
        (_, turns_a, true) => product(dy, true, a, turns_a),
    })
}

/// d of one operand of an `Einsum`: the same sum with the result in its place.
pub fn einsum(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let equation = Equation::of(node)?;
    let wanted = equation.operands.get(index)?;
    let mut operands = vec![dy.to_owned()];
    let mut letters = vec![equation.result.clone()];
    for (other, own) in equation.operands.iter().enumerate() {
        if other != index {
            operands.push(node.operand(other).to_owned());
            letters.push(own.clone());
        }
    }
    // What one operand alone is summed over is the same for all along it.
    let missing: Vec<usize> = (0..wanted.len())
        .filter(|&axis| !letters.iter().any(|known| known.contains(&wanted[axis])))
        .collect();
    let kept: Vec<u8> = (0..wanted.len())
        .filter(|axis| !missing.contains(axis))
        .map(|axis| wanted[axis])
        .collect();
    let text = [letters.join(&b','), b"->".to_vec(), kept].concat();
    let inputs: Vec<&str> = operands.iter().map(String::as_str).collect();
    let sum = builder.push_with("Einsum", &inputs, |mut node| {
        node.attribute.push(Attribute {
            name: Some("equation".to_owned()),
            s: Some(text.into()),
            r#type: Some(attribute_type::STRING),
            ..Attribute::default()
        });
        node
    });
    if missing.is_empty() {
        return Some(sum);
    }
    context.rank(node.operand(index))?;
    let axes: Vec<i64> = missing.iter().map(|&axis| axis as i64).collect();
    let sum = builder.unsqueeze(&sum, &axes);
    Some(builder.expand_like(&sum, node.operand(index)))
}

/// dX of a convolution with constant kernels: the transposed convolution with the same.
pub fn convolution(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let (x, kernels) = (node.operand(0), node.operand(1));
    let is_single = context.shape(node.result()).is_none_or(|shape| {
        shape
            .get(2..)
            .is_some_and(|space| space.iter().all(|&size| size == 1))
    });
    if is_single {
        builder.row_weights.push(kernels.to_owned());
    }
    let geometry = windows::Geometry::of(context, node)?;
    let group = node.int("group", 1);
    geometry.transposed(builder, context, dy, kernels, group, x)
}

/// dX of a transposed convolution with constant kernels: the convolution with the same.
pub fn transposed_convolution(
    builder: &mut GraphBuilder,
    context: &Context,
    node: &Node,
    dy: &str,
) -> Option<String> {
    let x = context.shape(node.operand(0))?;
    let plain = ["output_shape", "auto_pad"];
    if plain.iter().any(|name| node.find(name).is_some()) {
        return None;
    }
    let kernels = node.operand(1);
    let product = builder.push_with("Conv", &[dy, kernels], |mut made| {
        for name in ["strides", "dilations", "pads"] {
            if let Some(values) = node.ints(name) {
                made = with_ints(made, name, values);
            }
        }
        with_int(made, "group", node.int("group", 1))
    });
    // Padding of the result, where there is any, ends within the last window.
    let mut cut = product;
    for (axis, &length) in x.iter().enumerate().skip(2) {
        context.fixed_length(node.operand(0), axis)?;
        cut = builder.slice(&cut, axis, 0, i64::try_from(length).ok()?);
    }
    Some(cut)
}
