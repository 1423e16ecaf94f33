//! From the bytes of a file to a graph that is known to be well formed.

use prost::Message;
use prost::bytes::Bytes;

use super::constant_fold::Constant;
use super::error::Fault;
use super::graph::{Graph, LARGEST_TENSOR, element_count};
use super::ops::Op;
use super::proto;

/// Protobuf's own limit on a message, which ONNX Runtime's reader enforces.
pub const LARGEST_FILE: usize = i32::MAX as usize;

/// Reads a serialised `ModelProto`. Weights are shared with `bytes`, not copied.
///
/// # Errors
/// The [`Fault`] of the bytes; time and memory are bounded by a multiple of their length.
pub fn decode(bytes: Bytes) -> Result<proto::Model, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > LARGEST_FILE {
        return Err(Fault::TooLarge);
    }
    // The identifier of a FlatBuffers file follows the offset of its root.
    if bytes.get(4..8) == Some(b"ORTM") {
        return Err(Fault::OrtFormat);
    }
    proto::Model::decode(bytes).map_err(|error| Fault::Format(error.to_string()))
}

impl Graph {
    /// Checks and indexes `model`.
    ///
    /// # Errors
    /// The [`Fault`] that keeps the graph from being well formed.
    pub fn new(model: proto::Model) -> Result<Self, Fault> {
        let graph = Self::index(model)?;
        graph.check_fills()?;
        Ok(graph)
    }

    /// Refuses tensors that a few bytes would have filled beyond all measure.
    fn check_fills(&self) -> Result<(), Fault> {
        let mut total = 0;
        for node in self
            .nodes()
            .iter()
            .filter(|node| node.op() == Op::ConstantOfShape)
        {
            let shape = self.constant(node.operand(0)).and_then(Constant::integers);
            let count = shape.map_or(Some(0), |shape| element_count(shape.into_iter()));
            total += count.unwrap_or(usize::MAX / 2);
            if total > LARGEST_TENSOR {
                return Err(Fault::Weight {
                    tensor: node.result().to_owned(),
                });
            }
        }
        Ok(())
    }
}
