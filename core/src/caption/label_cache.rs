//! Labels, scores and marks of captions, each drawn once.
//!
//! Scores change with nearly every frame, and the best classes of live video change places, but
//! hardly ever do new ones come up. To have a text set takes longer than all else that is done for a
//! frame's caption.

use std::f64::consts::PI;
use std::sync::Arc;

use super::bitmap::Bitmap;
use super::pango::Typesetter;
use super::score_digits::ScoreDigits;
use super::style::Style;
use pangocairo::cairo;
use pangocairo::pango;

/// Labels that are kept, the last ones that were asked for.
const KEPT: usize = 16;

/// Room that a label needs to be worth drawing, in units of the letters' size.
const SHORTEST_LABEL: f64 = 2.0;

// In units of the letters' size.
const CORNER: f64 = 0.3;
const MARKER: f64 = 0.5;

/// What captions of one size are put together from.
pub(crate) struct Letters {
    /// Size of the letters, in pixels.
    pub size: f64,
    pub digits: ScoreDigits,
    /// The upper left corner of a plate.
    pub corner: Bitmap,
    /// Triangles that point to the right, and to the left; they start where they touch the edge.
    pub markers: [Bitmap; 2],
    /// The latest one first.
    labels: Vec<Arc<Label>>,
}

/// A label that is set, with room for its score behind it.
pub(crate) struct Label {
    text: String,
    room: f64,
    pub style: Style,
    pub bitmap: Bitmap,
    /// Width of the label alone, in pixels, and with its score.
    pub width: f64,
    pub row_width: f64,
    /// Height of the row, and from its top to its baseline.
    pub height: f64,
    pub baseline: f64,
}

impl Letters {
    /// Letters of `size` pixels; none where Pango or Cairo has no room.
    pub fn new(size: f64) -> Option<Self> {
        let radius = CORNER * size;
        let half = MARKER * size / 2.0;
        let marker = |ahead: f64| {
            let outline = |cairo: &cairo::Context| {
                cairo.move_to(0.0, -half);
                cairo.line_to(ahead, 0.0);
                cairo.line_to(0.0, half);
                cairo.close_path();
            };
            let (left, right) = (ahead.min(0.0).floor(), ahead.max(0.0).ceil());
            let side = half.ceil() as i32;
            Bitmap::of_shape([left as i32, -side, right as i32, side], outline)
        };
        let ahead = 2.0 * half * 0.866;
        let side = radius.ceil() as i32;
        Some(Self {
            size,
            digits: ScoreDigits::new(&Typesetter::new(size))?,
            corner: Bitmap::of_shape([0, 0, side, side], |cairo| {
                cairo.move_to(f64::from(side), f64::from(side));
                cairo.line_to(0.0, f64::from(side));
                cairo.arc(radius, radius, radius, PI, 1.5 * PI);
                cairo.line_to(f64::from(side), 0.0);
                cairo.close_path();
            })?,
            markers: [marker(ahead)?, marker(-ahead)?],
            labels: Vec::new(),
        })
    }

    /// The label `text`, with its score at most `room` pixels wide; none if that is too little.
    pub fn label(&mut self, text: &str, marked: bool, room: f64) -> Option<Arc<Label>> {
        let is_it = |label: &Arc<Label>| {
            label.text == text && label.style.marked == marked && label.room == room
        };
        match self.labels.iter().position(is_it) {
            Some(place) => self.labels[..=place].rotate_right(1),
            None => {
                let label = Arc::new(self.set(text, marked, room)?);
                self.labels.truncate(KEPT - 1);
                self.labels.insert(0, label);
            }
        }
        self.labels.first().cloned()
    }

    fn set(&self, text: &str, marked: bool, room: f64) -> Option<Label> {
        let plain = plain(text, room);
        let direction = pango::find_base_dir(&plain);
        let style = Style {
            marked,
            mirrored: matches!(direction, pango::Direction::Rtl | pango::Direction::WeakRtl),
            labelled: !plain.is_empty(),
        };
        let score_width = f64::from(self.digits.width(style));
        let face = self.digits.face(style);
        let typesetter = Typesetter::new(self.size);
        let least = SHORTEST_LABEL * self.size;
        let line = typesetter.fitting(&plain, style, room - score_width, least)?;
        let baseline = line.baseline.max(face.baseline);
        let below = (line.height - line.baseline).max(face.height - face.baseline);
        Some(Label {
            text: text.to_owned(),
            room,
            style,
            bitmap: Bitmap::of_text(&line)?,
            width: line.width,
            row_width: line.width + score_width,
            height: baseline + below,
            baseline,
        })
    }
}

/// `label` without what is no text, nor longer than what fits in `room` pixels if each character
/// takes one.
fn plain(label: &str, room: f64) -> String {
    let separator = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    label
        .trim_matches(|c: char| c.is_whitespace() || separator(c))
        .chars()
        .take(room.max(0.0) as usize)
        .map(|c| if separator(c) { ' ' } else { c })
        .collect()
}
