//! Vector-Jacobian products of the operators that heads are made of, as ONNX nodes.
//!
//! For a node Y = f(X, ...) and the gradient dY of a logit, each rule adds the nodes that compute
//! dX, reusing the node's own weights. Only a single picture is considered: N = 1.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use crate::model::head::affine;
use crate::model::rewrite::hard_swish::{self, HardGate};
use crate::model::rewrite::{with_float, with_int, with_ints};
use crate::onnx::builder::Tape;
use crate::onnx::graph::Graph;
use crate::onnx::proto::Node;

/// Indices of the operands of `node` through which a gradient flows back to the features; none
/// for operators that a head is not expected to have.
pub fn operands(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    let varying: Vec<usize> = (0..node.input.len())
        .filter(|&index| graph.varies(node.operand(index)))
        .collect();
    let known = match node.op() {
        "Add" | "Sub" | "Mul" | "Div" | "Sum" => true,
        "Gemm" | "MatMul" => {
            varying == [0]
                && node.int("transA", 0) == 0
                && affine::dense_shape(graph, node).is_some()
        }
        "Conv" => varying == [0] && affine::slides(graph, node),
        "GlobalAveragePool" => true,
        "Pow" | "Clip" | "BatchNormalization" | "LayerNormalization" => varying == [0],
        "ReduceMean" | "ReduceSum" => node.int("keepdims", 1) == 1,
        "Relu" | "LeakyRelu" | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Tanh" | "Softplus"
        | "Gelu" | "Erf" | "Exp" | "Log" | "Sqrt" | "Reciprocal" | "Neg" => true,
        // Further operands (shapes, ratios) carry no gradient even where they vary.
        _ => return affine::keeps_values(graph, node).then(|| vec![0]),
    };
    known.then_some(varying)
}

/// Those of the [`operands`] for which there is a [`product`]: where a product of one takes in what
/// flows through another, that other has none.
pub fn paths(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    let operands = operands(graph, node)?;
    Some(match hard_gate(graph, node) {
        Some(gate) => vec![gate.index],
        None => operands,
    })
}

/// dX of the `index`th operand of `node`, given `dy`; none where no rule fits. The tape computes
/// in that operand's element type.
pub fn product(
    tape: &mut Tape,
    graph: &Graph,
    node: &Node,
    index: usize,
    dy: &str,
) -> Option<String> {
    let (x, y) = (node.operand(index), node.result());
    let other = || node.operand(1 - index);
    Some(match node.op() {
        "Identity" | "Dropout" | "Add" | "Sum" => dy.to_owned(),
        // The rounding has no gradient of its own: it is passed straight through.
        "QuantizeLinear" | "DequantizeLinear" => dy.to_owned(),
        "Cast" => tape.as_float(dy),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Gather" => tape.reshape_like(dy, x),
        "Transpose" => {
            let order = node.ints("perm")?;
            let mut inverse = vec![0; order.len()];
            for (to, &from) in order.iter().enumerate() {
                *inverse.get_mut(usize::try_from(from).ok()?)? = to as i64;
            }
            tape.push_with("Transpose", &[dy], |node| with_ints(node, "perm", &inverse))
        }
        "Gemm" | "MatMul" | "Conv" => dense(tape, node, dy),
        "Sub" if index == 0 => dy.to_owned(),
        "Sub" | "Neg" => tape.push("Neg", &[dy]),
        "Mul" => match hard_gate(graph, node) {
            Some(gate) => {
                let slope = hard_swish_slope(tape, x, other(), gate.alpha);
                tape.mul(dy, &slope)
            }
            None => tape.mul(dy, other()),
        },
        "Div" if index == 0 => tape.push("Div", &[dy, other()]),
        "Div" => {
            let product = tape.mul(dy, y);
            let quotient = tape.push("Div", &[&product, x]);
            tape.push("Neg", &[&quotient])
        }
        "BatchNormalization" => {
            let floats = |index: usize| graph.constant(node.operand(index))?.floats();
            let epsilon = node.float("epsilon", 1e-5);
            let factors: Vec<f32> = floats(1)?
                .iter()
                .zip(floats(4)?)
                .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
                .collect();
            let factors = tape.floats(&[1, factors.len() as i64], factors);
            let row = tape.row(dy);
            let product = tape.mul(&row, &factors);
            tape.reshape_like(&product, x)
        }
        "LayerNormalization" => layer_normalization(tape, node, dy)?,
        "ReduceMean" | "ReduceSum" | "GlobalAveragePool" => {
            let shape = tape.push("Shape", &[x]);
            let spread = tape.push("Expand", &[dy, &shape]);
            if node.op() == "ReduceSum" {
                return Some(spread);
            }
            let (of_x, of_y) = (tape.push("Size", &[x]), tape.push("Size", &[y]));
            let count = tape.push("Div", &[&of_x, &of_y]);
            let count = tape.as_float(&count);
            tape.push("Div", &[&spread, &count])
        }
        _ => {
            let slope = slope(tape, graph, node)?;
            tape.mul(dy, &slope)
        }
    })
}

/// dX of a dense layer when dY is one for the class whose index is in the tensor `class`, 1 x 1,
/// and zero for all others: that class's row of the weights.
pub fn dense_row(tape: &mut Tape, node: &Node, class: &str) -> String {
    let (x, weights) = (node.operand(0), node.operand(1));
    let rows_are_outputs = node.op() == "Conv" || node.int("transB", 0) != 0;
    let factor = node.float("alpha", 1.0);
    // Gives the row the dimensions of what the layer takes; the operator is younger than the rest.
    if rows_are_outputs && tape.opset() >= 11 {
        let row = tape.push("GatherND", &[weights, class]);
        return tape.scale(&row, factor);
    }
    let axis = if rows_are_outputs { 0 } else { 1 };
    let row = tape.push_with("Gather", &[weights, class], |node| {
        with_int(node, "axis", axis)
    });
    let row = tape.scale(&row, factor);
    tape.reshape_like(&row, x)
}

/// dX = dY W, by the very tensor that the layer itself multiplies with.
fn dense(tape: &mut Tape, node: &Node, dy: &str) -> String {
    let weights = node.operand(1);
    let transpose = node.int("transB", 0) == 0;
    match node.op() {
        // Takes and returns matrices of one row.
        "Gemm" => {
            let product = tape.matrix_product(dy, weights, transpose);
            tape.scale(&product, node.float("alpha", 1.0))
        }
        // Also where its kernel covers several cells: each takes its share back.
        "Conv" => tape.push("ConvTranspose", &[dy, weights]),
        _ => {
            let row = tape.row(dy);
            let product = tape.matrix_product(&row, weights, transpose);
            tape.reshape_like(&product, node.operand(0))
        }
    }
}

/// Ba et al., "Layer Normalization", 2016, over the last axis:
/// dX = (g - mean(g) - x̂ mean(g x̂)) / σ with g = dY scale.
fn layer_normalization(tape: &mut Tape, node: &Node, dy: &str) -> Option<String> {
    if node.int("axis", -1) != -1 {
        return None;
    }
    let mean = |tape: &mut Tape, tensor: &str| tape.reduce("ReduceMean", tensor, &[-1]);
    let x = node.operand(0);
    let x_mean = mean(tape, x);
    let centred = tape.push("Sub", &[x, &x_mean]);
    let squares = tape.mul(&centred, &centred);
    let variance = mean(tape, &squares);
    let epsilon = tape.scalar(node.float("epsilon", 1e-5));
    let variance = tape.push("Add", &[&variance, &epsilon]);
    let deviation = tape.push("Sqrt", &[&variance]);
    let normal = tape.push("Div", &[&centred, &deviation]);
    let g = tape.mul(dy, node.operand(1));
    let g_mean = mean(tape, &g);
    let g_normal = tape.mul(&g, &normal);
    let g_normal_mean = mean(tape, &g_normal);
    let along = tape.mul(&normal, &g_normal_mean);
    let rest = tape.push("Sub", &[&g, &g_mean]);
    let rest = tape.push("Sub", &[&rest, &along]);
    Some(tape.push("Div", &[&rest, &deviation]))
}

/// dY/dX of a function applied to each element.
fn slope(tape: &mut Tape, graph: &Graph, node: &Node) -> Option<String> {
    let (x, y) = (node.operand(0), node.result());
    let zero = tape.scalar(0.0);
    let one = tape.scalar(1.0);
    Some(match node.op() {
        "Relu" => tape.greater(x, &zero),
        "LeakyRelu" => {
            let alpha = node.float("alpha", 0.01);
            let positive = tape.greater(x, &zero);
            let positive = tape.scale(&positive, 1.0 - alpha);
            let alpha = tape.scalar(alpha);
            tape.push("Add", &[&positive, &alpha])
        }
        "Clip" => {
            let bound = |attribute: &str, index: usize, open: f32| match node.find(attribute) {
                Some(found) => found.f,
                None if node.operand(index).is_empty() => Some(open),
                None => graph
                    .constant(node.operand(index))?
                    .floats()?
                    .first()
                    .copied(),
            };
            let low = tape.scalar(bound("min", 1, f32::MIN)?);
            let high = tape.scalar(bound("max", 2, f32::MAX)?);
            let above = tape.greater(x, &low);
            let below = tape.greater(&high, x);
            tape.mul(&above, &below)
        }
        "Sigmoid" => {
            let rest = tape.push("Sub", &[&one, y]);
            tape.mul(y, &rest)
        }
        // Between its bounds of 0 and 1 it lies between two integers.
        "HardSigmoid" => {
            let (above, below) = (tape.push("Ceil", &[y]), tape.push("Floor", &[y]));
            let inside = tape.push("Sub", &[&above, &below]);
            tape.scale(&inside, node.float("alpha", 0.2))
        }
        "HardSwish" => {
            let alpha = 1.0 / 6.0;
            let gate = tape.push_with("HardSigmoid", &[x], |node| with_float(node, "alpha", alpha));
            hard_swish_slope(tape, x, &gate, alpha)
        }
        "Tanh" => {
            let square = tape.mul(y, y);
            tape.push("Sub", &[&one, &square])
        }
        "Softplus" => tape.push("Sigmoid", &[x]),
        // Hendrycks and Gimpel, "Gaussian Error Linear Units": x Φ(x).
        "Gelu"
            if node
                .find("approximate")
                .is_none_or(|kind| kind.s.as_deref() == Some(b"none")) =>
        {
            let scaled = tape.scale(x, FRAC_1_SQRT_2);
            let erf = tape.push("Erf", &[&scaled]);
            let doubled = tape.push("Add", &[&erf, &one]);
            let cumulative = tape.scale(&doubled, 0.5);
            let bell = bell(tape, &scaled, 1.0 / (2.0 * PI).sqrt());
            let bell = tape.mul(x, &bell);
            tape.push("Add", &[&cumulative, &bell])
        }
        "Erf" => bell(tape, x, 2.0 / PI.sqrt()),
        "Exp" => y.to_owned(),
        "Log" => tape.push("Reciprocal", &[x]),
        "Sqrt" => {
            let inverse = tape.push("Reciprocal", &[y]);
            tape.scale(&inverse, 0.5)
        }
        "Reciprocal" => {
            let square = tape.mul(y, y);
            tape.push("Neg", &[&square])
        }
        "Pow" => {
            let exponent = *graph.constant(node.operand(1))?.floats()?.first()?;
            let lower = tape.scalar(exponent - 1.0);
            let power = tape.push("Pow", &[x, &lower]);
            tape.scale(&power, exponent)
        }
        _ => return None,
    })
}

/// The gate of a HardSwish whose slope the operator set can write.
fn hard_gate(graph: &Graph, node: &Node) -> Option<HardGate> {
    let gate = hard_swish::hard_gate(node, |tensor| graph.producer(tensor));
    gate.filter(|_| graph.opset() >= 9)
}

/// dY/dX of Howard et al., "Searching for MobileNetV3", 2019, y = x h with the gate
/// h = clip(α x + 1/2, 0, 1): h, and α x more between the gate's bounds.
fn hard_swish_slope(tape: &mut Tape, x: &str, gate: &str, alpha: f32) -> String {
    // Shrinks to zero what lies between its bounds and leaves the rest.
    let beyond = tape.push_with("Shrink", &[x], |node| {
        with_float(node, "lambd", 0.5 / alpha)
    });
    let inside = tape.push("Sub", &[x, &beyond]);
    let inside = tape.scale(&inside, alpha);
    tape.push("Add", &[gate, &inside])
}

/// factor · exp(-x²)
fn bell(tape: &mut Tape, x: &str, factor: f32) -> String {
    let square = tape.mul(x, x);
    let negative = tape.push("Neg", &[&square]);
    let bell = tape.push("Exp", &[&negative]);
    tape.scale(&bell, factor)
}
