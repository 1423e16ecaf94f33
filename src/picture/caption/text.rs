//! Setting lines of text with Pango.

use pangocairo::prelude::FontMapExt;
use pangocairo::{cairo, pango};

/// Room that a label needs to be worth drawing, in units of the letters' size.
const SHORTEST_LABEL: f64 = 2.0;

/// A label and its score.
pub(super) struct Line {
    pub label: String,
    /// The score in hundredths.
    pub percent: u8,
}

/// A line that is set: label and score are apart, so that only the label is shortened.
pub(super) struct Row {
    pub label: Piece,
    pub score: Piece,
    pub marked: bool,
    /// The line runs from right to left, as its label does.
    pub mirrored: bool,
}

impl Row {
    pub fn width(&self) -> f64 {
        self.label.width + self.score.width
    }

    /// From the row's top to its baseline.
    pub fn baseline(&self) -> f64 {
        self.label.baseline.max(self.score.baseline)
    }

    pub fn height(&self) -> f64 {
        let below = |piece: &Piece| piece.height - piece.baseline;
        self.baseline() + below(&self.label).max(below(&self.score))
    }
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

/// Sets lines in letters of `size` pixels, each at most `width` pixels wide and all together at
/// most `height` high.
pub(super) struct Setter {
    left_to_right: pango::Context,
    right_to_left: pango::Context,
    size: f64,
    width: f64,
    height: f64,
}

impl Setter {
    pub fn new(size: f64, width: f64, height: f64) -> Self {
        Self {
            left_to_right: context(pango::Direction::Ltr),
            right_to_left: context(pango::Direction::Rtl),
            size,
            width,
            height,
        }
    }

    /// As many rows as fit, from the first on. Where the marked line is not among them it takes the
    /// place of the last.
    pub fn rows(&self, lines: &[Line], marked: Option<usize>) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut left = self.height;
        for (i, line) in lines.iter().enumerate() {
            let Some(row) = self.row(line, marked == Some(i), left) else {
                break;
            };
            left -= row.height();
            rows.push(row);
        }
        let hidden = marked.filter(|&marked| marked >= rows.len());
        if let Some(line) = hidden.and_then(|marked| lines.get(marked)) {
            while let Some(last) = rows.pop() {
                left += last.height();
                if let Some(row) = self.row(line, true, left) {
                    rows.push(row);
                    break;
                }
            }
        }
        rows
    }

    /// One row, if it fits in a height of `height` pixels.
    fn row(&self, line: &Line, marked: bool, height: f64) -> Option<Row> {
        let label = self.plain(&line.label);
        let score = format!("{}.{:02}", line.percent / 100, line.percent % 100);
        let direction = pango::find_base_dir(&label);
        let mirrored = matches!(direction, pango::Direction::Rtl | pango::Direction::WeakRtl);
        let context = match mirrored {
            true => &self.right_to_left,
            false => &self.left_to_right,
        };
        let score = match label.as_str() {
            "" => score,
            _ => format!(", {score}"),
        };
        let score = Piece::new(self.layout(context, &score, marked))?;
        let row = Row {
            label: self.fitting(context, &label, marked, self.width - score.width)?,
            score,
            marked,
            mirrored,
        };
        (row.height() <= height).then_some(row)
    }

    /// `text`, if need be shortened to a width of `room` pixels; `None` if that is too little.
    ///
    /// Pango's own shortening fills the room with a gap, before or behind the ellipsis.
    fn fitting(
        &self,
        context: &pango::Context,
        text: &str,
        bold: bool,
        room: f64,
    ) -> Option<Piece> {
        let whole = Piece::new(self.layout(context, text, bold))?;
        if whole.width <= room {
            return Some(whole);
        }
        if room < SHORTEST_LABEL * self.size {
            return None;
        }
        let mut clusters = clusters(&whole.layout);
        let mut width = whole.width;
        let mut allowed = room;
        while let Some((start, cluster_width)) = clusters.pop() {
            width -= cluster_width;
            if width <= allowed {
                let text = format!("{}…", text.get(..start)?.trim_end());
                let piece = Piece::new(self.layout(context, &text, bold))?;
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

    fn layout(&self, context: &pango::Context, text: &str, bold: bool) -> pango::Layout {
        let mut font = pango::FontDescription::new();
        font.set_family("Sans");
        font.set_absolute_size(self.size * f64::from(pango::SCALE));
        if bold {
            font.set_weight(pango::Weight::Bold);
        }
        let layout = pango::Layout::new(context);
        layout.set_font_description(Some(&font));
        layout.set_auto_dir(false); // the whole line has one direction
        layout.set_single_paragraph_mode(true);
        layout.set_text(text);
        layout
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
