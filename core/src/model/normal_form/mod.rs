//! A graph written as the rest of this module knows classifiers: for one picture, its classes in one row of logits.
//!
//! What exporters write in other ways with the same result is put in other words here, before anything is looked for,
//! so that the search for a head, its weights and its gradient need not know each of them.

mod attention;
mod batch;
pub(crate) mod classes;
mod columns;
mod cosine;
mod fused;
mod means;
mod norms;
mod picked;
mod rows;
mod settled;
mod shared;
mod source;
mod steps;

use super::image_input::Picture;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;

/// `graph` for one picture at a time, in which pools are followed by what is known to follow them.
///
/// # Errors
/// [`Fault`], where the graph holds a name that is given here.
pub fn of(graph: Graph, picture: &Picture) -> Result<Graph, Fault> {
    let graph = fused::written_out(graph)?;
    let graph = settled::written_down(norms::written_out(graph)?, picture)?;
    let graph = match picture.batch {
        1 => graph,
        batch => batch::take_one(graph, picture, batch)?,
    };
    let graph = picked::squeeze(shared::once(graph)?)?;
    means::as_sums(graph)
}
