//! Where a classifier whose head is no pool over a feature map, or one of maxima, is opened up; and where a user asks for.
//!
//! Going back from the logits, the first node that sums up several places decides. A pool, or several side by side, is
//! opened up at the tensor from which all of them come: the last one with places. Attention is opened up at what its
//! keys and values are made of, the output of the block's first normalisation: behind it only the tokens count that the
//! head reads. Not at that normalisation's input: a normalisation does not change when a token is scaled, so where
//! tokens act on the logit through one alone, features times gradient add up to zero for each of them.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::obstacle::{Unsuited, name};
use super::pooled::pooled;
use crate::model::facts::Facts;
use crate::model::layers::dense_shape;
use crate::model::position::{Position, Proof};
use crate::model::tokens::TokenPlaces;
use crate::model::types::{CellOrder, Head, HeadMatch, Layout, MOST_LAYERS, Scores, Tap};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Places, Pool, Values};
use crate::onnx::proto::Node;
use crate::onnx::shapes::Shapes;

/// What is known of a graph's tensors, and which of them are the logits.
pub struct Search<'a> {
    pub graph: &'a Graph,
    pub facts: &'a Facts,
    pub shapes: &'a Shapes,
    /// Which tokens stand for which places; followed when they are asked for, which for feature maps they are not.
    pub places: &'a OnceCell<TokenPlaces>,
    pub logits: &'a str,
    pub scores: Scores,
}

impl Search<'_> {
    fn places(&self) -> &TokenPlaces {
        let trace = || TokenPlaces::trace(self.graph, self.facts, self.shapes);
        self.places.get_or_init(trace)
    }

    /// `found`, whose features may be a map that went through tokens: where operators moved its cells in a way that only
    /// holds for one size of picture, and this `is_fixed`, or it is in a row, its cells are those of the tokens.
    pub fn with_tokens(&self, found: HeadMatch, is_fixed: bool) -> HeadMatch {
        let rank = self.shapes.rank(self.graph, &found.features);
        if matches!(self.facts.position(&found.features), Some(Position::Map(_)))
            || rank.is_none()
            || rank == Some(4) && !is_fixed
        {
            return found;
        }
        match self.places().grid(&found.features) {
            Some(grid) if grid.tokens == grid.order.len() => HeadMatch {
                order: CellOrder::Tokens(grid),
                ..found
            },
            Some(_) | None => found,
        }
    }

    /// The last tensor with places before the logits.
    pub fn last(&self) -> Option<HeadMatch> {
        let graph = self.graph;
        let logits = self.shapes.of(graph, self.logits)?;
        if logits.iter().filter(|&&size| size > 1).count() > 1 {
            // Classes at each place, or of each token.
            return None;
        }
        let mut pending = BTreeSet::from([graph.producer_index(self.logits)?]);
        let mut sums_up = None;
        while let Some(index) = pending.pop_last() {
            let node = &graph.nodes()[index];
            let makes_scores = matches!(
                node.op(),
                Op::Softmax | Op::LogSoftmax | Op::TopK | Op::ArgMax | Op::ArgMin
            );
            if sums_up.is_none() && makes_scores {
                return None;
            }
            if sums_up.is_none() && self.places().mixes(index) {
                if !is_pool(node) {
                    return self.before_mixing(node);
                }
                sums_up = Some(index);
            } else if sums_up.is_some() && self.places().mixes(index) && !is_pool(node) {
                return None;
            }
            pending
                .extend(varying(graph, node).filter_map(|operand| graph.producer_index(operand)));
            if let Some(pool) = sums_up
                && pending.len() == 1
                && let Some(&only) = pending.first()
                && let Some(found) = graph.nodes()[only]
                    .output
                    .iter()
                    .find_map(|tensor| Some((tensor, self.cells(tensor)?)))
            {
                let (tensor, order) = found;
                // Weights of attention were made of the same places: those are what is pooled.
                if self.is_weighed(tensor) {
                    continue;
                }
                return self
                    .averaged(pool, tensor, &order)
                    .or_else(|| self.at(tensor));
            }
        }
        None
    }

    /// Whether `tensor` is a product with what a softmax has made.
    fn is_weighed(&self, tensor: &str) -> bool {
        let graph = self.graph;
        graph.producer(tensor).is_some_and(|node| {
            node.op() == Op::Mul
                && varying(graph, node).count() == 2
                && varying(graph, node).any(|operand| is_of_softmax(graph, operand))
        })
    }

    /// Whether the logits follow from the picture by a way around the features of `found` too.
    pub fn is_bypassed(&self, found: &HeadMatch) -> bool {
        let graph = self.graph;
        let mut pending: BTreeSet<usize> = graph.producer_index(self.logits).into_iter().collect();
        while let Some(index) = pending.pop_last() {
            let operands = varying(graph, &graph.nodes()[index]);
            for operand in operands.filter(|operand| *operand != found.features) {
                match graph.producer_index(operand) {
                    Some(producer) => {
                        pending.insert(producer);
                    }
                    // The picture.
                    None => return true,
                }
            }
        }
        false
    }

    /// The last tensor with places by way of which alone the logits follow from the picture.
    pub fn before_all_branches(&self) -> Option<HeadMatch> {
        let graph = self.graph;
        let mut pending = BTreeSet::from([graph.producer_index(self.logits)?]);
        while let Some(index) = pending.pop_last() {
            let node = &graph.nodes()[index];
            pending
                .extend(varying(graph, node).filter_map(|operand| graph.producer_index(operand)));
            if pending.len() == 1
                && let Some(&only) = pending.first()
                && let Some(tensor) = self.first_with_cells(only)
            {
                return self.at(tensor);
            }
        }
        None
    }

    fn first_with_cells(&self, index: usize) -> Option<&str> {
        let results = self.graph.nodes()[index].output.iter();
        let mut results = results.map(String::as_str);
        results.find(|tensor| self.cells(tensor).is_some())
    }

    /// The features before a node that sums up tokens: of attention what its values are made of.
    fn before_mixing(&self, node: &Node) -> Option<HeadMatch> {
        let graph = self.graph;
        let operands: Vec<&str> = varying(graph, node).collect();
        // The last operand that is spread out: attention's values come behind its weights.
        let mut tensor = operands
            .iter()
            .rev()
            .find(|operand| self.places().is_spread_out(operand) || self.cells(operand).is_some())
            .copied()?;
        let is_attention = operands.len() > 1;
        let mut features = None;
        for _ in 0..graph.nodes().len() {
            if !is_attention && self.cells(tensor).is_some() {
                features = Some(tensor);
            }
            let Some(node) = graph.producer(tensor) else {
                break;
            };
            let is_layout = node.op().facts().values == Values::Keeps
                || matches!(node.op(), Op::Split | Op::Slice | Op::Gather | Op::Concat);
            let is_dense = matches!(node.op(), Op::MatMul | Op::Gemm | Op::Conv)
                && dense_shape(graph, node).is_some();
            if is_attention && is_dense {
                let operand = node.operand(0);
                // A projection of what has places.
                let before = self.with_cells(operand);
                return self.at(before?);
            }
            let is_bias = matches!(
                node.op(),
                Op::Add | Op::Mul | Op::Div | Op::BatchNormalization
            ) && varying(graph, node).count() == 1;
            if !(is_layout || is_attention && is_bias) {
                break;
            }
            tensor = varying(graph, node).find(|operand| {
                self.places().is_spread_out(operand) || self.cells(operand).is_some()
            })?;
        }
        self.at(features.or_else(|| self.with_cells(tensor))?)
    }

    /// `tensor`, or the nearest one before it of which it is another view, that has places.
    fn with_cells<'a>(&'a self, mut tensor: &'a str) -> Option<&'a str> {
        for _ in 0..16 {
            if self.cells(tensor).is_some() {
                return Some(tensor);
            }
            let node = self.graph.producer(tensor)?;
            if node.op().facts().values != Values::Keeps {
                return None;
            }
            tensor = node.operand(0);
        }
        None
    }

    /// The head of a network whose logits follow from the mean over all cells of `tensor` alone.
    fn averaged(&self, pool: usize, tensor: &str, order: &CellOrder) -> Option<HeadMatch> {
        let node = &self.graph.nodes()[pool];
        let tail = self.tail(tensor)?;
        let cells: usize = match order {
            CellOrder::Tokens(grid) if grid.tokens == grid.order.len() => grid.order.len(),
            CellOrder::Tokens(_) | CellOrder::Map(_) => return None,
        };
        let [of_x, of_y] = [node.operand(0), node.result()].map(|name| {
            let shape = self.shapes.of(self.graph, name)?;
            Some(shape.iter().product::<usize>())
        });
        let is_mean = node.op().facts().pool == Some(Pool::Mean)
            && node.operand(0) == tensor
            && of_x? == of_y?.checked_mul(cells)?
            && tail.first() == Some(&pool);
        is_mean.then(|| {
            let mut reversed = tail;
            reversed.reverse();
            let order = order.clone();
            pooled(
                self.graph,
                self.logits,
                self.scores,
                (tensor, order),
                pool,
                reversed,
            )
        })
    }

    /// A head of all that follows `tensor`, if that has places.
    pub fn at(&self, tensor: &str) -> Option<HeadMatch> {
        self.follows_a_layer(tensor).then_some(())?;
        Some(HeadMatch {
            logits: self.logits.to_owned(),
            scores: self.scores,
            features: tensor.to_owned(),
            order: self.cells(tensor)?,
            head: Head::Layers {
                vanishes: false,
                attends: false,
            },
            tail: self.tail(tensor)?,
            pool: None,
            beside: Vec::new(),
        })
    }

    /// The layers that a user asks for: one, or several joined by “+”, which are explained together.
    ///
    /// # Errors
    /// Why one of them is none.
    pub fn asked(&self, asked: &str) -> Result<HeadMatch, Unsuited> {
        let is_name = self.graph.producer(asked).is_some()
            || self.graph.nodes().iter().any(|node| node.name() == asked);
        if is_name || !asked.contains('+') {
            return self.asked_for_one(asked);
        }
        let names: Vec<&str> = asked.split('+').map(str::trim).collect();
        if names.len() > MOST_LAYERS {
            return Err(Unsuited {
                layer: format!("{} layers", names.len()),
                reason: "which is more than the four that are explained together",
            });
        }
        let found = names.into_iter().map(|name| self.asked_for_one(name));
        let mut found: Vec<HeadMatch> = found.collect::<Result<_, _>>()?;
        // The map has the cells of the layer that has most.
        found.sort_by_key(|one| Reverse(self.cell_count(one)));
        found.dedup_by(|a, b| a.features == b.features);
        let tail: BTreeSet<usize> = found.iter().flat_map(|one| one.tail.clone()).collect();
        let mut found = found.into_iter();
        let mut first = found.next().ok_or(Unsuited {
            layer: "no layer".to_owned(),
            reason: "which leaves nothing to explain",
        })?;
        first.tail = tail.into_iter().collect();
        let tap = |one: HeadMatch| Tap {
            features: one.features,
            order: one.order,
        };
        first.beside = found.map(tap).collect();
        Ok(first)
    }

    fn cell_count(&self, found: &HeadMatch) -> usize {
        match &found.order {
            CellOrder::Tokens(grid) => grid.order.len(),
            CellOrder::Map(_) => {
                let map = self.facts.position(&found.features).and_then(Position::map);
                map.map_or(0, |map| map.cells().iter().product())
            }
        }
    }

    /// The tensor that a user calls `asked`, by its name or that of the node that makes it, as the feature map.
    fn asked_for_one(&self, asked: &str) -> Result<HeadMatch, Unsuited> {
        let graph = self.graph;
        let refused = |layer, reason| Unsuited { layer, reason };
        let by_node = graph.nodes().iter().find(|node| node.name() == asked);
        let tensor = match (graph.producer(asked), by_node) {
            (Some(_), _) => asked,
            (None, Some(node)) => node.result(),
            (None, None) => {
                return Err(refused(
                    format!("a layer “{asked}”"),
                    "which is the name of no tensor and of no node",
                ));
            }
        };
        let named = || {
            graph
                .producer(tensor)
                .map_or_else(|| tensor.to_owned(), name)
        };
        if self.tail(tensor).is_none() {
            return Err(refused(named(), "from which the logits do not follow"));
        }
        let tensor = self.with_cells(tensor).ok_or_else(|| {
            refused(
                named(),
                "whose result is no map of places, nor tokens in a grid of them",
            )
        })?;
        let found = self.at(tensor).ok_or_else(|| {
            refused(
                named(),
                "before which no layer comes: it is the picture itself",
            )
        })?;
        if !self.is_summed_up(&found) {
            return Err(refused(
                named(),
                "behind which only tokens count that stand for no place",
            ));
        }
        Ok(found)
    }

    /// How places lie in `tensor`; none where they do not lie in rows and columns.
    pub fn cells(&self, tensor: &str) -> Option<CellOrder> {
        match self.facts.position(tensor) {
            Some(Position::Map(map)) => {
                let layout = [Layout::ChannelsFirst, Layout::ChannelsLast]
                    .into_iter()
                    .find(|layout| {
                        matches!(map.proof(*layout), Some(Proof::Holds | Proof::Cut(_)))
                    })?;
                let has_rows = map.cells().into_iter().all(|cells| cells > 1);
                has_rows.then_some(CellOrder::Map(layout))
            }
            _ => self.places().grid(tensor).map(CellOrder::Tokens),
        }
    }

    /// Whether the logits follow from more than one cell of `found`'s features: behind a transformer's last attention only
    /// the class token counts.
    pub fn is_summed_up(&self, found: &HeadMatch) -> bool {
        found.tail.iter().any(|&index| self.places().may_mix(index))
    }

    /// Whether a convolution or dense layer lies before `tensor`, which is the picture itself otherwise.
    fn follows_a_layer(&self, tensor: &str) -> bool {
        let mut pending: BTreeSet<usize> = self.graph.producer_index(tensor).into_iter().collect();
        while let Some(index) = pending.pop_last() {
            let node = &self.graph.nodes()[index];
            if node.op().facts().is_dense || node.op() == Op::Other {
                return true;
            }
            let operands = varying(self.graph, node);
            pending.extend(operands.filter_map(|operand| self.graph.producer_index(operand)));
        }
        false
    }

    fn tail(&self, tensor: &str) -> Option<Vec<usize>> {
        let tail = between(self.graph, &[tensor], self.logits);
        (!tail.is_empty()).then_some(tail)
    }
}

/// Indices of the nodes by way of which the `logits` follow from any of the tensors `sources`, in the order of the graph.
pub fn between(graph: &Graph, sources: &[&str], logits: &str) -> Vec<usize> {
    let firsts = sources.iter().map(|tensor| graph.producer_index(tensor));
    let first = firsts.map(|index| index.map_or(0, |index| index + 1)).min();
    let mut follows: HashSet<&str> = sources.iter().copied().collect();
    let mut after = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate().skip(first.unwrap_or(0)) {
        if varying(graph, node).any(|operand| follows.contains(operand)) {
            let results = node.output.iter().map(String::as_str);
            follows.extend(results.filter(|name| !name.is_empty()));
            after.push(index);
        }
    }
    let mut leads = HashSet::from([logits]);
    let mut tail = Vec::new();
    for index in after.into_iter().rev() {
        let node = &graph.nodes()[index];
        if node
            .output
            .iter()
            .any(|output| leads.contains(output.as_str()))
        {
            leads.extend(varying(graph, node));
            tail.push(index);
        }
    }
    tail.reverse();
    tail
}

/// The operands of `node` whose values follow from the picture.
fn varying<'a>(graph: &'a Graph, node: &'a Node) -> impl Iterator<Item = &'a str> {
    let counts = node.op().facts().values != Values::OfShape;
    node.input
        .iter()
        .map(String::as_str)
        .filter(move |operand| counts && graph.varies(operand))
}

/// Whether the node sums up places without weighing them by the picture.
fn is_pool(node: &Node) -> bool {
    matches!(node.op().facts().places, Places::Reduce | Places::Global)
        || node.op().facts().pool.is_some()
}

/// Whether `tensor` is what a softmax has made, or another view of that.
fn is_of_softmax(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    for _ in 0..8 {
        match graph.producer(tensor) {
            Some(node) if node.op() == Op::Softmax => return true,
            Some(node) if node.op().facts().values == Values::Keeps || node.op() == Op::Expand => {
                tensor = node.operand(0);
            }
            Some(_) | None => return false,
        }
    }
    false
}
