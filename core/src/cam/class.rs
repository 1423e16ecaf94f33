//! What a network says of one class.

/// One class of a result.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Class {
    /// Its number, counted from 0.
    pub id: usize,
    /// Probability, 0..1.
    pub score: f32,
    /// What the network returned for it, before softmax or logistic function.
    pub logit: f32,
}
