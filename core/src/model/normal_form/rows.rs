//! Rows of logits, made of what a graph has of them.

use std::collections::HashMap;

use super::source::Source;
use crate::onnx::error::Fault;
use crate::onnx::graph::Graph;
use crate::onnx::node::{cast, floats, integers, node};
use crate::onnx::proto::{self, Node, data_type};

/// Rows of logits that are added to a graph.
#[derive(Default)]
pub struct Rows {
    /// Names of those that are wanted so far.
    names: HashMap<Source, String>,
    nodes: Vec<Node>,
    constants: Vec<proto::Tensor>,
}

impl Rows {
    /// Name of the row of the logits in `source`.
    pub fn name(&mut self, graph: &Graph, source: Source) -> String {
        if let Source::Row(logits) = source {
            return logits;
        }
        if let Some(name) = self.names.get(&source) {
            return name.clone();
        }
        let name = format!("camoverlay/classes_{}", self.names.len());
        match &source {
            Source::Row(_) => {}
            Source::Dense { layer, vector } => {
                let mut dense = graph.nodes()[*layer].clone();
                dense.input[0] = vector.clone();
                dense.output = vec![name.clone()];
                dense.name = Some(name.clone());
                self.nodes.push(dense);
            }
            Source::Two { logit, is_first } => {
                let signs = if *is_first { [1.0, -1.0] } else { [-1.0, 1.0] };
                self.product(logit, [1, 2], signs.to_vec(), &name);
            }
            Source::Joined(parts) => {
                let classes: usize = parts.iter().map(|(_, columns)| columns).sum();
                let mut first = 0;
                let mut sum = String::new();
                for (place, (tensor, columns)) in parts.iter().enumerate() {
                    let mut selection = vec![0.0; columns * classes];
                    for row in 0..*columns {
                        selection[row * classes + first + row] = 1.0;
                    }
                    first += columns;
                    let part = format!("{name}/part_{place}");
                    self.product(tensor, [*columns, classes], selection, &part);
                    sum = match (place, place + 1 == parts.len()) {
                        (0, _) => part,
                        (_, is_last) => {
                            let joined = match is_last {
                                true => name.clone(),
                                false => format!("{name}/sum_{place}"),
                            };
                            self.nodes.push(node("Add", &[&sum, &part], &joined));
                            joined
                        }
                    };
                }
            }
        }
        self.names.insert(source, name.clone());
        name
    }

    /// Adds the product of `tensor`, as one row, with a matrix of `sizes`.
    fn product(&mut self, tensor: &str, sizes: [usize; 2], matrix: Vec<f32>, name: &str) {
        let [float, row, shape, weights] =
            ["float", "row", "shape", "weights"].map(|part| format!("{name}/{part}"));
        let sizes = sizes.map(|size| size as i64);
        self.constants.push(integers(&shape, &[1, sizes[0]]));
        self.constants.push(floats(&weights, &sizes, matrix));
        self.nodes.extend([
            cast(tensor, data_type::FLOAT, &float),
            node("Reshape", &[&float, &shape], &row),
            node("MatMul", &[&row, &weights], name),
        ]);
    }

    /// The graph with the rows.
    ///
    /// # Errors
    /// [`Fault`], where the graph holds a name that is given here.
    pub fn add_to(self, graph: Graph) -> Result<Graph, Fault> {
        if self.nodes.is_empty() {
            return Ok(graph);
        }
        let mut model = graph.into_model();
        let proto = model.graph.as_mut().ok_or(Fault::NoGraph)?;
        proto.node.extend(self.nodes);
        proto.initializer.extend(self.constants);
        Graph::new(model)
    }
}
