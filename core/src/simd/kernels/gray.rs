//! Gray of packed pixels.

use std::ops::Range;

use super::kernel;
use crate::simd::vectors::GrayWeights;

kernel! {
    /// Gray of each pixel of `pixels` into `out`; returns of how many.
    pub fn gray_row<BYTES: usize, R: usize, G: usize, B: usize;>(
        v,
        weights: &GrayWeights,
        pixels: &[u8],
        out: &mut [u8],
    ) -> usize {
        let mut done = 0;
        let pixels = pixels.chunks_exact(V::BYTES * BYTES);
        for (out, pixels) in out.chunks_exact_mut(V::BYTES).zip(pixels) {
            v.store(v.grays::<BYTES, R, G, B>(weights, pixels), out);
            done += V::BYTES;
        }
        done
    }
}

kernel! {
    /// Smallest and largest gray of the pixels at `bytes` of some rows, `stride` bytes apart, if the upper half of the weights is enough to tell, and rows are whole
    /// registers.
    pub fn gray_bounds<BYTES: usize, R: usize, G: usize, B: usize;>(
        v,
        weights: &GrayWeights,
        rows: &[u8],
        stride: usize,
        bytes: Range<usize>,
    ) -> Option<[u8; 2]> {
        let (mut low, mut high) = (v.splat_sums(i32::MAX), v.splat_sums(0));
        for row in rows.chunks(stride) {
            let parts = row[bytes.clone()].chunks_exact(V::BYTES * BYTES);
            if !parts.remainder().is_empty() {
                return None;
            }
            for pixels in parts {
                let sums = v.gray_sums::<BYTES, R, G, B>(weights, pixels);
                low = v.min_sums(low, sums);
                high = v.max_sums(high, sums);
            }
        }
        let round = |sum: i32| (sum + (1 << 14)) >> 15;
        // What the lower half adds at most.
        let rest = 3 * 255;
        let bounds = v.extreme_sums(low, high);
        let known = bounds.iter().all(|sum| round(*sum) == round(sum.saturating_add(rest)));
        known.then(|| bounds.map(|sum| round(sum) as u8))
    }
}
