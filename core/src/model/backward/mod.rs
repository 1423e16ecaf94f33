//! The gradient of one logit with respect to the features, as nodes of the same graph.
//!
//! Reverse-mode differentiation of the nodes between features and logits: one run of the graph
//! then returns logits and gradient. The class is an input of the graph, given by its number or
//! by its rank among the logits, so that it may change from run to run.

mod cellwise_dense;
mod rules;

use std::collections::HashMap;

use super::facts::Facts;
use super::gradient::{CLASS, Gradient, SLOT, Sums};
use super::layers::{dense_shape, keeps_values};
use super::shape_arithmetic::numbers;
use super::types::HeadMatch;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::graph::Graph;
use crate::onnx::node::{node, with_int};
use crate::onnx::ops::{Op, Places};
use crate::onnx::proto::Node;
use cellwise_dense::Cellwise;

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
pub fn differentiate(
    graph: &Graph,
    facts: &Facts,
    head_match: &HeadMatch,
) -> Result<Gradient, String> {
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
    let classes = tail(None)
        .iter()
        .rev()
        .find_map(|layer| dense_shape(graph, layer))
        .map(|(_, outputs)| outputs)
        .ok_or_else(|| "a head without dense layers".to_owned())?;
    let mut back_to = |source: &str, layers| {
        walk_back(
            &mut builder,
            graph,
            facts,
            head_match,
            source,
            layers,
            classes,
        )
    };
    if let Some(cellwise) = Cellwise::find(graph, facts, head_match) {
        let result = graph.nodes()[cellwise.index].result();
        let dy = back_to(result, &tail(Some(cellwise.index)))?;
        let products = cellwise.forward(&mut builder);
        let (sums, tensor) = cellwise.backward(&mut builder, &products, &dy);
        let sums = Sums {
            tensor: sums,
            layer: products.nodes,
        };
        return Ok(Gradient {
            builder,
            tensor,
            sums: Some(sums),
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
    let tensor = back_to(source, &layers)?;
    Ok(Gradient {
        builder,
        tensor,
        sums: None,
    })
}

/// The gradient with respect to `source` by way of `layers`.
fn walk_back(
    builder: &mut GraphBuilder,
    graph: &Graph,
    facts: &Facts,
    head_match: &HeadMatch,
    source: &str,
    layers: &[&Node],
    classes: usize,
) -> Result<String, String> {
    let class = choose_class(builder, graph, &head_match.logits, classes);
    let reduced = reduced_axes(graph, layers);
    let mut gradients = HashMap::from([(head_match.logits.clone(), Cotangent::OneHot)]);
    for &layer in layers.iter().rev() {
        let Some(dy) = gradients.get(layer.result()).cloned() else {
            continue;
        };
        let unknown = || format!("the operator {}", layer.op_type());
        for index in rules::paths(graph, layer).ok_or_else(unknown)? {
            let operand = layer.operand(index);
            // Some exporters have single layers compute in another type than the rest.
            builder.compute_in(facts.element_type(operand));
            let dx = match (&dy, layer.op()) {
                (Cotangent::OneHot, op) if op.facts().is_dense => {
                    Cotangent::Tensor(rules::dense_row(builder, layer, &class))
                }
                (Cotangent::OneHot, Op::Add) if !graph.varies(layer.operand(1 - index)) => {
                    Cotangent::OneHot
                }
                _ if matches!(dy, Cotangent::OneHot) && keeps_values(graph, layer) => {
                    Cotangent::OneHot
                }
                _ => {
                    let dy = tensor(builder, &dy, layer.result(), &class, classes);
                    let dx =
                        rules::product(builder, graph, layer, index, &dy).ok_or_else(unknown)?;
                    Cotangent::Tensor(sum_spread(builder, dx, operand, layer.result(), &reduced))
                }
            };
            let sum = match gradients.remove(operand) {
                None => dx,
                Some(earlier) => {
                    let earlier = tensor(builder, &earlier, operand, &class, classes);
                    let dx = tensor(builder, &dx, operand, &class, classes);
                    Cotangent::Tensor(builder.push("Add", &[&earlier, &dx]))
                }
            };
            gradients.insert(operand.to_owned(), sum);
        }
    }
    let gradient = gradients
        .remove(source)
        .ok_or("a head apart from its features")?;
    Ok(tensor(builder, &gradient, source, &class, classes))
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

/// Sums `dx` over the axes along which `operand` was spread out to the size of `result`.
fn sum_spread(
    builder: &mut GraphBuilder,
    dx: String,
    operand: &str,
    result: &str,
    reduced: &HashMap<&str, Vec<i64>>,
) -> String {
    let none = Vec::new();
    let of_result = reduced.get(result).unwrap_or(&none);
    let axes = reduced.get(operand).unwrap_or(&none).iter();
    let axes: Vec<i64> = axes
        .copied()
        .filter(|axis| !of_result.contains(axis))
        .collect();
    if axes.is_empty() {
        dx
    } else {
        builder.reduce("ReduceSum", &dx, &axes)
    }
}

/// For each tensor of the head the axes that were summed or averaged to size 1 on its way.
fn reduced_axes<'a>(graph: &Graph, layers: &[&'a Node]) -> HashMap<&'a str, Vec<i64>> {
    let mut reduced: HashMap<&str, Vec<i64>> = HashMap::new();
    for layer in layers {
        let axes = match layer.op().facts().places {
            Places::Reduce => numbers(graph, layer, "axes", 1).unwrap_or_default(),
            _ => {
                let mut operands = layer.input.iter().filter(|operand| graph.varies(operand));
                let of =
                    |operand: &String| reduced.get(operand.as_str()).cloned().unwrap_or_default();
                let first = operands.next().map(of).unwrap_or_default();
                operands.map(of).fold(first, |common, other| {
                    common
                        .into_iter()
                        .filter(|axis| other.contains(axis))
                        .collect()
                })
            }
        };
        reduced.insert(layer.result(), axes);
    }
    reduced
}
