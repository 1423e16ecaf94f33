//! What is computed twice, computed once: exporters write a pool anew for each head that follows it.

use std::collections::{HashMap, HashSet};

use prost::Message;

use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::captured;
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// `graph` without pools and reshapings that are the same as an earlier one.
///
/// # Errors
/// None but those of a graph that was not well formed.
pub fn once(graph: Graph) -> Result<Graph, Fault> {
    let outputs = graph.outputs().iter();
    let mut returned: HashSet<String> = outputs.map(|output| output.name().to_owned()).collect();
    // Graphs inside of nodes may take any tensor from around them.
    for node in graph.nodes() {
        captured(node, &mut returned);
    }
    let mut first: HashMap<Vec<u8>, String> = HashMap::new();
    // The tensors that are the same as an earlier one.
    let mut same: HashMap<String, String> = HashMap::new();
    for node in graph.nodes() {
        let is_cheap_to_tell = matches!(
            node.op(),
            Op::GlobalAveragePool
                | Op::ReduceMean
                | Op::Flatten
                | Op::Reshape
                | Op::Squeeze
                | Op::Identity
                | Op::Dropout
        );
        if !is_cheap_to_tell || node.output.len() != 1 || returned.contains(node.result()) {
            continue;
        }
        let kind = Node {
            name: None,
            output: Vec::new(),
            input: node.input.iter().map(|name| known(&same, name)).collect(),
            ..node.clone()
        };
        let result = node.result().to_owned();
        match first.get(&kind.encode_to_vec()) {
            Some(earlier) => {
                same.insert(result, earlier.clone());
            }
            None => {
                first.insert(kind.encode_to_vec(), result);
            }
        }
    }
    if same.is_empty() {
        return Ok(graph);
    }
    let mut model = graph.into_model();
    let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
    proto.node.retain(|node| !same.contains_key(node.result()));
    for node in &mut proto.node {
        for input in &mut node.input {
            *input = known(&same, input);
        }
    }
    Graph::new(model)
}

fn known(same: &HashMap<String, String>, name: &str) -> String {
    same.get(name).map_or(name, String::as_str).to_owned()
}
