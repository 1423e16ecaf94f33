//! What becomes of a sample at each heat: a share of itself, and something more.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::table::Mixes;

/// Bits after the point of shares, of which all but [`FRACTION`] are cut off of products.
pub(super) const SHARE: u32 = 24;

/// Bits after the point of what is added.
pub(super) const FRACTION: u32 = 16;

/// What becomes of a sample at one heat.
#[derive(Clone, Copy, Default)]
pub(super) struct Mix {
    pub kept: u32,
    pub added: u32,
}

impl Mix {
    /// With [`FRACTION`] bits after the point.
    fn of(self, sample: u8) -> u32 {
        ((u32::from(sample) * self.kept) >> (SHARE - FRACTION)) + self.added
    }

    /// The same of a sample of 10 bits.
    #[inline(always)]
    pub fn of_word(self, sample: u16) -> u32 {
        let product = u64::from(sample) * u64::from(self.kept);
        (product >> (SHARE - FRACTION)) as u32 + self.added
    }
}

/// One for each heat.
pub(super) type Table = [Mix; 256];

/// What each sample of 8 bits becomes at each heat. Samples beside each other have much the same heat, so that what is read of the
/// table lies in the caches; gathering the two numbers of a [`Mix`] for several samples takes longer on most machines.
pub(super) type Bytes = [[u8; 256]; 256];

/// The same with [`FRACTION`] bits after the point.
pub(super) type Sums = [[u32; 256]; 256];

/// Fills `bytes` with what `table` makes of all samples.
pub(super) fn fill_bytes(bytes: &mut Bytes, table: &Table) {
    fill(bytes, table, |mixed| (mixed >> FRACTION) as u8);
}

/// Fills `sums` with what `table` makes of all samples.
pub(super) fn fill_sums(sums: &mut Sums, table: &Table) {
    fill(sums, table, |mixed| mixed);
}

/// Fills `mixes` with the tables of three components, which keep the same shares.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn fill_mixes(mixes: &mut Mixes, tables: &[Table; 3]) {
    for (index, mix) in tables[0].iter().enumerate() {
        mixes.kept.set(index, mix.kept);
    }
    for (added, table) in mixes.added.iter_mut().zip(tables) {
        for (index, mix) in table.iter().enumerate() {
            added.set(index, mix.added);
        }
    }
    #[cfg(target_arch = "x86_64")]
    for (cold, table) in mixes.cold.iter_mut().zip(tables) {
        fill_row(cold, table[0], |mixed| (mixed >> FRACTION) as u8);
    }
}

fn fill<T>(entries: &mut [[T; 256]; 256], table: &Table, of: impl Fn(u32) -> T) {
    for (row, mix) in entries.iter_mut().zip(table) {
        fill_row(row, *mix, &of);
    }
}

fn fill_row<T>(row: &mut [T; 256], mix: Mix, of: impl Fn(u32) -> T) {
    for (sample, entry) in (0..=u8::MAX).zip(row) {
        *entry = of(mix.of(sample));
    }
}
