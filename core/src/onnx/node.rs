//! Nodes, tensors and value infos of a graph: read by name, and made.

use std::collections::{HashMap, HashSet};

use super::ops::Op;
use super::proto::{self, Attribute, Node, TypeValue, ValueInfo, attribute_type, data_type};

/// A node's name, or its operator where it has none.
pub fn label(node: &Node) -> String {
    match node.name() {
        "" => node.op_type().to_owned(),
        name => name.to_owned(),
    }
}

/// Whether `domain` is the one of the standard ONNX operators.
pub fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Adds the names that the graphs in `node` use, some of which may come from the graphs around them.
pub fn captured(node: &Node, names: &mut HashSet<String>) {
    for attribute in &node.attribute {
        for graph in attribute.g.as_deref().into_iter().chain(&attribute.graphs) {
            names.extend(graph.output.iter().map(|output| output.name().to_owned()));
            for node in &graph.node {
                names.extend(node.input.iter().cloned());
                captured(node, names);
            }
        }
    }
}

/// Gives what a node reads and makes other names, also what graphs within it read, and takes its own name from it: for a copy.
pub fn rename(node: &mut Node, renamed: &HashMap<String, String>) {
    node.name = None;
    for name in node.input.iter_mut().chain(&mut node.output) {
        if let Some(own) = renamed.get(name) {
            name.clone_from(own);
        }
    }
    for attribute in &mut node.attribute {
        let one = attribute.g.as_deref_mut().into_iter();
        for graph in one.chain(&mut attribute.graphs) {
            graph.node.iter_mut().for_each(|node| rename(node, renamed));
        }
    }
}

impl Node {
    /// The operator of a standard node; [`Op::Other`] for those of other domains.
    pub fn op(&self) -> Op {
        if is_standard(self.domain()) {
            Op::named(self.op_type())
        } else {
            Op::Other
        }
    }

    /// Name of the `index`th input, empty where it is left out.
    pub fn operand(&self, index: usize) -> &str {
        self.input.get(index).map_or("", String::as_str)
    }

    /// Name of the first output.
    pub fn result(&self) -> &str {
        self.output.first().map_or("", String::as_str)
    }

    pub fn find(&self, attribute: &str) -> Option<&Attribute> {
        self.attribute
            .iter()
            .find(|found| found.name() == attribute)
    }

    pub fn int(&self, attribute: &str, default: i64) -> i64 {
        self.find(attribute)
            .and_then(|found| found.i)
            .unwrap_or(default)
    }

    pub fn float(&self, attribute: &str, default: f32) -> f32 {
        self.find(attribute)
            .and_then(|found| found.f)
            .unwrap_or(default)
    }

    pub fn ints(&self, attribute: &str) -> Option<&[i64]> {
        self.find(attribute).map(|found| found.ints.as_slice())
    }
}

/// A tensor of unsaid shape.
pub fn value(name: &str, element_type: i32) -> ValueInfo {
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(proto::Type {
            value: Some(TypeValue::TensorType(proto::TensorType {
                elem_type: Some(element_type),
                shape: None,
            })),
            denotation: None,
        }),
        ..ValueInfo::default()
    }
}

/// `value` with a shape; -1 leaves a dimension free.
pub fn sized(mut value: ValueInfo, sizes: &[i64]) -> ValueInfo {
    if let Some(TypeValue::TensorType(tensor)) =
        value.r#type.as_mut().and_then(|t| t.value.as_mut())
    {
        let dim = sizes.iter().map(|&size| proto::Dimension {
            value: (size >= 0).then_some(proto::DimensionValue::DimValue(size)),
            denotation: None,
        });
        tensor.shape = Some(proto::TensorShape { dim: dim.collect() });
    }
    value
}

/// A standard node with one output.
pub fn node(op: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(op.to_owned()),
        ..Node::default()
    }
}

pub fn cast(input: &str, to: i32, output: &str) -> Node {
    with_int(node("Cast", &[input], output), "to", to.into())
}

pub fn transpose(input: &str, permutation: &[i64], output: &str) -> Node {
    with_ints(node("Transpose", &[input], output), "perm", permutation)
}

pub fn with_int(mut node: Node, name: &str, value: i64) -> Node {
    node.attribute.push(Attribute {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(attribute_type::INT),
        ..Attribute::default()
    });
    node
}

/// A vector of int64.
pub fn integers(name: &str, values: &[i64]) -> proto::Tensor {
    proto::Tensor {
        dims: vec![values.len() as i64],
        data_type: Some(data_type::INT64),
        int64_data: values.to_vec(),
        name: Some(name.to_owned()),
        ..proto::Tensor::default()
    }
}

/// A tensor of single precision `values`.
pub fn floats(name: &str, dims: &[i64], values: Vec<f32>) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        float_data: values,
        ..proto::Tensor::default()
    }
}

pub fn with_float(mut node: Node, name: &str, value: f32) -> Node {
    node.attribute.push(Attribute {
        name: Some(name.to_owned()),
        f: Some(value),
        r#type: Some(attribute_type::FLOAT),
        ..Attribute::default()
    });
    node
}

pub fn with_ints(mut node: Node, name: &str, values: &[i64]) -> Node {
    node.attribute.push(Attribute {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        r#type: Some(attribute_type::INTS),
        ..Attribute::default()
    });
    node
}

/// Adds a graph as the attribute of its name.
pub fn with_graph(mut node: Node, graph: proto::Graph) -> Node {
    node.attribute.push(Attribute {
        name: graph.name.clone(),
        g: Some(Box::new(graph)),
        r#type: Some(attribute_type::GRAPH),
        ..Attribute::default()
    });
    node
}
