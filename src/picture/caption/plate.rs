//! A plate with lines of text, made with Cairo.

use super::drawing::Drawing;
use super::figures::{Figures, Style};
use super::text::{Line, Row, Scribe, Setter};
use pangocairo::cairo;
use std::f64::consts::FRAC_PI_2;

/// Letters are this fraction of the frame's shortest side high, and at least [`SMALLEST`] pixels.
const SIZE: f64 = 1.0 / 30.0;
const SMALLEST: f64 = 10.0;

// In units of the letters' size.
const MARGIN: f64 = 0.5;
const PADDING: f64 = 0.4;
const CORNER: f64 = 0.3;
const MARKER: f64 = 0.5;
const MARKER_COLUMN: f64 = 0.8;
/// Middle of small letters above the baseline.
const MIDDLE: f64 = 0.3;

/// Opacity of the plate: white letters stay readable on white.
const PLATE: f64 = 0.7;

/// Size of the letters, in pixels, on frames of `width` x `height` pixels.
pub(super) fn letter_size(width: usize, height: usize) -> f64 {
    (width.min(height) as f64 * SIZE).max(SMALLEST).round()
}

/// The labels of some lines on a plate, and where their scores go.
pub(super) struct Plate {
    /// The plate without scores.
    pub drawing: Drawing,
    pub scores: Vec<Score>,
}

/// Room for a score.
pub(super) struct Score {
    /// Which of the lines it belongs to.
    pub line: usize,
    style: Style,
    /// Where it starts on its baseline, from the plate's upper left corner.
    place: (i32, i32),
}

impl Plate {
    /// A plate in the upper left corner of frames of `width` x `height` pixels, with letters that
    /// `scribe` sets and scores in `figures`; `None` where there is nothing to draw or no room for it.
    pub fn new(
        lines: &[Line],
        marked: Option<usize>,
        (width, height): (usize, usize),
        scribe: &Scribe,
        figures: &Figures,
    ) -> Option<Self> {
        let size = scribe.size;
        let margin = even_up(MARGIN * size);
        // What is left is even, too.
        let most_width = width.checked_sub(2 * margin)? & !1;
        let most_height = height.checked_sub(2 * margin)? & !1;
        let column = marked.map_or(0.0, |_| MARKER_COLUMN * size);
        let beside = 2.0 * PADDING * size + column;
        let above = 2.0 * PADDING * size;
        let setter = Setter {
            scribe,
            figures,
            width: most_width as f64 - beside,
            height: most_height as f64 - above,
        };
        let rows = setter.rows(lines, marked);
        if rows.is_empty() {
            return None;
        }
        let text_width = rows.iter().map(|row| row.width).fold(0.0, f64::max);
        let text_height: f64 = rows.iter().map(|row| row.height).sum();
        let width = even_up(text_width + beside).min(most_width);
        let height = even_up(text_height + above).min(most_height);

        let side = |pixels: usize| i32::try_from(pixels).ok();
        let format = cairo::Format::ARgb32;
        let surface = cairo::ImageSurface::create(format, side(width)?, side(height)?).ok()?;
        let pen = Pen {
            cairo: cairo::Context::new(&surface).ok()?,
            size,
        };
        pen.plate(width as f64, height as f64)?;
        let scores = pen.rows(&rows, column, width as f64)?;
        drop(pen);

        let stride = usize::try_from(surface.stride()).ok()?;
        let data = surface.take_data().ok()?;
        let (mut cover, mut white) = (Vec::new(), Vec::new());
        cover.reserve_exact(width * height);
        white.reserve_exact(width * height);
        for row in data.chunks_exact(stride) {
            let pixels = row.as_chunks().0[..width].iter();
            let argb = pixels.map(|&pixel| u32::from_ne_bytes(pixel));
            cover.extend(argb.clone().map(|argb| (argb >> 24) as u8));
            // Green stands for all: only colour glyphs differ, and captions have no colours.
            white.extend(argb.map(|argb| ((argb >> 8) as u8).min((argb >> 24) as u8)));
        }
        Some(Self {
            drawing: Drawing {
                left: margin,
                top: margin,
                width,
                height,
                cover,
                white,
            },
            scores,
        })
    }

    /// The part of the plate that holds a score, with that score in hundredths.
    pub fn with_score(&self, score: &Score, percent: u8, figures: &Figures) -> Drawing {
        let (x, y) = score.place;
        let (mut part, (left, top)) = self.drawing.part(figures.ink(score.style, score.place));
        figures.draw(percent, score.style, &mut part, (x - left, y - top));
        part
    }
}

fn even_up(x: f64) -> usize {
    (x / 2.0).ceil() as usize * 2
}

/// Draws with letters of `size` pixels.
struct Pen {
    cairo: cairo::Context,
    size: f64,
}

impl Pen {
    /// A black rectangle with round corners.
    fn plate(&self, width: f64, height: f64) -> Option<()> {
        let radius = CORNER * self.size;
        let corners = [
            (width - radius, radius),
            (width - radius, height - radius),
            (radius, height - radius),
            (radius, radius),
        ];
        let mut angle = -FRAC_PI_2;
        for (x, y) in corners {
            self.cairo.arc(x, y, radius, angle, angle + FRAC_PI_2);
            angle += FRAC_PI_2;
        }
        self.cairo.set_source_rgba(0.0, 0.0, 0.0, PLATE);
        self.cairo.fill().ok()
    }

    /// The labels on a plate `width` pixels wide, beside a column for the marker; returns where
    /// their scores go.
    fn rows(&self, rows: &[Row], column: f64, width: f64) -> Option<Vec<Score>> {
        let padding = PADDING * self.size;
        let mut scores = Vec::with_capacity(rows.len());
        let mut top = padding;
        for row in rows {
            self.cairo
                .set_source_rgba(1.0, 1.0, 1.0, row.style.opacity());
            let baseline = top + row.baseline;
            let (edge, label_x, score_x) = if row.style.mirrored {
                let label_x = width - padding - column - row.label.width;
                (
                    width - padding,
                    label_x,
                    label_x + row.label.width - row.width,
                )
            } else {
                let label_x = padding + column;
                (padding, label_x, label_x + row.label.width)
            };
            if row.style.marked {
                self.marker(edge, baseline, row.style.mirrored)?;
            }
            // Letters are hinted for whole pixels.
            self.cairo.move_to(label_x.round(), baseline.round());
            pangocairo::functions::show_layout_line(&self.cairo, &row.label.line);
            scores.push(Score {
                line: row.line,
                style: row.style,
                place: (score_x.round() as i32, baseline.round() as i32),
            });
            top += row.height;
        }
        Some(scores)
    }

    /// A triangle that points from the plate's edge to the line.
    fn marker(&self, edge: f64, baseline: f64, mirrored: bool) -> Option<()> {
        let half = MARKER * self.size / 2.0;
        let ahead = if mirrored { -2.0 } else { 2.0 } * half * 0.866;
        let middle = (baseline - MIDDLE * self.size).round();
        self.cairo.move_to(edge, middle - half);
        self.cairo.line_to(edge + ahead, middle);
        self.cairo.line_to(edge, middle + half);
        self.cairo.close_path();
        self.cairo.fill().ok()
    }
}
