//! What the core makes of whole networks. ONNX Runtime and the networks come from `make setup`.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod completeness;
mod exporters;
mod leases;
mod sizes;
