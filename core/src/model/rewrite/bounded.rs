//! Bounds what ONNX Runtime takes of memory outside of its arena: before it computes constants while it opens a
//! network, they are weighed here. Those that the file does not measure, or that would fill the memory, are kept for
//! the run, where the arena ends them.

use std::collections::HashMap;
use std::fmt;

use super::declared::{self, Constant};
use crate::onnx::node::{self, is_standard, label};
use crate::onnx::ops::Op;
use crate::onnx::proto::{self, Attribute, Node, attribute_type, data_type};

/// A weight that is true and that ONNX Runtime does not take for a constant.
const KEPT: &str = "camoverlay/kept";

/// Most rounds of a loop that keeps a result of each, which takes memory outside of the arena.
const MOST_ROUNDS: i64 = 1 << 16;

/// What takes more memory than is allowed.
#[derive(Debug, Clone, PartialEq)]
pub enum Excess {
    /// The weights together.
    Weights { bytes: u64 },
    /// A constant.
    Constant { tensor: String, bytes: u64 },
    /// A constant in a function, of which the file does not tell the size.
    Function { name: String },
    /// A loop that keeps a result of each round, without an end in sight.
    Loop { name: String },
    /// Text made of text.
    Text { name: String },
}

impl Excess {
    /// Whether there is a limit that would allow it.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Weights { .. } | Self::Constant { .. } => true,
            Self::Function { .. } | Self::Loop { .. } | Self::Text { .. } => false,
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights { bytes } => write!(f, "its weights have {bytes} bytes"),
            Self::Constant { tensor, bytes } => {
                write!(f, "its constant “{tensor}” has {bytes} bytes")
            }
            Self::Function { name } => {
                write!(
                    f,
                    "its function “{name}” makes constants of a size that the file does not tell"
                )
            }
            Self::Loop { name } => write!(
                f,
                "its loop “{name}” keeps a result of each round, and may go on for more than {MOST_ROUNDS}"
            ),
            Self::Text { name } => write!(f, "its node “{name}” makes text longer and longer"),
        }
    }
}

/// Bounds the constants of `model` to `limit` bytes, its weights included.
///
/// # Errors
/// What is larger than that.
pub fn bound(model: &mut proto::Model, limit: u64) -> Result<(), Excess> {
    let standard = model
        .opset_import
        .iter()
        .find(|set| is_standard(set.domain()));
    let version = standard.and_then(|set| set.version).unwrap_or_default();
    let mut bounding = Bounding {
        limit,
        left: limit,
        version,
        guards: 0,
        function: None,
    };
    if let Some(graph) = &mut model.graph {
        let weights = graph
            .initializer
            .iter()
            .map(|weight| Constant::of_weight(weight).bytes().unwrap_or(u64::MAX));
        let bytes = weights.fold(0, u64::saturating_add);
        if bytes > limit {
            return Err(Excess::Weights { bytes });
        }
        bounding.left -= bytes;
        bounding.graph(graph, None)?;
        if bounding.guards > 0 {
            let kept = node::value(KEPT, data_type::BOOL);
            graph.input.push(node::sized(kept, &[]));
            graph.initializer.push(proto::Tensor {
                name: Some(KEPT.to_owned()),
                data_type: Some(data_type::BOOL),
                int32_data: vec![1],
                ..proto::Tensor::default()
            });
        }
    }
    for function in &mut model.functions {
        bounding.function = Some(function.name().to_owned());
        let mut scope = Scope::default();
        bounding.nodes(&mut function.node, &mut scope)?;
    }
    Ok(())
}

/// What is known of the names in a graph and in those around it; of what follows from the picture, nothing.
#[derive(Default)]
struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    names: HashMap<String, Option<Constant>>,
}

impl Scope<'_> {
    fn constant(&self, name: &str) -> Option<&Constant> {
        match (self.names.get(name), self.outer) {
            (Some(known), _) => known.as_ref(),
            (None, Some(outer)) => outer.constant(name),
            (None, None) => None,
        }
    }
}

struct Bounding {
    limit: u64,
    /// Bytes of it that are not spent.
    left: u64,
    /// Version of the standard's operators.
    version: i64,
    guards: usize,
    /// The function that is looked at.
    function: Option<String>,
}

impl Bounding {
    fn graph(&mut self, graph: &mut proto::Graph, outer: Option<&Scope>) -> Result<(), Excess> {
        let mut scope = Scope {
            outer,
            names: HashMap::new(),
        };
        for weight in &graph.initializer {
            let constant = Constant::of_weight(weight);
            scope.names.insert(weight.name().to_owned(), Some(constant));
        }
        for sparse in &graph.sparse_initializer {
            let Some(values) = &sparse.values else {
                continue;
            };
            // ONNX Runtime fills the gaps.
            let shape = sparse
                .dims
                .iter()
                .map(|&size| u64::try_from(size).ok())
                .collect();
            let constant = Constant::of_shape(shape, declared::width(values.data_type()));
            let bytes = constant.bytes().unwrap_or(u64::MAX);
            self.spend(values.name(), bytes)?;
            scope.names.insert(values.name().to_owned(), Some(constant));
        }
        // A weight that is an input too is no constant.
        for input in &graph.input {
            scope.names.insert(input.name().to_owned(), None);
        }
        self.nodes(&mut graph.node, &mut scope)
    }

    fn nodes(&mut self, nodes: &mut Vec<Node>, scope: &mut Scope) -> Result<(), Excess> {
        let mut bounded = Vec::with_capacity(nodes.len());
        for mut node in nodes.drain(..) {
            self.node(&mut node, scope, &mut bounded)?;
            bounded.push(node);
        }
        *nodes = bounded;
        Ok(())
    }

    /// Weighs what `node` makes; what keeps it for the run goes into `before`.
    fn node(
        &mut self,
        node: &mut Node,
        scope: &mut Scope,
        before: &mut Vec<Node>,
    ) -> Result<(), Excess> {
        if node.op_type() == "StringConcat" {
            return Err(Excess::Text { name: label(node) });
        }
        if node.op_type() == "Loop" && is_standard(node.domain()) {
            self.rounds(node, scope, before)?;
        }
        let mut has_graphs = false;
        for attribute in &mut node.attribute {
            let graphs = attribute.g.as_deref_mut().into_iter();
            for graph in graphs.chain(&mut attribute.graphs) {
                has_graphs = true;
                self.graph(graph, Some(scope))?;
            }
        }
        let made = match node.op() {
            Op::Shape | Op::Size if scope.constant(node.operand(0)).is_none() => {
                Some(Constant::of_unknown_shape())
            }
            _ if has_graphs => None,
            op => {
                let operands: Vec<Option<&Constant>> =
                    node.input.iter().map(|name| scope.constant(name)).collect();
                let is_constant = op == Op::Constant
                    || !operands.is_empty()
                        && operands
                            .iter()
                            .zip(&node.input)
                            .all(|(known, name)| known.is_some() || name.is_empty());
                is_constant.then(|| {
                    let is_kept = operands.iter().flatten().any(|known| known.is_kept());
                    Constant::made(node, &operands).kept(is_kept)
                })
            }
        };
        let made = match made {
            Some(made) => match made.bytes() {
                Some(bytes) if bytes > self.limit && made.is_exact() => {
                    let tensor = node.result().to_owned();
                    return Err(Excess::Constant { tensor, bytes });
                }
                _ if made.is_kept() => Some(made),
                Some(bytes) if node.op() == Op::Constant => {
                    self.spend(node.result(), bytes)?;
                    Some(made)
                }
                Some(bytes) if bytes <= self.left => {
                    self.left -= bytes;
                    Some(made)
                }
                _ => {
                    self.guard(node, before)?;
                    Some(made.kept(true))
                }
            },
            None => None,
        };
        let results = node.output.iter().filter(|name| !name.is_empty());
        scope
            .names
            .extend(results.map(|name| (name.clone(), made.clone())));
        Ok(())
    }

    fn spend(&mut self, tensor: &str, bytes: u64) -> Result<(), Excess> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Excess::Constant {
                tensor: tensor.to_owned(),
                bytes,
            }),
        }
    }

    /// Makes the first operand of `node` follow from [`KEPT`], without changing it.
    fn guard(&mut self, node: &mut Node, before: &mut Vec<Node>) -> Result<(), Excess> {
        if let Some(name) = &self.function {
            return Err(Excess::Function { name: name.clone() });
        }
        let Some(operand) = node.input.iter_mut().find(|name| !name.is_empty()) else {
            return Ok(());
        };
        self.guards += 1;
        let kept = format!("{KEPT}/{}", self.guards);
        let branch = |which: &str| {
            let result = format!("{kept}/{which}");
            proto::Graph {
                name: Some(which.to_owned()),
                node: vec![node::node("Identity", &[operand], &result)],
                output: vec![proto::ValueInfo {
                    name: Some(result),
                    ..proto::ValueInfo::default()
                }],
                ..proto::Graph::default()
            }
        };
        let choice = node::node("If", &[KEPT], &kept);
        let choice = ["then_branch", "else_branch"]
            .into_iter()
            .fold(choice, |choice, which| {
                node::with_graph(choice, branch(which))
            });
        before.push(choice);
        *operand = kept;
        Ok(())
    }

    /// Bounds the rounds of a loop that keeps a result of each.
    fn rounds(
        &mut self,
        node: &mut Node,
        scope: &Scope,
        before: &mut Vec<Node>,
    ) -> Result<(), Excess> {
        let body = node.find("body").and_then(|body| body.g.as_deref());
        let results = body.map_or(0, |body| body.output.len());
        // It hands on whether it goes on, and one value for each input but the first two.
        if results < node.input.len() {
            return Ok(());
        }
        let endless = || Excess::Loop { name: label(node) };
        let rounds = scope.constant(node.operand(0)).ok_or_else(endless)?;
        match rounds.number() {
            Some(rounds) if rounds <= MOST_ROUNDS as f64 => Ok(()),
            // It follows from the size of the picture.
            None if self.version >= 9 && self.function.is_none() => {
                self.guards += 1;
                let [most, is_less, least] = ["most", "is_less", "least"]
                    .map(|name| format!("{KEPT}/{}/{name}", self.guards));
                let rounds = node.operand(0).to_owned();
                let mut constant = node::node("Constant", &[], &most);
                constant.attribute.push(Attribute {
                    name: Some("value".to_owned()),
                    r#type: Some(attribute_type::TENSOR),
                    t: Some(Box::new(proto::Tensor {
                        data_type: Some(data_type::INT64),
                        int64_data: vec![MOST_ROUNDS],
                        ..proto::Tensor::default()
                    })),
                    ..Attribute::default()
                });
                before.push(constant);
                before.push(node::node("Less", &[&rounds, &most], &is_less));
                before.push(node::node("Where", &[&is_less, &rounds, &most], &least));
                node.input[0] = least;
                Ok(())
            }
            _ => Err(endless()),
        }
    }
}
