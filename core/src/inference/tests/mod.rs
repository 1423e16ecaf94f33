//! Each form of head, as a graph of a few nodes run by ONNX Runtime.

mod flattened;
mod layers;
mod places;
mod pooled;
mod refusals;
mod words;
