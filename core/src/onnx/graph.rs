//! A checked view on an ONNX graph: who makes a tensor, who uses it, what is constant.

use std::collections::{HashMap, HashSet};

use super::error::Fault;
use super::node::{is_standard, label};
use super::ops::Values;
use super::order;
use super::proto::{self, DimensionValue, TypeValue, data_type};

/// Most elements of a constant tensor: a dense layer of 16,384 x 16,384.
pub const LARGEST_TENSOR: usize = 1 << 28;

/// An ONNX model whose main graph is known to be well formed: every tensor is made exactly once
/// and, the nodes being sorted, before it is used, so walks from consumer to producer always end.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The model without its main graph.
    model: proto::Model,
    proto: proto::Graph,
    producers: HashMap<String, usize>,
    initializers: HashMap<String, usize>,
    /// Tensors whose values follow from the graph's inputs.
    varying: HashSet<String>,
    opset: i64,
}

impl Graph {
    /// Sorts and indexes `model`; [`new`](Self::new) checks its fills too.
    ///
    /// # Errors
    /// The [`Fault`] that keeps the graph from being well formed.
    pub(super) fn index(mut model: proto::Model) -> Result<Self, Fault> {
        let mut proto = model.graph.take().ok_or(Fault::NoGraph)?;
        let opset = model
            .opset_import
            .iter()
            .find(|set| is_standard(set.domain()))
            .and_then(|set| set.version)
            .ok_or(Fault::NoOpset)?;
        if proto.node.is_empty() || proto.output.is_empty() {
            return Err(Fault::NoGraph);
        }
        let initializers: HashMap<String, usize> = proto
            .initializer
            .iter()
            .enumerate()
            .map(|(index, tensor)| (tensor.name().to_owned(), index))
            .collect();
        if let Some(weight) = proto.initializer.iter().find(|weight| !is_whole(weight)) {
            return Err(Fault::Weight {
                tensor: weight.name().to_owned(),
            });
        }
        let producers = index_producers(&mut proto, &initializers)?;
        let varying = varying_tensors(&proto, &initializers);
        Ok(Self {
            model,
            proto,
            producers,
            initializers,
            varying,
            opset,
        })
    }

    /// Version of the standard operator set.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    pub fn metadata(&self, key: &str) -> Option<&str> {
        let mut entries = self.model.metadata_props.iter();
        entries
            .find(|entry| entry.key() == key)
            .map(|entry| entry.value())
    }

    pub fn nodes(&self) -> &[proto::Node] {
        &self.proto.node
    }

    pub fn outputs(&self) -> &[proto::ValueInfo] {
        &self.proto.output
    }

    /// The graph's inputs without the weights that IR versions before 4 list among them.
    pub fn inputs(&self) -> impl Iterator<Item = &proto::ValueInfo> {
        let inputs = self.proto.input.iter();
        inputs.filter(|input| !self.initializers.contains_key(input.name()))
    }

    /// Index of the node that makes `tensor`; none for inputs and weights.
    pub fn producer_index(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    pub fn producer(&self, tensor: &str) -> Option<&proto::Node> {
        self.producer_index(tensor)
            .map(|index| &self.nodes()[index])
    }

    /// Whether the values of `tensor` follow from the graph's inputs; false for weights, for all
    /// that is computed from weights alone, and for the shapes of tensors.
    pub fn varies(&self, tensor: &str) -> bool {
        self.varying.contains(tensor)
    }

    pub fn initializer(&self, tensor: &str) -> Option<&proto::Tensor> {
        let index = *self.initializers.get(tensor)?;
        self.proto.initializer.get(index)
    }

    /// The model, to be edited and [checked again](Self::new).
    pub fn into_model(self) -> proto::Model {
        proto::Model {
            graph: Some(self.proto),
            ..self.model
        }
    }

    /// Declared element type and dimensions (`None`: free) of a graph input.
    pub fn input_type(input: &proto::ValueInfo) -> Option<(i32, Vec<Option<usize>>)> {
        let Some(TypeValue::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else {
            return None;
        };
        let dims = tensor
            .shape
            .as_ref()?
            .dim
            .iter()
            .map(|dim| match dim.value {
                Some(DimensionValue::DimValue(size)) => {
                    usize::try_from(size).ok().filter(|&size| size > 0)
                }
                _ => None,
            });
        Some((tensor.elem_type(), dims.collect()))
    }
}

/// Bytes that the elements of a weight take in `raw_data`; none for absurd shapes and for types
/// whose elements have no whole number of bytes.
pub fn byte_size(weight: &proto::Tensor) -> Option<usize> {
    let size = match weight.data_type() {
        data_type::UINT8 | data_type::INT8 | data_type::BOOL => 1,
        data_type::FLOAT16 | data_type::BFLOAT16 => 2,
        data_type::FLOAT | data_type::INT32 => 4,
        data_type::INT64 | data_type::DOUBLE => 8,
        _ => return None,
    };
    element_count(weight.dims.iter().copied())?.checked_mul(size)
}

/// Number of elements of a shape that is neither negative nor absurdly large.
pub fn element_count(mut shape: impl Iterator<Item = i64>) -> Option<usize> {
    let count = shape.try_fold(1usize, |count, size| {
        count.checked_mul(usize::try_from(size).ok()?)
    })?;
    (count <= LARGEST_TENSOR).then_some(count)
}

/// Whether a weight has as much data as its shape says, as far as its type is known here.
fn is_whole(weight: &proto::Tensor) -> bool {
    match (&weight.raw_data, byte_size(weight)) {
        (Some(raw), Some(size)) => raw.len() == size,
        _ => element_count(weight.dims.iter().copied()).is_some(),
    }
}

/// Sorts the nodes and says which of them makes each tensor.
fn index_producers(
    graph: &mut proto::Graph,
    initializers: &HashMap<String, usize>,
) -> Result<HashMap<String, usize>, Fault> {
    let sparse = graph
        .sparse_initializer
        .iter()
        .filter_map(|sparse| sparse.values.as_ref());
    let mut known: HashSet<&str> = initializers.keys().map(String::as_str).collect();
    known.extend(graph.input.iter().map(|input| input.name()));
    known.extend(sparse.map(|values| values.name()));
    let mut producers = HashMap::with_capacity(graph.node.len());
    for (index, node) in graph.node.iter().enumerate() {
        for tensor in node.output.iter().filter(|tensor| !tensor.is_empty()) {
            // Names are given once, to inputs and weights too: a chain of nodes then has an end.
            if !known.insert(tensor) {
                return Err(Fault::Redefined {
                    tensor: tensor.clone(),
                });
            }
            producers.insert(tensor.as_str(), index);
        }
    }
    let used = graph.node.iter().flat_map(|node| {
        let operands = node.input.iter().filter(|tensor| !tensor.is_empty());
        operands.map(move |tensor| (tensor.as_str(), Some(node)))
    });
    let returned = graph.output.iter().map(|output| (output.name(), None));
    for (tensor, node) in used.chain(returned) {
        if !known.contains(tensor) {
            return Err(Fault::Undefined {
                tensor: tensor.to_owned(),
                node: node.map_or("output".to_owned(), label),
            });
        }
    }
    let order = order::sort(graph, &producers)?;
    let mut places = vec![0; order.len()];
    for (place, &index) in order.iter().enumerate() {
        places[index] = place;
    }
    let producers = producers
        .into_iter()
        .map(|(tensor, index)| (tensor.to_owned(), places[index]))
        .collect();
    let mut nodes: Vec<Option<proto::Node>> = graph.node.drain(..).map(Some).collect();
    graph.node = order
        .into_iter()
        .filter_map(|index| nodes.get_mut(index)?.take())
        .collect();
    Ok(producers)
}

fn varying_tensors(graph: &proto::Graph, initializers: &HashMap<String, usize>) -> HashSet<String> {
    let inputs = graph.input.iter().map(|input| input.name());
    let mut varying: HashSet<String> = inputs
        .filter(|name| !initializers.contains_key(*name))
        .map(str::to_owned)
        .collect();
    for node in &graph.node {
        let is_shape = node.op().facts().values == Values::OfShape;
        if !is_shape && node.input.iter().any(|tensor| varying.contains(tensor)) {
            varying.extend(node.output.iter().cloned());
        }
    }
    varying
}
