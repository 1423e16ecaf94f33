//! What kernels need of vectors, whatever their width: the words in which those of `kernels` are written once for AVX2
//! and NEON.

#![allow(
    unsafe_code,
    reason = "loads of rows whose length was asserted before, once for all"
)]

use super::table::Table;

/// Red, green and blue, and how they become gray: weights with 30 bits after the point in two halves of 15 bits.
#[derive(Clone, Copy)]
pub(crate) struct GrayWeights {
    pub high: [i16; 3],
    pub low: [i16; 3],
}

impl GrayWeights {
    pub const fn new(weights: [i32; 3]) -> Self {
        let (mut high, mut low) = ([0; 3], [0; 3]);
        let mut channel = 0;
        while channel < 3 {
            high[channel] = (weights[channel] >> 15) as i16;
            low[channel] = (weights[channel] & 0x7fff) as i16;
            channel += 1;
        }
        Self { high, low }
    }
}

/// How a sum of products becomes a byte.
#[derive(Clone, Copy)]
pub(crate) struct Rounding {
    /// Bits after the point.
    pub fraction: u32,
    /// Added first: half a step, and what makes errors as large in both directions.
    pub offset: i32,
    /// Sums that are as near to where the rounded value changes are in doubt.
    pub doubt: i32,
}

/// A proof that some instructions are there, and what they do with registers full of numbers. All functions are to be
/// inlined into one that is compiled for these instructions.
///
/// [`Bytes`](Self::Bytes) are numbered as they lie in memory; `Words` and `Sums` have a number for each byte, in an
/// order of their own.
pub(crate) trait Vectors: Copy {
    /// Bytes of a register.
    const BYTES: usize;
    /// Entries of a table that one instruction chooses from.
    const WINDOW: usize;

    type Bytes: Copy;
    /// 16 bits for each byte.
    type Words: Copy;
    /// 32 bits for each byte.
    type Sums: Copy;
    /// 16 bytes of each of two rows.
    type Rows: Copy;
    /// Four 32-bit numbers for each of two rows, which sums are made of.
    type Lanes: Copy;
    /// Sums of a pixel in each of four rows, on their way.
    type Part: Copy;
    /// Which bytes become which words.
    type Pattern: Copy;

    fn splat(self, byte: u8) -> Self::Bytes;

    /// The first bytes of `from`.
    ///
    /// # Panics
    /// Where there are too few; so does [`Self::store`].
    fn load(self, from: &[u8]) -> Self::Bytes;
    fn store(self, bytes: Self::Bytes, to: &mut [u8]);

    /// # Safety
    /// So many bytes can be read there.
    unsafe fn load_from(self, from: *const u8) -> Self::Bytes;

    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    fn subtract(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// 0 where it would be less.
    fn subtract_saturating(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    fn min(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    fn max(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// The least of `low`, and the greatest of `high`.
    fn extremes(self, low: Self::Bytes, high: Self::Bytes) -> [u8; 2];

    /// The entries of a table that begin `base` further than the `places` say, which are less than `N`
    /// [windows](Self::WINDOW). `base` is at most 256 less than so many windows.
    fn look_up<const N: usize>(
        self,
        table: &Table,
        base: usize,
        places: Self::Bytes,
    ) -> Self::Bytes;

    /// The bytes at even places of `a`, then of `b`; and at odd ones.
    fn evens(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    fn odds(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Bytes of `a` and `b` in turns, in two registers.
    fn interleave(self, a: Self::Bytes, b: Self::Bytes) -> [Self::Bytes; 2];
    /// The bytes of `a` at even places, each twice.
    fn evens_twice(self, a: Self::Bytes) -> Self::Bytes;
    /// Those of `a` at even, those of `b` at odd places.
    fn alternate(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    fn splat_words(self, word: u16) -> Self::Words;
    fn words(self, low: Self::Bytes, high: Self::Bytes) -> Self::Words;
    fn high_bytes(self, words: Self::Words) -> Self::Bytes;
    fn add_words(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn min_words(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// The low words of products.
    fn multiply_low(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// The high words of products.
    fn multiply_high(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// Sums of 32-bit numbers, whose high and low words are given.
    fn add_wide(self, a: [Self::Words; 2], b: [Self::Words; 2]) -> [Self::Words; 2];
    /// Divided by two, and rounded down.
    fn halve_words(self, words: Self::Words) -> Self::Words;
    /// Of words below 256.
    fn low_bytes(self, words: Self::Words) -> Self::Bytes;
    /// All bits of a byte where `a` is not below `b`.
    fn not_below(self, a: Self::Words, b: Self::Words) -> Self::Bytes;
    /// `a`, and `correction` more where `steps` are `at`.
    fn correct(self, a: Self::Words, steps: Self::Bytes, at: u8, correction: i16) -> Self::Words;
    /// `whole` times `steps`, and `fraction` times `steps` in units of 2^-15, rounded half up.
    fn slope(self, steps: Self::Bytes, whole: u16, fraction: i16) -> Self::Words;
    /// `factor` times each byte, divided by 256 and rounded down: the low words, and the bytes above these. `factor` is
    /// split at 16 bits.
    fn multiples(self, bytes: Self::Bytes, factor: [u16; 2]) -> (Self::Words, Self::Bytes);
    /// Calls `work` with the place of each of `words` that is at most `limit`.
    fn each_at_most(self, words: Self::Words, limit: u16, work: impl FnMut(usize));

    /// Gray of as many pixels of `BYTES` bytes as a register has bytes.
    ///
    /// # Panics
    /// Where there are fewer.
    fn grays<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> Self::Bytes;
    /// The same before rounding, of the upper half of the weights.
    fn gray_sums<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        self,
        weights: &GrayWeights,
        pixels: &[u8],
    ) -> Self::Sums;
    /// Puts channels into as many pixels of `BYTES` bytes, from the byte `LEAD` of each on.
    ///
    /// # Panics
    /// Where there are fewer.
    fn store_pixels<const BYTES: usize, const LEAD: usize>(
        self,
        channels: [Self::Bytes; 3],
        pixels: &mut [u8],
    );

    fn splat_sums(self, sum: i32) -> Self::Sums;
    fn min_sums(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    fn max_sums(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// The least of `low`, and the greatest of `high`.
    fn extreme_sums(self, low: Self::Sums, high: Self::Sums) -> [i32; 2];
    /// `sums`, and each of `rows` times one of `weights`.
    fn multiply_add(
        self,
        sums: Self::Sums,
        rows: [Self::Bytes; 2],
        weights: [i16; 2],
    ) -> Self::Sums;
    /// Divided by two so many times.
    fn halve(self, sums: Self::Sums, times: u32) -> Self::Sums;
    /// Rounded and saturated; `doubtful` is called with the place of each that is in doubt.
    fn round(
        self,
        sums: Self::Sums,
        rounding: Rounding,
        doubtful: impl FnMut(usize),
    ) -> Self::Bytes;

    /// The order in which [`Self::add_products`] wants the words of some taps of a pixel of `samples` samples: for each
    /// word, the byte.
    fn order(samples: usize) -> [usize; 8];
    /// The same for vectors.
    fn pattern(self, order: [usize; 8]) -> Self::Pattern;
    fn zero_lanes(self) -> Self::Lanes;
    /// # Safety
    /// 16 bytes can be read from each pointer on.
    unsafe fn load_rows(self, rows: [*const u8; 2]) -> Self::Rows;
    /// `lanes`, and the products of bytes of each row, in the order of a pattern, with as many weights.
    fn add_products(
        self,
        lanes: Self::Lanes,
        rows: Self::Rows,
        pattern: Self::Pattern,
        weights: &[i16; 8],
    ) -> Self::Lanes;
    /// Adds lanes up to the sums of a pixel of 1, 2 or 4 `SAMPLES` in each of four rows.
    fn add_up<const SAMPLES: usize>(self, rows: [Self::Lanes; 2]) -> Self::Part;
    /// The bytes of each row, rounded and saturated, of as many pixels as eight bytes have; `doubtful` is called with row
    /// and byte of each in doubt.
    fn round_block<const SAMPLES: usize>(
        self,
        pixels: [Self::Part; 8],
        rounding: Rounding,
        doubtful: impl FnMut(usize, usize),
    ) -> [[u8; 8]; 4];
}
