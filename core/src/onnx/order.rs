//! Puts the nodes of a graph into an order in which each comes after what it uses.
//!
//! The format asks for that order; converters to half precision break it, and ONNX Runtime does not
//! mind.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::error::Fault;
use super::node::label;
use super::proto;

/// The order in which the nodes of `graph` can run: of those whose operands are there, the one that the file names first
/// comes next (Kahn, "Topological sorting of large networks", 1962). A sorted graph stays as it is.
/// `producers` has the index of the node that makes each tensor.
///
/// # Errors
/// [`Fault::Cycle`], naming a node that waits for its own result.
pub fn sort(graph: &proto::Graph, producers: &HashMap<&str, usize>) -> Result<Vec<usize>, Fault> {
    let sources: Vec<Vec<usize>> = graph
        .node
        .iter()
        .map(|node| sources(node, producers))
        .collect();
    if sources
        .iter()
        .enumerate()
        .all(|(index, sources)| sources.iter().all(|&source| source < index))
    {
        return Ok((0..sources.len()).collect());
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
    for (index, sources) in sources.iter().enumerate() {
        for &source in sources {
            users[source].push(index);
        }
    }
    let mut missing: Vec<usize> = sources.iter().map(Vec::len).collect();
    let ready = missing.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(index, _)| Reverse(index)).collect();
    let mut order = Vec::with_capacity(sources.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &user in &users[index] {
            missing[user] -= 1;
            if missing[user] == 0 {
                ready.push(Reverse(user));
            }
        }
    }
    if order.len() == sources.len() {
        return Ok(order);
    }
    // Each node that is left waits for another one that is left: the way back runs in a circle.
    let mut index = missing.iter().position(|&count| count > 0).unwrap_or(0);
    let mut passed = HashSet::new();
    while passed.insert(index) {
        let waits = sources[index].iter().find(|&&source| missing[source] > 0);
        index = waits.copied().unwrap_or(index);
    }
    Err(Fault::Cycle {
        node: label(&graph.node[index]),
    })
}

/// Indices of the nodes that make what `node` and its subgraphs use, each as often as it is used.
fn sources(node: &proto::Node, producers: &HashMap<&str, usize>) -> Vec<usize> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).collect();
    let graphs = node.attribute.iter().flat_map(subgraphs);
    graphs.for_each(|graph| captured(graph, &HashSet::new(), &mut names));
    let sources = names.into_iter().filter_map(|name| producers.get(name));
    sources.copied().collect()
}

fn subgraphs(attribute: &proto::Attribute) -> impl Iterator<Item = &proto::Graph> {
    attribute.g.as_deref().into_iter().chain(&attribute.graphs)
}

/// Adds the names that `graph` takes from the graphs around it, those in `inner` left out.
fn captured<'a>(graph: &'a proto::Graph, inner: &HashSet<&'a str>, names: &mut Vec<&'a str>) {
    let mut own = inner.clone();
    own.extend(graph.input.iter().map(|input| input.name()));
    own.extend(graph.initializer.iter().map(|weight| weight.name()));
    let made = graph.node.iter().flat_map(|node| &node.output);
    own.extend(made.map(String::as_str));
    let used = graph.node.iter().flat_map(|node| &node.input);
    let returned = graph.output.iter().map(|output| output.name());
    let used = used.map(String::as_str).chain(returned);
    names.extend(used.filter(|name| !own.contains(name)));
    for graph in graph
        .node
        .iter()
        .flat_map(|node| &node.attribute)
        .flat_map(subgraphs)
    {
        captured(graph, &own, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;
    use crate::onnx::error::FileError;
    use crate::onnx::graph::Graph;
    use crate::onnx::node::{node, with_graph};
    use crate::testing::{Draft, ask, noise};

    fn classifier() -> Draft {
        let mut draft = Draft::with_features();
        draft
            .node("Relu", &["a"], "r")
            .node("GlobalAveragePool", &["r"], "p")
            .node("Flatten", &["p"], "f");
        draft
            .random("w", &[3, 4])
            .node("MatMul", &["f", "w"], "y")
            .output("y");
        draft
    }

    fn names(graph: &Graph) -> Vec<&str> {
        graph.nodes().iter().map(|node| node.result()).collect()
    }

    #[test]
    fn a_reversed_graph_is_the_same_graph() {
        let sorted = classifier();
        let mut reversed = classifier();
        reversed.graph().node.reverse();
        let graph = Graph::new(reversed.model.clone()).unwrap();
        assert_eq!(names(&graph), ["a", "r", "p", "f", "y"]);
        let (Some(sorted), Some(reversed)) = (sorted.open(), reversed.open()) else {
            return;
        };
        let (mut sorted, mut reversed) = (sorted.unwrap(), reversed.unwrap());
        let picture = noise(48, 5);
        let sorted = ask(&mut sorted, &picture, Target::Rank(0)).unwrap();
        let reversed = ask(&mut reversed, &picture, Target::Rank(0)).unwrap();
        assert_eq!(sorted.logits, reversed.logits);
        assert_eq!(sorted.features.values, reversed.features.values);
    }

    #[test]
    fn a_subgraph_waits_for_what_it_takes_from_around_it() {
        let mut draft = classifier();
        let mut inner = Draft::new();
        inner.graph().input.clear();
        // Its own “p” is not the one around it.
        inner
            .node("Neg", &["r"], "p")
            .node("Neg", &["p"], "o")
            .output("o");
        let mut inner = inner.model.graph.unwrap();
        inner.name = Some("then_branch".into());
        let branch = with_graph(node("If", &["condition"], "i"), inner);
        draft.graph().node.insert(0, branch);
        draft.integers("condition", &[1]);
        let graph = Graph::new(draft.model).unwrap();
        assert_eq!(names(&graph), ["a", "r", "i", "p", "f", "y"]);
    }

    #[test]
    fn a_circle_is_told_by_a_node_of_it() {
        let mut draft = classifier();
        draft.graph().node[1].input[0] = "f".into();
        let fault = Graph::new(draft.model).unwrap_err();
        assert_eq!(fault, Fault::Cycle { node: "r".into() });
        let error = FileError::NotOnnx {
            path: "network.onnx".into(),
            fault,
        };
        assert_eq!(
            error.to_string(),
            "network.onnx is not a complete ONNX model: node “r” uses a tensor that is made from its own result."
        );
    }
}
