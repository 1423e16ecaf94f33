//! Which pixels a cell of the feature map sees.

use std::collections::HashMap;

use super::graph::Graph;
use super::onnx::Node;

/// The pixels of the network's input that reach one cell of the feature map through its
/// convolutions and pools, as (vertical, horizontal) pairs in pixels. Gates that look at the
/// whole picture (squeeze and excitation) are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceptiveField {
    pub size: [usize; 2],
    /// Distance between the centres of neighbouring cells.
    pub stride: [usize; 2],
    /// Centre of the first cell's field; the first pixel's centre is 0.5.
    pub offset: [f64; 2],
}

/// What one output of an operator sees of its input, along one axis.
struct Window {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

/// The receptive field of a cell of `features`; none where an operator other than convolutions,
/// pools and functions of single elements lies between it and `input`.
pub fn receptive_field(graph: &Graph, input: &str, features: &str) -> Option<ReceptiveField> {
    let mut fields: HashMap<&str, ReceptiveField> = HashMap::new();
    fields.insert(
        input,
        ReceptiveField {
            size: [1; 2],
            stride: [1; 2],
            offset: [0.5; 2],
        },
    );
    let last = graph.producer_index(features)?;
    for node in &graph.nodes()[..=last] {
        let seen = node
            .input
            .iter()
            .filter_map(|operand| fields.get(operand.as_str()));
        // Of branches that meet, the one that sees most decides.
        let Some(&widest) = seen.max_by_key(|field| field.size) else {
            continue;
        };
        let field = match node.op() {
            "Conv" | "MaxPool" | "AveragePool" | "LpPool" => {
                widest.through(windows(graph, node)?)?
            }
            // Not spatial any more; a gate that is multiplied to the map later.
            "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" | "ReduceMax" | "Shape" => {
                continue;
            }
            "MatMul" | "Gemm" | "Resize" | "Upsample" | "ConvTranspose" | "Flatten"
            | "DepthToSpace" | "SpaceToDepth" | "Slice" | "Gather" | "Pad" => return None,
            _ => widest,
        };
        fields.extend(node.output.iter().map(|output| (output.as_str(), field)));
    }
    fields.remove(features)
}

impl ReceptiveField {
    /// Height and width of the map for an input of this height and width in pixels, as far as its
    /// padding is the same on both sides.
    pub fn cells(&self, input: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let size = self.size[axis] as f64;
            let padding = size / 2.0 - self.offset[axis];
            let steps = (input[axis] as f64 + 2.0 * padding - size) / self.stride[axis] as f64;
            (steps.floor() + 1.0).max(0.0) as usize
        })
    }

    fn through(self, windows: [Window; 2]) -> Option<Self> {
        let mut field = self;
        for (axis, window) in windows.into_iter().enumerate() {
            let jump = self.stride[axis];
            let reach = window.kernel.checked_sub(1)?.checked_mul(window.dilation)?;
            field.size[axis] = self.size[axis].checked_add(reach.checked_mul(jump)?)?;
            field.stride[axis] = jump.checked_mul(window.stride)?;
            field.offset[axis] += (reach as f64 / 2.0 - window.pad as f64) * jump as f64;
        }
        Some(field)
    }
}

fn windows(graph: &Graph, node: &Node) -> Option<[Window; 2]> {
    let kernel: Vec<usize> = match node.ints("kernel_shape") {
        Some(kernel) => kernel
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect::<Option<_>>()?,
        None => graph.constant_shape(node.operand(1))?.get(2..)?.to_vec(),
    };
    let &[height, width] = kernel.as_slice() else {
        return None;
    };
    let setting = |attribute: &str, index: usize, default: usize| match node.ints(attribute) {
        Some(values) => values
            .get(index)
            .and_then(|&value| usize::try_from(value).ok()),
        None => Some(default),
    };
    let same = node.find("auto_pad").and_then(|found| found.s.as_deref());
    let window = |axis: usize, kernel: usize| {
        let (stride, dilation) = (setting("strides", axis, 1)?, setting("dilations", axis, 1)?);
        let pad = match same {
            // The padding that keeps a multiple of the stride a multiple of it.
            Some(b"SAME_UPPER") => dilated(kernel, dilation).saturating_sub(stride) / 2,
            Some(b"SAME_LOWER") => dilated(kernel, dilation).saturating_sub(stride).div_ceil(2),
            Some(b"VALID") => 0,
            _ => setting("pads", axis, 0)?,
        };
        Some(Window {
            kernel,
            stride,
            dilation,
            pad,
        })
    };
    Some([window(0, height)?, window(1, width)?])
}

fn dilated(kernel: usize, dilation: usize) -> usize {
    kernel
        .saturating_sub(1)
        .saturating_mul(dilation)
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::super::edit::{node, with_ints};
    use super::super::testing::Draft;
    use super::*;

    #[test]
    fn convolutions_and_pools_add_up() {
        let mut draft = Draft::new();
        draft.random("w", &[4, 3, 7, 7]).random("v", &[4, 4, 3, 3]);
        let conv = with_ints(node("Conv", &["x", "w"], "c"), "strides", &[2, 2]);
        draft
            .push(with_ints(conv, "pads", &[3, 3, 3, 3]))
            .node("Relu", &["c"], "r");
        let pool = with_ints(node("MaxPool", &["r"], "m"), "kernel_shape", &[3, 3]);
        draft.push(with_ints(pool, "strides", &[2, 2]));
        draft.node_ints("Conv", &["m", "v"], "d", ("dilations", &[2, 1]));
        draft
            .node("GlobalAveragePool", &["m"], "g")
            .node("Sigmoid", &["g"], "s");
        draft
            .node("Mul", &["d", "s"], "a")
            .node("GlobalAveragePool", &["a"], "y")
            .output("y");
        let graph = Graph::new(draft.model).unwrap();
        assert_eq!(
            receptive_field(&graph, "x", "a"),
            Some(ReceptiveField {
                size: [11 + 16, 11 + 8],
                stride: [4, 4],
                offset: [0.5 + 2.0 + 8.0, 0.5 + 2.0 + 4.0],
            })
        );
        assert_eq!(receptive_field(&graph, "x", "s"), None);
    }
}
