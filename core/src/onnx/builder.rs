//! Builds new nodes and constants for a graph, under names of their own.

use prost::bytes::Bytes;

use super::proto::{self, Node, data_type};
use crate::onnx::node::{
    cast, floats, integers, node, value, with_float, with_graph, with_int, with_ints,
};

/// Nodes and constants in the order in which they were added.
pub struct GraphBuilder {
    pub nodes: Vec<Node>,
    pub constants: Vec<proto::Tensor>,
    /// Weights by which single rows are multiplied.
    pub row_weights: Vec<String>,
    /// What names begin with, and how many were given.
    prefix: &'static str,
    names: usize,
    opset: i64,
    element_type: i32,
}

impl GraphBuilder {
    /// For a graph of operator set `opset`; floats are float32 until [said otherwise](Self::compute_in).
    pub fn new(opset: i64) -> Self {
        Self::named("camoverlay", opset)
    }

    /// As [`new`](Self::new), with names that begin with `prefix`: those of several builders differ.
    pub fn named(prefix: &'static str, opset: i64) -> Self {
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            row_weights: Vec::new(),
            prefix,
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
        format!("{}/{}", self.prefix, self.names)
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

    /// A vector of float32.
    pub fn plain_floats(&mut self, values: &[f32]) -> String {
        let name = self.name();
        self.constants
            .push(floats(&name, &[values.len() as i64], values.to_vec()));
        name
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

    /// A single int64, without axes.
    pub fn integer(&mut self, value: i64) -> String {
        let name = self.name();
        self.constants.push(proto::Tensor {
            dims: Vec::new(),
            ..integers(&name, &[value])
        });
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

    /// `tensor` as rows of `width` numbers.
    pub fn reshape_free(&mut self, tensor: &str, width: usize) -> String {
        let shape = self.integers(&[-1, width as i64]);
        self.push("Reshape", &[tensor, &shape])
    }

    /// `tensor` spread out to the dimensions of `like`.
    pub fn expand_like(&mut self, tensor: &str, like: &str) -> String {
        let shape = self.push("Shape", &[like]);
        self.push("Expand", &[tensor, &shape])
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

    /// Zeros in the shape of `tensor`.
    pub fn zeros_like(&mut self, tensor: &str) -> String {
        let shape = self.push("Shape", &[tensor]);
        let zeros = self.push("ConstantOfShape", &[&shape]);
        if self.element_type == data_type::FLOAT {
            zeros
        } else {
            self.as_float(&zeros)
        }
    }

    /// -1, 0 or 1, as each element of `tensor` is below, at or above zero.
    pub fn sign(&mut self, tensor: &str) -> String {
        let zero = self.scalar(0.0);
        let above = self.greater(tensor, &zero);
        let below = self.greater(&zero, tensor);
        self.push("Sub", &[&above, &below])
    }

    /// 1 where `a` and `b`, which may be spread out, are equal, else 0; older operator sets compare no floats.
    pub fn equal(&mut self, a: &str, b: &str) -> String {
        let one = self.scalar(1.0);
        let above = self.greater(a, b);
        let below = self.greater(b, a);
        let rest = self.push("Sub", &[&one, &above]);
        self.push("Sub", &[&rest, &below])
    }

    /// `tensor` with new axes of size 1 at `axes`, as they are counted in the result.
    pub fn unsqueeze(&mut self, tensor: &str, axes: &[i64]) -> String {
        if self.opset >= 13 {
            let axes = self.integers(axes);
            self.push("Unsqueeze", &[tensor, &axes])
        } else {
            self.push_with("Unsqueeze", &[tensor], |node| with_ints(node, "axes", axes))
        }
    }

    /// `tensor` with its axes in another order.
    pub fn transpose(&mut self, tensor: &str, order: &[usize]) -> String {
        let order: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
        self.push_with("Transpose", &[tensor], |node| {
            with_ints(node, "perm", &order)
        })
    }

    /// `tensor` in as many equal `parts` along `axis`.
    pub fn split(&mut self, tensor: &str, axis: i64, parts: usize) -> Vec<String> {
        let names: Vec<String> = (0..parts).map(|_| self.name()).collect();
        let mut made = with_int(node("Split", &[tensor], ""), "axis", axis);
        if self.opset >= 18 {
            made = with_int(made, "num_outputs", parts as i64);
        }
        made.name = names.first().cloned();
        made.output = names.clone();
        self.nodes.push(made);
        names
    }

    /// The elements of `tensor` from `start` to before `end` along `axis`.
    pub fn slice(&mut self, tensor: &str, axis: usize, start: i64, end: i64) -> String {
        let axis = [axis as i64];
        if self.opset >= 10 {
            let (start, end) = (self.integers(&[start]), self.integers(&[end]));
            let axis = self.integers(&axis);
            self.push("Slice", &[tensor, &start, &end, &axis])
        } else {
            self.push_with("Slice", &[tensor], |node| {
                let node = with_ints(with_ints(node, "starts", &[start]), "ends", &[end]);
                with_ints(node, "axes", &axis)
            })
        }
    }

    /// `tensor`, of `rank`, with `fill` before and after its elements along each of `axes`.
    pub fn pad(
        &mut self,
        tensor: &str,
        rank: usize,
        axes: &[(usize, [usize; 2])],
        fill: f32,
    ) -> String {
        let mut pads = vec![0; 2 * rank];
        for &(axis, [before, after]) in axes {
            pads[axis] = before as i64;
            pads[axis + rank] = after as i64;
        }
        if pads.iter().all(|&pad| pad == 0) {
            return tensor.to_owned();
        }
        if self.opset >= 11 {
            let pads = self.integers(&pads);
            let fill = self.scalar(fill);
            self.push("Pad", &[tensor, &pads, &fill])
        } else {
            self.push_with("Pad", &[tensor], |node| {
                with_ints(with_float(node, "value", fill), "pads", &pads)
            })
        }
    }

    /// The indices of the `count` largest of each row of `tensor`, 1 x n; from operator set 10 on.
    pub fn best(&mut self, tensor: &str, count: usize) -> String {
        let count = self.integers(&[count as i64]);
        let (values, indices) = (self.name(), self.name());
        let mut top = node("TopK", &[tensor, &count], &values);
        top.output.push(indices.clone());
        self.nodes.push(with_int(top, "axis", 1));
        indices
    }

    /// The elements of `tensor` at `indices` along `axis`.
    pub fn gather(&mut self, tensor: &str, axis: usize, indices: &[usize]) -> String {
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        let indices = self.integers(&indices);
        self.push_with("Gather", &[tensor, &indices], |node| {
            with_int(node, "axis", axis as i64)
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
