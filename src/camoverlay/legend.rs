//! What is written on frames: the best classes, or those that are shown together, each in its colour.

use camoverlay::caption::Caption;
use camoverlay::frame::{Geometry, PlaneMut, Presentation};
use camoverlay::render::class_colour;

/// Lines on frames of one geometry.
pub struct Legend {
    geometry: Geometry,
    presentation: Presentation,
    caption: Caption,
    /// A line for each of several classes, in its colour.
    classes: Vec<Caption>,
}

impl Legend {
    pub fn new(geometry: &Geometry, presentation: &Presentation) -> Self {
        Self {
            geometry: *geometry,
            presentation: *presentation,
            caption: Caption::presented(geometry, presentation),
            classes: Vec::new(),
        }
    }

    /// Writes nothing.
    pub fn clear(&mut self) {
        self.classes.clear();
        self.caption.set_lines([], None);
    }

    /// Writes labels and scores, one of them marked.
    pub fn set_lines<'a>(
        &mut self,
        lines: impl IntoIterator<Item = (&'a str, f32)>,
        marked: Option<usize>,
    ) {
        self.classes.clear();
        self.caption.set_lines(lines, marked);
    }

    /// Writes labels and scores of the classes that are shown together, each in the colour of its number; those that are
    /// none have no line.
    pub fn set_classes<'a>(&mut self, lines: impl IntoIterator<Item = Option<(&'a str, f32)>>) {
        self.caption.set_lines([], None);
        let (mut count, mut lowest) = (0, None);
        for line in lines {
            if self.classes.len() == count {
                let colour = class_colour(count);
                let caption = Caption::coloured(&self.geometry, &self.presentation, colour);
                self.classes.push(caption);
            }
            let (above, below) = self.classes.split_at_mut(count);
            if let Some(lowest) = lowest {
                below[0].put_below(&above[lowest]);
            }
            below[0].set_lines(line, None);
            if line.is_some() {
                lowest = Some(count);
            }
            count += 1;
        }
        self.classes.truncate(count);
    }

    /// Draws it on a frame.
    pub fn draw(&self, planes: &mut [PlaneMut]) {
        self.caption.draw(planes);
        for caption in &self.classes {
            caption.draw(planes);
        }
    }
}
