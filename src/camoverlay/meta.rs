//! What a frame's explanation looks like from outside: metadata on the buffer, a message on the bus.

use gst::glib;

use camoverlay::cam::Explanation;
use camoverlay::inference::SharedClassifier;

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
    let label = |id| network.labels().get(id).map_or("", |label| &**label);
    let top = &explanation.top;
    let target = &explanation.target;
    let mut structure = gst::Structure::builder(MESSAGE_NAME)
        .field("net", network.name())
        .field("provider", network.provider_nick())
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

/// Field of `CamOverlayMeta` that holds what an element further up has said.
const PREVIOUS: &str = "previous";

/// Most results of earlier elements that a frame carries on: in a loop they would grow for ever.
const MAX_PREVIOUS: usize = 32;

/// Adds `fields` to `buffer` as `CamOverlayMeta`, with what earlier elements have said as its field `previous`, since
/// readers get the first metadata of that name.
pub fn attach(
    buffer: &mut gst::BufferRef,
    fields: &gst::StructureRef,
) -> Result<(), glib::BoolError> {
    let previous = take_previous(buffer)?;
    let mut meta = gst::meta::CustomMeta::add(buffer, META_NAME)?;
    let structure = meta.mut_structure();
    copy_fields(fields, structure);
    if let Some(previous) = previous {
        structure.set(PREVIOUS, previous);
    }
    Ok(())
}

/// Takes the results of earlier elements off `buffer`: the newest, each with the one before it as its field `previous`.
fn take_previous(buffer: &mut gst::BufferRef) -> Result<Option<gst::Structure>, glib::BoolError> {
    let mut results = Vec::new();
    while let Ok(meta) = gst::meta::CustomMeta::from_mut_buffer(buffer, META_NAME) {
        let mut next = Some(meta.structure());
        while let Some(fields) = next.filter(|_| results.len() < MAX_PREVIOUS) {
            let mut result = gst::Structure::new_empty(META_NAME);
            copy_fields(fields, &mut result);
            results.push(result);
            next = fields.get::<&gst::StructureRef>(PREVIOUS).ok();
        }
        meta.remove()?;
    }
    Ok(results.into_iter().rev().reduce(|previous, mut result| {
        result.set(PREVIOUS, previous);
        result
    }))
}

/// Copies what one element has said.
fn copy_fields(from: &gst::StructureRef, to: &mut gst::StructureRef) {
    for (name, value) in from.iter().filter(|(name, _)| *name != PREVIOUS) {
        to.set_value(name, (*value).clone());
    }
}

/// Times of a frame, as its buffer has them.
#[derive(Clone, Copy, Default)]
pub struct Times {
    pub pts: Option<gst::ClockTime>,
    pub duration: Option<gst::ClockTime>,
}

/// The element message: `fields` and the frame's times in `segment`.
pub fn message(
    element: &crate::camoverlay::CamOverlay,
    fields: &gst::StructureRef,
    times: Times,
    segment: &gst::FormattedSegment<gst::ClockTime>,
) -> gst::Message {
    let Times { pts, duration } = times;
    let mut structure = fields.to_owned();
    structure.set("timestamp", pts);
    structure.set("duration", duration);
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
