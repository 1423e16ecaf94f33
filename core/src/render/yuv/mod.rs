//! Frames of luma and chroma.

pub(crate) mod chroma;
pub(crate) mod code_tables;
pub(crate) mod sum_table;
