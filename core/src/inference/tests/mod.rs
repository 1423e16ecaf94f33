//! Each form of head, as a graph of a few nodes run by ONNX Runtime.

mod bounds;
mod flattened;
mod layers;
mod names;
mod outside;
mod places;
mod pooled;
mod refusals;
mod shelf;
mod taps;
mod words;
