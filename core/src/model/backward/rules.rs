//! Vector-Jacobian products of the operators that heads are made of, as ONNX nodes.
//!
//! For a node Y = f(X, ...) and the gradient dY of a logit, each rule adds the nodes that compute
//! dX, reusing the node's own weights. Only a single picture is considered: N = 1.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use crate::model::layers::differentiable_inputs;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::{with_float, with_int, with_ints};
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// Those of the [`differentiable_inputs`] for which there is a [`product`]: where a product of one takes in what
/// flows through another, that other has none.
pub fn paths(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    let operands = differentiable_inputs(graph, node)?;
    Some(match hard_gate(graph, node) {
        Some(gate) => vec![gate.index],
        None => operands,
    })
}

/// dX of the `index`th operand of `node`, given `dy`; none where no rule fits. The builder computes
/// in that operand's element type.
pub fn product(
    builder: &mut GraphBuilder,
    graph: &Graph,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let (x, y) = (node.operand(index), node.result());
    let other = || node.operand(1 - index);
    Some(match node.op() {
        Op::Identity | Op::Dropout | Op::Add | Op::Sum => dy.to_owned(),
        // The rounding has no gradient of its own: it is passed straight through.
        Op::QuantizeLinear | Op::DequantizeLinear => dy.to_owned(),
        Op::Cast => builder.as_float(dy),
        Op::Flatten | Op::Reshape | Op::Squeeze | Op::Unsqueeze | Op::Gather => {
            builder.reshape_like(dy, x)
        }
        Op::Transpose => {
            let order = node.ints("perm")?;
            let mut inverse = vec![0; order.len()];
            for (to, &from) in order.iter().enumerate() {
                *inverse.get_mut(usize::try_from(from).ok()?)? = to as i64;
            }
            builder.push_with("Transpose", &[dy], |node| with_ints(node, "perm", &inverse))
        }
        // By the very tensor that the layer itself multiplies with; it takes and returns one row.
        Op::Gemm => {
            let product = dense(builder, node, dy);
            builder.scale(&product, node.float("alpha", 1.0))
        }
        Op::MatMul => {
            let row = builder.row(dy);
            let product = dense(builder, node, &row);
            builder.reshape_like(&product, x)
        }
        // Also where its kernel covers several cells: each takes its share back.
        Op::Conv => builder.push("ConvTranspose", &[dy, node.operand(1)]),
        Op::Sub if index == 0 => dy.to_owned(),
        Op::Sub | Op::Neg => builder.push("Neg", &[dy]),
        Op::Mul => match hard_gate(graph, node) {
            Some(gate) => {
                let slope = hard_swish_slope(builder, x, other(), gate.alpha);
                builder.mul(dy, &slope)
            }
            None => builder.mul(dy, other()),
        },
        Op::Div if index == 0 => builder.push("Div", &[dy, other()]),
        Op::Div => {
            let product = builder.mul(dy, y);
            let quotient = builder.push("Div", &[&product, x]);
            builder.push("Neg", &[&quotient])
        }
        Op::BatchNormalization => {
            let floats = |index: usize| graph.constant(node.operand(index))?.floats();
            let epsilon = node.float("epsilon", 1e-5);
            let factors: Vec<f32> = floats(1)?
                .iter()
                .zip(floats(4)?)
                .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
                .collect();
            let factors = builder.floats(&[1, factors.len() as i64], factors);
            let row = builder.row(dy);
            let product = builder.mul(&row, &factors);
            builder.reshape_like(&product, x)
        }
        Op::LayerNormalization => layer_normalization(builder, node, dy)?,
        Op::ReduceMean | Op::ReduceSum | Op::GlobalAveragePool => {
            let shape = builder.push("Shape", &[x]);
            let spread = builder.push("Expand", &[dy, &shape]);
            if node.op() == Op::ReduceSum {
                return Some(spread);
            }
            let (of_x, of_y) = (builder.push("Size", &[x]), builder.push("Size", &[y]));
            let count = builder.push("Div", &[&of_x, &of_y]);
            let count = builder.as_float(&count);
            builder.push("Div", &[&spread, &count])
        }
        _ => {
            let slope = slope(builder, graph, node)?;
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

/// dX = dY W.
fn dense(builder: &mut GraphBuilder, node: &Node, dy: &str) -> String {
    builder.matrix_product(dy, node.operand(1), node.int("transB", 0) == 0)
}

/// Ba et al., "Layer Normalization", 2016, over the last axis:
/// dX = (g - mean(g) - x̂ mean(g x̂)) / σ with g = dY scale.
fn layer_normalization(builder: &mut GraphBuilder, node: &Node, dy: &str) -> Option<String> {
    if node.int("axis", -1) != -1 {
        return None;
    }
    let mean =
        |builder: &mut GraphBuilder, tensor: &str| builder.reduce("ReduceMean", tensor, &[-1]);
    let x = node.operand(0);
    let x_mean = mean(builder, x);
    let centred = builder.push("Sub", &[x, &x_mean]);
    let squares = builder.mul(&centred, &centred);
    let variance = mean(builder, &squares);
    let epsilon = builder.scalar(node.float("epsilon", 1e-5));
    let variance = builder.push("Add", &[&variance, &epsilon]);
    let deviation = builder.push("Sqrt", &[&variance]);
    let normal = builder.push("Div", &[&centred, &deviation]);
    let g = builder.mul(dy, node.operand(1));
    let g_mean = mean(builder, &g);
    let g_normal = builder.mul(&g, &normal);
    let g_normal_mean = mean(builder, &g_normal);
    let along = builder.mul(&normal, &g_normal_mean);
    let rest = builder.push("Sub", &[&g, &g_mean]);
    let rest = builder.push("Sub", &[&rest, &along]);
    Some(builder.push("Div", &[&rest, &deviation]))
}

/// dY/dX of a function applied to each element.
fn slope(builder: &mut GraphBuilder, graph: &Graph, node: &Node) -> Option<String> {
    let (x, y) = (node.operand(0), node.result());
    let zero = builder.scalar(0.0);
    let one = builder.scalar(1.0);
    Some(match node.op() {
        Op::Relu => builder.greater(x, &zero),
        Op::LeakyRelu => {
            let alpha = builder.scalar(node.float("alpha", 0.01));
            one_above_zero(builder, x, &alpha)
        }
        Op::PRelu => one_above_zero(builder, x, node.operand(1)),
        Op::ThresholdedRelu => {
            let alpha = builder.scalar(node.float("alpha", 1.0));
            builder.greater(x, &alpha)
        }
        Op::Elu => elu_slope(builder, x, node.float("alpha", 1.0)),
        // Klambauer et al., "Self-Normalizing Neural Networks", 2017.
        Op::Selu => {
            let slope = elu_slope(builder, x, node.float("alpha", 1.673_263_2));
            builder.scale(&slope, node.float("gamma", 1.050_701))
        }
        // Barron, "Continuously Differentiable Exponential Linear Units", 2017: 1 above zero as well.
        Op::Celu => decay(builder, x, node.float("alpha", 1.0)),
        Op::Clip => {
            let bound = |attribute: &str, index: usize, open: f32| match node.find(attribute) {
                Some(found) => found.f,
                None if node.operand(index).is_empty() => Some(open),
                None => graph
                    .constant(node.operand(index))?
                    .floats()?
                    .first()
                    .copied(),
            };
            let low = builder.scalar(bound("min", 1, f32::MIN)?);
            let high = builder.scalar(bound("max", 2, f32::MAX)?);
            let above = builder.greater(x, &low);
            let below = builder.greater(&high, x);
            builder.mul(&above, &below)
        }
        Op::Sigmoid => {
            let rest = builder.push("Sub", &[&one, y]);
            builder.mul(y, &rest)
        }
        // Between its bounds of 0 and 1 it lies between two integers.
        Op::HardSigmoid => {
            let (above, below) = (builder.push("Ceil", &[y]), builder.push("Floor", &[y]));
            let inside = builder.push("Sub", &[&above, &below]);
            builder.scale(&inside, node.float("alpha", 0.2))
        }
        Op::HardSwish => {
            let alpha = 1.0 / 6.0;
            let gate =
                builder.push_with("HardSigmoid", &[x], |node| with_float(node, "alpha", alpha));
            hard_swish_slope(builder, x, &gate, alpha)
        }
        Op::Tanh => {
            let square = builder.mul(y, y);
            builder.push("Sub", &[&one, &square])
        }
        Op::Softplus => builder.push("Sigmoid", &[x]),
        Op::Softsign => {
            let size = builder.push("Abs", &[x]);
            let divisor = builder.push("Add", &[&size, &one]);
            let factor = builder.push("Reciprocal", &[&divisor]);
            builder.mul(&factor, &factor)
        }
        // Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019: x tanh(softplus(x)).
        Op::Mish => {
            let softplus = builder.push("Softplus", &[x]);
            let gate = builder.push("Tanh", &[&softplus]);
            let square = builder.mul(&gate, &gate);
            let rest = builder.push("Sub", &[&one, &square]);
            let sigmoid = builder.push("Sigmoid", &[x]);
            let gate_slope = builder.mul(&rest, &sigmoid);
            let product = builder.mul(x, &gate_slope);
            builder.push("Add", &[&gate, &product])
        }
        // Hendrycks and Gimpel, "Gaussian Error Linear Units": x Φ(x).
        Op::Gelu
            if node
                .find("approximate")
                .is_none_or(|kind| kind.s.as_deref() == Some(b"none")) =>
        {
            let scaled = builder.scale(x, FRAC_1_SQRT_2);
            let erf = builder.push("Erf", &[&scaled]);
            let doubled = builder.push("Add", &[&erf, &one]);
            let cumulative = builder.scale(&doubled, 0.5);
            let bell = bell(builder, &scaled, 1.0 / (2.0 * PI).sqrt());
            let bell = builder.mul(x, &bell);
            builder.push("Add", &[&cumulative, &bell])
        }
        Op::Erf => bell(builder, x, 2.0 / PI.sqrt()),
        Op::Exp => y.to_owned(),
        Op::Log => builder.push("Reciprocal", &[x]),
        Op::Sqrt => {
            let inverse = builder.push("Reciprocal", &[y]);
            builder.scale(&inverse, 0.5)
        }
        Op::Reciprocal => {
            let square = builder.mul(y, y);
            builder.push("Neg", &[&square])
        }
        Op::Pow => {
            let exponent = *graph.constant(node.operand(1))?.floats()?.first()?;
            let lower = builder.scalar(exponent - 1.0);
            let power = builder.push("Pow", &[x, &lower]);
            builder.scale(&power, exponent)
        }
        _ => return None,
    })
}

/// 1 where `x` > 0, else `below`, which is of x's size or spread out to it.
fn one_above_zero(builder: &mut GraphBuilder, x: &str, below: &str) -> String {
    let zero = builder.scalar(0.0);
    let one = builder.scalar(1.0);
    let positive = builder.greater(x, &zero);
    let step = builder.push("Sub", &[&one, below]);
    let step = builder.mul(&positive, &step);
    builder.push("Add", &[below, &step])
}

/// dY/dX of Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units",
/// 2016: 1 above zero, α exp(x) below.
fn elu_slope(builder: &mut GraphBuilder, x: &str, alpha: f32) -> String {
    let decay = decay(builder, x, 1.0);
    let below = builder.scale(&decay, alpha);
    one_above_zero(builder, x, &below)
}

/// exp(min(x, 0) / `length`), which is finite however large x is.
fn decay(builder: &mut GraphBuilder, x: &str, length: f32) -> String {
    // Older operator sets have no minimum with a number.
    let negative = builder.push("Neg", &[x]);
    let depth = builder.push("Relu", &[&negative]);
    let exponent = builder.scale(&depth, -1.0 / length);
    builder.push("Exp", &[&exponent])
}

/// What is multiplied with its own hard sigmoid, clip(α x + 1/2, 0, 1).
struct HardGate {
    /// Which operand of the product that is.
    index: usize,
    /// α, the hard sigmoid's slope between its bounds.
    alpha: f32,
}

/// The gate of a `product` that is a HardSwish, as older operator sets write it, if the set can write its slope.
fn hard_gate(graph: &Graph, product: &Node) -> Option<HardGate> {
    if product.op() != Op::Mul || graph.opset() < 9 {
        return None;
    }
    (0..2).find_map(|index| {
        let gate = graph.producer(product.operand(1 - index))?;
        let alpha = gate.float("alpha", 0.2);
        let is_gate = gate.op() == Op::HardSigmoid
            && gate.operand(0) == product.operand(index)
            && gate.float("beta", 0.5) == 0.5
            && alpha > 0.0;
        is_gate.then_some(HardGate { index, alpha })
    })
}

/// dY/dX of Howard et al., "Searching for MobileNetV3", 2019, y = x h with the gate
/// h = clip(α x + 1/2, 0, 1): h, and α x more between the gate's bounds.
fn hard_swish_slope(builder: &mut GraphBuilder, x: &str, gate: &str, alpha: f32) -> String {
    // Shrinks to zero what lies between its bounds and leaves the rest.
    let beyond = builder.push_with("Shrink", &[x], |node| {
        with_float(node, "lambd", 0.5 / alpha)
    });
    let inside = builder.push("Sub", &[x, &beyond]);
    let inside = builder.scale(&inside, alpha);
    builder.push("Add", &[gate, &inside])
}

/// factor · exp(-x²)
fn bell(builder: &mut GraphBuilder, x: &str, factor: f32) -> String {
    let square = builder.mul(x, x);
    let negative = builder.push("Neg", &[&square]);
    let bell = builder.push("Exp", &[&negative]);
    builder.scale(&bell, factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::node::node;
    use crate::onnx::ops::Gradient;
    use crate::testing::Draft;

    #[test]
    fn an_operator_has_a_rule_where_its_row_says_so() {
        for (op, name) in Op::ALL {
            let mut draft = Draft::new();
            let operands = ["x", "w", "w", "w", "w"];
            let made = with_ints(node(name, &operands, "y"), "perm", &[0, 1, 2, 3]);
            draft.random("w", &[1]).push(made).output("y");
            let graph = Graph::new(draft.model).unwrap();
            let made = graph.producer("y").unwrap();
            let mut builder = GraphBuilder::new(graph.opset());
            let has_rule = product(&mut builder, &graph, made, 0, "dy").is_some();
            let says_so = op.facts().gradient != Gradient::None;
            assert_eq!(has_rule, says_so, "{name}");
        }
    }
}
