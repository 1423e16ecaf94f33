//! Drawings that are made for the picture as it is seen, on the frame as it is stored.

use super::drawing::Drawing;
use crate::frame::Presentation;

/// Width and height, in square pixels, of the upright picture that frames of `stored` width and height show:
/// the pixels of one dimension, and more where they are longer in the other.
pub(crate) fn shown_size(presentation: &Presentation, stored: (usize, usize)) -> (usize, usize) {
    let (width, height) = presentation.orientation.sides(stored);
    let (across, down) = presentation.upright_aspect();
    let scaled = |length: usize, by: u32, to: u32| {
        (length as f64 * f64::from(by) / f64::from(to)).round() as usize
    };
    if across >= down {
        (scaled(width, across, down), height)
    } else {
        (width, scaled(height, down, across))
    }
}

/// A run of places along one dimension of a drawing.
struct Run {
    first: usize,
    count: usize,
    /// Places of the picture as it is seen to one of these.
    step: f64,
}

impl Run {
    /// What `count` places from `first` on take where `shown` places become `stored`: whole pairs.
    fn new((first, count): (usize, usize), shown: usize, stored: usize) -> Self {
        let step = shown as f64 / stored as f64;
        let end = ((first + count) as f64 / step).ceil() as usize;
        let first = (first as f64 / step) as usize & !1;
        Self {
            first,
            count: end
                .next_multiple_of(2)
                .min(stored & !1)
                .saturating_sub(first),
            step,
        }
    }

    /// Averages of `values`, which are `width` to a row and begin at the place `first`, along each row.
    fn shrink(&self, values: &[u8], width: usize, first: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.count * (values.len() / width));
        for row in values.chunks_exact(width) {
            out.extend((self.first..self.first + self.count).map(|place| {
                let from = place as f64 * self.step - first as f64;
                let to = from + self.step;
                let places = from.max(0.0) as usize..(to.max(0.0).ceil() as usize).min(width);
                let sum: f64 = places
                    .map(|i| {
                        let share = to.min(i as f64 + 1.0) - from.max(i as f64);
                        share * f64::from(row[i])
                    })
                    .sum();
                (sum / self.step).round() as u8
            }));
        }
        out
    }
}

impl Drawing {
    /// The drawing on frames of `stored` width and height, made for the picture that `presentation` shows of them.
    pub fn stored(&self, presentation: &Presentation, stored: (usize, usize)) -> Self {
        let orientation = presentation.orientation;
        let (width, height) = orientation.sides(stored);
        let shown = shown_size(presentation, stored);
        let across = Run::new((self.left, self.width), shown.0, width);
        let down = Run::new((self.top, self.height), shown.1, height);
        let shrink = |values: &[u8]| {
            let rows = across.shrink(values, self.width, self.left);
            let columns = transposed(&rows, across.count);
            transposed(&down.shrink(&columns, self.height, self.top), down.count)
        };
        let (cover, white) = (shrink(&self.cover), shrink(&self.white));
        let size = (across.count, down.count);
        let turned = |values: &[u8]| {
            let mut out = Vec::new();
            orientation.turn_back(values, size, &mut out);
            out
        };
        // Where the rectangle begins, counted from the other end where the frame is mirrored.
        let begin = |first: usize, count: usize, length: usize, mirrored: bool| {
            let first = if mirrored {
                length - first - count
            } else {
                first
            };
            // Pairs stay together, even if a frame of odd size is mirrored.
            first & !1
        };
        let (x, y) = orientation.sides(((across.first, across.count), (down.first, down.count)));
        Self {
            left: begin(x.0, x.1, stored.0, orientation.mirrored_x),
            top: begin(y.0, y.1, stored.1, orientation.mirrored_y),
            width: x.1,
            height: y.1,
            cover: turned(&cover),
            white: turned(&white),
        }
    }
}

/// Columns, one after the other, of rows of `width` values.
fn transposed(values: &[u8], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len());
    for x in 0..width {
        out.extend(values.iter().skip(x).step_by(width));
    }
    out
}
