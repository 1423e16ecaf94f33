//! Tables of bytes, and what kernels make of them.

/// A byte for each byte.
pub(crate) type Table = [u8; 256];

/// Two tables of 16-bit numbers, whose sums are taken modulo 2^16.
pub(crate) struct SumTables<'a> {
    pub low: [&'a Table; 2],
    pub high: [&'a Table; 2],
    /// High bytes of the sums with the second table's entry 0.
    #[cfg(target_arch = "x86_64")]
    pub cold: &'a Table,
    /// What the first table is, where it is that.
    pub line: Option<&'a super::line::Line>,
}

/// What the codes of a component of chroma are made of.
pub(crate) struct Component<'a> {
    /// Of two heats, of which each makes half of a code: the low and the high bytes of 16-bit numbers whose sum has the
    /// code in its high byte.
    pub low: &'a Table,
    pub high: &'a Table,
    /// Of one heat.
    pub whole: &'a Table,
}

/// Two components, in the order in which they lie in memory.
pub(crate) type Chroma<'a> = [Component<'a>; 2];

/// A number of 24 bits for each byte.
#[cfg(target_arch = "x86_64")]
#[derive(Clone)]
pub(crate) struct Number {
    pub high: Table,
    pub middle: Table,
    pub low: Table,
}

#[cfg(target_arch = "x86_64")]
impl Number {
    pub const ZERO: Self = Self {
        high: [0; 256],
        middle: [0; 256],
        low: [0; 256],
    };

    pub fn set(&mut self, index: usize, number: u32) {
        [_, self.high[index], self.middle[index], self.low[index]] = number.to_be_bytes();
    }
}

/// What becomes of samples of three components: a share of each, all of whose bits are after the point, and something more,
/// with 16 bits after it.
#[cfg(target_arch = "x86_64")]
#[derive(Clone)]
pub(crate) struct Mixes {
    pub kept: Number,
    pub added: [Number; 3],
}
