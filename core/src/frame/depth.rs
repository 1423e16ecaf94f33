//! How samples are stored.

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bits.
    Eight,
    /// 10 bits, the low ones of a little-endian 16-bit word.
    TenLow,
    /// 10 bits, the high ones of a little-endian 16-bit word.
    TenHigh,
}

impl Depth {
    /// Bytes of a sample.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::TenLow | Self::TenHigh => 2,
        }
    }
}
