//! What only helps ONNX Runtime's own processor code; other execution providers would be hindered.

use std::collections::BTreeSet;

use crate::onnx::node::{sized, value};
use crate::onnx::proto::{self, data_type};

/// Makes an input of each of the weights called `rows`, by which the network's layers and the gradient's products
/// multiply single rows.
///
/// ONNX Runtime takes those for weights that may change from run to run and leaves them as they
/// are stored. It would otherwise keep a copy for each layer and each product, in an order that
/// suits products with many rows; here, where there is one row, the stored order is the faster one
/// too. Types that it computes in another one are left to it: it would convert them in each run.
pub fn keep_as_stored(proto: &mut proto::Graph, rows: &[String]) {
    let shared: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    let stored = proto
        .initializer
        .iter()
        .filter(|weight| weight.data_type() == data_type::FLOAT && shared.contains(weight.name()));
    proto
        .input
        .extend(stored.map(|weight| sized(value(weight.name(), data_type::FLOAT), &weight.dims)));
}
