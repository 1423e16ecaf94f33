//! Property `orientation`, and what the stream's tags say about it.

use gst_video::VideoOrientationMethod;

use camoverlay::frame::Orientation;

/// The stream's `image-orientation` tags.
#[derive(Clone, Copy, Default)]
pub struct Tags {
    /// Of the stream itself, which wins, and of all that it came with.
    stream: Option<Orientation>,
    global: Option<Orientation>,
}

impl Tags {
    /// Takes over what `list` says, if anything.
    pub fn add(&mut self, list: &gst::TagListRef) {
        let Some(tagged) = VideoOrientationMethod::from_tag(list).and_then(orientation) else {
            return;
        };
        match list.scope() {
            gst::TagScope::Global => self.global = Some(tagged),
            _ => self.stream = Some(tagged),
        }
    }

    /// How frames have to be turned to be upright where the property is `asked`.
    pub fn resolve(&self, asked: VideoOrientationMethod) -> Orientation {
        let tagged = || self.stream.or(self.global).unwrap_or_default();
        orientation(asked).unwrap_or_else(tagged)
    }
}

/// What `method` says by itself; `auto` says nothing. `custom`, whose meaning only its application knows, leaves
/// frames as they are.
fn orientation(method: VideoOrientationMethod) -> Option<Orientation> {
    Some(match method {
        VideoOrientationMethod::Auto => return None,
        VideoOrientationMethod::_90r => Orientation::CLOCKWISE,
        VideoOrientationMethod::_180 => Orientation::HALF_TURN,
        VideoOrientationMethod::_90l => Orientation::COUNTERCLOCKWISE,
        VideoOrientationMethod::Horiz => Orientation::HORIZONTAL,
        VideoOrientationMethod::Vert => Orientation::VERTICAL,
        VideoOrientationMethod::UlLr => Orientation::TRANSPOSED,
        VideoOrientationMethod::UrLl => Orientation::TRANSVERSE,
        _ => Orientation::IDENTITY,
    })
}
