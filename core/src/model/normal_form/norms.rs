//! Lengths of vectors, as heads that compare directions take them, written out.

use crate::model::shape_arithmetic::numbers;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{integers, node, with_int, with_ints};
use crate::onnx::ops::Op;
use crate::onnx::proto::Node;

/// From this operator set on a sum takes its axes as an operand.
const AXES_AS_OPERAND: i64 = 13;

/// `graph` with squares, their sum and its root in the place of `ReduceL2`, and a vector that is divided by its length
/// without the spreading out of that which division does itself.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn written_out(graph: Graph) -> Result<Graph, Fault> {
    let lengths: Vec<(usize, Vec<i64>)> = (0..graph.nodes().len())
        .filter_map(|index| Some((index, length_axes(&graph, &graph.nodes()[index])?)))
        .collect();
    let spread: Vec<(usize, usize, String)> = (0..graph.nodes().len())
        .filter_map(|index| {
            let (operand, length) = spread_out(&graph, &graph.nodes()[index])?;
            Some((index, operand, length))
        })
        .collect();
    if lengths.is_empty() && spread.is_empty() {
        return Ok(graph);
    }
    let (version, mut model) = (graph.opset(), graph.into_model());
    let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
    for (index, operand, length) in spread {
        proto.node[index].input[operand] = length;
    }
    for (index, axes) in lengths {
        let [squares, sum, along] =
            ["squares", "sum", "axes"].map(|part| format!("camoverlay/length_{index}/{part}"));
        let vector = proto.node[index].operand(0).to_owned();
        let result = proto.node[index].result().to_owned();
        let reduced = if version < AXES_AS_OPERAND {
            with_ints(node("ReduceSum", &[&squares], &sum), "axes", &axes)
        } else {
            proto.initializer.push(integers(&along, &axes));
            node("ReduceSum", &[&squares, &along], &sum)
        };
        proto.node[index] = node("Sqrt", &[&sum], &result);
        proto.node.extend([
            node("Mul", &[&vector, &vector], &squares),
            with_int(reduced, "keepdims", 1),
        ]);
    }
    Graph::new(model)
}

/// The axes of the lengths that `node` takes; none where it takes none, or does not keep those axes.
fn length_axes(graph: &Graph, node: &Node) -> Option<Vec<i64>> {
    let is_length =
        node.op() == Op::ReduceL2 && node.int("keepdims", 1) == 1 && graph.varies(node.operand(0));
    is_length.then(|| numbers(graph, node, "axes", 1))?
}

/// The operand of the division `node` that is spread out to the size of the other, and what it is spread out from.
fn spread_out(graph: &Graph, node: &Node) -> Option<(usize, String)> {
    let (vector, length) = (node.operand(0), node.operand(1));
    let expand = graph
        .producer(length)
        .filter(|expand| node.op() == Op::Div && expand.op() == Op::Expand)?;
    let shape = graph.producer(expand.operand(1))?;
    let is_of_vector = shape.op() == Op::Shape && shape.operand(0) == vector;
    is_of_vector.then(|| (1, expand.operand(0).to_owned()))
}
