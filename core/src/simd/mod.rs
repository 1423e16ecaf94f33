//! Instruction sets: plain functions that are compiled for each ([`dispatched`]), and all that is
//! written by hand for one.
//!
//! A kernel by hand is a method of the proof that its instructions are there (`avx512::Avx512`), named
//! as its plain twin beside those who use it: who has no proof runs the twin. Kernels know bytes and
//! numbers, and nobody who uses them.

mod aligned;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod dispatch;
#[cfg(test)]
pub(crate) mod forced;
pub(crate) mod level;

pub(crate) use aligned::Aligned;
pub(crate) use dispatch::{dispatched, multiply_add};
