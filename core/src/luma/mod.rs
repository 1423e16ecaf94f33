//! The gray of frames, and what it lies in.

pub(crate) mod gray;
pub(crate) mod packed;
pub(crate) mod reader;
pub(crate) mod tiles;
