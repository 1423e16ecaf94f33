//! Whether maps tell what the network's scores hang on: pixels are taken away, or put in, in the order of a map's heat, and
//! the score of the class is asked for again.
//!
//! All of it is done to the network's input, so that a picture is sampled once. A map is worth something where it does
//! better than maps of random values and one of the picture's centre, which are measured beside it.

mod blur;
mod imputation;
mod input;
mod ranking;
mod trial;

pub(crate) use input::Input;
pub use ranking::Ranking;
pub use trial::Faithfulness;
pub(crate) use trial::Trial;
