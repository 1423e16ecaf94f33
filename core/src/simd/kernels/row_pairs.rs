//! Weighted sums of rows of bytes, two rows at a time.
//!
//! Scaling spends most of its time in these sums. Weights of 16 bits leave about one sum of two hundred in doubt, which
//! costs less than more bits for all.

use std::ops::Range;

use super::kernel;
use crate::simd::vectors::{Rounding, Vectors};

/// Weights of 16 bits, for two rows at a time.
pub(crate) struct Weights {
    pairs: Vec<Pair>,
    rows: Vec<Row>,
}

struct Pair {
    rows: [usize; 2],
    weights: [i16; 2],
}

/// How an output row is made.
struct Row {
    pairs: Range<usize>,
    /// So many of these come first, whose weights have more bits after the point, so many more.
    fine: usize,
    finer: u32,
    rounding: Rounding,
    /// The greatest row of all.
    last: usize,
}

/// Most bits after the point: sums of bytes must fit into 32 bits.
const MOST_BITS: u32 = 20;

/// Most bits that weights of the first pairs may have more.
const MOST_FINER: u32 = 5;

impl Weights {
    /// The weights `exact` of the source positions `index`, `taps` of each for an output position. None where sums
    /// might exceed 32 bits.
    pub fn new(exact: &[f64], index: &[usize], taps: usize) -> Option<Self> {
        let mut weights = Self {
            pairs: Vec::new(),
            rows: Vec::new(),
        };
        for (exact, index) in exact.chunks_exact(taps).zip(index.chunks_exact(taps)) {
            weights.push(exact, index)?;
        }
        Some(weights)
    }

    fn push(&mut self, exact: &[f64], index: &[usize]) -> Option<()> {
        let taps = exact.iter().copied().zip(index.iter().copied());
        let mut taps: Vec<(f64, usize)> = taps.filter(|tap| tap.0 != 0.0).collect();
        taps.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let total: f64 = taps.iter().map(|tap| tap.0.abs()).sum();
        let greatest = taps.last()?.0.abs();
        let last = taps.iter().map(|tap| tap.1).max()?;
        if total > 2.0 || taps.is_empty() {
            return None;
        }
        if taps.len() % 2 == 1 {
            taps.insert(0, (0.0, taps[0].1));
        }
        let fits = |weight: f64, bits: u32| weight * f64::from(1u32 << bits) <= 32_767.0;
        let fraction = (0..=MOST_BITS).rev().find(|bits| fits(greatest, *bits))?;
        let (mut best, mut fine, mut finer): (Option<Errors>, _, _) = (None, 0, 0);
        for more in 0..=MOST_FINER {
            let fitting = taps
                .iter()
                .take_while(|tap| fits(tap.0.abs(), fraction + more));
            let count = if more == 0 { 0 } else { fitting.count() / 2 };
            let errors = Errors::of(&taps, 2 * count, fraction, more);
            if best.as_ref().is_none_or(|best| errors.span() < best.span()) {
                (best, fine, finer) = (Some(errors), count, more);
            }
        }
        let errors = best?;
        let start = self.pairs.len();
        let (pairs, _) = taps.as_chunks::<2>();
        for (i, pair) in pairs.iter().enumerate() {
            let bits = if i < fine { fraction + finer } else { fraction };
            self.pairs.push(Pair {
                rows: pair.map(|tap| tap.1),
                weights: pair.map(|tap| rounded(tap.0, bits) as i16),
            });
        }
        self.rows.push(Row {
            pairs: start..self.pairs.len(),
            fine,
            finer,
            rounding: errors.rounding(fraction),
            last,
        });
        Some(())
    }
}

/// A weight in units of 2^-bits.
fn rounded(weight: f64, bits: u32) -> f64 {
    (weight * f64::from(1u32 << bits)).round()
}

/// How far exact sums of bytes can be below and above those of rounded weights, in units of these.
#[derive(Default)]
pub(super) struct Errors {
    below: f64,
    above: f64,
}

impl Errors {
    /// Of weights of which the first `fine` have `finer` more bits than `fraction`.
    fn of(taps: &[(f64, usize)], fine: usize, fraction: u32, finer: u32) -> Self {
        let mut errors = Self::default();
        for (i, tap) in taps.iter().enumerate() {
            let bits = if i < fine { fraction + finer } else { fraction };
            let off = tap.0 - rounded(tap.0, bits) / f64::from(1u32 << bits);
            errors.add(off * f64::from(1u32 << fraction));
        }
        // Sums of finer weights are cut.
        errors.above += if fine > 0 { 1.0 } else { 0.0 };
        errors
    }

    /// Takes in that a weight is this much too small.
    pub fn add(&mut self, off: f64) {
        self.below += 255.0 * off.min(0.0);
        self.above += 255.0 * off.max(0.0);
    }

    /// What errors of both lie in.
    pub fn joined(self, other: Self) -> Self {
        Self {
            below: self.below.min(other.below),
            above: self.above.max(other.above),
        }
    }

    fn span(&self) -> f64 {
        self.above - self.below
    }

    /// How sums with so many bits after the point are rounded.
    pub fn rounding(&self, fraction: u32) -> Rounding {
        let middle = (self.below + self.above) / 2.0;
        Rounding {
            fraction,
            offset: (1 << fraction >> 1) + middle.round() as i32,
            // Half a unit for the middle, and something for the defining sum's own rounding.
            doubt: (self.span() / 2.0 + 0.75).ceil() as i32,
        }
    }
}

/// Sums of `K` registers of columns from `x` on.
///
/// # Safety
/// The rows of `weights` have so many bytes.
#[inline(always)]
unsafe fn columns<V: Vectors, const K: usize>(
    v: V,
    (data, stride): (&[u8], usize),
    (weights, row): (&Weights, &Row),
    x: usize,
) -> [V::Sums; K] {
    let mut sums = [v.splat_sums(0); K];
    let pairs = &weights.pairs[row.pairs.clone()];
    let (fine, rest) = pairs.split_at(row.fine);
    for (pairs, halvings) in [(fine, row.finer), (rest, 0)] {
        for pair in pairs {
            for (i, sums) in sums.iter_mut().enumerate() {
                let [first, second] = pair.rows.map(|row| row * stride + x + i * V::BYTES);
                // SAFETY: the caller's.
                let rows = unsafe {
                    let data = data.as_ptr();
                    [v.load_from(data.add(first)), v.load_from(data.add(second))]
                };
                *sums = v.multiply_add(*sums, rows, pair.weights);
            }
        }
        if halvings > 0 {
            for sums in &mut sums {
                *sums = v.halve(*sums, halvings);
            }
        }
    }
    sums
}

/// Rounds a registerful of sums into `out`, those in doubt by `exact`.
#[inline(always)]
fn finish<V: Vectors>(
    v: V,
    sums: V::Sums,
    rounding: Rounding,
    out: &mut [u8],
    exact: impl Fn(usize) -> u8,
) {
    let mut doubtful = [0; 64];
    let mut count = 0;
    let rounded = v.round(sums, rounding, |i| {
        doubtful[count] = i as u8;
        count += 1;
    });
    v.store(rounded, out);
    for i in &doubtful[..count] {
        let i = usize::from(*i);
        out[i] = exact(i);
    }
}

kernel! {
    /// The output rows `rows` of the weights over those of `source`, which are as many bytes apart as it says, each of
    /// `width` bytes, rounded to 8 bits; where the integer sum leaves the rounding open, by `exact`, which is given row
    /// and column. False where a row is shorter than a register, and nothing done.
    pub fn round_byte_rows<; F: Fn(usize, usize) -> u8>(
        v,
        source: (&[u8], usize),
        weights: &Weights,
        rows: Range<usize>,
        width: usize,
        out: &mut [u8],
        exact: F,
    ) -> bool {
        /// Registers that are summed at once, so that weights are read less often.
        const BLOCK: usize = 2;
        if width < V::BYTES {
            return false;
        }
        for (at, out) in rows.zip(out.chunks_exact_mut(width)) {
            let row = &weights.rows[at];
            let start = row.last.saturating_mul(source.1);
            assert!(start.saturating_add(width) <= source.0.len());
            let exact = |x| exact(at, x);
            let mut x = 0;
            while x + BLOCK * V::BYTES <= width {
                // SAFETY: each row has `width` bytes, since the last of them has, as asserted above.
                let sums = unsafe { columns::<V, BLOCK>(v, source, (weights, row), x) };
                for sums in sums {
                    finish(v, sums, row.rounding, &mut out[x..], |i| exact(x + i));
                    x += V::BYTES;
                }
            }
            while x < width {
                // The last columns once more, rather than fewer.
                x = x.min(width - V::BYTES);
                // SAFETY: as above.
                let [sums] = unsafe { columns::<V, 1>(v, source, (weights, row), x) };
                finish(v, sums, row.rounding, &mut out[x..], |i| exact(x + i));
                x += V::BYTES;
            }
        }
        true
    }
}
