//! Final colours of gray and heat.

#[cfg(target_arch = "x86_64")]
mod byte_tables;
mod channel;
mod colour_table;

use super::colormap::{Colormap, Span};
use crate::luma::gray::gray_row;
#[cfg(target_arch = "x86_64")]
use crate::luma::gray::gray_weights;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::{Avx512, colours::ByteTables};
use colour_table::{ColourTable, paint_planes, paint_row};

/// The stretched colour of each heat index and gray.
pub(crate) struct Colours {
    colormap: Colormap,
    range: Span,
    /// Red, green and blue, in the order in which they lie in a pixel.
    order: [usize; 3],
    table: ColourTable,
    #[cfg(target_arch = "x86_64")]
    bytes: Box<ByteTables>,
}

impl Colours {
    /// Colours of pixels with red, green and blue at the byte offsets `offsets`, or in planes of
    /// these numbers. To be filled first.
    pub fn new(offsets: [usize; 3], colormap: &Colormap) -> Self {
        let mut order = [0, 1, 2];
        order.sort_by_key(|&channel| offsets[channel]);
        Self {
            colormap: colormap.clone(),
            range: Span::default(),
            order,
            table: ColourTable::new(offsets),
            #[cfg(target_arch = "x86_64")]
            bytes: Box::default(),
        }
    }

    /// Prepares for pictures whose gray / 2 + heat has the minimum and maximum `range`.
    pub fn fill(&mut self, range: Span) {
        self.range = range;
        #[cfg(target_arch = "x86_64")]
        if Avx512::current().is_some() {
            return byte_tables::fill(&mut self.bytes, self.colormap.rgb(), range, self.order);
        }
        self.table.fill(self.colormap.rgb(), range);
    }

    /// Paints a row of pixels of `BYTES` bytes with red, green and blue at `R`, `G` and `B`, as many as
    /// `index` and `gray`, which is left with anything, have bytes.
    pub fn paint_row<const BYTES: usize, const R: usize, const G: usize, const B: usize>(
        &self,
        pixels: &mut [u8],
        index: &[u8],
        gray: &mut [u8],
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let weights = const { &gray_weights([R, G, B]) };
            let exact = |gray, index| self.exact(gray, index);
            let tables = &*self.bytes;
            return avx512.paint_row::<BYTES, R, G, B>(pixels, index, tables, weights, exact);
        }
        gray_row::<BYTES, R, G, B>(pixels, gray);
        paint_row::<BYTES>(pixels, gray, index, &self.table);
    }

    /// Paints a row of three planes, given in the order of their numbers.
    pub fn paint_planes(&self, rows: [&mut [u8]; 3], gray: &[u8], index: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let exact = |gray, index| self.exact(gray, index);
            return avx512.paint_planes(rows, gray, index, &self.bytes, exact);
        }
        paint_planes(rows, gray, index, &self.table);
    }

    /// The channels of one gray and heat by their definition, in the order in which they lie in a pixel.
    #[cfg(target_arch = "x86_64")]
    #[cold]
    fn exact(&self, gray: u8, index: u8) -> [u8; 3] {
        let heat = self.colormap.rgb()[usize::from(index)];
        self.order
            .map(|channel| channel::exact(gray, heat[channel], self.range))
    }
}
