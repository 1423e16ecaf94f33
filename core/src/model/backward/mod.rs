//! The gradient of one logit with respect to the features, as nodes of the same graph.
//!
//! Reverse-mode differentiation of the nodes between features and logits: one run of the graph
//! then returns logits and gradient. The class is an input of the graph, given by its number or
//! by its rank among the logits, so that it may change from run to run.

mod cellwise_dense;
mod context;
mod differences;
mod linear;
mod moving;
mod rules;
mod slopes;
mod summing;
mod windows;

use std::collections::{HashMap, HashSet};

use super::gradient::{CLASS, Gradient, SLOT, Sums};
use super::head::obstacle;
use super::layers::{dense_shape, keeps_values};
use super::types::{CellOrder, Head, HeadMatch};
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::{node, with_int};
use crate::onnx::ops::{Op, Values};
use crate::onnx::proto::{Node, data_type};
use crate::onnx::shapes::element_count;
use cellwise_dense::Cellwise;
pub use context::Context;
use context::MOST_CONSTANTS;
use differences::Rows;

/// The gradient of one tensor: still "one for the chosen class", or a tensor.
#[derive(Clone)]
enum Cotangent {
    OneHot,
    Tensor(String),
}

/// The gradient of the chosen logit with respect to what the head's layers take: the mean over
/// space where there is a pool, the feature map otherwise.
///
/// # Errors
/// The operator that has no rule.
pub fn differentiate(context: &Context, head_match: &HeadMatch) -> Result<Gradient, String> {
    let &Context {
        graph,
        facts,
        shapes,
        ..
    } = context;
    let mut builder = GraphBuilder::new(graph.opset());
    let tail = |after: Option<usize>| {
        let nodes = head_match
            .tail
            .iter()
            .skip_while(|&&index| after.is_some_and(|after| index != after));
        let nodes = nodes.skip(after.iter().len());
        nodes
            .map(|&index| &graph.nodes()[index])
            .collect::<Vec<_>>()
    };
    let of_shape = || {
        let shape = shapes.of(graph, &head_match.logits)?;
        let classes = element_count(&shape)?;
        (classes <= MOST_CONSTANTS).then_some(classes)
    };
    let classes = tail(None)
        .iter()
        .rev()
        .find_map(|layer| dense_shape(graph, layer))
        .map(|(_, outputs)| outputs);
    let logits = Logits {
        tensor: &head_match.logits,
        classes: of_shape()
            .or(classes)
            .ok_or_else(|| "a head without dense layers".to_owned())?,
    };
    let tokens = match (&head_match.head, &head_match.order) {
        (Head::Layers { .. }, CellOrder::Tokens(grid)) => Some(grid.tokens),
        _ => None,
    };
    let mut back_to = |sources: &[&str], layers: &[&Node]| {
        walk_back(&mut builder, context, &logits, sources, layers, tokens)
    };
    if let Some(cellwise) = Cellwise::find(graph, facts, head_match) {
        let result = graph.nodes()[cellwise.index].result();
        let walk = back_to(&[result], &tail(Some(cellwise.index)))?;
        let products = cellwise.forward(&mut builder);
        let (sums, tensor) = cellwise.backward(&mut builder, &products, &walk.gradients[0]);
        let sums = Sums {
            tensor: sums,
            layer: products.nodes,
        };
        return Ok(Gradient {
            builder,
            tensor,
            beside: Vec::new(),
            sums: Some(sums),
            attention: None,
            rows: walk.rows,
            alone: None,
        });
    }
    let mut source = head_match.features.as_str();
    let mut layers = tail(head_match.pool);
    if let Some(pool) = head_match.pool {
        // One value a channel, whatever its dimensions.
        source = graph.nodes()[pool].result();
        while let Some((first, rest)) = layers.split_first()
            && matches!(first.op(), Op::Flatten | Op::Reshape | Op::Squeeze)
            && !rest
                .iter()
                .any(|layer| layer.input.iter().any(|x| x == source))
        {
            source = first.result();
            layers.remove(0);
        }
    }
    let mut sources = head_match.sources();
    sources[0] = source;
    let mut walk = back_to(&sources, &layers)?;
    let tensor = walk.gradients.remove(0);
    Ok(Gradient {
        builder,
        tensor,
        beside: walk.gradients,
        sums: None,
        attention: walk.attention,
        rows: walk.rows,
        alone: None,
    })
}

/// What a walk back from the logits leaves.
struct Walk {
    /// One for each source.
    gradients: Vec<String>,
    attention: Option<String>,
    rows: Option<Vec<f32>>,
}

/// What is differentiated.
struct Logits<'a> {
    tensor: &'a str,
    classes: usize,
}

/// The gradient with respect to each of the `sources` by way of `layers`, in the order of the graph; and with respect to
/// the weights of attention over as many `tokens`.
fn walk_back(
    builder: &mut GraphBuilder,
    context: &Context,
    logits: &Logits,
    sources: &[&str],
    layers: &[&Node],
    tokens: Option<usize>,
) -> Result<Walk, String> {
    let graph = context.graph;
    let Logits {
        tensor: from,
        classes,
    } = *logits;
    let class = choose_class(builder, graph, from, classes);
    let follows = following(sources, layers);
    let mut gains = Vec::new();
    let mut rows_of_classes = None;
    let mut gradients = HashMap::from([(from.to_owned(), Cotangent::OneHot)]);
    for &layer in layers.iter().rev() {
        let unknown = || obstacle::name(layer);
        if layer.op() == Op::Split {
            split_back(builder, context, layer, &mut gradients, (&class, classes))
                .ok_or_else(unknown)?;
            continue;
        }
        let Some(dy) = gradients.get(layer.result()).cloned() else {
            continue;
        };
        if let Cotangent::Tensor(dy) = &dy
            && let Some(gain) = gain(builder, context, layer, dy, tokens)
        {
            gains.push(gain);
        }
        let varying: Vec<usize> = (0..layer.input.len())
            .filter(|&index| follows.contains(layer.operand(index)))
            .collect();
        for index in rules::paths(context, layer, &varying) {
            let operand = layer.operand(index);
            // Some exporters have single layers compute in another type than the rest.
            builder.compute_in(context.facts.element_type(operand));
            let dx = match (&dy, layer.op()) {
                (Cotangent::OneHot, op) if op.facts().is_dense && rows(context, layer) == 1 => {
                    let row = rules::dense_row(builder, layer, &class);
                    let rows = Rows::of(context, layer, classes);
                    Cotangent::Tensor(match rows.filter(|_| rows_of_classes.is_none()) {
                        Some(rows) => {
                            let row = rows.less_similar(builder, &row, &class);
                            rows_of_classes = Some(rows.values);
                            row
                        }
                        None => row,
                    })
                }
                (Cotangent::OneHot, Op::Add) if !follows.contains(layer.operand(1 - index)) => {
                    Cotangent::OneHot
                }
                _ if matches!(dy, Cotangent::OneHot) && keeps_order(context, layer) => {
                    Cotangent::OneHot
                }
                _ => {
                    let dy = tensor(builder, &dy, layer.result(), &class, classes);
                    let dx =
                        rules::product(builder, context, layer, index, &dy).ok_or_else(unknown)?;
                    Cotangent::Tensor(dx)
                }
            };
            add(builder, &mut gradients, operand, dx, (&class, classes));
        }
    }
    let mut of = |source: &&str| {
        let gradient = gradients
            .remove(*source)
            .ok_or("a head apart from its features")?;
        Ok(tensor(builder, &gradient, source, &class, classes))
    };
    let of_sources: Result<Vec<String>, String> = sources.iter().map(&mut of).collect();
    let attention = match gains.as_slice() {
        [] => None,
        several => {
            let gains: Vec<&str> = several.iter().map(String::as_str).collect();
            builder.compute_in(data_type::FLOAT);
            Some(builder.push("Mean", &gains))
        }
    };
    Ok(Walk {
        gradients: of_sources?,
        attention,
        rows: rows_of_classes,
    })
}

/// What each token, as a key, gains for the logit in the attention that `layer` weighs: the mean over heads and queries of
/// max(∂z/∂a, 0), one value a token. Bousselham et al., "LeGrad: An Explainability Method for Vision Transformers via
/// Feature Formation Sensitivity", ICCV 2025.
fn gain(
    builder: &mut GraphBuilder,
    context: &Context,
    layer: &Node,
    dy: &str,
    tokens: Option<usize>,
) -> Option<String> {
    let shape = context.fixed_shape(layer.result())?;
    let last = shape.len().checked_sub(1)?;
    let is_attention = layer.op() == Op::Softmax
        && shape.len() > 2
        && Some(shape[last]) == tokens
        && Context::axis(layer, -1, shape.len()) == Some(last);
    is_attention.then(|| {
        builder.compute_in(data_type::FLOAT);
        let dy = builder.as_float(dy);
        let gains = builder.push("Relu", &[&dy]);
        let axes: Vec<i64> = (0..last as i64).collect();
        let mean = builder.reduce("ReduceMean", &gains, &axes);
        // The rows that nothing reads gain nothing.
        let share = context.shares.get(layer.result());
        let mean = builder.scale(&mean, share.copied().unwrap_or(1.0));
        builder.reshape(&mean, &[1, shape[last]])
    })
}

/// Whether `layer` returns the same numbers in the same row-major order.
fn keeps_order(context: &Context, layer: &Node) -> bool {
    let is_vector = || {
        let shape = context.shape(layer.operand(0));
        shape.is_none_or(|shape| shape.iter().filter(|&&size| size > 1).count() < 2)
    };
    keeps_values(context.graph, layer) && (layer.op() != Op::Transpose || is_vector())
}

/// Rows that a dense layer of constant weights multiplies; none where they vary, or it is a convolution over space.
fn rows(context: &Context, layer: &Node) -> usize {
    let is_plain = layer.int("transA", 0) == 0 && layer.int("group", 1) == 1;
    if dense_shape(context.graph, layer).is_none() || !is_plain {
        return 0;
    }
    let Some(shape) = context.shape(layer.operand(0)) else {
        return 1;
    };
    let channels = match layer.op() {
        Op::Conv => shape.get(1),
        _ => shape.last(),
    };
    shape
        .iter()
        .product::<usize>()
        .checked_div(channels.copied().unwrap_or(1))
        .unwrap_or(0)
}

/// The `sources`, and all that `layers` make of them.
fn following<'a>(sources: &[&'a str], layers: &[&'a Node]) -> HashSet<&'a str> {
    let mut follows: HashSet<&str> = sources.iter().copied().collect();
    for layer in layers {
        if layer.op().facts().values != Values::OfShape
            && layer
                .input
                .iter()
                .any(|operand| follows.contains(operand.as_str()))
        {
            follows.extend(
                layer
                    .output
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !name.is_empty()),
            );
        }
    }
    follows
}

/// Adds `dx` to the gradient of `operand`.
fn add(
    builder: &mut GraphBuilder,
    gradients: &mut HashMap<String, Cotangent>,
    operand: &str,
    dx: Cotangent,
    (class, classes): (&str, usize),
) {
    let sum = match gradients.remove(operand) {
        None => dx,
        Some(earlier) => {
            let earlier = tensor(builder, &earlier, operand, class, classes);
            let dx = tensor(builder, &dx, operand, class, classes);
            Cotangent::Tensor(builder.push("Add", &[&earlier, &dx]))
        }
    };
    gradients.insert(operand.to_owned(), sum);
}

fn split_back(
    builder: &mut GraphBuilder,
    context: &Context,
    layer: &Node,
    gradients: &mut HashMap<String, Cotangent>,
    (class, classes): (&str, usize),
) -> Option<()> {
    let operand = layer.operand(0);
    builder.compute_in(context.facts.element_type(operand));
    let parts: Vec<Option<String>> = layer
        .output
        .iter()
        .map(|output| {
            let dy = gradients.get(output).cloned()?;
            Some(tensor(builder, &dy, output, class, classes))
        })
        .collect();
    if parts.iter().any(Option::is_some) {
        let dx = moving::split(builder, context, layer, &parts)?;
        add(
            builder,
            gradients,
            operand,
            Cotangent::Tensor(dx),
            (class, classes),
        );
    }
    Some(())
}

/// The index of the chosen class, int64, 1 x 1.
fn choose_class(builder: &mut GraphBuilder, graph: &Graph, logits: &str, classes: usize) -> String {
    let row = match graph.producer(logits) {
        // A matrix of one row already.
        Some(layer) if layer.op() == Op::Gemm => logits.to_owned(),
        _ => builder.row(logits),
    };
    // Slot 1 + r needs the best 1 + r classes, slot 0 none.
    let values = format!("{CLASS}_values");
    let ranking = format!("{CLASS}_ranking");
    let mut top = if builder.opset() < 10 {
        // The count was no input yet.
        with_int(node("TopK", &[&row], &values), "k", classes as i64)
    } else {
        node("TopK", &[&row, SLOT], &values)
    };
    top.output.push(ranking.clone());
    builder.nodes.push(with_int(top, "axis", 1));
    let along = |node| with_int(node, "axis", 1);
    let choices = builder.push_with("Concat", &[CLASS, &ranking], along);
    builder.push_with("Gather", &[&choices, SLOT], along)
}

/// The cotangent of `of` as a tensor.
fn tensor(
    builder: &mut GraphBuilder,
    cotangent: &Cotangent,
    of: &str,
    class: &str,
    classes: usize,
) -> String {
    match cotangent {
        Cotangent::Tensor(name) => name.clone(),
        Cotangent::OneHot => {
            let numbers: Vec<i64> = (0..classes as i64).collect();
            let numbers = builder.integers(&numbers);
            let is_class = builder.push("Equal", &[&numbers, class]);
            let one_hot = builder.as_float(&is_class);
            builder.reshape_like(&one_hot, of)
        }
    }
}
