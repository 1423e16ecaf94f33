//! Each form of head, as a graph of a few nodes run by ONNX Runtime.

mod flattened;
mod layers;
mod pooled;
mod refusals;
mod words;
