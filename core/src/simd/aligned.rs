//! Where values lie in memory.

/// What is read so often that it must not lie astride cache lines.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub T);
