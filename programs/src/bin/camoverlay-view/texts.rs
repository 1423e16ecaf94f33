//! What is written around the pictures. Texts are Pango markup.

use gst::glib;
use gstcamoverlay::camoverlay::META_NAME;

use crate::arguments::KEYS;

/// The explanation of a frame, as its metadata gives it.
pub struct Seen {
    pub top: Vec<(i32, String, f64)>,
    pub target: i32,
}

impl Seen {
    pub fn on(buffer: &gst::BufferRef) -> Option<Self> {
        let meta = gst::meta::CustomMeta::from_buffer(buffer, META_NAME).ok()?;
        let fields = meta.structure();
        let ids = fields.get::<gst::Array>("top-ids").ok()?;
        let labels = fields.get::<gst::Array>("top-labels").ok()?;
        let scores = fields.get::<gst::Array>("top-scores").ok()?;
        let classes = ids.iter().zip(labels.iter()).zip(scores.iter());
        let class =
            |((id, label), score): ((&glib::SendValue, &glib::SendValue), &glib::SendValue)| {
                Some((id.get().ok()?, label.get().ok()?, score.get().ok()?))
            };
        Some(Self {
            top: classes.filter_map(class).collect(),
            target: fields.get("target-id").ok()?,
        })
    }

    /// A line a class, the explained one in bold.
    pub fn title(&self, columns: usize) -> String {
        let line = |(id, label, score): &(i32, String, f64)| {
            let name = label.split(',').next().unwrap_or(label);
            let line = escaped(name, columns.saturating_sub(6)) + &format!(", {score:.2}");
            if *id == self.target {
                format!("<b>{line}</b>")
            } else {
                line
            }
        };
        self.top.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// `text` with at most `columns` characters, the last an ellipsis if there were more, as markup.
pub fn escaped(text: &str, columns: usize) -> String {
    let short = if text.chars().count() > columns {
        let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
        kept + "…"
    } else {
        text.to_owned()
    };
    glib::markup_escape_text(&short).into()
}

/// The list of keys, in columns.
pub fn keys() -> String {
    format!("<tt>{}</tt>", glib::markup_escape_text(KEYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_the_explained_is_bold() {
        let seen = Seen {
            top: vec![
                (1, "Egyptian cat, a cat".to_owned(), 0.625),
                (2, "salt & pepper".to_owned(), 0.25),
            ],
            target: 2,
        };
        assert_eq!(
            seen.title(40),
            "Egyptian cat, 0.62\n<b>salt &amp; pepper, 0.25</b>"
        );
        assert_eq!(seen.title(14), "Egyptia…, 0.62\n<b>salt &amp; …, 0.25</b>");
    }
}
