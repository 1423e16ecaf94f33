//! The picture as the network takes it.

/// A network's input: channels x height x width.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub values: &'a [f32],
    pub width: usize,
    pub height: usize,
}

impl Input<'_> {
    pub fn pixels(&self) -> usize {
        self.width * self.height
    }
}
