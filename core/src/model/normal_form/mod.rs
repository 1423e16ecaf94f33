//! A graph written as the rest of this module knows classifiers: for one picture, its classes in one row of logits.
//!
//! What exporters write in other ways with the same result is put in other words here, before anything is looked for,
//! so that the search for a head, its weights and its gradient need not know each of them.

mod batch;
pub(crate) mod classes;
mod means;
mod picked;

use super::image_input::Picture;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;

/// `graph` for one picture at a time, without indices in the place of a squeeze and without means of layers.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn of(graph: Graph, picture: &Picture) -> Result<Graph, Fault> {
    let graph = match picture.batch {
        1 => graph,
        batch => batch::take_one(graph, picture, batch)?,
    };
    means::as_sums(picked::squeeze(graph)?)
}
