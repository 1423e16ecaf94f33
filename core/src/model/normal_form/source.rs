//! Where logits stand.

/// Where logits stand in a graph as its exporter wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A tensor of one logit a class.
    Row(String),
    /// A tensor of one number that speaks for the second of two classes, or for the first.
    Two { logit: String, is_first: bool },
    /// Tensors of so many classes each, one after the other.
    Joined(Vec<(String, usize)>),
    /// What the dense layer of this index would make of a vector as it is.
    Dense { layer: usize, vector: String },
}
