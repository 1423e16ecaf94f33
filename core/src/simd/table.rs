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
