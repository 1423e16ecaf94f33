//! Final colours of gray and heat.

mod channel;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod channel_tables;
mod colour_table;

use super::colormap::{Colormap, Span};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::luma::gray::GRAY;
use crate::luma::gray::gray_row;
#[cfg(target_arch = "x86_64")]
use crate::luma::gray::gray_weights;
#[cfg(target_arch = "x86_64")]
use crate::simd::avx512::Avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::kernels::Native;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use channel_tables::ChannelTables;
use colour_table::{ColourTable, paint_planes, paint_row};

/// The stretched colour of each heat index and gray.
pub(crate) struct Colours {
    colormap: Colormap,
    table: ColourTable,
    /// The same for kernels.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    channels: ChannelTables,
}

impl Colours {
    /// Colours of pixels with red, green and blue at the byte offsets `offsets`, or in planes of
    /// these numbers. To be filled first.
    pub fn new(offsets: [usize; 3], colormap: &Colormap) -> Self {
        Self {
            colormap: colormap.clone(),
            table: ColourTable::new(offsets),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            channels: ChannelTables::new(offsets),
        }
    }

    /// To be filled again.
    pub fn set_colormap(&mut self, colormap: &Colormap) {
        self.colormap = colormap.clone();
    }

    /// Prepares for pictures whose gray / 2 + heat has the minimum and maximum `range`.
    pub fn fill(&mut self, range: Span) {
        #[cfg(target_arch = "x86_64")]
        if Avx512::current().is_some() {
            return self.channels.fill_bytes(self.colormap.rgb(), range);
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if Native::current().is_some() {
            let heat = self.colormap.rgb();
            return self.channels.fill_contributions(heat, range);
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
            let tables = &*self.channels.bytes;
            return avx512.paint_row::<BYTES, R, G, B>(pixels, index, tables, weights, exact);
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            let exact = |gray, index| self.exact(gray, index);
            let contributions = &*self.channels.contributions;
            let paint = Native::paint_row::<_, BYTES, R, G, B>;
            return paint(native, pixels, index, contributions, &GRAY, exact);
        }
        gray_row::<BYTES, R, G, B>(pixels, gray);
        paint_row::<BYTES>(pixels, gray, index, &self.table);
    }

    /// Paints a row of three planes, given in the order of their numbers.
    pub fn paint_planes(&self, rows: [&mut [u8]; 3], gray: &[u8], index: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::current() {
            let exact = |gray, index| self.exact(gray, index);
            return avx512.paint_planes(rows, gray, index, &self.channels.bytes, exact);
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(native) = Native::current() {
            let exact = |gray, index| self.exact(gray, index);
            let contributions = &*self.channels.contributions;
            return native.paint_planes(rows, gray, index, contributions, exact);
        }
        paint_planes(rows, gray, index, &self.table);
    }

    /// The channels of a gray and a heat index by their definition, as they lie in a pixel.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn exact(&self, gray: u8, index: u8) -> [u8; 3] {
        let heat = self.colormap.rgb()[usize::from(index)];
        self.channels.exact(gray, heat)
    }
}
