//! The gates of HardSwish as convolutions, which a network of MobileNet-v3's kind is quicker with.
//!
//! On x86-64, ONNX Runtime computes in blocks of channels (NCHWc). It leaves and enters them again
//! around each HardSigmoid that is multiplied with what it is of, but not around a convolution with
//! Clip and a product. α x + 1/2 is a convolution of one weight a channel: with it MobileNet-v3-Large
//! takes an eighth less time, and what it returns differs by rounding alone.

use std::collections::HashMap;

use crate::model::layers::hard_gate;
use crate::onnx::node::{floats, node, with_float, with_int, with_ints};
use crate::onnx::ops::{Channels, Op};
use crate::onnx::proto::{self, Node, data_type};

/// Channels of a block, or a multiple of them.
const BLOCK: i64 = 16;

/// Channels that no network has more of in a layer.
const MOST: i64 = 1 << 16;

/// Replaces the gates in a graph of operator set `opset`.
pub fn convolve(graph: &mut proto::Graph, opset: i64) {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let widths = channel_counts(graph);
    let producers = graph.node.iter().map(|node| (node.result(), node));
    let producers: HashMap<&str, &Node> = producers.collect();
    let gates = graph.node.iter().filter_map(|product| {
        let gate = hard_gate(product, |tensor| producers.get(tensor).copied())?;
        Some((product.operand(1 - gate.index), gate.alpha))
    });
    let gates: HashMap<&str, f32> = gates.collect();
    let gate = |node: &Node| match node.op() {
        Op::HardSwish => Some(1.0 / 6.0),
        _ => gates.get(node.result()).copied(),
    };
    let (mut nodes, mut constants) = (Vec::with_capacity(graph.node.len()), Vec::new());
    for old in &graph.node {
        let (Some(alpha), Some(&channels)) = (gate(old), widths.get(old.operand(0))) else {
            nodes.push(old.clone());
            continue;
        };
        let name = |part: &str| format!("camoverlay/gate/{}/{part}", nodes.len());
        let names = ["weight", "bias", "low", "high", "ramp", "gate"].map(name);
        let [weight, bias, low, high, ramp, gate] = names.each_ref().map(String::as_str);
        constants.extend([
            constant(weight, &[channels, 1, 1, 1], alpha),
            constant(bias, &[channels], 0.5),
        ]);
        let (x, result) = (old.operand(0), old.result());
        let conv = with_int(node("Conv", &[x, weight, bias], ramp), "group", channels);
        nodes.push(with_ints(conv, "kernel_shape", &[1, 1]));
        let is_swish = old.op() == Op::HardSwish;
        let clipped = if is_swish { gate } else { result };
        if opset < 11 {
            // The bounds were no inputs yet.
            let clip = with_float(node("Clip", &[ramp], clipped), "min", 0.0);
            nodes.push(with_float(clip, "max", 1.0));
        } else {
            constants.extend([constant(low, &[], 0.0), constant(high, &[], 1.0)]);
            nodes.push(node("Clip", &[ramp, low, high], clipped));
        }
        if is_swish {
            nodes.push(node("Mul", &[x, gate], result));
        }
    }
    graph.node = nodes;
    graph.initializer.extend(constants);
}

/// How many channels the results of convolutions in single precision have, where they fill blocks.
fn channel_counts(graph: &proto::Graph) -> HashMap<String, i64> {
    let weights = graph.initializer.iter();
    let weights: HashMap<&str, &proto::Tensor> =
        weights.map(|weight| (weight.name(), weight)).collect();
    let mut counts = HashMap::new();
    for node in &graph.node {
        let count = match node.op().facts().channels {
            Channels::Kernels { operand } => weights
                .get(node.operand(operand))
                .filter(|weight| weight.data_type() == data_type::FLOAT && weight.dims.len() == 4)
                .map(|weight| weight.dims[0])
                .filter(|count| (1..=MOST).contains(count) && count % BLOCK == 0),
            Channels::Scales => counts.get(node.operand(0)).copied(),
            Channels::Kept
            | Channels::TransposedKernels
            | Channels::Joined
            | Channels::Blocks
            | Channels::Padded
            | Channels::Sliced
            | Channels::Split
            | Channels::Picked
            | Channels::Lost
            | Channels::Unknown => None,
        };
        if let Some(count) = count {
            counts.insert(node.result().to_owned(), count);
        }
    }
    counts
}

fn constant(name: &str, dims: &[i64], value: f32) -> proto::Tensor {
    let count = dims.iter().product::<i64>() as usize;
    floats(name, dims, vec![value; count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::activation::Target;
    use crate::testing::{Draft, ask, noise};

    /// Logits of a network whose 16 channels go through `swish`.
    fn logits(swish: impl Fn(&mut Draft)) -> Option<Vec<f32>> {
        let mut draft = Draft::new();
        draft.opset(14);
        draft.random("wide", &[16, 3, 1, 1]);
        draft.node("Conv", &["x", "wide"], "c");
        swish(&mut draft);
        draft
            .node("GlobalAveragePool", &["h"], "p")
            .node("Flatten", &["p"], "f");
        draft
            .random("w", &[16, 4])
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        let mut classifier = draft.open()?.unwrap();
        let image: Vec<f32> = noise(48, 7).iter().map(|value| 8.0 * value).collect();
        let activation = ask(&mut classifier, &image, Target::Rank(0)).unwrap();
        Some(activation.logits.to_vec())
    }

    #[test]
    fn a_convolved_gate_is_a_gate() {
        let gate = |name: &str| with_float(node("HardSigmoid", &["c"], name), "alpha", 1.0 / 6.0);
        // What is not multiplied itself stays as it is.
        let expected = logits(|draft| {
            draft
                .push(gate("g"))
                .node("Identity", &["g"], "i")
                .node("Mul", &["c", "i"], "h");
        });
        let pair = logits(|draft| {
            draft.push(gate("g")).node("Mul", &["g", "c"], "h");
        });
        let single = logits(|draft| {
            draft.node("HardSwish", &["c"], "h");
        });
        for logits in [pair, single] {
            for (a, b) in logits.iter().flatten().zip(expected.iter().flatten()) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn gates_of_whole_blocks_are_convolved() {
        for (channels, replaced) in [(16, true), (8, false)] {
            let mut draft = Draft::new();
            draft.random("wide", &[channels, 3, 1, 1]);
            draft
                .node("Conv", &["x", "wide"], "c")
                .node("HardSwish", &["c"], "h");
            convolve(draft.graph(), 14);
            let ops: Vec<&str> = draft
                .graph()
                .node
                .iter()
                .map(|node| node.op_type())
                .collect();
            let expected: &[&str] = match replaced && cfg!(target_arch = "x86_64") {
                true => &["Conv", "Conv", "Clip", "Mul"],
                false => &["Conv", "HardSwish"],
            };
            assert_eq!(ops, expected);
        }
    }
}
