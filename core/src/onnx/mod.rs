//! The ONNX file format: read, checked, indexed, and built. Knows nothing of class maps.

pub(crate) mod builder;
pub(crate) mod constant_fold;
pub(crate) mod external_data;
pub(crate) mod functions;
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(crate) mod generated;
pub(crate) mod graph;
pub(crate) mod node;
pub(crate) mod order;
pub(crate) mod proto;
