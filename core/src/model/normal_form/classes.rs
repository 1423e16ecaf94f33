//! From what a network returns back to its logits, one for each class in one row.
//!
//! Steps over what only picks or words the best classes, takes scores back to the logits that they are made of, makes two
//! classes of one logit, and one row of layers that are joined. What is missing for that is added to the graph.

use std::collections::HashMap;

use crate::model::layers::{dense_shape, keeps_values};
use crate::model::types::Scores;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{cast, floats, integers, node};
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::{self, Node, data_type};

/// Most classes of layers that are joined here: one square of them is stored for each layer.
const MOST_JOINED: usize = 4096;

/// Most layers that are joined.
const MOST_PARTS: usize = 64;

/// How far from 0 and 1 scores may be kept.
const NEXT_TO_END: f32 = 0.01;

/// How many nodes to look back for how many classes there are.
const FARTHEST: usize = 32;

/// Logits, as far as an output tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Name of the graph's output.
    pub output: String,
    /// Tensor of the logits, without bounds that the network puts to them last.
    pub logits: String,
    /// The same within those bounds, if there are any: what scores are made of.
    pub bounded: Option<String>,
    pub scores: Scores,
    /// The output holds scores, or the best classes, made of the logits.
    pub has_scores: bool,
    /// Index of the node that makes scores, of which what follows makes something else.
    pub altered: Option<usize>,
}

/// Where logits stand in a graph as its exporter wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// A tensor of one logit a class.
    Row(String),
    /// A tensor of one number that speaks for the second of two classes, or for the first.
    Two { logit: String, is_first: bool },
    /// Tensors of so many classes each, one after the other.
    Joined(Vec<(String, usize)>),
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
    let told = wanted.map(|output| {
        let Found {
            source,
            scores,
            has_scores,
        } = find(&graph, output);
        let altered = match &source {
            Source::Row(logits) => altered_scores(&graph, logits),
            Source::Two { logit, .. } => altered_scores(&graph, logit),
            Source::Joined(_) => None,
        };
        let free = unbounded(&graph, &source);
        let given = rows.name(source);
        Told {
            output: output.name().to_owned(),
            bounded: free.is_some().then(|| given.clone()),
            logits: free.map_or(given, |free| rows.name(free)),
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
                    (Source::Row(_) | Source::Two { .. }, _) => {
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
    let is_known = zero == [0.0] && columns(graph, logit, FARTHEST) == Some(1);
    let logit = logit.clone();
    is_known.then_some(Source::Two { logit, is_first })
}

/// Index of the node that makes scores on the way back from `logits`, past what changes each number by itself.
fn altered_scores(graph: &Graph, logits: &str) -> Option<usize> {
    let mut tensor = logits;
    for _ in 0..FARTHEST {
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
        && columns(graph, probability.operand(0), FARTHEST) == Some(1);
    is_rest.then(|| probability.operand(0))
}

/// The layers that `node` joins along the classes, and how many each has; none where that is not known.
fn joined(graph: &Graph, node: &Node) -> Option<Vec<(String, usize)>> {
    let is_in_rows = !matches!(node.int("axis", 1), 0);
    let parts = node.input.iter().map(|operand| {
        let known = graph
            .varies(operand)
            .then(|| columns(graph, operand, FARTHEST))??;
        // Of scores there are no common logits.
        let is_plain = !is_score(graph, operand);
        is_plain.then(|| (operand.clone(), known))
    });
    let parts: Vec<(String, usize)> = parts.collect::<Option<_>>()?;
    let classes: usize = parts.iter().map(|(_, columns)| columns).sum();
    let is_known = is_in_rows && (2..=MOST_PARTS).contains(&parts.len()) && classes <= MOST_JOINED;
    is_known.then_some(parts)
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
        Some((logits.to_owned(), columns(graph, logits, FARTHEST)?))
    });
    let parts: Vec<(String, usize)> = parts.collect::<Option<_>>()?;
    let classes: usize = parts.iter().map(|(_, columns)| columns).sum();
    let is_known = (2..=MOST_PARTS).contains(&parts.len()) && classes <= MOST_JOINED;
    (is_known && node.int("axis", 1) != 0).then_some(Source::Joined(parts))
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

/// Whether `tensor` is a single number, as layers or the shape of the output that it is returned as tell.
fn is_single(graph: &Graph, tensor: &str, output: Option<&proto::ValueInfo>) -> bool {
    match columns(graph, tensor, FARTHEST) {
        Some(columns) => columns == 1,
        None => {
            let dims = output.and_then(Graph::input_type).map(|(_, dims)| dims);
            dims.is_some_and(|dims| match dims.split_first() {
                Some((_, rest)) if !rest.is_empty() => rest.iter().all(|&size| size == Some(1)),
                _ => false,
            })
        }
    }
}

/// How many numbers `tensor` holds, from the layers that make them.
fn columns(graph: &Graph, tensor: &str, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    let node = graph.producer(tensor)?;
    if let Some((_, outputs)) = dense_shape(graph, node) {
        return Some(outputs);
    }
    if keeps_values(graph, node) {
        return columns(graph, node.operand(0), depth);
    }
    match node.op() {
        Op::Concat => {
            let parts = node.input.iter().map(|part| columns(graph, part, depth));
            parts.sum()
        }
        op if op.facts().places == Places::Elementwise => {
            let operands = node.input.iter().filter(|operand| !operand.is_empty());
            let counts = operands.map(|operand| match graph.varies(operand) {
                true => columns(graph, operand, depth),
                // Settings are numbers too; a wider constant spreads what it meets.
                false => Some(graph.constant_shape(operand)?.iter().product()),
            });
            counts.collect::<Option<Vec<usize>>>()?.into_iter().max()
        }
        _ => None,
    }
}

/// The operand that `node` keeps within constant bounds.
fn bounds<'a>(graph: &Graph, node: &'a Node) -> Option<&'a str> {
    match node.op() {
        Op::Clip => Some(node.operand(0)),
        Op::Max | Op::Min => {
            let [first, second] = node.input.as_slice() else {
                return None;
            };
            let (operand, bound) = match graph.varies(first) {
                true => (first, second),
                false => (second, first),
            };
            graph.constant(bound).map(|_| operand.as_str())
        }
        _ => None,
    }
}

/// Whether the bounds of `node` leave scores as they are, but for those next to 0 or 1.
fn keeps_from_ends(graph: &Graph, node: &Node) -> bool {
    let attributes = ["min", "max"].map(|name| node.find(name).and_then(|found| found.f));
    let constants = node.input.iter().filter(|operand| !operand.is_empty());
    let constants = constants.filter_map(|operand| graph.constant(operand)?.floats());
    let mut bounds = attributes.into_iter().flatten().chain(constants.flatten());
    bounds.all(|bound| bound <= NEXT_TO_END || bound >= 1.0 - NEXT_TO_END)
}

/// The same logits before bounds that are put to them last; none where there are no bounds.
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
        Source::Row(logits) => free(logits).map(Source::Row),
        Source::Two { logit, is_first } => Some(Source::Two {
            logit: free(logit)?,
            is_first: *is_first,
        }),
        Source::Joined(_) => None,
    }
}

/// Whether `node` words the classes of its operand, as classic machine learning's operators do.
fn is_zip_map(node: &Node) -> bool {
    node.domain() == "ai.onnx.ml" && node.op_type() == "ZipMap"
}

/// The operand that `node` multiplies with, or divides by, one positive number.
fn scaled<'a>(graph: &Graph, node: &'a Node) -> Option<&'a str> {
    let (operand, factor) = match (node.op(), graph.varies(node.operand(0))) {
        (Op::Mul | Op::Div, true) => (node.operand(0), node.operand(1)),
        (Op::Mul, false) => (node.operand(1), node.operand(0)),
        (_, _) => return None,
    };
    let factor = graph.constant(factor)?.floats()?;
    matches!(factor.as_slice(), [factor] if *factor > 0.0).then_some(operand)
}

/// Rows of logits that are added to a graph.
#[derive(Default)]
struct Rows {
    /// Names of those that are wanted so far.
    names: HashMap<Source, String>,
    nodes: Vec<Node>,
    constants: Vec<proto::Tensor>,
}

impl Rows {
    /// Name of the row of the logits in `source`.
    fn name(&mut self, source: Source) -> String {
        if let Source::Row(logits) = source {
            return logits;
        }
        if let Some(name) = self.names.get(&source) {
            return name.clone();
        }
        let name = format!("camoverlay/classes_{}", self.names.len());
        match &source {
            Source::Row(_) => {}
            Source::Two { logit, is_first } => {
                let signs = if *is_first { [1.0, -1.0] } else { [-1.0, 1.0] };
                self.product(logit, [1, 2], signs.to_vec(), &name);
            }
            Source::Joined(parts) => {
                let classes: usize = parts.iter().map(|(_, columns)| columns).sum();
                let mut first = 0;
                let mut sum = String::new();
                for (place, (tensor, columns)) in parts.iter().enumerate() {
                    let mut selection = vec![0.0; columns * classes];
                    for row in 0..*columns {
                        selection[row * classes + first + row] = 1.0;
                    }
                    first += columns;
                    let part = format!("{name}/part_{place}");
                    self.product(tensor, [*columns, classes], selection, &part);
                    sum = match (place, place + 1 == parts.len()) {
                        (0, _) => part,
                        (_, is_last) => {
                            let joined = match is_last {
                                true => name.clone(),
                                false => format!("{name}/sum_{place}"),
                            };
                            self.nodes.push(node("Add", &[&sum, &part], &joined));
                            joined
                        }
                    };
                }
            }
        }
        self.names.insert(source, name.clone());
        name
    }

    /// Adds the product of `tensor`, as one row, with a matrix of `sizes`.
    fn product(&mut self, tensor: &str, sizes: [usize; 2], matrix: Vec<f32>, name: &str) {
        let [float, row, shape, weights] =
            ["float", "row", "shape", "weights"].map(|part| format!("{name}/{part}"));
        let sizes = sizes.map(|size| size as i64);
        self.constants.push(integers(&shape, &[1, sizes[0]]));
        self.constants.push(floats(&weights, &sizes, matrix));
        self.nodes.extend([
            cast(tensor, data_type::FLOAT, &float),
            node("Reshape", &[&float, &shape], &row),
            node("MatMul", &[&row, &weights], name),
        ]);
    }

    fn add_to(self, graph: Graph) -> Result<Graph, Fault> {
        if self.nodes.is_empty() {
            return Ok(graph);
        }
        let mut model = graph.into_model();
        let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
        proto.node.extend(self.nodes);
        proto.initializer.extend(self.constants);
        Graph::new(model)
    }
}
