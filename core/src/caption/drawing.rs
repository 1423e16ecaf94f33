//! White and black that go over a frame.

use super::bitmap::Bitmap;

/// Pixels that go over those of the frame, `width` x `height` from `left`, `top` on. All four are
/// even, so that pixels that share a chroma sample stay together.
#[derive(Clone)]
pub(crate) struct Drawing {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    /// How much of the frame each pixel hides, 0 to 255.
    pub cover: Vec<u8>,
    /// How much of each pixel's cover is white, the rest being black.
    pub white: Vec<u8>,
}

/// Opacity of a plate, in 1/255: white letters stay readable on white.
const PLATE: u8 = 179;

impl Drawing {
    /// A black plate whose corners look like `corner`, the upper left one.
    pub fn plate(
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        corner: &Bitmap,
    ) -> Self {
        let mut cover = vec![PLATE; width * height];
        for (y, row) in corner.rows().enumerate().take(height) {
            for (x, &coverage) in row.iter().enumerate().take(width) {
                let value = product(PLATE, coverage);
                for y in [y, height - 1 - y] {
                    cover[y * width + x] = value;
                    cover[y * width + width - 1 - x] = value;
                }
            }
        }
        Self {
            left,
            top,
            width,
            height,
            cover,
            white: vec![0; width * height],
        }
    }

    /// A copy of the part inside left, top, right and bottom, in pixels of the drawing, which may
    /// reach beyond it; and where that part starts.
    pub fn part(&self, [left, top, right, bottom]: [i32; 4]) -> (Self, (i32, i32)) {
        let within = |at: i32, size: usize| usize::try_from(at).unwrap_or(0).min(size);
        let (left, top) = (within(left, self.width) & !1, within(top, self.height) & !1);
        let right = within(right, self.width).next_multiple_of(2);
        let bottom = within(bottom, self.height).next_multiple_of(2);
        let copy = |pixels: &[u8]| {
            let mut copy = Vec::with_capacity((right - left) * (bottom - top));
            for row in pixels.chunks_exact(self.width).take(bottom).skip(top) {
                copy.extend_from_slice(&row[left..right]);
            }
            copy
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

    /// Puts white on the pixels that `bitmap` covers where it starts at `x`, `y`, as much as `opacity`
    /// says, in 1/255.
    pub fn add_white(&mut self, (x, y): (i32, i32), bitmap: &Bitmap, opacity: u8) {
        let (x, first) = (x + bitmap.x, y + bitmap.y);
        let hidden = usize::try_from(-x).unwrap_or(0);
        let left = usize::try_from(x).unwrap_or(0).min(self.width);
        for (y, row) in (first..).zip(bitmap.rows()) {
            let Some(y) = usize::try_from(y).ok().filter(|&y| y < self.height) else {
                continue;
            };
            let places = y * self.width + left..(y + 1) * self.width;
            let pixels = self.cover[places.clone()].iter_mut();
            let pixels = pixels.zip(&mut self.white[places]);
            for ((cover, white), &coverage) in pixels.zip(row.get(hidden..).unwrap_or_default()) {
                let added = product(opacity, coverage);
                *cover = added + product(*cover, u8::MAX - added);
                *white = added + product(*white, u8::MAX - added);
            }
        }
    }
}

/// `a * b / 255`, rounded.
fn product(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}
