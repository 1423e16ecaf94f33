//! White and black that go over a frame.

/// Pixels that go over those of the frame, `width` x `height` from `left`, `top` on. All four are
/// even, so that pixels that share a chroma sample stay together.
pub(super) struct Drawing {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    /// How much of the frame each pixel hides, 0 to 255.
    pub cover: Vec<u8>,
    /// How much of each pixel's cover is white, the rest being black.
    pub white: Vec<u8>,
}

impl Drawing {
    /// A copy of the part inside left, top, right and bottom, in pixels of the drawing, which may
    /// reach beyond it; and where that part starts.
    pub fn part(&self, [left, top, right, bottom]: [i32; 4]) -> (Self, (i32, i32)) {
        let within = |at: i32, size: usize| usize::try_from(at).unwrap_or(0).min(size);
        let (left, top) = (within(left, self.width) & !1, within(top, self.height) & !1);
        let right = within(right, self.width).next_multiple_of(2);
        let bottom = within(bottom, self.height).next_multiple_of(2);
        let copy = |pixels: &[u8]| -> Vec<u8> {
            let rows = pixels.chunks_exact(self.width).take(bottom).skip(top);
            rows.flat_map(|row| &row[left..right]).copied().collect()
        };
        let part = Self {
            left: self.left + left,
            top: self.top + top,
            width: right - left,
            height: bottom - top,
            cover: copy(&self.cover),
            white: copy(&self.white),
        };
        (part, (left as i32, top as i32))
    }

    /// Puts white on a row of pixels from `x`, `y` on: as much of each as `coverage` and `opacity`
    /// say, of 255.
    pub fn add_white(&mut self, (x, y): (i32, i32), coverage: &[u8], opacity: u8) {
        let Some(y) = usize::try_from(y).ok().filter(|&y| y < self.height) else {
            return;
        };
        let hidden = usize::try_from(-x).unwrap_or(0);
        let x = usize::try_from(x).unwrap_or(0).min(self.width);
        let places = y * self.width + x..(y + 1) * self.width;
        let pixels = self.cover[places.clone()].iter_mut();
        let pixels = pixels.zip(&mut self.white[places]);
        for ((cover, white), &coverage) in pixels.zip(coverage.iter().skip(hidden)) {
            let added = product(opacity, coverage);
            *cover = added + product(*cover, u8::MAX - added);
            *white = added + product(*white, u8::MAX - added);
        }
    }
}

/// `a * b / 255`, rounded.
fn product(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}
