//! From the scaled map to rows of the heat table.

use std::ops::Range;

use super::column_group::{Bounds, Run, TILE_COLUMNS};
use crate::luma::tiles::COLUMNS;
use crate::resample::coefficients::Axis;
use crate::rounding::{nearest, round_u8};
use crate::simd::{dispatched, multiply_add};

/// The last row of the heat table.
const HOTTEST: u8 = 254;

/// Takes the scaled map to heat indices.
pub(crate) struct Quantizer {
    /// What becomes 0 and 1.
    pub least: f64,
    pub most: f64,
    pub threshold: f64,
    /// From sums over the rows of a group to indices before rounding.
    pub factor: f32,
    pub offset: f32,
    /// The threshold, as heat index.
    pub cut: f32,
    /// Bound of the error of a heat index before rounding.
    pub error: f32,
}

impl Quantizer {
    /// The heat index of a value of the map by its definition.
    pub fn exact(&self, value: f64) -> u8 {
        let value = (value - self.least) / (self.most - self.least);
        if value < self.threshold {
            0
        } else {
            round_u8(value * 255.0).min(HOTTEST)
        }
    }
}

dispatched! {
    /// The least and the greatest heat index that each tile column can have, from what its values lie in.
    pub(crate) fn index_bounds<;>(values: &Bounds, quantizer: &Quantizer) -> [[u8; TILE_COLUMNS]; 2] {
        let Quantizer { factor, offset, cut, error, .. } = *quantizer;
        // The bounds have errors of their own.
        let bound = |values: [f32; TILE_COLUMNS], error: f32| {
            values.map(|value| {
                let index = (value * factor + offset + 2.0 * error).clamp(0.0, 255.0);
                if index < cut { 0 } else { nearest(index).0.min(HOTTEST) }
            })
        };
        [bound(values.low, -error), bound(values.high, error)]
    }
}

dispatched! {
    /// Heat indices of the rows `ys` of a tile column into rows of `stride` bytes, summed from the `rows` of the
    /// map; where sums leave an index open, by `exact`, which is given column and row. `CUT` tells whether
    /// any may be below the threshold.
    pub(crate) fn quantize<CUT: bool; F: Fn(usize, usize) -> u8>(
        rows: &[Run],
        down: &Axis,
        ys: Range<usize>,
        quantizer: &Quantizer,
        out: &mut [u8],
        stride: usize,
        exact: &F,
    ) {
        const LANES: usize = 16;
        let Quantizer { factor, offset, cut, error, .. } = *quantizer;
        let sure = 0.5 - error;
        // The index, and how far it is off before rounding: 1 where that says nothing.
        let index = |sum: f32| {
            let index = multiply_add::<FUSED>(sum, factor, offset);
            // What reaches beyond the limits is drawn as these. Plain comparisons: no value is a NaN.
            let index = if index < 0.0 { 0.0 } else { index };
            let index = if index > 255.0 { 255.0 } else { index };
            let (rounded, off) = nearest(index);
            let rounded = rounded.min(HOTTEST);
            if !CUT {
                return (rounded, off);
            }
            let off = if index < cut + error { 1.0 } else { off };
            (
                if index < cut { 0 } else { rounded },
                if index > cut - error { off } else { 0.0 },
            )
        };
        for (i, y) in ys.enumerate() {
            let sums = sum_rows::<FUSED>(rows, down, y);
            let (sums, _) = sums.as_chunks::<LANES>();
            let (out, _) = out[i * stride..][..COLUMNS].as_chunks_mut::<LANES>();
            let mut worst = [0f32; LANES];
            for (out, sums) in out.iter_mut().zip(sums) {
                for ((out, sum), worst) in out.iter_mut().zip(sums).zip(&mut worst) {
                    let (index, off) = index(*sum);
                    *out = index;
                    *worst = if off > *worst { off } else { *worst };
                }
            }
            // Doubts are rare, and lanes looked at one by one are slow.
            if worst.iter().fold(false, |any, off| any | (*off > sure)) {
                for (i, (out, sums)) in out.iter_mut().zip(sums).enumerate() {
                    let off = sums.map(|sum| index(sum).1);
                    if off.iter().fold(false, |any, off| any | (*off > sure)) {
                        let doubtful = (0..LANES).filter(|lane| off[*lane] > sure);
                        doubtful.for_each(|lane| out[lane] = exact(i * LANES + lane, y));
                    }
                }
            }
        }
    }
}

dispatched! {
    /// Row `y` of a tile column, summed from the `rows` of the map.
    pub(crate) fn sum_run<;>(rows: &[Run], down: &Axis, y: usize) -> [f32; COLUMNS] {
        sum_rows::<FUSED>(rows, down, y)
    }
}

#[inline(always)]
fn sum_rows<const FUSED: bool>(rows: &[Run], down: &Axis, y: usize) -> [f32; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for (&y, &weight) in down.index(y).iter().zip(down.weight(y)) {
        for (sum, value) in sums.iter_mut().zip(&rows[y].0) {
            *sum = multiply_add::<FUSED>(weight, *value, *sum);
        }
    }
    sums
}
