//! The ONNX file format: read, checked, indexed, and built. Knows nothing of class maps.
//!
//! `generated` has the protobuf messages (onnx-ml.proto of the ONNX project, see scripts/onnx-proto.sh), `proto` what
//! is asked of them. A `graph` is what is left when a file passed all checks: functions are inlined, weights outside
//! the file are in, tensors and nodes are found by name, no node uses its own result. What it can compute of constants
//! is computed (`constant_fold`). `skim` reads of a file what is needed. `node` and `builder` make new nodes and weights under names that the file has not.
//!
//! Any file may be damaged or hostile: every length, offset and depth that it tells is doubted.

pub(crate) mod builder;
pub(crate) mod constant_fold;
pub(crate) mod error;
pub(crate) mod external_data;
pub(crate) mod functions;
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(crate) mod generated;
pub(crate) mod graph;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod ops;
pub(crate) mod order;
pub(crate) mod proto;
pub(crate) mod shapes;
pub(crate) mod skim;
pub(crate) mod window;
