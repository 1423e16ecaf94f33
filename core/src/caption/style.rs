//! How a line is written.

/// How a label and its score are written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub marked: bool,
    /// The line runs from right to left, as its label does.
    pub mirrored: bool,
    /// There is a label before it.
    pub labelled: bool,
}

/// Opacity of the lines that are not marked, in 1/255.
const UNMARKED: u8 = 230;

impl Style {
    /// Opacity of the letters, in 1/255.
    pub fn opacity(self) -> u8 {
        if self.marked { u8::MAX } else { UNMARKED }
    }
}
