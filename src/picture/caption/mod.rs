//! Lines of text over a frame.

mod channels;
mod drawing;
mod stamp;
mod text;

#[cfg(test)]
mod tests;

use super::view::{Geometry, PlaneMut};
use channels::Samples;
use drawing::Drawing;
use stamp::Stamp;
use text::Line;

/// Draws lines "label, score" over frames of one geometry: light letters on a darkened plate in
/// the upper left corner, one line marked.
///
/// Text is set, and turned into what each plane of the frame needs, only when it changes; drawing
/// it on a frame is one pass over the plate.
pub struct Caption {
    geometry: Geometry,
    samples: Samples,
    lines: Vec<Line>,
    marked: Option<usize>,
    stamps: Vec<Stamp>,
}

impl Caption {
    /// A caption without lines for frames of `geometry`.
    pub fn new(geometry: &Geometry) -> Self {
        Self {
            geometry: *geometry,
            samples: Samples::new(geometry.layout),
            lines: Vec::new(),
            marked: None,
            stamps: Vec::new(),
        }
    }

    /// Sets the lines, first one on top, with the score (0 to 1) of each to two decimals, and
    /// which of them is marked. Returns whether that changed what is drawn; nothing is allocated
    /// when it did not.
    ///
    /// Labels may hold anything in any script: they are plain text, control characters are
    /// spaces, and a label that is too long for the frame ends in an ellipsis. Lines that do not
    /// fit below each other are left out, the marked one last. Where not even one fits (frames
    /// below about 85 x 35 pixels) nothing is drawn.
    pub fn set_lines<'a>(
        &mut self,
        lines: impl IntoIterator<Item = (&'a str, f32)>,
        marked: Option<usize>,
    ) -> bool {
        let mut changed = marked != self.marked;
        let mut count = 0;
        for (label, score) in lines {
            let percent = (score.clamp(0.0, 1.0) * 100.0).round() as u8;
            match self.lines.get_mut(count) {
                Some(line) if line.label == label && line.percent == percent => {}
                Some(line) => {
                    line.label.clear();
                    line.label.push_str(label);
                    line.percent = percent;
                    changed = true;
                }
                None => {
                    let label = label.to_owned();
                    self.lines.push(Line { label, percent });
                    changed = true;
                }
            }
            count += 1;
        }
        changed |= count != self.lines.len();
        if changed {
            self.lines.truncate(count);
            self.marked = marked;
            let Geometry { width, height, .. } = self.geometry;
            self.stamps = Drawing::new(&self.lines, marked, width, height)
                .map(|drawing| stamp::stamps(&self.samples, &drawing))
                .unwrap_or_default();
        }
        changed
    }

    /// Draws the lines on the frame in `planes`. Only samples under the plate change, and of those
    /// neither alpha nor padding.
    ///
    /// # Panics
    /// Where a plane is smaller than the geometry asks for.
    pub fn draw(&self, planes: &mut [PlaneMut]) {
        for stamp in &self.stamps {
            stamp.press(planes);
        }
    }
}
