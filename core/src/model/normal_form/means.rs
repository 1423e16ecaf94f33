//! The mean of several layers, written as their sum over their number.

use crate::model::layers::keeps_values;
use crate::model::shape_arithmetic::numbers;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{floats, node};
use crate::onnx::ops::Op;
use crate::onnx::proto::{self, Node, data_type};

/// `graph` with `Sum` and `Mul` in the place of `Mean`, and of the mean of layers that are stacked, where it computes in
/// single precision throughout: elsewhere the number would have to be of the layers' type.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn as_sums(graph: Graph) -> Result<Graph, Fault> {
    let means: Vec<(usize, Vec<String>)> = (0..graph.nodes().len())
        .filter_map(|index| Some((index, layers(&graph, &graph.nodes()[index])?)))
        .collect();
    if means.is_empty() {
        return Ok(graph);
    }
    let mut model = graph.into_model();
    let Some(proto) = &mut model.graph else {
        return Err(Fault::NoGraph);
    };
    let is_single = |weight: &proto::Tensor| {
        !matches!(
            weight.data_type(),
            data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
        )
    };
    if proto.initializer.iter().all(is_single) {
        for (index, layers) in means {
            let [sum, share] = ["sum", "share"].map(|part| format!("camoverlay/{part}_{index}"));
            let result = proto.node[index].result().to_owned();
            let count = layers.len().max(1) as f32;
            let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
            proto.node[index] = node("Sum", &layers, &sum);
            proto
                .initializer
                .push(floats(&share, &[], vec![1.0 / count]));
            proto.node.push(node("Mul", &[&sum, &share], &result));
        }
    }
    Graph::new(model)
}

/// The layers of which `node` is the mean; none where it is something else.
fn layers(graph: &Graph, node: &Node) -> Option<Vec<String>> {
    if node.op() == Op::Mean {
        return Some(node.input.clone());
    }
    // Layers that are stacked along an axis of their own, which is averaged away.
    let stack = graph.producer(node.operand(0))?;
    let is_mean_of_stack = node.op() == Op::ReduceMean
        && node.int("keepdims", 1) == 0
        && stack.op() == Op::Concat
        && numbers(graph, node, "axes", 1)? == [stack.int("axis", 0)];
    if !is_mean_of_stack {
        return None;
    }
    let layer = |part: &String| {
        let lifted = graph.producer(part)?;
        let is_lifted = lifted.op() == Op::Unsqueeze
            && keeps_values(graph, lifted)
            && numbers(graph, lifted, "axes", 1)? == [stack.int("axis", 0)];
        is_lifted.then(|| lifted.operand(0).to_owned())
    };
    stack.input.iter().map(layer).collect()
}
