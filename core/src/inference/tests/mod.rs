//! Each form of head, as a graph of a few nodes run by ONNX Runtime.

mod any_size;
mod batch;
mod bounds;
mod flattened;
mod fused;
mod inputs;
mod layers;
mod names;
mod outputs;
mod outside;
mod places;
mod pooled;
mod refusals;
mod shelf;
mod taps;
mod together;
mod words;
