//! The mean of several layers, written as their sum over their number.

use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{floats, is_standard, node};
use crate::onnx::proto::{self, data_type};

/// `graph` with `Sum` and `Mul` in the place of `Mean`, where it computes in single precision throughout: elsewhere the
/// number would have to be of the layers' type.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn as_sums(graph: Graph) -> Result<Graph, Fault> {
    let is_mean = |node: &proto::Node| is_standard(node.domain()) && node.op_type() == "Mean";
    if !graph.nodes().iter().any(is_mean) {
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
        let mut products = Vec::new();
        for (index, mean) in proto
            .node
            .iter_mut()
            .enumerate()
            .filter(|(_, node)| is_mean(node))
        {
            let [sum, share] = ["sum", "share"].map(|part| format!("camoverlay/{part}_{index}"));
            let result = mean.result().to_owned();
            mean.op_type = Some("Sum".to_owned());
            mean.output = vec![sum.clone()];
            mean.name = Some(sum.clone());
            let count = mean.input.len().max(1) as f32;
            proto
                .initializer
                .push(floats(&share, &[], vec![1.0 / count]));
            products.push(node("Mul", &[&sum, &share], &result));
        }
        proto.node.extend(products);
    }
    Graph::new(model)
}
