//! Behind the features no more of a tensor than the logits read: of a transformer's last block the class token alone.
//!
//! A network that tells the classes by one token picks it last, behind layers that work on every token by itself. Here it
//! is picked before them, up to the keys and values of the last attention, which need all tokens; forward run and gradient
//! then compute one row in the place of all.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::types::HeadMatch;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{captured, node as made, value};
use crate::onnx::ops::{Gradient, Op, Places};
use crate::onnx::proto::{Node, data_type};
use crate::onnx::shapes::{Shapes, absolute, sliced};

/// Cells `start` up to `start + length` along `axis` of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Part {
    axis: usize,
    start: usize,
    length: usize,
}

/// A graph that computes of some tensors a part only.
pub struct Narrowed {
    pub graph: Graph,
    /// What share of their rows is left of the results of [`Op::Softmax`] that are computed in part.
    pub shares: HashMap<String, f32>,
}

/// `graph` with less to compute behind the features of `head_match`; the names of features and logits stay. The `shapes`
/// must hold for every picture.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn narrowed(graph: Graph, shapes: &Shapes, head_match: &HeadMatch) -> Result<Narrowed, Fault> {
    let unchanged = |graph| Narrowed {
        graph,
        shares: HashMap::new(),
    };
    let plan = Plan::of(&graph, shapes, head_match);
    if plan.parts.is_empty() {
        return Ok(unchanged(graph));
    }
    let shares = plan.shares(&graph, shapes);
    let graph = plan.carry_out(graph, shapes)?;
    Ok(Narrowed { graph, shares })
}

/// What is computed of each tensor, found from the logits back.
struct Plan {
    /// Indices of the nodes that are needed.
    needed: HashSet<usize>,
    /// Nodes that compute this part of their result alone.
    parts: HashMap<usize, Part>,
    /// What nodes take of each of their operands, those that compute a part and those that pick one.
    taken: BTreeMap<usize, Vec<Option<Part>>>,
    /// Tensors that are kept, whatever reads them.
    kept: Vec<String>,
}

impl Plan {
    fn of(graph: &Graph, shapes: &Shapes, head_match: &HeadMatch) -> Self {
        let sources = head_match.sources();
        let kept = [head_match.logits.as_str()].into_iter().chain(sources);
        let kept: Vec<String> = kept.map(str::to_owned).collect();
        let needed = needed(graph, &kept);
        let tail: HashSet<usize> = head_match.tail.iter().copied().collect();
        // What all readers of a tensor take of it; none where that is all of it, or not the same.
        let mut demands: HashMap<String, Option<Part>> = HashMap::new();
        let mut whole: HashSet<String> = kept.iter().cloned().collect();
        for &index in &needed {
            captured(&graph.nodes()[index], &mut whole);
        }
        demands.extend(whole.into_iter().map(|tensor| (tensor, None)));
        let mut plan = Self {
            needed,
            parts: HashMap::new(),
            taken: BTreeMap::new(),
            kept,
        };
        for (index, node) in graph.nodes().iter().enumerate().rev() {
            if !plan.needed.contains(&index) {
                continue;
            }
            let is_in_tail = tail.contains(&index) && node.output.len() == 1;
            let own = demands.get(node.result()).copied().flatten();
            let narrow = own.filter(|_| is_in_tail);
            let narrow = narrow.and_then(|part| Some((part, operands(graph, shapes, node, part)?)));
            let taken = match narrow {
                Some((part, taken)) => {
                    plan.parts.insert(index, part);
                    Some(taken)
                }
                None => picked(graph, shapes, node)
                    .filter(|_| is_in_tail)
                    .map(|part| vec![Some(part)]),
            };
            for (place, operand) in node.input.iter().enumerate() {
                let part = taken.as_ref().and_then(|taken| *taken.get(place)?);
                let demand = demands.entry(operand.clone()).or_insert(part);
                if *demand != part {
                    *demand = None;
                }
            }
            if let Some(taken) = taken {
                plan.taken.insert(index, taken);
            }
        }
        plan
    }

    fn shares(&self, graph: &Graph, shapes: &Shapes) -> HashMap<String, f32> {
        let of_softmax = self.parts.iter().filter_map(|(&index, part)| {
            let node = &graph.nodes()[index];
            let shape = shapes.of(graph, node.result())?;
            let share = part.length as f32 / shape[part.axis] as f32;
            (node.op() == Op::Softmax).then(|| (node.result().to_owned(), share))
        });
        of_softmax.collect()
    }

    fn carry_out(self, graph: Graph, shapes: &Shapes) -> Result<Graph, Fault> {
        let result = |index: &usize| graph.nodes()[*index].result();
        let computed: HashSet<&str> = self.parts.keys().map(result).collect();
        let mut builder = GraphBuilder::named("camoverlay/narrowed", graph.opset());
        let mut slices: HashMap<(String, Part), String> = HashMap::new();
        for (index, node) in graph.nodes().iter().enumerate() {
            if !self.needed.contains(&index) {
                continue;
            }
            let mut node = node.clone();
            let taken = self.taken.get(&index).map_or(&[][..], Vec::as_slice);
            if let Some(part) = self.parts.get(&index) {
                for (operand, taken) in node.input.iter_mut().zip(taken) {
                    if let &Some(part) = taken
                        && !computed.contains(operand.as_str())
                    {
                        let slice = || {
                            let end = part.start + part.length;
                            builder.slice(operand, part.axis, part.start as i64, end as i64)
                        };
                        let key = (operand.clone(), part);
                        *operand = slices.entry(key).or_insert_with(slice).clone();
                    }
                }
                if node.op() == Op::Reshape
                    && let Some(mut shape) = shapes.of(&graph, node.result())
                {
                    shape[part.axis] = part.length;
                    let shape = sizes(&mut builder, &shape);
                    node.input.truncate(1);
                    node.input.push(shape);
                    node.attribute.clear();
                }
            } else if !taken.is_empty()
                && computed.contains(node.operand(0))
                && let Some(shape) = shapes.of(&graph, node.result())
            {
                // What is left is what was to be picked.
                let shape = sizes(&mut builder, &shape);
                node = made("Reshape", &[node.operand(0), &shape], node.result());
            }
            builder.nodes.push(node);
        }
        let mut model = graph.into_model();
        let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
        proto.node = builder.nodes;
        proto.initializer.extend(builder.constants);
        proto.value_info.clear();
        proto.output = self
            .kept
            .iter()
            .map(|tensor| value(tensor, data_type::FLOAT))
            .collect();
        Graph::new(model)
    }
}

fn sizes(builder: &mut GraphBuilder, shape: &[usize]) -> String {
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    builder.integers(&sizes)
}

/// Indices of the nodes from which `tensors` follow.
fn needed(graph: &Graph, tensors: &[String]) -> HashSet<usize> {
    let mut pending: Vec<String> = tensors.to_vec();
    let mut needed = HashSet::new();
    while let Some(tensor) = pending.pop() {
        let Some(index) = graph.producer_index(&tensor) else {
            continue;
        };
        if needed.insert(index) {
            let node = &graph.nodes()[index];
            let mut inner = HashSet::new();
            captured(node, &mut inner);
            pending.extend(inner);
            pending.extend(node.input.iter().cloned());
        }
    }
    needed
}

/// The part of its operand that `node` picks, if it is half of it or less.
fn picked(graph: &Graph, shapes: &Shapes, node: &Node) -> Option<Part> {
    let shape = shapes.of(graph, node.operand(0))?;
    let part = match node.op() {
        Op::Gather => {
            let axis = absolute(node.int("axis", 0), shape.len())?;
            let &[index] = shapes.integers(graph, node.operand(1))?.as_slice() else {
                return None;
            };
            Part {
                axis,
                start: absolute(index, shape[axis])?,
                length: 1,
            }
        }
        Op::Slice => {
            let slices = shapes.slices(graph, node, shape.len())?;
            let parts = slices.axes.iter().zip(&slices.bounds);
            let mut parts = parts.filter_map(|(&axis, &[start, end, step])| {
                let run = sliced(shape[axis], start, end, step)?;
                let is_all = run.cells().len() == shape[axis] && step == 1;
                (!is_all).then_some((axis, run))
            });
            let (axis, run) = parts.next().filter(|_| parts.next().is_none())?;
            let mut cells = run.cells();
            let start = cells.next()?;
            let is_in_a_row = cells.next().is_none_or(|second| second == start + 1);
            is_in_a_row.then_some(Part {
                axis,
                start,
                length: run.cells().len(),
            })?
        }
        _ => return None,
    };
    (part.length * 2 <= shape[part.axis]).then_some(part)
}

/// What of each operand `node` has to have to compute `part` of its result; none where it has no such way.
fn operands(graph: &Graph, shapes: &Shapes, node: &Node, part: Part) -> Option<Vec<Option<Part>>> {
    let of = |tensor: &str| shapes.of(graph, tensor);
    let made = of(node.result())?;
    let along = |axis| Some(Part { axis, ..part });
    let first = |part: Option<Part>| {
        let rest = node.input.len().saturating_sub(1);
        let taken = std::iter::once(part).chain(std::iter::repeat_n(None, rest));
        Some(taken.collect::<Vec<_>>())
    };
    let facts = node.op().facts();
    match node.op() {
        Op::Softmax | Op::LogSoftmax => {
            // Before operator set 13 it was over all axes from one on.
            let default = if graph.opset() < 13 { 1 } else { -1 };
            let axis = absolute(node.int("axis", default), made.len())?;
            let is_over_one = graph.opset() >= 13 || axis + 1 == made.len();
            (is_over_one && axis != part.axis).then(|| first(along(part.axis)))?
        }
        Op::LayerNormalization => {
            let axis = absolute(node.int("axis", -1), made.len())?;
            (part.axis < axis).then(|| first(along(part.axis)))?
        }
        Op::Transpose => {
            let axis = match node.ints("perm") {
                Some(order) => usize::try_from(*order.get(part.axis)?).ok()?,
                None => made.len() - 1 - part.axis,
            };
            first(along(axis))
        }
        Op::Reshape | Op::Squeeze | Op::Unsqueeze | Op::Flatten => {
            first(along(same_axis(&made, part.axis, &of(node.operand(0))?)?))
        }
        Op::MatMul => {
            let [a, b] = [of(node.operand(0))?, of(node.operand(1))?];
            let is_row = a.len() == made.len() && b.len() > 1 && part.axis + 2 == made.len();
            is_row.then(|| first(along(part.axis)))?
        }
        Op::Gemm => {
            let is_row = part.axis == 0 && node.int("transA", 0) == 0;
            let addend = of(node.operand(2)).filter(|_| !node.operand(2).is_empty());
            let of_addend = addend.and_then(|shape| spread_part(&shape, &made, part));
            is_row.then(|| {
                let taken = [along(0), None, of_addend];
                taken[..node.input.len().min(3)].to_vec()
            })
        }
        Op::Concat => {
            let axis = absolute(node.int("axis", 0), made.len())?;
            (axis != part.axis).then(|| vec![along(part.axis); node.input.len()])
        }
        Op::Gather => {
            let operand = of(node.operand(0))?;
            let axis = absolute(node.int("axis", 0), operand.len())?;
            let indices = of(node.operand(1))?.len();
            if part.axis < axis {
                first(along(part.axis))
            } else if part.axis >= axis + indices {
                first(along(part.axis + 1 - indices))
            } else {
                None
            }
        }
        Op::Slice => {
            let slices = shapes.slices(graph, node, made.len())?;
            (!slices.axes.contains(&part.axis)).then(|| first(along(part.axis)))?
        }
        _ if facts.places == Places::Reduce => {
            let rank = of(node.operand(0))?.len();
            let axes = shapes.reduced_axes(graph, node, rank)?;
            let kept: Vec<usize> = match node.int("keepdims", 1) {
                0 => (0..rank).filter(|axis| !axes.contains(axis)).collect(),
                _ => (0..rank).collect(),
            };
            let axis = *kept.get(part.axis)?;
            (!axes.contains(&axis)).then(|| first(along(axis)))?
        }
        op if works_on_elements(op) => {
            let taken = node.input.iter().map(|operand| {
                // A setting that is left out.
                if operand.is_empty() {
                    return Some(None);
                }
                Some(spread_part(&of(operand)?, &made, part))
            });
            taken.collect()
        }
        _ => None,
    }
}

/// Whether the operator makes each element of its result of those at the same place of its operands, which are spread out
/// to one size.
fn works_on_elements(op: Op) -> bool {
    let facts = op.facts();
    let is_differentiable = facts.places == Places::Elementwise && facts.gradient == Gradient::All;
    let others = matches!(
        op,
        Op::Abs | Op::Cast | Op::Clip | Op::Dropout | Op::Identity | Op::Swish
    );
    facts.spreads || is_differentiable || others
}

/// The part of an operand of `shape` that meets `part` of what it is spread out to, `made`; none: all of it.
fn spread_part(shape: &[usize], made: &[usize], part: Part) -> Option<Part> {
    let missing = made.len().checked_sub(shape.len())?;
    let axis = part.axis.checked_sub(missing)?;
    (shape[axis] == made[part.axis]).then_some(Part { axis, ..part })
}

/// The axis of `from` that is `axis` of `made`, which has the same elements in the same order.
fn same_axis(made: &[usize], axis: usize, from: &[usize]) -> Option<usize> {
    let before: usize = made[..axis].iter().product();
    let mut product = 1;
    for (place, &size) in from.iter().enumerate() {
        if product == before && size == made[axis] {
            return Some(place);
        }
        product *= size;
    }
    None
}
