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

/// What becomes of a run of pixels without heat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cold {
    /// It stays as it is.
    Kept,
    /// All samples of a component become the same.
    Filled,
    /// It is mixed like others.
    Mixed,
}

/// A number of 24 bits for each byte.
#[derive(Clone)]
pub(crate) struct Number {
    pub high: Table,
    pub middle: Table,
    pub low: Table,
}

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
#[derive(Clone)]
pub(crate) struct Mixes {
    pub kept: Number,
    pub added: [Number; 3],
    /// What becomes of each sample of a component at byte 0.
    #[cfg(target_arch = "x86_64")]
    pub cold: [Table; 3],
}

impl Mixes {
    pub const ZERO: Self = Self {
        kept: Number::ZERO,
        added: [Number::ZERO; 3],
        #[cfg(target_arch = "x86_64")]
        cold: [[0; 256]; 3],
    };
}

/// How the components of 64 pixels lie between each other, in as many registers of 64 bytes as a pixel has bytes.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Interleaving {
    /// Of a pixel: 2 to 4.
    pub bytes: usize,
    /// Of each byte, the pixel whose entry of tables counts.
    pub pixels: Vec<[u8; 64]>,
    /// A bit for each byte of the three components.
    pub components: Vec<[u64; 3]>,
}

#[cfg(target_arch = "x86_64")]
impl Interleaving {
    /// Of pixels of as many `bytes`, of each of which `of` says the pixel and the component, if it is of any.
    pub fn new(bytes: usize, of: impl Fn(usize) -> (usize, Option<usize>)) -> Self {
        let mut pixels = vec![[0; 64]; bytes];
        let mut components = vec![[0; 3]; bytes];
        for at in 0..64 * bytes {
            let (pixel, component) = of(at);
            pixels[at / 64][at % 64] = pixel as u8;
            if let Some(component) = component {
                components[at / 64][component] |= 1 << (at % 64);
            }
        }
        Self {
            bytes,
            pixels,
            components,
        }
    }
}
