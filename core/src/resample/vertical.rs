//! Columns scaled along themselves: rows that are sums of rows.
//!
//! Sums are taken in single precision. Where the error bound of such a sum leaves open which way
//! it rounds, the defining double precision sum decides: results are exact, whatever the order
//! and the fusing of the fast sums.

use std::ops::Range;

use super::coefficients::{Axis, Bytes, Source, sum_rows};
use crate::rounding::nearest;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
use crate::simd::dispatched;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::kernels::Native;

/// Columns that are summed at once.
const LANES: usize = 64;

dispatched! {
    /// Output row `at` of `axis` over the rows of `source`, rounded.
    pub(crate) fn round_row<; S: Source>(source: S, axis: &Axis, at: usize, out: &mut [u8]) {
        let (wide, rest) = out.as_chunks_mut::<LANES>();
        let start = wide.len() * LANES;
        for (i, out) in wide.iter_mut().enumerate() {
            round_columns::<S, FUSED, LANES>(source, axis, at, i * LANES, out);
        }
        for (i, out) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            round_columns::<S, FUSED, 1>(source, axis, at, start + i, out);
        }
    }
}

/// The output rows `rows` of `axis` over the rows of `source`, each of `width` bytes, with the
/// machine's own instructions for such sums.
pub(crate) fn round_byte_rows(
    source: Bytes,
    axis: &Axis,
    rows: Range<usize>,
    width: usize,
    out: &mut [u8],
) {
    #[cfg(target_arch = "x86_64")]
    if let (Some(avx512), Some(weights)) = (Avx512::current(), axis.integer_weights()) {
        let exact = |at, x| exact_sample(source, axis, at, x);
        let source = (source.data, source.stride);
        return avx512.round_byte_rows(source, weights, rows, width, out, exact);
    }
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let (Some(native), Some(weights)) = (Native::current(), axis.pair_weights()) {
        let exact = |at, x| exact_sample(source, axis, at, x);
        let bytes = (source.data, source.stride);
        if native.round_byte_rows(bytes, weights, rows.clone(), width, out, exact) {
            return;
        }
    }
    for (at, out) in rows.zip(out.chunks_exact_mut(width)) {
        round_row(source, axis, at, out);
    }
}

/// One sample of an output row by the defining sum.
#[cold]
#[inline(never)]
fn exact_sample(source: impl Source, axis: &Axis, at: usize, x: usize) -> u8 {
    axis.rounded_sum(at, |y| f64::from(source.load::<1>(x, y)[0]))
}

/// The columns from `x` on of one output row.
#[inline(always)]
fn round_columns<S: Source, const FUSED: bool, const N: usize>(
    source: S,
    axis: &Axis,
    at: usize,
    x: usize,
    out: &mut [u8; N],
) {
    let sums = sum_rows::<S, FUSED, N>(source, axis, at, x);
    let sure = 0.5 - 256.0 * axis.single_error();
    let mut doubtful = false;
    for (out, sum) in out.iter_mut().zip(sums) {
        let (value, distance) = nearest(sum.clamp(0.0, 255.0));
        *out = value;
        doubtful |= distance > sure;
    }
    if doubtful {
        for (i, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
            if nearest(sum.clamp(0.0, 255.0)).1 > sure {
                *out = exact_sample(source, axis, at, x + i);
            }
        }
    }
}
