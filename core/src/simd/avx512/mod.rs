//! What is written by hand for AVX-512: as from Ice Lake and Zen 4 on, with VBMI and VNNI.

#![allow(
    unsafe_code,
    reason = "vector kernels: each is called where its instructions were found, and keeps to its slices"
)]

pub(crate) mod chroma;
pub(crate) mod colours;
mod digits;
pub(crate) mod gray;
mod lookup;
mod mix;
pub(crate) mod round_byte_rows;
pub(crate) mod scale_rows;
pub(crate) mod sum_table;

use super::level::Level;

/// That the instructions of [`Level::Avx512`] are there. Kernels are its methods.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// None where a lower level is to run.
    #[inline]
    pub fn current() -> Option<Self> {
        match Level::current() {
            Level::Avx512 => Some(Self(())),
            Level::Avx2 | Level::Baseline => None,
        }
    }
}
