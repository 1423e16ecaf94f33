//! From what a network returns back to its logits, one for each class in one row.
//!
//! Steps over what only picks or words the best classes, takes scores back to the logits that they are made of, makes two
//! classes of one logit, and one row of layers that are joined. What is missing for that is added to the graph.

use super::columns::{columns, is_single};
use super::cosine;
use super::rows::Rows;
use super::source::Source;
use super::steps::{bounds, scaled};
use crate::model::layers::keeps_values;
use crate::model::types::Scores;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::{self, Node};

/// Most classes of layers that are joined here: one square of them is stored for each layer.
const MOST_JOINED: usize = 4096;

/// Most layers that are joined.
const MOST_PARTS: usize = 64;

/// How far from 0 and 1 scores may be kept.
const NEXT_TO_END: f32 = 0.01;

/// Most layers that are looked back past for scores that were changed.
const MOST_LAYERS: usize = 256;

/// Most outputs that are looked at: no classifier has as many.
const MOST_OUTPUTS: usize = 256;

/// Logits, as far as an output tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Name of the graph's output.
    pub output: String,
    /// Tensor of the logits, without bounds that the network puts to them last, and not divided by the length of the
    /// features.
    pub logits: String,
    /// The same within those bounds, or so divided, if that is done: what scores are made of.
    pub bounded: Option<String>,
    pub scores: Scores,
    /// The output holds scores, or the best classes, made of the logits.
    pub has_scores: bool,
    /// Index of the node that makes scores, of which what follows makes something else.
    pub altered: Option<usize>,
}

/// What a walk back from an output found.
struct Found {
    source: Source,
    scores: Scores,
    has_scores: bool,
}

/// The logits behind each output of `graph` that is `wanted` (all, where none is named), and the graph with what makes
/// them rows.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn tell(graph: Graph, wanted: Option<&str>) -> Result<(Graph, Vec<Told>), Fault> {
    let mut rows = Rows::default();
    let outputs = graph.outputs().iter();
    let wanted = outputs.filter(|output| wanted.is_none_or(|name| name == output.name()));
    let told = wanted.take(MOST_OUTPUTS).map(|output| {
        let Found {
            source,
            scores,
            has_scores,
        } = find(&graph, output);
        let altered = match &source {
            Source::Row(logits) => altered_scores(&graph, logits),
            Source::Two { logit, .. } => altered_scores(&graph, logit),
            Source::Joined(_) | Source::Dense { .. } => None,
        };
        let free = unbounded(&graph, &source);
        let given = rows.name(&graph, source);
        Told {
            output: output.name().to_owned(),
            bounded: free.is_some().then(|| given.clone()),
            logits: free.map_or(given, |free| rows.name(&graph, free)),
            scores,
            has_scores,
            altered,
        }
    });
    let told = told.collect();
    Ok((rows.add_to(graph)?, told))
}

/// Goes back from `output` to the logits.
fn find(graph: &Graph, output: &proto::ValueInfo) -> Found {
    let mut tensor = output.name();
    // Before what picks the best classes.
    let mut picked = None;
    let found = |source, scores| Found {
        source,
        scores,
        has_scores: true,
    };
    while let Some(node) = graph.producer(tensor) {
        let operand = node.operand(0);
        tensor = match node.op() {
            Op::Softmax | Op::LogSoftmax => {
                let (source, scores) = row(graph, operand);
                return found(source, scores);
            }
            Op::Sigmoid if is_single(graph, operand, Some(output).filter(|_| picked.is_none())) => {
                let logit = operand.to_owned();
                return found(
                    Source::Two {
                        logit,
                        is_first: false,
                    },
                    Scores::Sigmoid,
                );
            }
            Op::Sigmoid => {
                return match row(graph, operand) {
                    (joined @ Source::Joined(_), _) => found(joined, Scores::Sigmoid),
                    (Source::Row(_) | Source::Two { .. } | Source::Dense { .. }, _) => {
                        found(Source::Row(operand.to_owned()), Scores::Sigmoid)
                    }
                };
            }
            // The probability of the first of two classes.
            Op::Sub if rest_of(graph, node).is_some() => {
                let logit = rest_of(graph, node).unwrap_or_default().to_owned();
                return found(
                    Source::Two {
                        logit,
                        is_first: true,
                    },
                    Scores::Sigmoid,
                );
            }
            Op::Concat => {
                match rest_and_probability(graph, node).or_else(|| probabilities(graph, node)) {
                    Some(source) => return found(source, Scores::Sigmoid),
                    None => break,
                }
            }
            Op::TopK | Op::ArgMax => *picked.insert(operand),
            _ if is_zip_map(node) => *picked.insert(operand),
            // Names of classes, by their number.
            Op::Gather if !graph.varies(operand) => node.operand(1),
            // Scores that are kept from being 0 or 1, or logits within bounds before those are made.
            _ if is_score(graph, bounds(graph, node).unwrap_or_default())
                && !keeps_from_ends(graph, node) =>
            {
                break;
            }
            _ if bounds(graph, node).is_some() => bounds(graph, node).unwrap_or(operand),
            // Of the logarithm, which the scores follow from as well.
            Op::Exp | Op::Log if is_score(graph, operand) => operand,
            _ if keeps_values(graph, node) => operand,
            // Percents, and the like.
            _ => match scaled(graph, node) {
                Some(operand) => operand,
                None => break,
            },
        };
    }
    let logits = picked.unwrap_or(output.name());
    let has_scores = picked.is_some();
    if is_single(graph, logits, Some(output).filter(|_| !has_scores)) {
        let logit = logits.to_owned();
        return Found {
            source: Source::Two {
                logit,
                is_first: false,
            },
            scores: Scores::Sigmoid,
            has_scores,
        };
    }
    let (source, scores) = row(graph, logits);
    Found {
        source,
        scores,
        has_scores,
    }
}

/// Logits in one tensor, of one layer or of several that are joined, and how scores follow from them.
fn row(graph: &Graph, logits: &str) -> (Source, Scores) {
    let mut tensor = logits;
    while let Some(node) = graph.producer(tensor) {
        match node.op() {
            Op::Concat => {
                if let Some(two) = zero_and_logit(graph, node) {
                    return (two, Scores::Sigmoid);
                }
                if let Some(parts) = joined(graph, node) {
                    return (Source::Joined(parts), Scores::Softmax);
                }
                break;
            }
            _ if keeps_values(graph, node) => tensor = node.operand(0),
            _ => break,
        }
    }
    (Source::Row(logits.to_owned()), Scores::Softmax)
}

/// The logit that `node` joins to a logit of 0: the softmax of both is the logistic function of the one.
fn zero_and_logit(graph: &Graph, node: &Node) -> Option<Source> {
    let [first, second] = node.input.as_slice() else {
        return None;
    };
    let (zero, logit, is_first) = match graph.varies(first) {
        true => (second, first, true),
        false => (first, second, false),
    };
    let zero = graph.constant(zero)?.floats()?;
    let is_known = zero == [0.0] && columns(graph, logit) == Some(1);
    let logit = logit.clone();
    is_known.then_some(Source::Two { logit, is_first })
}

/// Index of the node that makes scores on the way back from `logits`, past what changes each number by itself.
fn altered_scores(graph: &Graph, logits: &str) -> Option<usize> {
    let mut tensor = logits;
    for _ in 0..MOST_LAYERS {
        let index = graph.producer_index(tensor)?;
        let node = &graph.nodes()[index];
        if matches!(node.op(), Op::Sigmoid | Op::HardSigmoid) {
            return Some(index);
        }
        let mut varying = node.input.iter().filter(|operand| graph.varies(operand));
        let operand = varying.next()?;
        let is_of_each = node.op().facts().places == Places::Elementwise;
        if varying.next().is_some() || !is_of_each && !keeps_values(graph, node) {
            return None;
        }
        tensor = operand;
    }
    None
}

/// The one logit of the probability that `node` subtracts from 1.
fn rest_of<'a>(graph: &'a Graph, node: &'a Node) -> Option<&'a str> {
    let one = graph.constant(node.operand(0))?.floats()?;
    let probability = made_by(graph, node.operand(1))?;
    let is_rest = node.op() == Op::Sub
        && one.iter().all(|&one| one == 1.0)
        && probability.op() == Op::Sigmoid
        && columns(graph, probability.operand(0)) == Some(1);
    is_rest.then(|| probability.operand(0))
}

/// The layers that `node` joins along the classes, and how many each has; none where that is not known.
fn joined(graph: &Graph, node: &Node) -> Option<Vec<(String, usize)>> {
    let is_in_rows = !matches!(node.int("axis", 1), 0);
    let parts = node.input.iter().map(|operand| {
        let known = graph.varies(operand).then(|| columns(graph, operand))??;
        // Of scores there are no common logits.
        let is_plain = !is_score(graph, operand);
        is_plain.then(|| (operand.clone(), known))
    });
    let parts: Vec<(String, usize)> = parts.collect::<Option<_>>()?;
    (is_in_rows && are_few(&parts)).then_some(parts)
}

/// The logit of a probability p where `node` joins it to 1 - p.
fn rest_and_probability(graph: &Graph, node: &Node) -> Option<Source> {
    let [first, second] = node.input.as_slice() else {
        return None;
    };
    let pair = |rest: &str, probability: &str| {
        let logit = rest_of(graph, made_by(graph, rest)?)?;
        let probability = made_by(graph, probability)?;
        let is_same = probability.op() == Op::Sigmoid && probability.operand(0) == logit;
        is_same.then(|| logit.to_owned())
    };
    let of_second = pair(first, second).map(|logit| (logit, false));
    let (logit, is_first) = of_second.or_else(|| pair(second, first).map(|logit| (logit, true)))?;
    Some(Source::Two { logit, is_first })
}

/// The logits of probabilities, each by itself, that `node` joins.
fn probabilities(graph: &Graph, node: &Node) -> Option<Source> {
    let parts = node.input.iter().map(|operand| {
        let probability = made_by(graph, operand).filter(|made| made.op() == Op::Sigmoid)?;
        let logits = probability.operand(0);
        Some((logits.to_owned(), columns(graph, logits)?))
    });
    let parts: Vec<(String, usize)> = parts.collect::<Option<_>>()?;
    (are_few(&parts) && node.int("axis", 1) != 0).then_some(Source::Joined(parts))
}

/// Whether layers of so many classes each can be joined here.
fn are_few(parts: &[(String, usize)]) -> bool {
    let sum = |sum: usize, part: &(String, usize)| sum.checked_add(part.1);
    let classes = parts.iter().try_fold(0, sum);
    (2..=MOST_PARTS).contains(&parts.len()) && classes.is_some_and(|classes| classes <= MOST_JOINED)
}

/// The node that makes the values of `tensor`, past those that keep them.
fn made_by<'a>(graph: &'a Graph, tensor: &str) -> Option<&'a Node> {
    let mut node = graph.producer(tensor)?;
    while keeps_values(graph, node) {
        node = graph.producer(node.operand(0))?;
    }
    Some(node)
}

/// Whether `tensor` holds scores, or their logarithms.
fn is_score(graph: &Graph, tensor: &str) -> bool {
    made_by(graph, tensor)
        .is_some_and(|node| matches!(node.op(), Op::Softmax | Op::LogSoftmax | Op::Sigmoid))
}

/// Whether the bounds of `node` leave scores as they are, but for those next to 0 or 1.
fn keeps_from_ends(graph: &Graph, node: &Node) -> bool {
    let attributes = ["min", "max"].map(|name| node.find(name).and_then(|found| found.f));
    let constants = node.input.iter().filter(|operand| !operand.is_empty());
    let constants = constants.filter_map(|operand| graph.constant(operand)?.floats());
    let mut bounds = attributes.into_iter().flatten().chain(constants.flatten());
    bounds.all(|bound| bound <= NEXT_TO_END || bound >= 1.0 - NEXT_TO_END)
}

/// The same logits before bounds that are put to them last, or before the features were divided by their length; none
/// where neither is done.
fn unbounded(graph: &Graph, source: &Source) -> Option<Source> {
    let free = |tensor: &str| {
        let mut inner = tensor;
        let mut free = None;
        while let Some(node) = graph.producer(inner) {
            inner = match bounds(graph, node) {
                Some(operand) => *free.insert(operand),
                None if keeps_values(graph, node) => node.operand(0),
                None => break,
            };
        }
        free.map(str::to_owned)
    };
    match source {
        Source::Row(logits) => {
            let free = free(logits);
            let behind = cosine::behind(graph, free.as_deref().unwrap_or(logits));
            let dense = behind.map(|(layer, vector)| Source::Dense {
                layer,
                vector: vector.to_owned(),
            });
            dense.or(free.map(Source::Row))
        }
        Source::Two { logit, is_first } => Some(Source::Two {
            logit: free(logit)?,
            is_first: *is_first,
        }),
        Source::Joined(_) | Source::Dense { .. } => None,
    }
}

/// Whether `node` words the classes of its operand, as classic machine learning's operators do.
fn is_zip_map(node: &Node) -> bool {
    node.domain() == "ai.onnx.ml" && node.op_type() == "ZipMap"
}
