//! Functions of a model (ONNX IR 8 and later) replaced by the nodes they are made of, as some
//! exporters of PyTorch write every operator as a function.

use std::collections::HashMap;

use super::error::Fault;
use super::node::is_standard;
use super::proto::{self, Function, Node};

/// Most nodes that functions may grow a graph to, and deepest call of one by another.
const MOST_NODES: usize = 1 << 18;
const DEEPEST: usize = 16;

/// Replaces each call of a function in the main graph, and in turn the calls that brings in.
/// Functions written for another version of the standard operators are left as they are.
///
/// # Errors
/// [`Fault::Functions`] where that does not end.
pub fn inline_functions(model: &mut proto::Model) -> Result<(), Fault> {
    let version = standard_version(&model.opset_import);
    let functions: HashMap<Key, &Function> = model
        .functions
        .iter()
        .filter(|function| {
            let own = standard_version(&function.opset_import);
            own.is_none() || own == version
        })
        .map(|function| {
            (
                (function.domain(), function.name(), function.overload()),
                function,
            )
        })
        .collect();
    let Some(graph) = model.graph.as_mut().filter(|_| !functions.is_empty()) else {
        return Ok(());
    };
    let mut calls = 0;
    for _ in 0..DEEPEST {
        if !graph
            .node
            .iter()
            .any(|node| functions.contains_key(&key(node)))
        {
            return Ok(());
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in graph.node.drain(..) {
            match functions.get(&key(&node)) {
                None => nodes.push(node),
                Some(function) => {
                    calls += 1;
                    let call = Call::new(function, &node, calls);
                    nodes.extend(function.node.iter().map(|inner| call.expand(inner)));
                }
            }
            if nodes.len() > MOST_NODES {
                return Err(Fault::Functions);
            }
        }
        graph.node = nodes;
    }
    Err(Fault::Functions)
}

/// Domain, name and overload.
type Key<'a> = (&'a str, &'a str, &'a str);

fn key(node: &Node) -> Key<'_> {
    (node.domain(), node.op_type(), node.overload())
}

fn standard_version(imports: &[proto::OperatorSetId]) -> Option<i64> {
    imports
        .iter()
        .find(|set| is_standard(set.domain()))
        .and_then(|set| set.version)
}

/// One call of a function: what its names and attributes stand for.
struct Call<'a> {
    names: HashMap<&'a str, &'a str>,
    prefix: String,
    function: &'a Function,
    node: &'a Node,
}

impl<'a> Call<'a> {
    fn new(function: &'a Function, node: &'a Node, number: usize) -> Self {
        let inputs = function.input.iter().enumerate();
        let inputs = inputs.map(|(index, name)| (name.as_str(), node.operand(index)));
        let outputs = function.output.iter().zip(&node.output);
        let outputs = outputs.map(|(name, actual)| (name.as_str(), actual.as_str()));
        Self {
            names: inputs
                .chain(outputs.filter(|(_, actual)| !actual.is_empty()))
                .collect(),
            prefix: format!("{}/{number}/", function.name()),
            function,
            node,
        }
    }

    fn rename(&self, name: &mut String) {
        if name.is_empty() {
            return;
        }
        *name = match self.names.get(name.as_str()) {
            Some(actual) => (*actual).to_owned(),
            None => format!("{}{name}", self.prefix),
        };
    }

    fn expand(&self, inner: &Node) -> Node {
        let mut node = inner.clone();
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .for_each(|name| self.rename(name));
        node.attribute = inner
            .attribute
            .iter()
            .filter_map(|found| self.attribute(found))
            .collect();
        node
    }

    /// The attribute itself, or what the call gives for one that refers to the function's own;
    /// none where that is left out.
    fn attribute(&self, inner: &proto::Attribute) -> Option<proto::Attribute> {
        let wanted = inner.ref_attr_name();
        if !wanted.is_empty() {
            let defaults = self.function.attribute_proto.iter();
            let default = defaults.clone().find(|default| default.name() == wanted);
            return self
                .node
                .find(wanted)
                .or(default)
                .map(|given| proto::Attribute {
                    name: inner.name.clone(),
                    ..given.clone()
                });
        }
        let mut attribute = inner.clone();
        let graphs = attribute
            .g
            .as_deref_mut()
            .into_iter()
            .chain(&mut attribute.graphs);
        graphs.for_each(|graph| self.expand_graph(graph));
        Some(attribute)
    }

    fn expand_graph(&self, graph: &mut proto::Graph) {
        let values = graph
            .input
            .iter_mut()
            .chain(&mut graph.output)
            .chain(&mut graph.value_info);
        values
            .filter_map(|value| value.name.as_mut())
            .for_each(|name| self.rename(name));
        for weight in &mut graph.initializer {
            weight.name.iter_mut().for_each(|name| self.rename(name));
        }
        for node in &mut graph.node {
            *node = self.expand(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::node::{node, with_int};
    use crate::testing::Draft;

    fn function(name: &str, nodes: Vec<Node>) -> Function {
        Function {
            name: Some(name.into()),
            domain: Some("package".into()),
            input: vec!["in".into()],
            output: vec!["out".into()],
            node: nodes,
            ..Function::default()
        }
    }

    fn call(name: &str, input: &str, output: &str) -> Node {
        Node {
            domain: Some("package".into()),
            ..node(name, &[input], output)
        }
    }

    #[test]
    fn calls_become_nodes() {
        let mut draft = Draft::with_features();
        let mut flatten = node("Flatten", &["mean"], "out");
        flatten.attribute.push(proto::Attribute {
            name: Some("axis".into()),
            ref_attr_name: Some("from".into()),
            ..proto::Attribute::default()
        });
        let pool = function(
            "pool",
            vec![node("GlobalAveragePool", &["in"], "mean"), flatten],
        );
        let outer = function(
            "outer",
            vec![with_int(call("pool", "in", "out"), "from", 1)],
        );
        draft.model.functions = vec![pool, outer];
        draft.push(call("outer", "a", "p"));
        draft
            .random("w", &[3, 4])
            .node("MatMul", &["p", "w"], "y")
            .output("y");
        let mut model = draft.model;
        inline_functions(&mut model).unwrap();
        let nodes = &model.graph.unwrap().node;
        let operators: Vec<&str> = nodes.iter().map(|node| node.op_type()).collect();
        assert_eq!(
            operators,
            ["Conv", "GlobalAveragePool", "Flatten", "MatMul"]
        );
        assert_eq!(nodes[1].operand(0), "a");
        assert_eq!(nodes[1].result(), nodes[2].operand(0));
        assert_eq!((nodes[2].result(), nodes[2].int("axis", 0)), ("p", 1));
    }

    #[test]
    fn calls_without_end_are_refused() {
        let mut draft = Draft::with_features();
        draft.model.functions = vec![function("loop", vec![call("loop", "in", "out")])];
        draft.push(call("loop", "a", "y")).output("y");
        assert_eq!(inline_functions(&mut draft.model), Err(Fault::Functions));
        // A thousand million nodes from ten functions of ten calls.
        let mut draft = Draft::with_features();
        draft.model.functions = (0..10)
            .map(|depth| {
                let calls =
                    (0..10).map(|i| call(&format!("f{}", depth + 1), "in", &format!("{i}")));
                function(&format!("f{depth}"), calls.collect())
            })
            .collect();
        draft.push(call("f0", "a", "y")).output("y");
        assert_eq!(inline_functions(&mut draft.model), Err(Fault::Functions));
    }
}
