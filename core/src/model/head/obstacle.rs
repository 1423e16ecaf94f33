//! What keeps a network from being explained, in words for the user.

use crate::model::channels::channels;
use crate::model::layers::keeps_values;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Pool};
use crate::onnx::proto::Node;

/// Why no feature map was found: the operator that stopped the search, what it means, and a
/// sentence on what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    pub found: String,
    pub reason: &'static str,
    pub advice: &'static str,
}

/// What helps wherever nothing better is known.
pub const OTHER_NETWORK: &str =
    "Use a convolutional image classifier that ends in a pooling or flattening and dense layers.";

const AS_EXPORTED: &str =
    "Use the file as it was exported, before ONNX Runtime optimised it: it does so itself.";
const QUANTISED: &str =
    "Use the network before its quantisation, or quantise it in the QDQ format.";
const SCORES: &str =
    "Export the network with the logits or the scores of all classes as its output.";

/// How many nodes to look back for what a node works on.
const FARTHEST: usize = 32;

impl Obstacle {
    /// A node that the search does not get past.
    pub fn of_node(graph: &Graph, node: &Node) -> Self {
        let (reason, advice) = words(graph, node);
        Self {
            found: name(node),
            reason,
            advice,
        }
    }

    /// The network's input, reached without a feature map on the way.
    pub fn input() -> Self {
        Self {
            found: "the input itself".to_owned(),
            reason: "so there is no convolution on the way",
            advice: OTHER_NETWORK,
        }
    }
}

/// A node as a sentence names it.
pub fn name(node: &Node) -> String {
    match node.name() {
        "" => format!("the operator {}", node.op_type()),
        name => format!("the operator {} “{name}”", node.op_type()),
    }
}

fn words(graph: &Graph, node: &Node) -> (&'static str, &'static str) {
    let op = node.op_type();
    if is_quantised(op) {
        return ("which computes with quantised numbers", QUANTISED);
    }
    if node.domain().starts_with("com.microsoft") {
        return ("which ONNX Runtime's own optimiser writes", AS_EXPORTED);
    }
    let op = Op::named(op);
    match op {
        Op::Gather | Op::GatherElements | Op::GatherND | Op::Slice | Op::Split => {
            picked_from(graph, node.operand(0))
        }
        Op::Softmax | Op::LogSoftmax if !follows_attention(graph, node.operand(0)) => (
            "which makes scores of logits, and what follows changes the scores",
            SCORES,
        ),
        Op::ReduceMean | Op::ReduceSum | Op::Softmax | Op::MatMul | Op::LayerNormalization => (
            "which works on a sequence of tokens or features",
            OTHER_NETWORK,
        ),
        Op::TopK | Op::ArgMax => (
            "which leaves the best classes alone, not a score for each class",
            SCORES,
        ),
        Op::NonMaxSuppression => ("which belongs to a detector", OTHER_NETWORK),
        Op::Concat => (
            "which joins the results of several layers",
            "Use a classifier whose classes come from one layer, or write its layers as one before the export.",
        ),
        Op::Resize | Op::Upsample | Op::ConvTranspose | Op::Conv => (
            "which makes a picture rather than class scores",
            OTHER_NETWORK,
        ),
        _ if op.facts().pool == Some(Pool::Maximum) => (
            "which pools by its maximum and leaves no places",
            "Use a network that averages over space.",
        ),
        _ if op.facts().pool == Some(Pool::Norm) => (
            "which pools but not by averaging",
            "Use a network that averages over space.",
        ),
        Op::LSTM | Op::GRU | Op::RNN => ("which reads a sequence", OTHER_NETWORK),
        _ => (
            "which is not known between a feature map and class scores",
            OTHER_NETWORK,
        ),
    }
}

/// Operators of integer arithmetic, static (QOperator) or dynamic; not the pair of the QDQ format.
fn is_quantised(op: &str) -> bool {
    op.starts_with("QLinear")
        || op.starts_with("DynamicQuantize")
        || op.ends_with("Integer")
        || op.ends_with("IntegerToFloat")
        || matches!(op, "QGemm" | "QAttention" | "MatMulNBits")
}

/// What an index or a slice of `tensor` picks.
fn picked_from(graph: &Graph, tensor: &str) -> (&'static str, &'static str) {
    let mut tensor = tensor;
    for _ in 0..FARTHEST {
        let Some(node) = graph.producer(tensor) else {
            break;
        };
        match node.op() {
            Op::Gather | Op::Slice | Op::Split | Op::Squeeze | Op::Identity | Op::Cast => {
                tensor = node.operand(0);
            }
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::AveragePool | Op::ReduceMean
                if channels(graph, node.operand(0)).is_some() =>
            {
                return (
                    "which picks by an index what a pool has left of each channel",
                    "Export the network with Flatten or Squeeze behind its pool in place of the index.",
                );
            }
            _ => break,
        }
    }
    if channels(graph, tensor).is_some() {
        (
            "which picks a part of a feature map",
            "Use a classifier that pools its whole feature map.",
        )
    } else {
        ("which picks one token or part of a sequence", OTHER_NETWORK)
    }
}

/// Whether `tensor` is, but for scaling and masks, a product of two tensors that follow from the
/// picture: what a softmax makes attention of.
fn follows_attention(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    for _ in 0..FARTHEST {
        let Some(node) = graph.producer(tensor) else {
            return false;
        };
        let varying: Vec<&String> = node
            .input
            .iter()
            .filter(|name| graph.varies(name))
            .collect();
        match node.op() {
            Op::MatMul | Op::Einsum => return varying.len() > 1,
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Where | Op::Clip => {
                let Some(operand) = varying.last() else {
                    return false;
                };
                tensor = operand;
            }
            _ if keeps_values(graph, node) => tensor = node.operand(0),
            _ => return false,
        }
    }
    false
}
