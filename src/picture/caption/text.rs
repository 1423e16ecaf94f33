//! Setting lines of text with Pango.

use super::figures::{Figures, Style};
use pangocairo::prelude::FontMapExt;
use pangocairo::{cairo, pango};

/// Room that a label needs to be worth drawing, in units of the letters' size.
const SHORTEST_LABEL: f64 = 2.0;

/// A label and its score.
pub(super) struct Line {
    pub label: String,
    /// The score in hundredths.
    pub percent: u8,
    /// The score is drawn as it is.
    pub is_scored: bool,
}

/// A line that is set. Its score comes after the label, which alone is shortened.
pub(super) struct Row {
    pub label: Piece,
    pub style: Style,
    /// Which of the lines it is.
    pub line: usize,
    /// Width of label and score.
    pub width: f64,
    pub height: f64,
    /// From the row's top to its baseline.
    pub baseline: f64,
}

/// A piece of text that is set, and its logical size in pixels.
pub(super) struct Piece {
    /// Keeps the text of `line`.
    layout: pango::Layout,
    pub line: pango::LayoutLine,
    pub width: f64,
    pub height: f64,
    /// From the top.
    pub baseline: f64,
}

impl Piece {
    fn new(layout: pango::Layout) -> Option<Self> {
        let line = layout.line_readonly(0)?;
        let (_, logical) = line.extents();
        Some(Self {
            width: pixels(logical.width()),
            height: pixels(logical.height()),
            baseline: pixels(-logical.y()),
            layout,
            line,
        })
    }

    /// Left, top, right and bottom of the pixels that its letters touch, from where it starts on the
    /// baseline.
    pub fn ink(&self) -> [i32; 4] {
        let (ink, _) = self.line.extents();
        let (right, bottom) = (ink.x() + ink.width(), ink.y() + ink.height());
        let up = |units: i32| pixels(units).ceil() as i32;
        let down = |units: i32| pixels(units).floor() as i32;
        [down(ink.x()), down(ink.y()), up(right), up(bottom)]
    }
}

/// First byte and width, in pixels, of each cluster of the text of `layout`, in logical order.
/// Clusters are what may not be torn apart, such as a letter and its accents.
fn clusters(layout: &pango::Layout) -> Vec<(usize, f64)> {
    let mut iter = layout.iter();
    let mut clusters = Vec::new();
    loop {
        let (_, logical) = iter.cluster_extents();
        clusters.push((iter.index().max(0) as usize, pixels(logical.width())));
        if !iter.next_cluster() {
            break;
        }
    }
    clusters.sort_by_key(|&(start, _)| start);
    clusters
}

fn pixels(units: i32) -> f64 {
    f64::from(units) / f64::from(pango::SCALE)
}

/// Sets text in letters of one size.
pub(super) struct Scribe {
    left_to_right: pango::Context,
    right_to_left: pango::Context,
    /// In pixels.
    pub size: f64,
}

impl Scribe {
    pub fn new(size: f64) -> Self {
        Self {
            left_to_right: context(pango::Direction::Ltr),
            right_to_left: context(pango::Direction::Rtl),
            size,
        }
    }

    /// `text` in a line that runs from right to left where `mirrored`.
    pub fn set(&self, text: &str, bold: bool, mirrored: bool) -> Option<Piece> {
        let mut font = pango::FontDescription::new();
        font.set_family("Sans");
        font.set_absolute_size(self.size * f64::from(pango::SCALE));
        if bold {
            font.set_weight(pango::Weight::Bold);
        }
        let layout = pango::Layout::new(match mirrored {
            true => &self.right_to_left,
            false => &self.left_to_right,
        });
        layout.set_font_description(Some(&font));
        layout.set_auto_dir(false); // the whole line has one direction
        layout.set_single_paragraph_mode(true);
        layout.set_text(text);
        Piece::new(layout)
    }
}

/// Sets lines, each at most `width` pixels wide and all together at most `height` high.
pub(super) struct Setter<'a> {
    pub scribe: &'a Scribe,
    pub figures: &'a Figures,
    pub width: f64,
    pub height: f64,
}

impl Setter<'_> {
    /// As many rows as fit, from the first on. Where the marked line is not among them it takes the
    /// place of the last.
    pub fn rows(&self, lines: &[Line], marked: Option<usize>) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut left = self.height;
        for i in 0..lines.len() {
            let Some(row) = self.row(lines, i, marked, left) else {
                break;
            };
            left -= row.height;
            rows.push(row);
        }
        let hidden = marked.filter(|&marked| marked >= rows.len());
        if let Some(hidden) = hidden {
            while let Some(last) = rows.pop() {
                left += last.height;
                if let Some(row) = self.row(lines, hidden, marked, left) {
                    rows.push(row);
                    break;
                }
            }
        }
        rows
    }

    /// One of the lines, if it fits in a height of `height` pixels.
    fn row(&self, lines: &[Line], line: usize, marked: Option<usize>, height: f64) -> Option<Row> {
        let label = self.plain(&lines.get(line)?.label);
        let direction = pango::find_base_dir(&label);
        let style = Style {
            marked: marked == Some(line),
            mirrored: matches!(direction, pango::Direction::Rtl | pango::Direction::WeakRtl),
            labelled: !label.is_empty(),
        };
        let score_width = f64::from(self.figures.width(style));
        let face = self.figures.face(style);
        let label = self.fitting(&label, style, self.width - score_width)?;
        let baseline = label.baseline.max(face.baseline);
        let below = (label.height - label.baseline).max(face.height - face.baseline);
        let row = Row {
            width: label.width + score_width,
            height: baseline + below,
            baseline,
            label,
            style,
            line,
        };
        (row.height <= height).then_some(row)
    }

    /// `text`, if need be shortened to a width of `room` pixels; `None` if that is too little.
    ///
    /// Pango's own shortening fills the room with a gap, before or behind the ellipsis.
    fn fitting(&self, text: &str, style: Style, room: f64) -> Option<Piece> {
        let set = |text: &str| self.scribe.set(text, style.marked, style.mirrored);
        let whole = set(text)?;
        if whole.width <= room {
            return Some(whole);
        }
        if room < SHORTEST_LABEL * self.scribe.size {
            return None;
        }
        let mut clusters = clusters(&whole.layout);
        let mut width = whole.width;
        let mut allowed = room;
        while let Some((start, cluster_width)) = clusters.pop() {
            width -= cluster_width;
            if width <= allowed {
                let text = format!("{}…", text.get(..start)?.trim_end());
                let piece = set(&text)?;
                if piece.width <= room {
                    return Some(piece);
                }
                allowed = room - (piece.width - width);
            }
        }
        None
    }

    /// `label` without what is no text, nor longer than what fits if each character takes a pixel.
    fn plain(&self, label: &str) -> String {
        let separator = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        label
            .trim_matches(|c: char| c.is_whitespace() || separator(c))
            .chars()
            .take(self.width.max(0.0) as usize)
            .map(|c| if separator(c) { ' ' } else { c })
            .collect()
    }
}

/// A context whose lines run in `direction`.
fn context(direction: pango::Direction) -> pango::Context {
    // The default font map is the thread's own and keeps its fonts between calls.
    let context = pangocairo::FontMap::default().create_context();
    context.set_base_dir(direction);
    if let Ok(mut options) = cairo::FontOptions::new() {
        // Letters are blended with one coverage for all channels.
        options.set_antialias(cairo::Antialias::Gray);
        pangocairo::functions::context_set_font_options(&context, Some(&options));
    }
    context
}
