//! Where the lines of a caption go.

use std::sync::Arc;

use super::drawing::Drawing;
use super::label_cache::{Label, Letters};
use super::score_digits::ScoreDigits;
use super::style::Style;

/// Letters are this fraction of the frame's shortest side high, and at least [`SMALLEST`] pixels.
const SIZE: f64 = 1.0 / 30.0;
const SMALLEST: f64 = 10.0;

// In units of the letters' size.
const MARGIN: f64 = 0.5;
const PADDING: f64 = 0.4;
const MARKER_COLUMN: f64 = 0.8;
/// Middle of small letters above the baseline.
const MIDDLE: f64 = 0.3;

/// Size of the letters, in pixels, on frames of `width` x `height` pixels.
pub(crate) fn letter_size(width: usize, height: usize) -> f64 {
    (width.min(height) as f64 * SIZE).max(SMALLEST).round()
}

/// A label and its score.
pub(crate) struct Line {
    pub label: String,
    /// The score in hundredths.
    pub percent: u8,
    /// The score is drawn as it is.
    pub is_scored: bool,
}

/// The labels of some lines on a plate, and where their scores go.
pub(crate) struct TextLayout {
    /// The plate without scores.
    pub drawing: Drawing,
    pub scores: Vec<Score>,
}

/// Room for a score.
pub(crate) struct Score {
    /// Which of the lines it belongs to.
    pub line: usize,
    style: Style,
    /// Where it starts on its baseline, from the plate's upper left corner.
    place: (i32, i32),
}

impl TextLayout {
    /// A plate in the upper left corner of frames of `width` x `height` pixels; `None` where there
    /// is nothing to draw or no room for it.
    pub fn new(
        lines: &[Line],
        marked: Option<usize>,
        (width, height): (usize, usize),
        letters: &mut Letters,
    ) -> Option<Self> {
        let size = letters.size;
        let margin = even_up(MARGIN * size);
        // What is left is even, too.
        let most_width = width.checked_sub(2 * margin)? & !1;
        let most_height = height.checked_sub(2 * margin)? & !1;
        let column = marked.map_or(0.0, |_| MARKER_COLUMN * size);
        let beside = 2.0 * PADDING * size + column;
        let above = 2.0 * PADDING * size;
        let room = (most_width as f64 - beside, most_height as f64 - above);
        let rows = rows(lines, marked, room, letters);
        if rows.is_empty() {
            return None;
        }
        let labels = || rows.iter().map(|(_, label)| label);
        let text_width = labels().map(|label| label.row_width).fold(0.0, f64::max);
        let text_height: f64 = labels().map(|label| label.height).sum();
        let width = even_up(text_width + beside).min(most_width);
        let height = even_up(text_height + above).min(most_height);
        let drawing = Drawing::plate((margin, margin), (width, height), &letters.corner);
        let mut plate = Self {
            drawing,
            scores: Vec::with_capacity(rows.len()),
        };
        plate.add_rows(&rows, column, letters);
        Some(plate)
    }

    /// Draws the rows beside a column for the marker, and finds the places of their scores.
    fn add_rows(&mut self, rows: &[(usize, Arc<Label>)], column: f64, letters: &Letters) {
        let padding = PADDING * letters.size;
        let width = self.drawing.width as f64;
        // Letters are hinted for whole pixels.
        let place = |x: f64, y: f64| (x.round() as i32, y.round() as i32);
        let mut top = padding;
        for (line, label) in rows {
            let baseline = top + label.baseline;
            let Style {
                marked, mirrored, ..
            } = label.style;
            let (edge, label_x, score_x) = if mirrored {
                let end = width - padding - column;
                (width - padding, end - label.width, end - label.row_width)
            } else {
                let start = padding + column;
                (padding, start, start + label.width)
            };
            if marked {
                let middle = baseline - MIDDLE * letters.size;
                let marker = &letters.markers[usize::from(mirrored)];
                self.drawing.add_white(place(edge, middle), marker, u8::MAX);
            }
            let opacity = label.style.opacity();
            self.drawing
                .add_white(place(label_x, baseline), &label.bitmap, opacity);
            self.scores.push(Score {
                line: *line,
                style: label.style,
                place: place(score_x, baseline),
            });
            top += label.height;
        }
    }

    /// The whole plate with the scores of its lines.
    pub fn with_scores(&self, lines: &[Line], digits: &ScoreDigits) -> Drawing {
        let mut drawing = self.drawing.clone();
        for score in &self.scores {
            let percent = lines[score.line].percent;
            digits.draw(percent, score.style, &mut drawing, score.place);
        }
        drawing
    }

    /// The part of the plate that holds a score, with that score in hundredths.
    pub fn with_score(&self, score: &Score, percent: u8, digits: &ScoreDigits) -> Drawing {
        let (x, y) = score.place;
        let (mut part, (left, top)) = self.drawing.part(digits.ink(score.style, score.place));
        digits.draw(percent, score.style, &mut part, (x - left, y - top));
        part
    }
}

/// As many of the lines, with their numbers, as fit in `width` x `height` pixels, from the first
/// on. Where the marked line is not among them it takes the place of the last.
fn rows(
    lines: &[Line],
    marked: Option<usize>,
    (width, height): (f64, f64),
    letters: &mut Letters,
) -> Vec<(usize, Arc<Label>)> {
    let mut row = |i: usize, left: f64| {
        let label = letters.label(&lines.get(i)?.label, marked == Some(i), width)?;
        (label.height <= left).then_some((i, label))
    };
    let mut rows: Vec<(usize, Arc<Label>)> = Vec::new();
    let mut left = height;
    for i in 0..lines.len() {
        let Some(row) = row(i, left) else {
            break;
        };
        left -= row.1.height;
        rows.push(row);
    }
    if let Some(hidden) = marked.filter(|&marked| marked >= rows.len()) {
        while let Some((_, last)) = rows.pop() {
            left += last.height;
            if let Some(row) = row(hidden, left) {
                rows.push(row);
                break;
            }
        }
    }
    rows
}

fn even_up(x: f64) -> usize {
    (x / 2.0).ceil() as usize * 2
}
