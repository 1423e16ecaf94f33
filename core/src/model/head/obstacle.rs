//! What keeps a network from being explained, in words for the user.

use crate::model::facts::Facts;
use crate::model::layers::{dense_shape, keeps_values};
use crate::model::shape_arithmetic::numbers;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places, Pool};
use crate::onnx::proto::Node;

/// Why no feature map was found: the operator that stopped the search, what it means, and a
/// sentence on what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    pub found: String,
    pub reason: &'static str,
    pub advice: &'static str,
}

/// Why the network is not explained at a layer that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsuited {
    /// What was asked for, as a sentence names it.
    pub layer: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why a network cannot be taken apart.
#[derive(Debug, Clone, PartialEq)]
pub enum NoHead {
    /// It has no feature map to be seen from its classes.
    Search(Obstacle),
    /// The layer that was asked for is none.
    Layer(Unsuited),
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

const ALTERED: &str = "which makes scores of logits, and what follows changes the scores";

/// How many nodes to look back for what a node works on.
const FARTHEST: usize = 32;

impl Obstacle {
    /// A node that the search does not get past, `passed` being the indices of those that it did.
    pub fn of_node(graph: &Graph, facts: &Facts, node: &Node, passed: &[usize]) -> Self {
        let passed: Vec<&Node> = passed.iter().map(|&index| &graph.nodes()[index]).collect();
        if let Some(choice) = choice_before(graph, node) {
            return Self::of_choice(choice);
        }
        if makes_a_map(node.op()) && passed.iter().any(|node| dense_shape(graph, node).is_some()) {
            return Self::of_map(node, &passed);
        }
        let (reason, advice) = words(graph, facts, node, &passed);
        Self {
            found: name(node),
            reason,
            advice,
        }
    }

    /// A node that runs one of two graphs that it holds.
    fn of_choice(node: &Node) -> Self {
        Self {
            found: name(node),
            reason: "which chooses what is computed while the network runs",
            advice: "Export the network with Flatten in place of its squeeze, or for pictures of one size, or have a \
                     simplifier such as onnxsim take that choice out of the file.",
        }
    }

    /// A node that makes scores, of which what follows makes something else.
    pub fn altered(node: &Node) -> Self {
        Self {
            found: name(node),
            reason: ALTERED,
            advice: SCORES,
        }
    }

    /// A convolution of 1 x 1 in several groups on pooled features.
    pub fn in_groups(node: &Node) -> Self {
        Self {
            found: name(node),
            reason: "which is a dense layer in several groups",
            advice: "Export the network with that convolution in one group, whose weights between groups are zero.",
        }
    }

    /// A map that reaches dense layers by way of the nodes `passed`, and not as one that is known.
    fn of_map(node: &Node, passed: &[&Node]) -> Self {
        let transpose = passed.iter().find(|node| node.op() == Op::Transpose);
        let (reason, advice) = match transpose.map(|transpose| transpose.ints("perm")) {
            Some(Some([0, 2, 3, 1])) => (
                "behind which other operators follow before its feature map is flattened",
                "Export the network with that transposition right before the flattening, or without it.",
            ),
            Some(_) => (
                "which gives the dense layers its feature map in an order of axes that is not known",
                "Export the network with its feature map flattened as N x C x height x width, or as N x height x width x C.",
            ),
            None => (
                "whose feature map reaches the dense layers neither pooled over space nor flattened",
                OTHER_NETWORK,
            ),
        };
        Self {
            found: name(transpose.copied().unwrap_or(node)),
            reason,
            advice,
        }
    }

    /// The network's input, reached by way of the nodes `passed` without a feature map among them.
    pub fn input(graph: &Graph, passed: &[usize]) -> Self {
        let last = passed.last().map(|&index| &graph.nodes()[index]);
        if let Some(choice) = last.and_then(|node| choice_before(graph, node)) {
            return Self::of_choice(choice);
        }
        let is_convolution = |&index: &usize| graph.nodes()[index].op() == Op::Conv;
        Self {
            found: "the input itself".to_owned(),
            reason: if passed.iter().any(is_convolution) {
                "so there are only convolutions of 1 x 1 on the way"
            } else {
                "so there is no convolution on the way"
            },
            advice: OTHER_NETWORK,
        }
    }
}

/// `node`, or the first node before it, that chooses between graphs of its own: what comes out does not
/// seem to follow from the picture, which those graphs take from around them.
fn choice_before<'a>(graph: &'a Graph, node: &'a Node) -> Option<&'a Node> {
    let mut node = node;
    for _ in 0..FARTHEST {
        if node.domain().is_empty() && node.op_type() == "If" {
            return Some(node);
        }
        if node.input.iter().any(|operand| graph.varies(operand)) {
            return None;
        }
        node = node
            .input
            .iter()
            .find_map(|operand| graph.producer(operand))?;
    }
    None
}

/// A node as a sentence names it.
pub fn name(node: &Node) -> String {
    match node.name() {
        "" => format!("the operator {}", node.op_type()),
        name => format!("the operator {} “{name}”", node.op_type()),
    }
}

fn words(
    graph: &Graph,
    facts: &Facts,
    node: &Node,
    passed: &[&Node],
) -> (&'static str, &'static str) {
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
            picked(graph, facts, node, passed)
        }
        Op::Softmax | Op::LogSoftmax if !follows_attention(graph, node.operand(0)) => {
            (ALTERED, SCORES)
        }
        Op::ReduceMean | Op::ReduceSum if let Some(words) = reduced(graph, facts, node) => words,
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
        op if makes_a_map(op) => (
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

fn makes_a_map(op: Op) -> bool {
    matches!(op, Op::Resize | Op::Upsample | Op::ConvTranspose | Op::Conv)
}

/// What a sum or mean takes of a feature map; none where it is of something else.
fn reduced(graph: &Graph, facts: &Facts, node: &Node) -> Option<(&'static str, &'static str)> {
    const IN_ITS_PLACE: &str =
        "Export the network with one mean over height and width in its place.";
    let operand = node.operand(0);
    let turned = graph
        .producer(operand)
        .filter(|node| node.op() == Op::Transpose);
    let (map, space) = match turned {
        None => (operand, [2, 3]),
        Some(turned) => {
            // Where height and width have gone.
            let order = turned.ints("perm")?;
            let gone = |axis| order.iter().position(|&from| from == axis);
            (turned.operand(0), [gone(2)? as i64, gone(3)? as i64])
        }
    };
    facts.channels(map)?;
    let axes = numbers(graph, node, "axes", 1);
    let has = |axis: i64| {
        let axes = axes.iter().flatten();
        axes.copied()
            .any(|found| found == axis || found + 4 == axis)
    };
    let is_sum = node.op() == Op::ReduceSum;
    Some(match space.map(has) {
        [true, true] if is_sum => (
            "which sums a feature map over height and width and does not average it",
            IN_ITS_PLACE,
        ),
        [true, true] => (
            "which averages a feature map over more than height and width",
            IN_ITS_PLACE,
        ),
        [true, false] | [false, true] if is_sum => (
            "which sums a feature map over one of height and width alone",
            IN_ITS_PLACE,
        ),
        [true, false] | [false, true] => (
            "which averages a feature map over one of height and width alone",
            IN_ITS_PLACE,
        ),
        [false, false] if axes.is_none() => (
            "which sums up a whole feature map, or along axes that the network computes",
            IN_ITS_PLACE,
        ),
        [false, false] => ("which sums up the channels of a feature map", OTHER_NETWORK),
    })
}

/// Operators of integer arithmetic, static (QOperator) or dynamic; not the pair of the QDQ format.
fn is_quantised(op: &str) -> bool {
    op.starts_with("QLinear")
        || op.starts_with("DynamicQuantize")
        || op.ends_with("Integer")
        || op.ends_with("IntegerToFloat")
        || matches!(op, "QGemm" | "QAttention" | "MatMulNBits")
}

/// What an index or a slice picks, before the dense layers among the nodes `passed`.
fn picked(
    graph: &Graph,
    facts: &Facts,
    node: &Node,
    passed: &[&Node],
) -> (&'static str, &'static str) {
    const OF_FEATURES: (&str, &str) = (
        "which picks some of the pooled or flattened features",
        "Use a classifier whose classes come from all of its features.",
    );
    let mut tensor = node.operand(0);
    let left = facts.certain_channels(node.result());
    let picks_channels = left.is_some() && left != facts.certain_channels(tensor);
    for _ in 0..FARTHEST {
        let Some(node) = graph.producer(tensor) else {
            break;
        };
        match node.op() {
            Op::Gather | Op::Slice | Op::Split | Op::Squeeze | Op::Identity | Op::Cast => {
                tensor = node.operand(0);
            }
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::AveragePool | Op::ReduceMean
                if facts.channels(node.operand(0)).is_some() =>
            {
                if picks_channels {
                    return OF_FEATURES;
                }
                return (
                    "which picks by an index what a pool has left of each channel",
                    "Export the network with Flatten or Squeeze behind its pool in place of the index.",
                );
            }
            _ => break,
        }
    }
    if facts.channels(tensor).is_some() {
        return (
            "which picks a part of a feature map",
            "Use a classifier that pools its whole feature map.",
        );
    }
    let advice = match passed.iter().any(|node| dense_shape(graph, node).is_some()) {
        true => OTHER_NETWORK,
        false => SCORES,
    };
    match row(graph, facts, tensor) {
        Some(Row::OfDense) => ("which picks some of what a dense layer returns", advice),
        Some(Row::OfFeatures) => OF_FEATURES,
        None => ("which picks one token or part of a sequence", OTHER_NETWORK),
    }
}

/// One number a feature or a class, and no sequence.
enum Row {
    OfDense,
    OfFeatures,
}

/// What kind of row `tensor` is; none where it may be a sequence.
fn row(graph: &Graph, facts: &Facts, tensor: &str) -> Option<Row> {
    let mut tensor = tensor;
    let mut is_dense = false;
    for _ in 0..FARTHEST {
        let node = graph.producer(tensor)?;
        let is_row = match node.op() {
            Op::Gemm => {
                is_dense = true;
                true
            }
            Op::Flatten => true,
            Op::Reshape => graph.constant_shape(node.operand(1))? == [2],
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::AveragePool | Op::ReduceMean => {
                facts.channels(node.operand(0))?;
                true
            }
            Op::MatMul => {
                dense_shape(graph, node)?;
                is_dense = true;
                false
            }
            Op::Gather | Op::Slice | Op::Split | Op::Squeeze => false,
            op if op.facts().places == Places::Elementwise => false,
            _ => return None,
        };
        if is_row {
            return Some(if is_dense {
                Row::OfDense
            } else {
                Row::OfFeatures
            });
        }
        tensor = node.input.iter().find(|operand| graph.varies(operand))?;
    }
    None
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
