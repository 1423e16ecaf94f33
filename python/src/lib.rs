//! The core for Python: pictures are arrays of numpy, and Python's other threads go on while a network runs.
//!
//! What Python programs see is the package `camoverlay` around it, which gives this its typed names.

mod errors;
mod explainer;
mod forked;
mod heat;
mod picture;
mod settings;
mod words;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::explainer::{Answer, Explainer};
    #[pymodule_export]
    use super::heat::{boxes, overlay};
}
