//! Instruction sets: plain functions that are compiled for each ([`dispatched`]), and all that is
//! written by hand.
//!
//! A kernel by hand is a method of the proof that its instructions are there (`avx512::Avx512`, `kernels::Native`), named
//! as its plain twin beside those who use it: who has no proof runs the twin. Kernels know bytes and
//! numbers, and nobody who uses them. Those for AVX2 and NEON are written once (`kernels`), in the words of
//! `vectors::Vectors`, which each of the two says in its own instructions; AVX-512 has other ways, and its own kernels.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod dispatch;
#[cfg(test)]
pub(crate) mod forced;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod kernels;
pub(crate) mod level;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod line;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod table;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod vectors;

pub(crate) use aligned::Aligned;
pub(crate) use dispatch::{dispatched, multiply_add};
