//! dY/dX of functions that are applied to each element.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use super::context::Context;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::with_float;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// dY/dX of a function applied to each element.
pub fn slope(builder: &mut GraphBuilder, context: &Context, node: &Node) -> Option<String> {
    let graph = context.graph;
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
        // The same by Page's approximation of Φ.
        Op::Gelu => {
            let root = (2.0 / PI).sqrt();
            let square = builder.mul(x, x);
            let cube = builder.mul(&square, x);
            let cube = builder.scale(&cube, 0.044_715);
            let sum = builder.push("Add", &[x, &cube]);
            let inner = builder.scale(&sum, root);
            let tanh = builder.push("Tanh", &[&inner]);
            let doubled = builder.push("Add", &[&tanh, &one]);
            let cumulative = builder.scale(&doubled, 0.5);
            let tanh_square = builder.mul(&tanh, &tanh);
            let rest = builder.push("Sub", &[&one, &tanh_square]);
            let inner_slope = builder.scale(&square, 3.0 * 0.044_715 * root);
            let constant = builder.scalar(root);
            let inner_slope = builder.push("Add", &[&inner_slope, &constant]);
            let product = builder.mul(&rest, &inner_slope);
            let product = builder.mul(&product, x);
            let product = builder.scale(&product, 0.5);
            builder.push("Add", &[&cumulative, &product])
        }
        // Ramachandran et al., "Searching for Activation Functions", 2017: x σ(α x).
        Op::Swish => {
            let alpha = node.float("alpha", 1.0);
            let scaled = builder.scale(x, alpha);
            let gate = builder.push("Sigmoid", &[&scaled]);
            let rest = builder.push("Sub", &[&one, &gate]);
            let bend = builder.mul(&scaled, &rest);
            let bend = builder.push("Add", &[&bend, &one]);
            builder.mul(&gate, &bend)
        }
        Op::Abs => builder.sign(x),
        Op::Sin => builder.push("Cos", &[x]),
        Op::Cos => {
            let sine = builder.push("Sin", &[x]);
            builder.push("Neg", &[&sine])
        }
        // Steps: flat wherever they have a slope.
        Op::Ceil | Op::Floor | Op::Round | Op::Sign => builder.zeros_like(x),
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
            let exponents = context.shapes.numbers(graph, node.operand(1));
            let one_for_all = exponents.and_then(|exponents| {
                let exponent = *exponents.values.first()? as f32;
                let mut others = exponents.values.iter();
                others
                    .all(|&other| other as f32 == exponent)
                    .then_some(exponent)
            });
            let Some(exponent) = one_for_all else {
                // Learnt ones, as they are computed in the graph.
                if context.shape(x)? != context.shape(node.result())? {
                    return None;
                }
                let exponents = builder.as_float(node.operand(1));
                let one = builder.scalar(1.0);
                let lower = builder.push("Sub", &[&exponents, &one]);
                let power = builder.push("Pow", &[x, &lower]);
                return Some(builder.mul(&power, &exponents));
            };
            if exponent == 2.0 {
                return Some(builder.scale(x, 2.0));
            }
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
pub struct HardGate {
    /// Which operand of the product that is.
    pub index: usize,
    /// α, the hard sigmoid's slope between its bounds.
    pub alpha: f32,
}

/// The gate of a `product` that is a HardSwish, as older operator sets write it, if the set can write its slope.
pub fn hard_gate(graph: &Graph, product: &Node) -> Option<HardGate> {
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
pub fn hard_swish_slope(builder: &mut GraphBuilder, x: &str, gate: &str, alpha: f32) -> String {
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
