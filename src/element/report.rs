//! What a frame's explanation looks like from outside: metadata on the buffer, a message on the bus.

use gst::glib;

use crate::{explain::Explanation, network::SharedClassifier};

/// Name under which the metadata is registered, for [`gst::meta::CustomMeta::from_buffer`].
pub const META_NAME: &str = "CamOverlayMeta";

/// Name of the element message's structure.
const MESSAGE_NAME: &str = "camoverlay";

/// The fields that metadata and message share.
///
/// `map` (float32, native endian, row by row) is there with `attach_map` only.
pub fn structure(
    network: &SharedClassifier,
    explanation: &Explanation,
    pts: Option<gst::ClockTime>,
    attach_map: bool,
) -> gst::Structure {
    let label = |id| network.labels.get(id).map_or("", |label| &**label);
    let top = &explanation.top;
    let target = &explanation.target;
    let mut structure = gst::Structure::builder(MESSAGE_NAME)
        .field("net", network.name.as_str())
        .field(
            "top-ids",
            gst::Array::new(top.iter().map(|class| class.id as i32)),
        )
        .field(
            "top-labels",
            gst::Array::new(top.iter().map(|class| label(class.id))),
        )
        .field(
            "top-scores",
            gst::Array::new(top.iter().map(|class| f64::from(class.score))),
        )
        .field("target-id", target.id as i32)
        .field("target-label", label(target.id))
        .field("target-score", f64::from(target.score))
        .field("inference-pts", pts.map_or(u64::MAX, |pts| pts.nseconds()))
        .build();
    if attach_map {
        let map = &explanation.map;
        let bytes: Vec<u8> = map
            .values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        structure.set("map-width", map.width as i32);
        structure.set("map-height", map.height as i32);
        structure.set("map", glib::Bytes::from_owned(bytes));
    }
    structure
}

/// Adds `fields` to `buffer` as `CamOverlayMeta`.
pub fn attach(
    buffer: &mut gst::BufferRef,
    fields: &gst::StructureRef,
) -> Result<(), glib::BoolError> {
    let mut meta = gst::meta::CustomMeta::add(buffer, META_NAME)?;
    let structure = meta.mut_structure();
    for (name, value) in fields.iter() {
        structure.set_value(name, (*value).clone());
    }
    Ok(())
}

/// The element message: `fields` and the frame's times in `segment`.
pub fn message(
    element: &super::CamOverlay,
    fields: &gst::StructureRef,
    buffer: &gst::BufferRef,
    segment: &gst::FormattedSegment<gst::ClockTime>,
) -> gst::Message {
    let pts = buffer.pts();
    let mut structure = fields.to_owned();
    structure.set("timestamp", pts);
    structure.set("duration", buffer.duration());
    structure.set(
        "stream-time",
        pts.and_then(|pts| segment.to_stream_time(pts)),
    );
    structure.set(
        "running-time",
        pts.and_then(|pts| segment.to_running_time(pts)),
    );
    gst::message::Element::builder(structure)
        .src(element)
        .build()
}
