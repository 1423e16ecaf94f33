//! Setting lines of text with Pango.

use super::style::Style;
use pangocairo::prelude::FontMapExt;
use pangocairo::{cairo, pango};

/// A piece of text that is set, and its logical size in pixels.
pub(crate) struct TextLine {
    /// Keeps the text of `line`.
    layout: pango::Layout,
    pub line: pango::LayoutLine,
    pub width: f64,
    pub height: f64,
    /// From the top.
    pub baseline: f64,
}

impl TextLine {
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
pub(crate) struct Typesetter {
    left_to_right: pango::Context,
    right_to_left: pango::Context,
    /// In pixels.
    size: f64,
}

impl Typesetter {
    pub fn new(size: f64) -> Self {
        Self {
            left_to_right: context(pango::Direction::Ltr),
            right_to_left: context(pango::Direction::Rtl),
            size,
        }
    }

    /// `text` in a line that runs from right to left where `mirrored`.
    pub fn set(&self, text: &str, bold: bool, mirrored: bool) -> Option<TextLine> {
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
        TextLine::new(layout)
    }

    /// `text`, if need be shortened to a width of `room` pixels; `None` if that is too little, or less
    /// than `least`.
    ///
    /// Pango's own shortening fills the room with a gap, before or behind the ellipsis.
    pub fn fitting(&self, text: &str, style: Style, room: f64, least: f64) -> Option<TextLine> {
        let set = |text: &str| self.set(text, style.marked, style.mirrored);
        let whole = set(text)?;
        if whole.width <= room {
            return Some(whole);
        }
        if room < least {
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
