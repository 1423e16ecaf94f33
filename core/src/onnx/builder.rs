//! Builds new nodes and constants for a graph, under names of their own.

use prost::bytes::Bytes;

use super::proto::{self, Node, data_type};
use crate::onnx::node::{cast, floats, integers, node, value, with_graph, with_int, with_ints};

/// Nodes and constants in the order in which they were added.
pub struct GraphBuilder {
    pub nodes: Vec<Node>,
    pub constants: Vec<proto::Tensor>,
    /// Names given so far.
    names: usize,
    opset: i64,
    element_type: i32,
}

impl GraphBuilder {
    /// For a graph of operator set `opset`; floats are float32 until [said otherwise](Self::compute_in).
    pub fn new(opset: i64) -> Self {
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            names: 0,
            opset,
            element_type: data_type::FLOAT,
        }
    }

    /// Has floats of `element_type` from here on.
    pub fn compute_in(&mut self, element_type: i32) {
        self.element_type = element_type;
    }

    pub fn opset(&self) -> i64 {
        self.opset
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("camoverlay/{}", self.names)
    }

    /// Adds a node of one output, which is named and returned.
    pub fn push(&mut self, op: &str, inputs: &[&str]) -> String {
        self.push_with(op, inputs, |node| node)
    }

    /// Adds a node with attributes.
    pub fn push_with(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: impl FnOnce(Node) -> Node,
    ) -> String {
        let name = self.name();
        self.nodes.push(attributes(node(op, inputs, &name)));
        name
    }

    /// Adds a node whose output has a name already.
    pub fn push_as(&mut self, name: &str, op: &str, inputs: &[&str]) {
        self.nodes.push(node(op, inputs, name));
    }

    /// The nodes that `work` adds, which are not for the builder, and what it returns.
    pub fn aside<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (Vec<Node>, T) {
        let start = self.nodes.len();
        let result = work(self);
        (self.nodes.split_off(start), result)
    }

    /// The float tensor that one of two lists of nodes makes: the first where the truth value
    /// `condition` holds. Only that list is run.
    pub fn either(
        &mut self,
        condition: &str,
        (then, made_then): (Vec<Node>, &str),
        (otherwise, made_otherwise): (Vec<Node>, &str),
    ) -> String {
        let branch = |name: &str, node: Vec<Node>, made: &str| proto::Graph {
            name: Some(name.to_owned()),
            node,
            output: vec![value(made, self.element_type)],
            ..proto::Graph::default()
        };
        let then = branch("then_branch", then, made_then);
        let otherwise = branch("else_branch", otherwise, made_otherwise);
        self.push_with("If", &[condition], |node| {
            with_graph(with_graph(node, then), otherwise)
        })
    }

    /// A number of the builder's element type.
    pub fn scalar(&mut self, value: f32) -> String {
        self.floats(&[], vec![value])
    }

    /// A tensor of the builder's element type.
    pub fn floats(&mut self, dims: &[i64], values: Vec<f32>) -> String {
        let name = self.name();
        self.constants.push(floats(&name, dims, values));
        if self.element_type == data_type::FLOAT {
            return name;
        }
        let converted = self.name();
        self.nodes.push(cast(&name, self.element_type, &converted));
        converted
    }

    /// A tensor of float32 whose values are given as bytes, little-endian.
    pub fn stored(&mut self, dims: &[usize], raw_data: Bytes) -> String {
        let name = self.name();
        self.constants.push(proto::Tensor {
            dims: dims.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type::FLOAT),
            raw_data: Some(raw_data),
            name: Some(name.clone()),
            ..proto::Tensor::default()
        });
        name
    }

    /// A vector of int64.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.constants.push(integers(&name, values));
        name
    }

    /// A tensor of truth values, integers or floats in the builder's element type.
    pub fn as_float(&mut self, tensor: &str) -> String {
        let name = self.name();
        self.nodes.push(cast(tensor, self.element_type, &name));
        name
    }

    /// `tensor` with the dimensions of `like`, which has as many elements.
    pub fn reshape_like(&mut self, tensor: &str, like: &str) -> String {
        let shape = self.push("Shape", &[like]);
        self.push("Reshape", &[tensor, &shape])
    }

    /// `tensor` with other dimensions.
    pub fn reshape(&mut self, tensor: &str, sizes: &[usize]) -> String {
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let shape = self.integers(&sizes);
        self.push("Reshape", &[tensor, &shape])
    }

    /// `tensor` as one row, 1 x n.
    pub fn row(&mut self, tensor: &str) -> String {
        let shape = self.integers(&[1, -1]);
        self.push("Reshape", &[tensor, &shape])
    }

    /// `ReduceSum` or `ReduceMean` over `axes`, which are kept with size 1. The operators took
    /// their axes as an input from different versions on.
    pub fn reduce(&mut self, op: &str, tensor: &str, axes: &[i64]) -> String {
        let from_input = self.opset >= if op == "ReduceSum" { 13 } else { 18 };
        if from_input {
            let axes = self.integers(axes);
            self.push_with(op, &[tensor, &axes], |node| with_int(node, "keepdims", 1))
        } else {
            self.push_with(op, &[tensor], |node| {
                with_ints(with_int(node, "keepdims", 1), "axes", axes)
            })
        }
    }

    /// `a` times `b`, or times the transpose of `b`.
    pub fn matrix_product(&mut self, a: &str, b: &str, transpose_b: bool) -> String {
        let mut inputs = vec![a.to_owned(), b.to_owned()];
        if self.opset < 11 {
            // The addend was not optional.
            inputs.push(self.scalar(0.0));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push_with("Gemm", &inputs, |node| {
            with_int(node, "transB", transpose_b.into())
        })
    }

    pub fn mul(&mut self, a: &str, b: &str) -> String {
        self.push("Mul", &[a, b])
    }

    pub fn scale(&mut self, tensor: &str, factor: f32) -> String {
        if factor == 1.0 {
            return tensor.to_owned();
        }
        let factor = self.scalar(factor);
        self.mul(tensor, &factor)
    }

    /// 1 where `a` > `b`, else 0.
    pub fn greater(&mut self, a: &str, b: &str) -> String {
        let mask = self.push("Greater", &[a, b]);
        self.as_float(&mask)
    }
}
