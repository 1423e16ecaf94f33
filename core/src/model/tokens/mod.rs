//! Which token stands for which place of the picture.
//!
//! Transformers take the picture apart into patches, and shuffle what they make of them: tokens in a row behind a class
//! token, in windows, in blocks. Each element of each tensor is followed from the patch embedding on, and stands for a
//! region of the picture. Where elements are mixed the result stands for the region around them all; where something is
//! added to a token, as in each block, the token remains what it is.

pub(crate) mod grid;
mod regions;
mod trace;

pub use trace::TokenPlaces;
