//! What sums along rows where the machine can; others turn rows into columns.

use super::coefficients::Axis;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::{Avx512, scale_rows};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::kernels::{Native, row_taps};

/// Weights for sums along rows, with the proof that there are instructions for these.
pub(crate) enum InRow {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, scale_rows::RowWeights),
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Native(Native, row_taps::RowWeights),
}

impl InRow {
    /// For pixels of `samples` bytes; none where the machine, or the weights, are not made for it.
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        allow(unused_variables, reason = "no kernel takes them")
    )]
    pub fn new(axis: &Axis, samples: usize) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let weights = scale_rows::RowWeights::new(axis.exact_taps(), samples)?;
            return Some(Self::Avx512(avx512, weights));
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            let weights = row_taps::RowWeights::new(axis.exact_taps(), samples)?;
            return Some(Self::Native(native, weights));
        }
        None
    }

    /// Rows that are scaled at once.
    pub fn rows(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(..) => scale_rows::ROWS,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Native(..) => row_taps::ROWS,
        }
    }

    /// Bytes that each row must have.
    pub fn reach(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_, weights) => weights.reach(),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Native(_, weights) => weights.reach(),
        }
    }

    /// Scales up to so many rows, each so many bytes after the one before, into rows of `row_bytes` bytes; `exact` makes
    /// a byte of a row by the defining sum.
    pub fn scale_rows(
        &self,
        rows: (&[u8], usize),
        row_bytes: usize,
        out: &mut [u8],
        exact: impl Fn(usize, usize) -> u8,
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512, weights) => {
                avx512.scale_rows(weights, rows, row_bytes, out, exact);
            }
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::Native(native, weights) => {
                native.scale_rows(weights, rows, row_bytes, out, exact);
            }
        }
    }
}
