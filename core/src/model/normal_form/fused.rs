//! Operators that ONNX Runtime's optimiser makes of several (`com.microsoft`), and attention as one operator, written in
//! those of the standard. Each is what ONNX Runtime's "Contrib Operators" and the ONNX operator documentation say it is.

use super::attention;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{is_standard, with_float, with_int};
use crate::onnx::ops::Op;
use crate::onnx::proto::{Attribute, Node, data_type};

/// The domain of ONNX Runtime's own operators.
const OF_RUNTIME: &str = "com.microsoft";

/// How many nodes to look back for a tensor's rank.
const MOST_STEPS: usize = 16;

/// `graph` with several operators in the place of each fused one. What has settings that are not known here, such as a
/// cache of keys, stays as it is.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn written_out(graph: Graph) -> Result<Graph, Fault> {
    let mut builder = GraphBuilder::named("camoverlay/fused", graph.opset());
    builder.compute_in(float_type(&graph));
    let mut replaced = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let before = (builder.nodes.len(), builder.constants.len());
        match expand(&mut builder, &graph, node) {
            Some(made) => replaced.push((index, made)),
            None => {
                builder.nodes.truncate(before.0);
                builder.constants.truncate(before.1);
            }
        }
    }
    if replaced.is_empty() {
        return Ok(graph);
    }
    let mut model = graph.into_model();
    let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
    for (index, made) in replaced {
        let result = proto.node[index].result().to_owned();
        let name = proto.node[index].name.take();
        proto.node[index] = Node {
            name,
            ..crate::onnx::node::node("Identity", &[&made], &result)
        };
    }
    proto.node.extend(builder.nodes);
    proto.initializer.extend(builder.constants);
    Graph::new(model)
}

/// The type in which most of the graph's weights are stored.
fn float_type(graph: &Graph) -> i32 {
    let types = [
        data_type::FLOAT,
        data_type::FLOAT16,
        data_type::BFLOAT16,
        data_type::DOUBLE,
    ];
    let count = |of: &i32| {
        let operands = graph.nodes().iter().flat_map(|node| &node.input);
        let weights = operands.filter_map(|operand| graph.initializer(operand));
        weights.filter(|weight| weight.data_type() == *of).count()
    };
    types
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(data_type::FLOAT)
}

/// The tensor that is what `node` makes, if it is fused and can be written out.
fn expand(builder: &mut GraphBuilder, graph: &Graph, node: &Node) -> Option<String> {
    let is_own = node.domain() == OF_RUNTIME;
    let is_standard = is_standard(node.domain());
    let has = |index: usize| !node.operand(index).is_empty();
    let returns_one = node.output.iter().skip(1).all(String::is_empty);
    Some(match node.op_type() {
        "Attention" if is_standard && returns_one => attention::standard(builder, graph, node)?,
        "MultiHeadAttention" if is_own && returns_one => attention::multi_head(builder, node)?,
        "Attention" if is_own && returns_one => attention::packed(builder, graph, node)?,
        "Gelu" if is_own => gelu(builder, node.operand(0)),
        "BiasGelu" if is_own => {
            let sum = builder.push("Add", &[node.operand(0), node.operand(1)]);
            gelu(builder, &sum)
        }
        "FastGelu" if is_own => {
            let x = match has(1) {
                true => builder.push("Add", &[node.operand(0), node.operand(1)]),
                false => node.operand(0).to_owned(),
            };
            gelu_by_tanh(builder, &x)
        }
        "QuickGelu" if is_own => {
            let scaled = builder.scale(node.operand(0), node.float("alpha", 1.702));
            let gate = builder.push("Sigmoid", &[&scaled]);
            builder.mul(node.operand(0), &gate)
        }
        "SimplifiedLayerNormalization" if returns_one => {
            root_mean_square(builder, node, node.operand(0), node.operand(1))
        }
        "SkipLayerNormalization" if is_own => {
            let sum = skipped(builder, node, 4)?;
            let epsilon = node.float("epsilon", 1e-12);
            let operands = [sum.as_str(), node.operand(2), node.operand(3)];
            let count = if has(3) { 3 } else { 2 };
            builder.push_with("LayerNormalization", &operands[..count], |made| {
                with_float(with_int(made, "axis", -1), "epsilon", epsilon)
            })
        }
        "SkipSimplifiedLayerNormalization" if is_own => {
            let sum = skipped(builder, node, 3)?;
            root_mean_square(builder, node, &sum, node.operand(2))
        }
        "FusedMatMul" if is_own => product(builder, graph, node)?,
        "FusedGemm" | "FusedConv" if is_own => {
            let is_conv = node.op_type() == "FusedConv";
            let op = if is_conv { "Conv" } else { "Gemm" };
            let operands: Vec<&str> = node.input.iter().take(3).map(String::as_str).collect();
            let made = builder.push_with(op, &operands, |made| Node {
                attribute: without_activation(&node.attribute),
                ..made
            });
            let sum = match is_conv && has(3) {
                true => builder.push("Add", &[&made, node.operand(3)]),
                false => made,
            };
            activation(builder, node, &sum)?
        }
        _ => return None,
    })
}

/// x Φ(x), Φ being the normal distribution's. Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
fn gelu(builder: &mut GraphBuilder, x: &str) -> String {
    let scaled = builder.scale(x, std::f32::consts::FRAC_1_SQRT_2);
    let erf = builder.push("Erf", &[&scaled]);
    half_of_one_and(builder, x, &erf)
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, the same authors' approximation.
fn gelu_by_tanh(builder: &mut GraphBuilder, x: &str) -> String {
    let square = builder.mul(x, x);
    let cube = builder.mul(&square, x);
    let small = builder.scale(&cube, 0.044_715);
    let sum = builder.push("Add", &[x, &small]);
    let scaled = builder.scale(
        &sum,
        std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2,
    );
    let tanh = builder.push("Tanh", &[&scaled]);
    half_of_one_and(builder, x, &tanh)
}

/// x (1 + y) / 2
fn half_of_one_and(builder: &mut GraphBuilder, x: &str, y: &str) -> String {
    let one = builder.scalar(1.0);
    let sum = builder.push("Add", &[y, &one]);
    let product = builder.mul(x, &sum);
    builder.scale(&product, 0.5)
}

/// x / √(mean(x²) + ε) times `scale`, over the last axis or from the attribute `axis` on. Zhang and Sennrich, "Root Mean
/// Square Layer Normalization", NeurIPS 2019.
fn root_mean_square(builder: &mut GraphBuilder, node: &Node, x: &str, scale: &str) -> String {
    let axis = node.int("axis", -1);
    let axes: Vec<i64> = if axis < 0 {
        (axis..0).collect()
    } else {
        vec![axis]
    };
    let square = builder.mul(x, x);
    let mean = builder.reduce("ReduceMean", &square, &axes);
    let epsilon = builder.scalar(node.float("epsilon", 1e-5));
    let sum = builder.push("Add", &[&mean, &epsilon]);
    let root = builder.push("Sqrt", &[&sum]);
    let normal = builder.push("Div", &[x, &root]);
    builder.mul(&normal, scale)
}

/// The sum of a normalisation's two operands, and of the bias that is its operand of this number; it may be asked for too.
fn skipped(builder: &mut GraphBuilder, node: &Node, bias: usize) -> Option<String> {
    // Mean and deviation are for training.
    let is_for_training = |output: &String| !output.is_empty();
    if node.output.iter().skip(1).take(2).any(is_for_training) {
        return None;
    }
    let mut sum = builder.push("Add", &[node.operand(0), node.operand(1)]);
    if !node.operand(bias).is_empty() {
        sum = builder.push("Add", &[&sum, node.operand(bias)]);
    }
    if let Some(asked) = node.output.get(3).filter(|output| !output.is_empty()) {
        builder.push_as(asked, "Identity", &[&sum]);
    }
    Some(sum)
}

/// `FusedMatMul`: the last two axes of its operands may be turned, and the product is scaled.
fn product(builder: &mut GraphBuilder, graph: &Graph, node: &Node) -> Option<String> {
    if node.int("transBatchA", 0) != 0 || node.int("transBatchB", 0) != 0 {
        return None;
    }
    let mut operands = [node.operand(0).to_owned(), node.operand(1).to_owned()];
    for (operand, turned) in operands.iter_mut().zip(["transA", "transB"]) {
        if node.int(turned, 0) != 0 {
            let mut order: Vec<usize> = (0..rank(graph, operand)?).collect();
            let last = order.len().checked_sub(2)?;
            order[last..].reverse();
            *operand = builder.transpose(operand, &order);
        }
    }
    let product = builder.push("MatMul", &[&operands[0], &operands[1]]);
    Some(builder.scale(&product, node.float("alpha", 1.0)))
}

/// Axes of `tensor`, as far as the nodes right before it say so.
fn rank(graph: &Graph, tensor: &str) -> Option<usize> {
    let mut tensor = tensor;
    for _ in 0..MOST_STEPS {
        if let Some(weight) = graph.initializer(tensor) {
            return Some(weight.dims.len());
        }
        let node = graph.producer(tensor)?;
        match node.op() {
            Op::Transpose => return node.ints("perm").map(<[i64]>::len),
            Op::Reshape => return Some(graph.constant(node.operand(1))?.integers()?.len()),
            Op::Softmax | Op::Identity | Op::Cast | Op::Dropout => tensor = node.operand(0),
            Op::Mul | Op::Div | Op::Add | Op::Sub if !graph.varies(node.operand(1)) => {
                tensor = node.operand(0);
            }
            _ => return None,
        }
    }
    None
}

fn without_activation(attributes: &[Attribute]) -> Vec<Attribute> {
    let kept = attributes
        .iter()
        .filter(|attribute| !attribute.name().starts_with("activation"));
    kept.cloned().collect()
}

/// The activation that `node` has been given, of `x`.
fn activation(builder: &mut GraphBuilder, node: &Node, x: &str) -> Option<String> {
    let name = node.find("activation").and_then(|found| found.s.as_deref());
    let name = std::str::from_utf8(name?).ok()?;
    let listed = node
        .find("activation_params")
        .map(|found| found.floats.as_slice());
    let number = |index: usize, of_gemm: &str| {
        let listed = listed.and_then(|numbers| numbers.get(index).copied());
        listed.or_else(|| node.find(of_gemm)?.f)
    };
    let (alpha, beta) = (number(0, "activation_alpha"), number(1, "activation_beta"));
    Some(match name {
        "Relu" | "Tanh" | "Sigmoid" => builder.push(name, &[x]),
        "LeakyRelu" => builder.push_with(name, &[x], |made| match alpha {
            Some(alpha) => with_float(made, "alpha", alpha),
            None => made,
        }),
        "HardSigmoid" => builder.push_with(name, &[x], |made| {
            let made = with_float(made, "alpha", alpha.unwrap_or(0.2));
            with_float(made, "beta", beta.unwrap_or(0.5))
        }),
        "Clip" => {
            let (low, high) = (builder.scalar(alpha?), builder.scalar(beta?));
            let above = builder.push("Max", &[x, &low]);
            builder.push("Min", &[&above, &high])
        }
        _ => return None,
    })
}
