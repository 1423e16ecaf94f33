//! Lines of text over a frame.
//!
//! Pango sets the labels, in whatever script they are, and Cairo draws them, when they come up and not with every
//! frame. What is kept is a mask of the letters and a darkened plate behind them (`blend_mask`), in the resolution of
//! each plane of the frame; drawing them is one blend of the plate's rows. Scores are put together from digits that
//! were drawn before, all of one width, so that they stay in place while they change.

mod bitmap;
mod blend_mask;
mod channels;
mod chroma_cells;
mod drawing;
mod label_cache;
mod pango;
mod score_digits;
mod stored;
mod style;
mod text_layout;

#[cfg(test)]
mod tests;

use crate::frame::{Geometry, PlaneMut};
use crate::frame::{Orientation, Presentation};
use blend_mask::BlendMask;
use channels::Samples;
use label_cache::Letters;
use text_layout::{Line, TextLayout, letter_size};

/// Draws lines "label, score" over frames of one geometry: light letters on a darkened plate in
/// the upper left corner, one line marked.
///
/// Labels are set once, as long as they come up again now and then. They are turned into what each
/// plane of the frame needs only when they change, and where only scores change their places alone
/// are; drawing it all on a frame is one pass over the plate.
pub struct Caption {
    geometry: Geometry,
    presentation: Presentation,
    samples: Samples,
    lines: Vec<Line>,
    marked: Option<usize>,
    /// What lines are put together from, once there were any.
    letters: Option<Letters>,
    /// What there is to draw, if anything, and what it does to a frame.
    plate: Option<TextLayout>,
    masks: Vec<BlendMask>,
    /// How far below its usual place it is, in pixels of the upright picture.
    below: usize,
}

impl Caption {
    /// A caption without lines for frames of `geometry`.
    pub fn new(geometry: &Geometry) -> Self {
        Self::presented(geometry, &Presentation::default())
    }

    /// The same for frames that are meant to be seen as `presentation` says: the lines stand upright, undistorted and
    /// in the upper left corner of what is seen, and their white is no brighter than the picture's.
    pub fn presented(geometry: &Geometry, presentation: &Presentation) -> Self {
        Self {
            geometry: *geometry,
            presentation: *presentation,
            samples: Samples::new(geometry.layout, presentation.white()),
            lines: Vec::new(),
            marked: None,
            letters: None,
            plate: None,
            masks: Vec::new(),
            below: 0,
        }
    }

    /// The same with letters of a colour: a line of a legend.
    pub fn coloured(geometry: &Geometry, presentation: &Presentation, rgb: [u8; 3]) -> Self {
        Self {
            samples: Samples::coloured(geometry.layout, presentation.white(), rgb),
            ..Self::presented(geometry, presentation)
        }
    }

    /// Moves it below `other`, to be said before its lines are set; says whether that changed its place.
    pub fn put_below(&mut self, other: &Self) -> bool {
        let below = other.plate.as_ref().map_or(other.below, |plate| {
            // As far from the left as the first is from the top.
            (plate.drawing.top + plate.drawing.height).saturating_sub(plate.drawing.left)
        });
        let is_moved = self.below != below;
        if is_moved {
            self.below = below;
            self.lines.clear();
        }
        is_moved
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
        let mut labels_changed = marked != self.marked;
        let mut scores_changed = false;
        let mut count = 0;
        for (label, score) in lines {
            let percent = (score.clamp(0.0, 1.0) * 100.0).round() as u8;
            match self.lines.get_mut(count) {
                Some(line) => {
                    line.is_scored = line.percent == percent;
                    line.percent = percent;
                    scores_changed |= !line.is_scored;
                    if line.label != label {
                        line.label.clear();
                        line.label.push_str(label);
                        labels_changed = true;
                    }
                }
                None => {
                    self.lines.push(Line {
                        label: label.to_owned(),
                        percent,
                        is_scored: false,
                    });
                    labels_changed = true;
                }
            }
            count += 1;
        }
        labels_changed |= count != self.lines.len();
        if labels_changed {
            self.lines.truncate(count);
            self.marked = marked;
            self.set_labels();
        }
        if labels_changed || scores_changed {
            self.set_scores(labels_changed);
        }
        labels_changed || scores_changed
    }

    /// Sets all text but the scores.
    fn set_labels(&mut self) {
        let stored = (self.geometry.width, self.geometry.height);
        let (width, height) = stored::shown_size(&self.presentation, stored);
        if self.letters.is_none() {
            self.letters = Letters::new(letter_size(width, height));
        }
        let letters = self.letters.as_mut();
        self.plate = letters.and_then(|letters| {
            let room = (width, height.checked_sub(self.below)?);
            let mut plate = TextLayout::new(&self.lines, self.marked, room, letters)?;
            plate.drawing.top += self.below;
            Some(plate)
        });
        match &self.plate {
            // Rendered with its scores.
            Some(_) if !self.lies_as_shown() => {}
            Some(plate) => blend_mask::render(&mut self.masks, &self.samples, &plate.drawing),
            None => self.masks.clear(),
        }
    }

    /// Puts in the scores that changed, or all of them.
    fn set_scores(&mut self, all: bool) {
        let (Some(plate), Some(letters)) = (&self.plate, &self.letters) else {
            return;
        };
        if !self.lies_as_shown() {
            let drawing = plate.with_scores(&self.lines, &letters.digits);
            let stored = (self.geometry.width, self.geometry.height);
            let drawing = drawing.stored(&self.presentation, stored);
            blend_mask::render(&mut self.masks, &self.samples, &drawing);
            return;
        }
        let mut parts = Vec::new();
        for score in &plate.scores {
            let line = &self.lines[score.line];
            if all || !line.is_scored {
                let part = plate.with_score(score, line.percent, &letters.digits);
                blend_mask::render(&mut parts, &self.samples, &part);
                for (mask, part) in self.masks.iter_mut().zip(&parts) {
                    mask.replace(part);
                }
            }
        }
    }

    /// Whether what is stored is what is seen, pixel by pixel.
    fn lies_as_shown(&self) -> bool {
        let (across, down) = self.presentation.pixel_aspect;
        across == down && self.presentation.orientation == Orientation::IDENTITY
    }

    /// Draws the lines on the frame in `planes`. Only samples under the plate change, and of those
    /// neither alpha nor padding.
    ///
    /// # Panics
    /// Where a plane is smaller than the geometry asks for.
    pub fn draw(&self, planes: &mut [PlaneMut]) {
        for mask in &self.masks {
            mask.blend(planes);
        }
    }
}
