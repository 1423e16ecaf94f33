//! In which element type a graph computes a tensor.

use super::graph::Graph;
use super::ops::Element;
use super::proto::data_type;

impl Graph {
    /// Element type of a tensor that follows from the input: that of the weights it was made with,
    /// or `input_type`.
    pub fn element_type(&self, tensor: &str, input_type: i32) -> i32 {
        let mut tensor = tensor;
        // Producers come before consumers, so the walk ends.
        while let Some(node) = self.producer(tensor) {
            let facts = node.op().facts();
            match facts.element {
                Element::Named => {
                    return i32::try_from(node.int("to", 1)).unwrap_or(data_type::FLOAT);
                }
                Element::Float => return data_type::FLOAT,
                Element::Operands => {
                    let weights = self.initializer(node.operand(1));
                    if let Some(weights) = weights.filter(|_| facts.is_dense) {
                        return weights.data_type();
                    }
                }
            }
            match node.input.iter().find(|operand| self.varies(operand)) {
                Some(operand) => tensor = operand,
                None => break,
            }
        }
        input_type
    }
}
